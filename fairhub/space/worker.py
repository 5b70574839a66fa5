"""One slice of a repair, in a process of its own or on a lent GPU: begun, watched and stopped through files."""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from fairhub.errors import UserError
from fairhub.files.writing import write_whole
from fairhub.model.loading import Loaded, load
from fairhub.pipeline import remembered, repair
from fairhub.report.audit_file import to_json
from fairhub.request import Request, request_of
from fairhub.run.memory import Memory
from fairhub.run.progress import watched
from fairhub.space import audits

What = Literal["repair", "audit", "finding"]
"""A finding is an audit with looks before it."""
State = Literal["waiting", "working", "paused", "stopped", "finished", "failed"]
BUSY: tuple[State, ...] = ("waiting", "working", "paused")
"""How a job stands that goes on."""
JOB, STATE, STOP, LOOK, RUN = "job.json", "state.json", "stop", "look", "run"
"""What lies in a job's folder: what was asked, how it stands, the wish that it stop, the time somebody last looked, the
run itself."""
FOUND, AUDIT = ("first.json", "second.json"), "audit.json"
"""Of an audit: what each look before it found (`audits.LOOKS`), and what the whole did."""
ALONE = 120.0
"""Seconds without anybody looking after which a job stops."""
_EVERY = 0.3  # seconds between notes of how it stands


@dataclass(frozen=True)
class Standing:
    """How a job stands."""

    state: State
    what: str = ""
    """What is being done; of a job that failed, why."""
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    """Time spent on it, all slices together."""
    why: str = ""
    """Why it was stopped, where that was nobody's wish."""


class _Interrupted(Exception):
    """Raised out of the work when it is to end for now; everything finished so far is kept by the run."""

    def __init__(self, state: State) -> None:
        self.state = state


def standing(folder: Path) -> Standing:
    """Return how the job of this folder stands."""
    try:
        return Standing(**json.loads((folder / STATE).read_text()))
    except FileNotFoundError:
        return Standing("waiting")


def work(folder: Path, seconds: float | None = None, device: str | None = None) -> None:
    """Do a job, or go on with it, until it ends, is stopped or its slice is over.

    Args:
        folder: The job's.
        seconds: How long this slice may take; None until it ends. A stage that is cut in two begins again with the
            next slice, so a slice must be longer than the longest stage.
        device: Where this slice runs; None leaves it to the job.
    """
    before = standing(folder).seconds
    watch = _Watch(folder, before, seconds)
    try:
        watch.note("working", "loading the model")
        job = json.loads((folder / JOB).read_text())
        with watched(watch):
            loaded, request = load(job["model"], device=device or job["device"]), request_of(job["request"])
            memory = remembered()  # who asks about the same model next does not wait for it
            if job["what"] == "repair":
                repair(loaded, request, folder / RUN, resume=True, memory=memory)
            else:
                _audit_(folder, job, loaded, request, memory)
    except _Interrupted as end:
        watch.note(end.state, watch.last.what)
    except UserError as mistake:
        watch.note("failed", str(mistake))
    else:
        watch.note("finished", "finished")


def _audit_(folder: Path, job: Mapping[str, Any], loaded: Loaded, request: Request, memory: Memory) -> None:
    """Audit a model into the folder of a job: where a finding is wanted, looks before the whole."""
    for number, name in enumerate(FOUND if job["what"] == "finding" else ()):
        if not (folder / name).exists():
            write_whole(folder / name, to_json(audits.look(loaded, request, memory, number)).encode())
    write_whole(folder / AUDIT, to_json(audits.whole(loaded, job["model"], request, memory)).encode())


class _Watch:
    """Notes how the work stands, and ends it when that is wished."""

    def __init__(self, folder: Path, before: float, seconds: float | None) -> None:
        self.folder, self.before, self.seconds = folder, before, seconds
        self.began = self.told = time.monotonic()
        self.last = Standing("working")
        self.parent = os.getppid()

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if self._unwanted():
            raise _Interrupted("stopped")
        if self.seconds is not None and now - self.began > self.seconds:
            raise _Interrupted("paused")
        if what != self.last.what or now - self.told > _EVERY:
            self.note("working", what, done, total)

    def _unwanted(self) -> bool:
        """Whether it is to stop, or the visitor is gone: the folder, the page that looks, or the whole Space."""
        try:
            alone = time.time() - (self.folder / LOOK).stat().st_mtime > ALONE
        except FileNotFoundError:
            alone = not self.folder.is_dir()
        return alone or (self.folder / STOP).exists() or os.getppid() != self.parent

    def note(self, state: State, what: str, done: int = 0, total: int = 0) -> None:
        """Write how the job stands; a folder that has expired takes no note."""
        self.told = time.monotonic()
        self.last = Standing(state, what, done, total, round(self.before + self.told - self.began, 1))
        if self.folder.is_dir():
            write(self.folder / STATE, asdict(self.last))


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    write_whole(path, json.dumps(content).encode())


if __name__ == "__main__":
    os.nice(10)  # who reads one text meanwhile waits for seconds, not for this
    work(Path(sys.argv[1]))
