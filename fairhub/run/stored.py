"""What stages of a run left in its folder: arrays, arrays by part, and values by key."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fairhub.errors import UserError
from fairhub.run.processes import agreed, alone, main

Arrays = dict[str, np.ndarray]


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


class Parts(Mapping[str, Arrays]):
    """What a stage left in several files, each read when it is asked for."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        """Take the files by name."""
        self._paths = paths

    def __getitem__(self, name: str) -> Arrays:
        """Read a part."""
        return Stored(self._paths[name])

    def __iter__(self) -> Iterator[str]:
        """Go over the names."""
        return iter(self._paths)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._paths)


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
            raise UserError(unwritable(self.path, error)) from error


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


def unwritable(path: Path, error: OSError) -> str:
    """Say that a file of a run cannot be written, and what to do."""
    return f"a run must be able to write; {path}: {error.strerror}; free space or choose another --out, then --resume"
