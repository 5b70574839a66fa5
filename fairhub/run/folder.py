"""The run folder: never overwritten silently, resumable at any moment, written by the main process alone."""

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from fairhub.errors import UserError
from fairhub.files.writing import write_whole
from fairhub.run.processes import agreed, alone, main

Arrays = dict[str, np.ndarray]
_SETTINGS, _LOCK = "settings.json", "lock"
_KEPT = (_SETTINGS, _LOCK, "data.json", "*.npz", "*.jsonl", "*.partial")
"""What a run writes under `work/`, and so may remove."""


class Stored(Arrays):
    """What a stage left in a file; an array that it lacks is one that another version of fairhub did not measure."""

    def __init__(self, path: Path) -> None:
        """Read the file."""
        with np.load(path, allow_pickle=False) as stored:
            super().__init__(stored)
        self.path = path

    def __missing__(self, name: str) -> np.ndarray:
        """Refuse to go on.

        Raises:
            UserError: Always.
        """
        raise UserError(
            f"a run goes on with the fairhub that began it; {self.path} was written by one that measured no {name!r}; "
            "use that one with --resume, or begin anew with another --out"
        )


class Run:
    """A run folder. Finished stages are kept under `work/` until the report is written, so a killed run goes on.

    Args:
        folder: Where the run lives.
        settings: Everything the result depends on; a resumed run must have the same.
        resume: Go on with what is in the folder.

    Raises:
        UserError: The folder has something in it and `resume` is not set, or it is no run's, or its settings are
            others, or another process works in it, or the disk cannot be written.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], resume: bool) -> None:
        """Open the folder, or refuse it; it is this process's until the run is forgotten or the process ends."""
        self.folder = folder
        self.work = folder / "work"
        # one lock a process and folder: stages of one run may open it again
        self._lock = FileLock(self.work / _LOCK, is_singleton=True, thread_local=False)
        if refusal := alone(lambda: self._refusal(settings, resume) or self._taken(resume)):
            raise UserError(refusal)
        self.save(self.work / _SETTINGS, json.dumps(settings, indent=2).encode())

    def _refusal(self, settings: Mapping[str, Any], resume: bool) -> str | None:
        """Return why this folder cannot be had; None where it can."""
        folder, known = self.folder, self.work / _SETTINGS
        if folder.exists() and (not folder.is_dir() or self._used()):
            if not resume:
                return f"a run never overwrites another; {folder} is not empty; choose another --out or add --resume"
            if (folder / "report.json").is_file():
                return f"a finished run cannot go on; {folder} has its report; choose another --out"
            if not known.is_file():
                return f"only what a run began can go on; {folder} is no run and not empty; choose another --out"
            if _settings(known) != json.loads(json.dumps(settings)):
                began = "a resumed run needs the settings it began with"
                return f"{began}: {known}; repeat that command, or remove {folder}"
        return None

    def _used(self) -> bool:
        """Return whether the folder holds anything but the lock of a run that came no further."""
        found = {*self.folder.iterdir(), *(self.work.iterdir() if self.work.is_dir() else ())}
        return bool(found - {self.work, self.work / _LOCK})

    def _taken(self, resume: bool) -> str | None:
        """Take the folder for this process; return why that cannot be."""
        began = f"a folder holds one run at a time; another process works in {self.folder}; wait for it"
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            return began
        except NotImplementedError:  # a file system without locks: nothing to be told by
            return None
        except OSError as error:
            return _unwritable(self.work, error)
        # between the look at the folder and the lock another may have begun and ended
        return began if not resume and (self.work / _SETTINGS).exists() else None

    def began_with(self, data: Sequence[Mapping[str, str]]) -> None:
        """Refuse to go on with other data than the run began with: its results would be partly of each.

        Args:
            data: Name, revision and other marks of each source.

        Raises:
            UserError: One is new, gone or another: a file was edited, or text is no longer read from where it was.
        """
        path = self.work / "data.json"
        known = alone(lambda: json.loads(path.read_text()) if path.is_file() else None)
        if known is None:
            self.save(path, json.dumps([dict(entry) for entry in data], indent=2).encode())
        elif changed := [entry["name"] for entry in (*known, *data) if entry not in known or entry not in data]:
            raise UserError(
                f"a resumed run needs the data it began with; other now: {', '.join(dict.fromkeys(changed))}; bring "
                f"back what {path} says (online or offline as then), or begin anew with another --out"
            )

    def arrays(self, stage: str, compute: Callable[[], Mapping[str, Any]]) -> Arrays:
        """Return what a stage found: from the folder when it is there, else computed and kept."""
        path = self.work / f"{stage}.npz"
        if agreed(path.is_file()):
            return Stored(path)
        found = {name: np.asarray(value) for name, value in compute().items()}
        self._keep(path, found)
        return found

    def rows(self, stage: str, keys: Sequence[str], compute: Callable[[list[int]], Mapping[str, Any]]) -> Arrays:
        """Return arrays with a row for each key: what the folder has is read, only the others are computed, and kept.

        Args:
            stage: What is computed.
            keys: Of the rows; each different.
            compute: Gets the places of the keys that are missing and returns arrays with a row for each.
        """
        path = self.work / f"{stage}.npz"
        known: Arrays = {}
        if agreed(path.is_file()):
            known = Stored(path)
        names = known.pop("keys", np.array([], dtype=str)).tolist()
        missing = [place for place, key in enumerate(keys) if key not in set(names)]
        if missing:
            found = {name: np.asarray(value) for name, value in compute(missing).items()}
            known = {name: np.concatenate([known[name], rows]) if names else rows for name, rows in found.items()}
            names += [keys[place] for place in missing]
            self._keep(path, {"keys": np.array(names), **known})
        place_of = {key: place for place, key in enumerate(names)}
        return {name: rows[[place_of[key] for key in keys]] for name, rows in known.items()}

    def remembered(self, stage: str) -> "Remembered":
        """Return the values of a function as the folder remembers them, one a line."""
        return Remembered(self.work / f"{stage}.jsonl")

    def notes(self, name: str) -> Callable[[Mapping[str, Any]], None]:
        """Return what appends rows to a file under `work/`, begun anew, for who watches the run as it goes on.

        Nothing is read back: a resumed run comes by the same rows again.
        """
        path = self.work / f"{name}.jsonl"
        self.save(path, b"")

        def note(row: Mapping[str, Any]) -> None:
            if main():
                with path.open("a") as file:
                    file.write(json.dumps(row) + "\n")

        return note

    def _keep(self, path: Path, found: Arrays) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, **found)  # type: ignore[arg-type]
        self.save(path, buffer.getvalue())

    def forget(self) -> None:
        """Drop what was kept for a resumed run, and nothing that a run does not write; the folder is free again."""
        if not main():
            return
        self._lock.release(force=True)
        for path in (found for pattern in _KEPT for found in self.work.glob(pattern)):
            path.unlink()
        if not any(self.work.iterdir()):
            self.work.rmdir()

    def save(self, path: Path, content: bytes) -> None:
        """Write a file whole or not at all; the main process does."""
        if not main():
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
        except OSError as error:
            raise UserError(_unwritable(path, error)) from error


class Remembered:
    """Numbers by key, appended to a file as they come with the seconds each took, so that none is computed twice."""

    def __init__(self, path: Path) -> None:
        """Read what the file remembers, if there is one."""
        self.path = path
        text = alone(lambda: path.read_text() if path.is_file() else "")
        self.known = _rows(text)
        self._asked: dict[str, float] = {}
        self._join = "\n" if text and not text.endswith("\n") else ""  # ends a line that was cut short

    def __call__(self, key: str, compute: Callable[[], Any]) -> Any:
        """Return the value of this key, computing it only if the file does not have it."""
        if key not in self.known:
            began = time.monotonic()
            value, seconds = agreed((compute(), time.monotonic() - began))
            if main():
                self._append(json.dumps([key, value, seconds]))
            self.known[key] = value, seconds
        value, self._asked[key] = self.known[key]
        return value

    def values(self) -> list[Any]:
        """Return all values that are remembered, in the order they came."""
        return [value for value, _ in self.known.values()]

    def clock(self) -> float:
        """Return the seconds that all values asked of this object took when they were computed.

        A search that is bound by them ends at the same step when it is cut short and replayed as it would have.
        """
        return sum(self._asked.values())

    def _append(self, line: str) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(f"{self._join}{line}\n")
            self._join = ""
        except OSError as error:
            raise UserError(_unwritable(self.path, error)) from error


def _rows(text: str) -> dict[str, tuple[Any, float]]:
    """Return values and seconds by key, a row a line."""
    known = {}
    for line in text.splitlines():
        try:
            key, value, seconds = json.loads(line)
        except ValueError:  # the line that was being written when the run was killed
            continue
        known[key] = value, float(seconds)
    return known


def _settings(path: Path) -> Any:
    """Return the settings that a run began with; None where the file says none."""
    try:
        return json.loads(path.read_text())
    except (ValueError, RecursionError):
        return None


def _unwritable(path: Path, error: OSError) -> str:
    return f"a run must be able to write; {path}: {error.strerror}; free space or choose another --out, then --resume"


def digest(*parts: object) -> str:
    """Return a short stable name for these values (SHA-256)."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:16]
