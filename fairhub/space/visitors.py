"""Visitors: each has a folder under a name drawn here, never one that a browser sent; folders expire."""

import re
import secrets
import shutil
import time
from pathlib import Path

from fairhub.errors import UserError

_KEY = re.compile(r"[0-9a-f]{32}")
RUNS = 3
"""Runs that are kept for a visitor; the oldest goes when another begins."""


class Visitors:
    """The folders of all visitors, below one root.

    Args:
        root: Where they lie; made if it is not there.
        seconds: How long a folder that nothing was written to is kept.
    """

    def __init__(self, root: Path, seconds: float = 6 * 3600) -> None:
        """Take the root; folders of an earlier process expire like the others."""
        self.root, self.seconds = root, seconds
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def new(self) -> str:
        """Make a folder for a new visitor and return the key to it; folders that have expired go."""
        self.expire()
        key = secrets.token_hex(16)
        (self.root / key).mkdir(mode=0o700)
        return key

    def back(self, begun: object) -> str:
        """Return the key of a visit that the browser has begun, or a new one: who knows a key has been given it."""
        known = isinstance(begun, str) and _KEY.fullmatch(begun) and (self.root / begun).is_dir()
        return str(begun) if known else self.new()

    def folder(self, key: str) -> Path:
        """Return a visitor's folder.

        Raises:
            UserError: It has expired.
        """
        if not _KEY.fullmatch(key) or not (self.root / key).is_dir():
            raise UserError("a visit ends after some hours without use; this one has; reload the page")
        return self.root / key

    def new_job(self, key: str) -> Path:
        """Return the folder of a new job, which is not there yet; the oldest job goes where it would be one too many.

        Raises:
            UserError: The visit has expired.
        """
        jobs = self.jobs(key)
        for job in jobs[: len(jobs) + 1 - RUNS]:
            shutil.rmtree(job, ignore_errors=True)
        number = 1 + max((int(job.name) for job in jobs), default=0)
        return self.folder(key) / "runs" / str(number)

    def jobs(self, key: str) -> list[Path]:
        """Return the folders of a visitor's jobs, the oldest first; each has its run in `run/`."""
        return sorted((self.folder(key) / "runs").glob("[0-9]*"), key=lambda job: int(job.name))

    def latest(self, key: str) -> Path:
        """Return the folder of the job that was begun last.

        Raises:
            UserError: The visit has expired, or there is none.
        """
        if not (jobs := self.jobs(key)):
            raise UserError("a run is stopped or gone on with once it was started; none was; start one")
        return jobs[-1]

    def finished(self, key: str) -> dict[str, Path]:
        """Return the folders of a visitor's finished runs by the name that they are shown under."""
        return {f"run {job.name}": job / "run" for job in self.jobs(key) if (job / "run" / "report.json").is_file()}

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
        for folder in self.root.iterdir():
            if time.time() - _touched(folder) > self.seconds:
                self.forget(folder.name)


def _touched(folder: Path) -> float:
    """Return when something in a folder was last written, seconds since the epoch."""
    times = []
    for path in (folder, *folder.glob("runs/*"), *folder.glob("runs/*/run/work/*")):
        try:
            times.append(path.stat().st_mtime)
        except FileNotFoundError:  # removed while we looked
            continue
    return max(times, default=0.0)
