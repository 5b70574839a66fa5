"""Surrogate data: masks sampled in strata of damage and measured on the real model, until there are enough."""

import random
from collections.abc import Callable, Sequence

import numpy as np

from fairhub.model.units import Pruning, Unit
from fairhub.run.progress import Progress
from fairhub.search.surrogate.additive import additive
from fairhub.search.surrogate.labelled import Labelled
from fairhub.search.surrogate.labels import Meter
from fairhub.search.surrogate.masks import Band, balanced, bits, fresh

_BLOCK = 32  # masks after which the forecast of damage is fitted anew


def sample(
    meter: Meter, known: Labelled, band: Band, loss_prior: np.ndarray, count: int, seed: int,
    go_on: Callable[[], bool], bar: Progress,
) -> None:  # fmt: skip
    """Measure `count` masks and keep them in `known`; fewer where the time ends or no mask is left.

    The first quarter is drawn as NeuFair draws its first states; the rest so that the strata of damage fill evenly, by
    an additive forecast of log-perplexity from the masks measured so far.

    Args:
        meter: Measures masks.
        known: Where masks and labels go.
        band: Counts allowed.
        loss_prior: [1, heads, features] first-order scores of the loss, its own effects first.
        count: Masks wanted.
        seed: Of the draws.
        go_on: Whether there is time for another mask.
        bar: Told of every mask.
    """
    rng = random.Random(f"fairhub.surrogate {seed}")
    effects = loss_prior[0, :, :1]
    while len(known.labels) < count and go_on():
        done = len(known.labels)
        if done and done % _BLOCK == 0:
            effects = _effects(known, loss_prior)
        filled = known.rises() if done else {}
        if done < count // 4:
            mask = fresh(known.heads, band, rng, filled)
        else:
            mask = balanced(known.heads, band, rng, filled, _forecast(known.heads, effects))
        if mask is None:
            return
        known.add(mask, meter(mask), sampled=True)
        bar(1)


def _effects(known: Labelled, loss_prior: np.ndarray) -> np.ndarray:
    """Fit what each head adds to log-perplexity, on masks that are trained on; [heads, 1]."""
    examples = known.examples("loss", "train")
    return additive(examples.x, examples.y, loss_prior, examples.weight)


def _forecast(heads: Sequence[Unit], effects: np.ndarray) -> Callable[[Sequence[Pruning]], np.ndarray]:
    return lambda masks: np.asarray((bits(masks, heads) @ effects)[:, 0])
