"""What a sweep saw at every output projection, of which memory holds one at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from fairhub.edit.healing import Key


@dataclass(frozen=True, eq=False)
class Reads:
    """What was seen at one output projection, float32 on the CPU."""

    inputs: np.ndarray
    """[items, in] its input at the last token of each item."""
    gradients: np.ndarray
    """[items, out] gradient of the item's contrast with respect to its output there."""
    early_inputs: np.ndarray
    """[in, in] sum of outer products over tokens before the last, of items that must stay."""
    early_gradients: np.ndarray
    """[out, out]"""
    text_inputs: np.ndarray
    """[in, in] sum of outer products over all tokens of neutral text."""
    text_gradients: np.ndarray
    """[out, out] of gradients of the log-likelihood of the text that follows."""
    early: int = 0
    """Tokens in the sums before the last."""
    text: int = 0
    """Tokens of text."""

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Reads":
        """Return what was stored as arrays by the names of the fields."""
        return cls(**{name: values if values.ndim else int(values) for name, values in arrays.items()})  # type: ignore[arg-type]


class Seen(Mapping[Key, Reads]):
    """What a sweep saw at all places; each is fetched when it is asked for, so that memory holds one."""

    def __init__(self, keys: Iterable[Key], fetch: Callable[[Key], Reads]) -> None:
        """Take the places, and what fetches one of them."""
        self._keys, self._fetch = tuple(keys), fetch

    def __getitem__(self, key: Key) -> Reads:
        """Fetch what was seen at a place."""
        return self._fetch(key)

    def __iter__(self) -> Iterator[Key]:
        """Go over the places."""
        return iter(self._keys)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._keys)
