"""ZeroGPU: a repair in short calls on a lent GPU, each as long as the work needs; the files in between carry it on.

Only repairs and audits ask for the GPU: a diagnosis takes seconds on a CPU, and a visitor's minutes of GPU are few.
"""

import json
import logging
import math
import os
import threading
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import httpx
from gradio import Error

from fairhub.errors import UserError
from fairhub.inputs.sizes import Sizes, of_audit
from fairhub.model.loading import load
from fairhub.pipeline import audit
from fairhub.report import Figure
from fairhub.space.audits import asked
from fairhub.space.running import DIED, Slice
from fairhub.space.sizes import size_of
from fairhub.space.worker import JOB, RUN, STATE, Standing, State, standing, work, write

P = ParamSpec("P")
R = TypeVar("R")

LONGEST = 240
"""Seconds of a call at most: what a visitor who pays nothing has for a day is little more."""
_START = 15.0  # seconds until a process has the GPU and the package
_LOADED = 5e8  # bytes of weights loaded a second
_SPEED = 5e12  # floating-point operations a second that small batches reach
_TOKENS_A_PROBE = 50  # two texts
_WORKER = "ZeroGPU worker error"  # how `spaces` heads what happened once a GPU was lent
_NONE_LENT = "a GPU is lent for a while at a time; none was to be had now; try again later"


def on_zero() -> bool:
    """Whether this is a Space on ZeroGPU."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def gpu(seconds: Callable[P, float]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Lend a function the GPU for so many seconds, which follow from its arguments; off ZeroGPU it stays as it is.

    It runs in a process of its own there: arguments and result are pickled, and what it changes elsewhere is lost.
    """

    def lent(function: Callable[P, R]) -> Callable[P, R]:
        if not on_zero():
            return function
        import spaces

        def whole(*args: P.args, **kwargs: P.kwargs) -> int:
            return math.ceil(seconds(*args, **kwargs))

        wrapped: Callable[P, R] = spaces.GPU(duration=whole)(function)
        return wrapped

    return lent


def stage_seconds(size: int, sizes: Sizes) -> float:
    """Return about how long the longest stage of a repair takes with the model's loading: what a slice must hold.

    That stage is one forward and one backward pass, 6 operations a weight and token, over the search probes and text.

    Args:
        size: Bytes of the model's weights, 2 a weight.
        sizes: How much is measured.
    """
    tokens = sizes.search_tokens + _TOKENS_A_PROBE * (sizes.search + sizes.kept)
    return _START + size / _LOADED + 6 * (size / 2) * tokens / _SPEED


@gpu(lambda folder, seconds: seconds + _START)
def slice_(folder: str, seconds: float) -> None:
    """Go on with the job of a folder for so many seconds."""
    work(Path(folder), seconds, device="cuda")


def audited(source: str | None, axes: tuple[str, ...], size: int) -> list[Figure]:
    """Measure a model of so many bytes on the GPU, and change nothing.

    Raises:
        UserError: It cannot be measured, or no GPU was lent.
    """
    try:
        found = _audited(source, axes, size)
    except Error as refused:
        if refused.title == _WORKER:  # it fell over, and the message is an exception's name
            raise UserError(DIED) from None
        raise
    except (RuntimeError, httpx.HTTPError) as error:
        logging.getLogger(__name__).warning("no GPU was lent: %s", error)
        raise UserError(_NONE_LENT) from None
    if isinstance(found, str):
        raise UserError(found)
    return found


@gpu(lambda source, axes, size: stage_seconds(size, of_audit(None)))
def _audited(source: str | None, axes: tuple[str, ...], size: int) -> list[Figure] | str:
    """Measure; of a mistake return what is wrong, since out of that process only the name of an exception comes."""
    try:
        return audit(load(source, device="cuda"), asked(axes))
    except UserError as mistake:
        return str(mistake)


def begin(folder: Path) -> Slice:
    """Begin a slice of a job: the first holds its longest stage, one after a slice that kept nothing is twice as long.

    A job that the longest slice did not bring on fails, instead of spending more of a visitor's time on the GPU.
    """
    last, kept = _last(folder), _kept(folder)
    stuck = kept == last["kept"]
    if stuck and last["seconds"] >= LONGEST:
        return _Failed(folder, f"a call of the GPU lasts {LONGEST} s at most; a stage of this repair takes longer")
    seconds = min((2 if stuck else 1) * last["seconds"], LONGEST)
    return _Call(folder, {"seconds": seconds, "kept": kept})


def _last(folder: Path) -> dict[str, Any]:
    """How long the last slice was and what was kept before it; without one, how long the first should be."""
    if (folder / _SLICE).is_file():
        found: dict[str, Any] = json.loads((folder / _SLICE).read_text())
        return found
    job = json.loads((folder / JOB).read_text())
    return {"seconds": stage_seconds(size_of(job["model"]), Sizes(**job["request"]["sizes"])), "kept": None}


def _kept(folder: Path) -> dict[str, int]:
    """What a run has kept so far: files of finished stages, and how much is remembered of others."""
    work_ = folder / RUN / "work"
    return {path.name: path.stat().st_size for path in work_.glob("*") if path.name not in _COURSE}


_SLICE = "slice.json"
_COURSE = ("trace.jsonl", "choices.jsonl")  # written anew by every slice


class _Call:
    """A call on its way, on a thread that carries whose visit it is, by which ZeroGPU counts."""

    def __init__(self, folder: Path, asked: dict[str, Any]) -> None:
        self.folder = folder
        run = copy_context().run
        self.thread = threading.Thread(target=run, args=(self._go, asked), daemon=True)
        self.thread.start()

    def _go(self, asked: dict[str, Any]) -> None:
        try:
            slice_(str(self.folder), asked["seconds"])
        except Error as refused:
            if "aborted" in str(refused.message):  # cut in the middle of a stage: the next call is longer
                _note(self.folder, "paused", "waiting for a longer call")
            elif refused.title == _WORKER:  # it was lent, and the work fell over: the message is an exception's name
                _note(self.folder, "failed", DIED)
            else:  # no quota left, or no GPU free
                _note(self.folder, "stopped", "stopped", str(refused.message))
                return
        except (RuntimeError, httpx.HTTPError) as error:  # whoever lends GPUs was not reached, or said nothing clear
            logging.getLogger(__name__).warning("no GPU was lent: %s", error)
            if standing(self.folder).state not in ("finished", "failed"):  # else it was only not given back
                _note(self.folder, "stopped", "stopped", _NONE_LENT)
            return
        write(self.folder / _SLICE, asked)  # only of a call that was granted is the next one's length made

    def poll(self) -> int | None:
        return None if self.thread.is_alive() else 0

    def kill(self) -> None:
        """Nothing to do: the job was asked to stop, and the call ends with its time."""


@dataclass(frozen=True)
class _Failed:
    """A call that was not made."""

    folder: Path
    why: str

    def poll(self) -> int:
        _note(self.folder, "failed", self.why)
        return 1

    def kill(self) -> None:
        """Nothing runs."""


def _note(folder: Path, state: State, what: str, why: str = "") -> None:
    write(folder / STATE, asdict(Standing(state, what, seconds=standing(folder).seconds, why=why)))
