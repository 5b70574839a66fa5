"""Surrogate data: masks drawn for the budget and measured on the real model, until there are enough."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fairhub.run.progress import Progress
from fairhub.search.surrogate.closed import summed
from fairhub.search.surrogate.labelled import Labelled
from fairhub.search.surrogate.labels import Label
from fairhub.search.surrogate.masks import Band, fresh, grown, role_of

_FIRST = 12  # masks drawn as NeuFair draws its first states: what is known of costs comes from them
_BLOCK = 6  # masks after which costs are fitted anew
BUDGETS = 3.0
"""Budgets of perplexity up to which masks are drawn: what a repair may choose from, and what lies around it."""


@dataclass(frozen=True)
class Wanted:
    """Which masks are wanted."""

    count: int
    band: Band
    budget: float
    """Rise of log-perplexity that a repair may cost, nats."""
    seed: int


def sample(
    meter: Callable[..., Label], known: Labelled, features: np.ndarray, wanted: Wanted, go_on: Callable[[], bool],
    bar: Progress,
) -> None:  # fmt: skip
    """Measure masks and keep them in `known`; fewer than wanted where the time ends or no mask is left.

    The first few are drawn as NeuFair draws its first states; the rest within three budgets, as an additive forecast of
    log-perplexity from the masks measured so far has it. Those that surrogates learn from are measured with slopes.

    Args:
        meter: Measures a mask, with `slopes` or without.
        known: Where masks and labels go.
        features: [heads, features] what is known of heads beforehand.
        wanted: How many, and of which sort.
        go_on: Whether there is time for another mask.
        bar: Told of every mask.
    """
    rng = random.Random(f"fairhub.surrogate {wanted.seed}")
    rise = np.zeros(len(known.heads))
    while len(known.labels) < wanted.count and go_on():
        done = len(known.labels)
        if done < _FIRST:
            mask = fresh(known.heads, wanted.band, rng, known.labels)
        else:
            if (done - _FIRST) % _BLOCK == 0:
                rise = summed(known.examples("loss", "train"), features).linear
            mask = grown(known.heads, wanted.band, rng, rise, BUDGETS * wanted.budget, known.labels)
        if mask is None:
            return
        known.add(mask, meter(mask, slopes=role_of(mask) == "train"), sampled=True)
        bar(1)
