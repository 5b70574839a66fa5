"""The run folder: never overwritten silently, resumable at any moment, written by the main process alone."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock, Timeout

from fairhub.errors import UserError
from fairhub.files.writing import whole
from fairhub.run.processes import agreed, alone, main, state
from fairhub.run.stored import Arrays, Parts, Remembered, Stored, unwritable

_SETTINGS, _LOCK = "settings.json", "lock"
_SCRATCH = "scratch"
_KEPT = (_SETTINGS, _LOCK, "data.json", "*.npz", "*.jsonl", "*.partial")
"""What a run writes under `work/`, and so may remove."""


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
            return unwritable(self.work, error)
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

    def parts(
        self, stage: str, names: Sequence[str], compute: Callable[[], Iterable[tuple[str, Mapping[str, Any]]]]
    ) -> Parts:
        """Return what a stage found, of which memory holds a part at a time: from the folder, else computed and kept.

        Args:
            stage: What is computed.
            names: Of all parts.
            compute: Yields the parts with their names.
        """
        paths = {name: self.work / f"{stage}_{name}.npz" for name in names}
        if not agreed(all(path.is_file() for path in paths.values())):
            for name, found in compute():
                self._keep(paths[name], found)
            agreed(True)  # the main process has written all
        return Parts(paths)

    @contextmanager
    def scratch(self, needed: int) -> Iterator[Path]:
        """Yield an empty folder of this process beside what is kept; it is gone after the `with` block.

        Args:
            needed: Bytes that will be written there.

        Raises:
            UserError: The disk has not so many left, or is full.
        """
        folder = self.work / f"{_SCRATCH}{state().process_index}"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True)
            if (left := shutil.disk_usage(folder).free) < needed:
                raise UserError(
                    f"a run keeps what it saw on the disk; {self.work} has {left >> 20:,} MB left, this one needs "
                    f"{needed >> 20:,} MB; free space or choose another --out, then --resume"
                )
            yield folder
        except OSError as error:
            raise UserError(unwritable(folder, error)) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def rested(self, values: np.ndarray) -> np.ndarray:
        """Return an array that rests on the disk and comes to memory where it is looked at; its file has no name.

        Raises:
            UserError: The disk is full.
        """
        try:
            with TemporaryFile(dir=self.work) as file:
                values.tofile(file)
                file.flush()
                return np.memmap(file, values.dtype, "c", shape=values.shape)
        except OSError as error:
            raise UserError(unwritable(self.work, error)) from error

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

    def remembered(self, stage: str) -> Remembered:
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

    def _keep(self, path: Path, found: Mapping[str, Any]) -> None:
        self._write(path, lambda file: np.savez(file, **found))

    def forget(self) -> None:
        """Drop what was kept for a resumed run, and nothing that a run does not write; the folder is free again."""
        if not main():
            return
        self._lock.release(force=True)
        for path in (found for pattern in _KEPT for found in self.work.glob(pattern)):
            path.unlink()
        for path in self.work.glob(f"{_SCRATCH}*"):
            shutil.rmtree(path, ignore_errors=True)
        if not any(self.work.iterdir()):
            self.work.rmdir()

    def save(self, path: Path, content: bytes) -> None:
        """Write a file whole or not at all; the main process does."""
        self._write(path, lambda file: file.write(content))

    def _write(self, path: Path, write: Callable[[BinaryIO], object]) -> None:
        if not main():
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole(path) as file:
                write(file)
        except OSError as error:
            raise UserError(unwritable(path, error)) from error


def _settings(path: Path) -> Any:
    """Return the settings that a run began with; None where the file says none."""
    try:
        return json.loads(path.read_text())
    except (ValueError, RecursionError):
        return None


def digest(*parts: object) -> str:
    """Return a short stable name for these values (SHA-256)."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:16]
