"""Running a repair for a visitor: begun, followed as its files grow, stopped, gone on with."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from fairhub.request import Request, settings_of
from fairhub.space.environment import bare
from fairhub.space.worker import JOB, LOOK, RUN, STATE, STOP, Standing, What, standing, work, write

_LOG = "log"  # what a worker says on stderr: nobody sees it unless the worker dies
_PATIENCE = 20.0  # seconds that a worker may take to stop by itself
LONGEST = 2 * 3600.0
"""Seconds that a visitor's run may take until it must be asked to go on."""
DIED = "the work ended unexpectedly, perhaps for want of memory; try a smaller model"
"""What a visitor reads where a worker died without a word."""


class Slice(Protocol):
    """A piece of work under way."""

    def poll(self) -> int | None:
        """Return None while it goes on."""
        ...

    def kill(self) -> None:
        """End it now; a run can be cut at any moment."""
        ...


def in_a_process(folder: Path) -> Slice:
    """Begin the whole of a job in a process of its own: its masks and its weights are nobody else's."""
    with (folder / _LOG).open("wb") as log:
        words = [sys.executable, "-m", work.__module__, str(folder)]
        return subprocess.Popen(words, stderr=log, env=bare(os.environ))


@dataclass(frozen=True)
class Seen:
    """A run as it can be seen from outside at one moment."""

    standing: Standing
    trace: dict[str, list[Any]] = field(default_factory=dict)
    """Columns of the annealing so far."""
    choices: list[dict[str, Any]] = field(default_factory=list)
    """Candidates measured on select so far."""


class Endings:
    """Pieces of work that nobody looks at any more and that are still to end; the Space has one of these.

    A browser that is closed is told so on the thread that serves everybody: nothing may wait there.
    """

    def __init__(self) -> None:
        """Nothing is ending yet."""
        self._threads: dict[Path, threading.Thread] = {}

    def add(self, folder: Path, piece: Slice) -> None:
        """Ask a piece of a job to stop, and see to it that it ends, without waiting for that."""
        if folder.is_dir():
            stop(folder)
        thread = threading.Thread(target=_end, args=(folder, piece), daemon=True)
        self._threads = {place: one for place, one in self._threads.items() if one.is_alive()} | {folder: thread}
        thread.start()

    def going(self, folder: Path) -> bool:
        """Whether a piece of this job has still to end."""
        thread = self._threads.get(folder)
        return thread is not None and thread.is_alive()


def prepare(folder: Path, model: str | None, request: Request, device: str = "cpu", what: What = "repair") -> None:
    """Write down what a new job is to do."""
    folder.mkdir(parents=True, mode=0o700)
    write(folder / JOB, _job(model, request, device, what))


def asks(folder: Path, model: str | None, request: Request, device: str, what: What) -> bool:
    """Return whether a job is to do this, as `prepare` wrote it down."""
    return bool(json.loads((folder / JOB).read_text()) == _job(model, request, device, what))


def model_of(folder: Path) -> str | None:
    """Return what a job's model is loaded from."""
    source: str | None = json.loads((folder / JOB).read_text())["model"]
    return source


def _job(model: str | None, request: Request, device: str, what: What) -> dict[str, Any]:
    return {"what": what, "model": model, "device": device, "request": settings_of(request)}


def waited(folder: Path, before: Callable[[], int], endings: Endings, every: float = 0.5) -> Iterator[Seen]:
    """Yield how a job looks until it is its turn, or until it is wished that it stop.

    Args:
        folder: The job's.
        before: How many are before it.
        endings: What is left under way.
        every: Seconds between looks.
    """
    yield from _ended(folder, endings, every)
    while (others := before()) and not stopped(folder):
        yield Seen(Standing("waiting", f"{others} before yours", seconds=standing(folder).seconds))
        time.sleep(every)
    if stopped(folder):
        write(folder / STATE, asdict(Standing("stopped", "stopped", seconds=standing(folder).seconds)))
        yield seen(folder)


def _ended(folder: Path, endings: Endings, every: float) -> Iterator[Seen]:
    """Wait until what was left of a job has ended, then drop the wish that it stop: it was meant for that."""
    while endings.going(folder):  # or it would miss that wish, and two would work in one folder
        yield Seen(Standing("waiting", "what was left under way is ending", seconds=standing(folder).seconds))
        time.sleep(every)
    (folder / STOP).unlink(missing_ok=True)


def stopped(folder: Path) -> bool:
    """Return whether it is wished that a job stop."""
    return (folder / STOP).exists()


def follow(
    folder: Path, begin: Callable[[Path], Slice] = in_a_process, every: float = 0.5, endings: Endings | None = None
) -> Iterator[Seen]:  # fmt: skip
    """Begin a job, or go on with it, and yield how it looks until it ends; whoever stops looking stops it.

    Args:
        folder: The job's.
        begin: Begins a slice of it; a job that a slice left paused gets another.
        every: Seconds between looks.
        endings: Takes what is left under way; a job that is in it goes on once that has ended.
    """
    endings = endings or Endings()
    yield from _ended(folder, endings, every)
    write(folder / STATE, asdict(Standing("waiting", "starting", seconds=standing(folder).seconds)))
    piece, began = begin(folder), time.monotonic()
    try:
        while True:
            over = piece.poll() is not None
            now = seen(folder)
            (folder / LOOK).touch()
            yield now
            if time.monotonic() - began > LONGEST:
                stop(folder)
                most = f"a run takes {LONGEST / 3600:g} hours here at most"
                _end(folder, piece, f"{most}; it goes on with Resume, or run fairhub on your own machine")
                break
            if over and now.standing.state != "paused":
                break
            if over:
                piece = begin(folder)
            time.sleep(every)
    finally:
        if piece.poll() is None:
            endings.add(folder, piece)
    if _settled(folder, piece) or standing(folder).why:
        yield seen(folder)


def stop(folder: Path) -> None:
    """Ask a job to stop; what it found stays."""
    (folder / STOP).touch()


def _end(folder: Path, piece: Slice, why: str = "") -> None:
    deadline = time.monotonic() + _PATIENCE
    while piece.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    if piece.poll() is None:
        piece.kill()
    while piece.poll() is None:  # a lent GPU ends with its time
        time.sleep(0.1)
    _settled(folder, piece)
    if why and folder.is_dir():
        write(folder / STATE, asdict(replace(standing(folder), why=why)))


def _settled(folder: Path, piece: Slice) -> bool:
    """Note how a job stands whose piece ended without a note: it was killed, by us or by the machine."""
    now = standing(folder)
    if now.state not in ("waiting", "working") or not folder.is_dir():
        return False
    logging.getLogger(__name__).warning("a repair ended with status %s: %s", piece.poll(), last_line(folder / _LOG))
    left = Standing("stopped", "stopped") if stopped(folder) else Standing("failed", DIED)
    write(folder / STATE, asdict(replace(left, seconds=now.seconds)))
    return True


def seen(folder: Path) -> Seen:
    """Return how a job looks now."""
    work_ = folder / RUN / "work"
    steps, choices = (rows(work_ / f"{name}.jsonl") for name in ("trace", "choices"))
    trace = {name: [step[name] for step in steps] for name in (steps[0] if steps else ())}
    return Seen(standing(folder), trace, choices)


def last_line(path: Path) -> str:
    """Return the last line of a log, shortened; nothing where there is none."""
    try:
        said = path.read_text(errors="replace").strip()
    except FileNotFoundError:
        return ""
    return (said.splitlines() or [""])[-1][:300]


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file that is being written; its last line may be half there."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.split("\n")[:-1]]
