"""Masks: which subsets of heads are measured, none twice, and which of them only test the surrogates."""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fairhub.inputs.probes.probe import unit_hash
from fairhub.model.units import Pruning, Unit
from fairhub.run.folder import digest

Role = Literal["train", "validation", "test"]
STRATA = (0.05, 0.2, 0.5)
"""Where strata of damage end: rises of log-perplexity, nats a token. The last is open."""
_PROPOSED = 8  # masks from which one of the emptiest stratum is taken
_PATIENCE = 200  # draws in a row that were all known: then so few masks are left that the data is complete


@dataclass(frozen=True)
class Band:
    """How many heads a mask removes. NeuFair's k_min and k_max (Dasu et al. 2024, `sa.py`)."""

    k_min: int
    k_max: int


def band_of(heads: int) -> Band:
    """Return the band for a model with so many heads: up to a tenth of them, at least 4 where there are as many.

    NeuFair allows a fifth of the hidden units. Heads are fewer and each does more: with a fifth of SmolLM2's heads
    gone at random, perplexity doubles, and a repair that may cost a few percent never comes near.
    """
    return Band(1, min(max(4, heads // 10), heads - 1))


def draw(heads: Sequence[Unit], band: Band, rng: random.Random) -> Pruning:
    """Return a mask: its count uniform within the band, then uniform among the subsets of that count (NeuFair)."""
    return frozenset(rng.sample(list(heads), rng.randint(band.k_min, band.k_max)))


def fresh(heads: Sequence[Unit], band: Band, rng: random.Random, known: Collection[Pruning]) -> Pruning | None:
    """Return a mask that is not known, or None where hardly any is left."""
    for _ in range(_PATIENCE):
        if (mask := draw(heads, band, rng)) not in known:
            return mask
    return None


def stratum(rise: float) -> int:
    """Return the stratum of damage that a rise of log-perplexity (nats) lies in."""
    return int(np.searchsorted(STRATA, rise))


def balanced(
    heads: Sequence[Unit], band: Band, rng: random.Random, filled: dict[Pruning, float],
    predict: Callable[[Sequence[Pruning]], np.ndarray],
) -> Pruning | None:  # fmt: skip
    """Return a fresh mask whose predicted damage lies in the stratum that holds the fewest masks so far.

    Uniform subsets of a model with one indispensable head are damaged in most cases, and say little about the masks
    that a repair may choose from: a surrogate trained on them learns what breaks the model. Taking the strata of
    damage in turn keeps both ends, whatever the model.

    Args:
        heads: The bits.
        band: Counts allowed.
        rng: Where draws come from.
        filled: Masks measured so far and their rise of log-perplexity, nats.
        predict: Returns the rise that masks are expected to bring, [masks].
    """
    found = [mask for _ in range(_PROPOSED) if (mask := fresh(heads, band, rng, filled)) is not None]
    if not found:
        return None
    count = np.bincount([stratum(rise) for rise in filled.values()], minlength=len(STRATA) + 1)
    return min(zip(found, predict(found), strict=True), key=lambda pair: count[stratum(pair[1])])[0]


def role_of(mask: Pruning) -> Role:
    """Return what a sampled mask is used for: a hash of its heads, so it never changes. 20 % test, 15 % validation."""
    share = unit_hash(f"surrogate {digest(*sorted(mask))}")
    return "test" if share < 0.2 else "validation" if share < 0.35 else "train"


def bits(masks: Sequence[Pruning], heads: Sequence[Unit]) -> np.ndarray:
    """Return [masks, heads] float32: 1 where a head is removed."""
    place = {head: i for i, head in enumerate(heads)}
    rows = np.zeros((len(masks), len(heads)), dtype=np.float32)
    for row, mask in enumerate(masks):
        rows[row, [place[head] for head in mask]] = 1
    return rows


def mask_of(row: np.ndarray, heads: Sequence[Unit]) -> Pruning:
    """Return the mask whose bits these are."""
    return frozenset(heads[i] for i in np.flatnonzero(row).tolist())
