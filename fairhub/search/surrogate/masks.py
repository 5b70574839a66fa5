"""Masks: which subsets of heads are measured, none twice, and which of them only test the surrogates."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fairhub.inputs.probes.probe import unit_hash
from fairhub.model.units import Pruning, Unit
from fairhub.run.folder import digest

Role = Literal["train", "test"]
TESTED = 0.2
"""Share of the sampled masks that surrogates are tested on and never trained."""
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


def grown(
    heads: Sequence[Unit], band: Band, rng: random.Random, rise: np.ndarray, most: float, known: Collection[Pruning]
) -> Pruning | None:
    """Return a mask that is not known and is expected to cost no more than a level drawn up to `most`.

    Heads are taken in random order, those first that fewer masks held, up to a count drawn within the band, and one
    that would pass the level is left out: so masks lie where a repair may look, whatever the model, every head is in
    about as many, and heads that break it are met once and then seldom.

    Args:
        heads: The bits.
        band: Counts allowed.
        rng: Where draws come from.
        rise: [heads] rise of log-perplexity that each head is expected to add, nats.
        most: Highest level, nats.
        known: Masks measured so far.

    Returns:
        The mask; one drawn from all where what is cheap is known already, None where hardly any is left.
    """
    held = bits(list(known), heads).sum(0)
    for _ in range(_PATIENCE):
        count, level = rng.randint(band.k_min, band.k_max), rng.uniform(0, most)
        chosen: list[int] = []
        cost = 0.0
        for place in sorted(rng.sample(range(len(heads)), len(heads)), key=held.__getitem__):
            if len(chosen) < count and cost + rise[place] <= level:
                chosen.append(place)
                cost += float(rise[place])
        mask = frozenset(heads[place] for place in chosen)
        if len(mask) >= band.k_min and mask not in known:
            return mask
    return fresh(heads, band, rng, known)


def role_of(mask: Pruning) -> Role:
    """Return what a sampled mask is used for: a hash of its heads, so it never changes."""
    return "test" if unit_hash(f"surrogate {digest(*sorted(mask))}") < TESTED else "train"


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
