"""Keeps what a sweep has seen so far: rows are appended to files, sums added there or in memory where it is large."""

from pathlib import Path

import numpy as np

from fairhub.edit.healing import Key

Parts = dict[str, np.ndarray]
SUMS = ("early_inputs", "early_gradients", "text_inputs", "text_gradients", "early", "text")
"""What is summed; all else has a row an item."""


class Store:
    """What was seen at every place, by name."""

    def __init__(self, folder: Path, most: int = 0) -> None:
        """Take an empty folder of its own, or one that is not there yet, and how many bytes of sums memory may hold."""
        folder.mkdir(exist_ok=True)
        self._folder, self._left = folder, most
        self._held: dict[Key, Parts] = {}
        self._names: dict[Key, dict[str, tuple[np.dtype, tuple[int, ...]]]] = {}

    def add_(self, key: Key, part: Parts) -> None:
        """Add sums, and append rows.

        Raises:
            OSError: The disk is full.
        """
        held, names = self._held.setdefault(key, {}), self._names.setdefault(key, {})
        for name, values in part.items():
            if name in held:
                held[name] = held[name] + values
            elif name in SUMS and name not in names and values.nbytes <= self._left:
                held[name], self._left = values, self._left - values.nbytes
            else:
                self._write(key, name, values)

    def of(self, key: Key) -> Parts:
        """Return what was seen at a place, rows in the order they came."""
        rests = {name: self._read(key, name) for name in self._names.get(key, ())}
        return rests | self._held.get(key, {})

    def drop(self, key: Key) -> None:
        """Forget a place."""
        self._left += sum(values.nbytes for values in self._held.pop(key, {}).values())
        for name in self._names.pop(key, ()):
            self._path(key, name).unlink()

    def _write(self, key: Key, name: str, values: np.ndarray) -> None:
        names = self._names[key]
        total = self._read(key, name) + values if name in SUMS and name in names else values
        with self._path(key, name).open("wb" if name in SUMS else "ab") as file:
            total.tofile(file)
        names[name] = total.dtype, (total.shape if name in SUMS else (-1, *total.shape[1:]))

    def _read(self, key: Key, name: str) -> np.ndarray:
        dtype, shape = self._names[key][name]
        return np.fromfile(self._path(key, name), dtype).reshape(shape)

    def _path(self, key: Key, name: str) -> Path:
        return self._folder / f"{key[0]}_{key[1]}_{name}"
