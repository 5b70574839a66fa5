"""Running a repair for a visitor: begun, followed as its files grow, stopped, gone on with."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fairhub.repair import Request, settings_of
from fairhub.space.worker import JOB, LOOK, RUN, STATE, STOP, Standing, standing, work, write

_LOG = "log"  # what a worker says on stderr: nobody sees it unless the worker dies
_PATIENCE = 20.0  # seconds that a worker may take to stop by itself


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
        return subprocess.Popen([sys.executable, "-m", work.__module__, str(folder)], stderr=log)


@dataclass(frozen=True)
class Seen:
    """A run as it can be seen from outside at one moment."""

    standing: Standing
    trace: dict[str, list[Any]] = field(default_factory=dict)
    """Columns of the annealing so far."""
    choices: list[dict[str, Any]] = field(default_factory=list)
    """Candidates measured on select so far."""


def prepare(folder: Path, model: str | None, request: Request, device: str = "cpu") -> None:
    """Write down what a new job is to do."""
    folder.mkdir(parents=True, mode=0o700)
    write(folder / JOB, {"model": model, "device": device, "request": settings_of(request)})


def follow(folder: Path, begin: Callable[[Path], Slice] = in_a_process, every: float = 0.5) -> Iterator[Seen]:
    """Begin a job, or go on with it, and yield how it looks until it ends; whoever stops looking stops it.

    Args:
        folder: The job's.
        begin: Begins a slice of it; a job that a slice left paused gets another.
        every: Seconds between looks.
    """
    (folder / STOP).unlink(missing_ok=True)
    write(folder / STATE, asdict(Standing("waiting", "starting", seconds=standing(folder).seconds)))
    piece = begin(folder)
    try:
        while True:
            over = piece.poll() is not None
            now = seen(folder)
            (folder / LOOK).touch()
            yield now
            if over and now.standing.state != "paused":
                break
            if over:
                piece = begin(folder)
            time.sleep(every)
    finally:
        _end(folder, piece)
    if standing(folder).state in ("waiting", "working"):  # it was killed, by us or by the machine
        logging.getLogger(__name__).warning("a repair ended with status %s: %s", piece.poll(), last_line(folder / _LOG))
        write(folder / STATE, asdict(Standing("stopped", "stopped", seconds=standing(folder).seconds)))
        yield seen(folder)


def stop(folder: Path) -> None:
    """Ask a job to stop; what it found stays."""
    (folder / STOP).touch()


def _end(folder: Path, piece: Slice) -> None:
    if piece.poll() is not None:
        return
    if folder.is_dir():
        stop(folder)
    deadline = time.monotonic() + _PATIENCE
    while piece.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    if piece.poll() is None:
        piece.kill()


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
