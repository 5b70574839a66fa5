"""Remembers measurements in the user's cache, by all that they hang on, so that none is made twice."""

import hashlib
import importlib.metadata
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fairhub.files.reading import BROKEN, MEGABYTE
from fairhub.files.writing import write_whole
from fairhub.run.folder import Arrays, digest
from fairhub.run.processes import alone, main

MOST = 512 * MEGABYTE
"""Bytes of all files; those not used for longest go first. An audit of the default leaves 6 MB."""
_UNREADABLE = (*BROKEN, zipfile.BadZipFile, zlib.error)


class Memory:
    """Arrays in files that are named by what was measured, on what, and by which code.

    A file that is gone or broken is measured again; a folder that cannot be written remembers nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Take the folder; without one nothing is remembered."""
        self.folder = folder
        self.reused: list[str] = []
        """Names of what was remembered and so not measured."""
        self._code = _code() if folder else ""

    def arrays(self, name: str, on: Iterable[object], compute: Callable[[], Mapping[str, Any]]) -> Arrays:
        """Return what a measurement found: from its file where there is one, else computed and kept.

        Args:
            name: Of the measurement.
            on: All that it hangs on, the code aside; told apart by how each is written out.
            compute: Makes it.
        """
        on = tuple(on)
        known = self.known(name, on)
        if known is not None:
            return known
        found = {key: np.asarray(values) for key, values in compute().items()}
        path = self._path(name, on)
        if path and main():
            _keep(path, found)
        return found

    def known(self, name: str, on: Iterable[object]) -> Arrays | None:
        """Return what a measurement found, where it was made before; arguments are those of `arrays`."""
        path = self._path(name, on)
        found = alone(lambda: _read(path)) if path else None
        if found is not None:
            self.reused.append(name)
        return found

    def _path(self, name: str, on: Iterable[object]) -> Path | None:
        return self.folder / f"{digest(self._code, name, *on)}.npz" if self.folder else None


def _read(path: Path) -> Arrays | None:
    """Return what a file holds, marked as used now; None where it is not there, or broken."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = dict(stored)
        os.utime(path)
    except _UNREADABLE:
        return None
    return found


def _keep(path: Path, found: Arrays) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **found)  # type: ignore[arg-type]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, buffer.getvalue())
        _forget(path.parent)
    except OSError:  # a full or read-only disk: what was measured is right all the same
        return


def _forget(folder: Path) -> None:
    """Remove the files that were not used for longest, until the rest is within bounds."""
    files = sorted(((path.stat(), path) for path in folder.glob("*.npz")), key=lambda file: -file[0].st_mtime)
    total = 0
    for stat, path in files:
        total += stat.st_size
        if total > MOST:
            path.unlink(missing_ok=True)


def _code() -> str:
    """Return a hash of the package's own source and of what computes: a measurement of other code is another one."""
    package = Path(__file__).parents[1]
    sha = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        sha.update(str(path.relative_to(package)).encode() + path.read_bytes())
    for name in ("torch", "transformers", "tokenizers", "numpy"):
        sha.update(f"{name} {importlib.metadata.version(name)}".encode())
    return sha.hexdigest()
