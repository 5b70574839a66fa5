"""Visitors: each has a folder under a name drawn here, never one that a browser sent; folders expire."""

import os
import re
import secrets
import shutil
import stat
import time
from pathlib import Path

from fairhub.errors import UserError

_KEY = re.compile(r"[0-9a-f]{32}")
RUNS = 3
"""Runs that are kept for a visitor; one goes when another begins."""
HELD = 24
"""Runs that are kept of all visitors together."""
_IDLE = 60.0  # seconds after which a run that nothing was noted of is not going on


class Visitors:
    """The folders of all visitors, below one root.

    Args:
        root: Where they lie; made if it is not there.
        seconds: How long a folder that nothing was written to is kept.
    """

    def __init__(self, root: Path, seconds: float = 6 * 3600) -> None:
        """Take the root; folders of an earlier process expire like the others.

        Raises:
            UserError: Somebody else has, or can write to, what lies there: they would read every visit.
        """
        self.root, self.seconds = root, seconds
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = root.lstat()
        if not stat.S_ISDIR(held.st_mode) or held.st_uid != os.getuid() or held.st_mode & 0o077:
            raise UserError(
                f"visitors' folders must be this user's alone; {root} is a link, another's or open to others; remove "
                "it, or set FAIRHUB_CACHE to another folder"
            )

    def new(self) -> str:
        """Make a folder for a new visitor and return the key to it; folders that have expired go."""
        self.expire()
        key = secrets.token_hex(16)
        (self.root / key).mkdir(mode=0o700)
        return key

    def back(self, begun: object) -> str:
        """Return the key of a visit that the browser has begun, or a new one: who knows a key has been given it."""
        known = isinstance(begun, str) and _KEY.fullmatch(begun) and (self.root / begun).is_dir()
        return self.folder(str(begun)).name if known else self.new()

    def folder(self, key: str) -> Path:
        """Return a visitor's folder, which is in use now and will stay for its time.

        Raises:
            UserError: It has expired.
        """
        if not _KEY.fullmatch(key) or not (self.root / key).is_dir():
            raise UserError("a visit ends after some hours without use; this one has; reload the page")
        os.utime(self.root / key)
        return self.root / key

    def new_job(self, key: str, size: int = 0) -> Path:
        """Return the folder of a new job, which is not there yet.

        Where it would be one too many another goes: the oldest without a report, else the oldest.

        Args:
            key: The visitor's.
            size: Bytes of the model's weights.

        Raises:
            UserError: The visit has expired, or the disk has no room for the run.
        """
        free = shutil.disk_usage(self.root).free
        if free < 3 * size:  # the run's model, its zip, and the copy of it that is handed out
            raise UserError(
                f"a run needs {3 * size / 1e9:.3g} GB of disk; {free / 1e9:.3g} GB are free here; "
                "try again later, or choose a smaller model"
            )
        jobs = self.jobs(key)
        for job in sorted(jobs, key=_finished)[: max(0, len(jobs) + 1 - RUNS)]:
            shutil.rmtree(job, ignore_errors=True)
        self._make_room()
        return self._next(key, "runs", jobs)

    def _make_room(self) -> None:
        """Remove runs where one more would be too many of all visitors together; never one that goes on."""
        held = list(self.root.glob("*/runs/*"))
        idle = [job for job in held if time.time() - _touched(job) > _IDLE]
        for job in sorted(idle, key=lambda job: (_finished(job), _touched(job)))[: max(0, len(held) + 1 - HELD)]:
            shutil.rmtree(job, ignore_errors=True)

    def jobs(self, key: str) -> list[Path]:
        """Return the folders of a visitor's jobs, the oldest first; each has its run in `run/`."""
        return self._numbered(key, "runs")

    def latest(self, key: str) -> Path:
        """Return the folder of the job that was begun last.

        Raises:
            UserError: The visit has expired, or there is none.
        """
        return _last(self.jobs(key), "a run is stopped or gone on with once it was started; none was; start one")

    def new_audit(self, key: str) -> Path:
        """Return the folder of a new audit, which is not there yet; those before it go.

        Raises:
            UserError: The visit has expired.
        """
        before = self._numbered(key, "audits")
        for job in before:
            shutil.rmtree(job, ignore_errors=True)
        return self._next(key, "audits", before)

    def latest_audit(self, key: str) -> Path:
        """Return the folder of the audit that was begun last.

        Raises:
            UserError: The visit has expired, or there is none.
        """
        return _last(self._numbered(key, "audits"), "an audit is stopped once it was started; none was; start one")

    def last_audit(self, key: str) -> Path | None:
        """Return the folder of the audit that was begun last; None where none was.

        Raises:
            UserError: The visit has expired.
        """
        return next(reversed(self._numbered(key, "audits")), None)

    def _numbered(self, key: str, kind: str) -> list[Path]:
        """Return a visitor's folders of one kind, the oldest first."""
        return sorted((self.folder(key) / kind).glob("[0-9]*"), key=lambda job: int(job.name))

    def _next(self, key: str, kind: str, before: list[Path]) -> Path:
        """Return the folder after these."""
        return self.folder(key) / kind / str(1 + max((int(job.name) for job in before), default=0))

    def finished(self, key: str) -> dict[str, Path]:
        """Return the folders of a visitor's finished runs by the name that they are shown under."""
        return {f"run {job.name}": job / "run" for job in self.jobs(key) if _finished(job)}

    def run(self, key: str, name: str) -> Path:
        """Return one of a visitor's finished runs by the name that it is shown under.

        Raises:
            UserError: There is none of that name.
        """
        runs = self.finished(key)
        if name not in runs:
            raise UserError("a finished run is needed; there is none of that name; repair a model first")
        return runs[name]

    def forget(self, key: str) -> None:
        """Remove a visitor's folder, if it is there."""
        if _KEY.fullmatch(key):
            shutil.rmtree(self.root / key, ignore_errors=True)

    def expire(self) -> None:
        """Remove the folders that nothing was written to for too long."""
        for folder in filter(Path.is_dir, self.root.iterdir()):
            if time.time() - _touched(folder) > self.seconds:
                self.forget(folder.name)


def _last(jobs: list[Path], said: str) -> Path:
    if not jobs:
        raise UserError(said)
    return jobs[-1]


def _finished(job: Path) -> bool:
    return (job / "run" / "report.json").is_file()


def _touched(folder: Path) -> float:
    """Return when something in a folder, a visitor's or a job's, was last written, seconds since the epoch."""
    times = []
    for path in (folder, *folder.glob("look"), *folder.glob("runs/*"), *folder.glob("runs/*/run/work/*")):
        try:
            times.append(path.stat().st_mtime)
        except FileNotFoundError:  # removed while we looked
            continue
    return max(times, default=0.0)
