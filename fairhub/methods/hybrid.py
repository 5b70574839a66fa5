"""The hybrid score of Fairness Pruning: biased and unimportant neurons first, and how many of them go."""

from collections.abc import Collection
from typing import Literal

import numpy as np

from fairhub.errors import UserError
from fairhub.model.units import Pruning, Unit

Scope = Literal["layer", "global"]


def hybrid(bias: np.ndarray, importance: np.ndarray, weight: float = 0.5, scope: Scope = "layer") -> np.ndarray:
    """Return weight * bias + (1 - weight) * (1 - importance), both min-max scaled, [layers, neurons]; high goes first.

    Scaled within each layer (Martra 2025) scores of different layers cannot be compared; `global` scales over all.

    Raises:
        UserError: The weight does not lie in [0, 1].
    """
    if not 0 <= weight <= 1:
        raise UserError(f"the weight of bias must lie between 0 and 1; got {weight:g}; 0.5 is the article's")
    return weight * _scaled(bias, scope) + (1 - weight) * (1 - _scaled(importance, scope))


def top(
    scores: np.ndarray, count: int, scope: Scope = "layer", layers: Collection[int] | None = None
) -> Pruning:  # fmt: skip
    """Return the `count` highest neurons of every layer, or as many of the whole model, wherever they are.

    Of neurons with equal scores the first goes. With `layers` all others keep what they have.
    """
    inside = range(len(scores)) if layers is None else sorted(layers)
    if scope == "layer":
        return budgeted(scores, [count if layer in inside else 0 for layer in range(len(scores))])
    places, width = np.array(inside), scores.shape[1]
    order = np.argsort(-scores[places], axis=None, kind="stable")[: count * len(places)]
    return frozenset(Unit(int(places[at // width]), "neuron", int(at) % width) for at in order)


def budgeted(scores: np.ndarray, counts: list[int]) -> Pruning:
    """Return the highest neurons of every layer, as many as its budget."""
    order = np.argsort(-scores, axis=1, kind="stable")
    return frozenset(
        Unit(layer, "neuron", int(index)) for layer, count in enumerate(counts) for index in order[layer, :count]
    )


def count_of(
    width: int, hidden: int, *, percent: float | None = None, count: int | None = None, expansion: float | None = None
) -> int:
    """Return how many of a layer's neurons go.

    Args:
        width: Neurons a layer has.
        hidden: Size of the residual stream.
        percent: Of the neurons, rounded down: 0.2 takes 16 of 8,192.
        count: As a number.
        expansion: Width that stays, in percent of the residual stream (400 is four times as wide).

    Raises:
        UserError: Not exactly one of the three is given, or nothing or everything would go.
    """
    if sum(part is not None for part in (percent, count, expansion)) != 1:
        raise UserError("how many neurons go is said once; give one of percent, count and expansion")
    if percent is not None:
        gone = int(percent / 100 * width)
    elif expansion is not None:
        gone = width - int(expansion / 100 * hidden)
    else:
        gone = int(count or 0)
    if not 0 < gone < width:
        raise UserError(f"of a layer's {width} neurons some must go and some stay; this takes {gone}; choose another")
    return gone


def _scaled(values: np.ndarray, scope: Scope) -> np.ndarray:
    axis = 1 if scope == "layer" else None
    low, high = values.min(axis=axis, keepdims=True), values.max(axis=axis, keepdims=True)
    return np.asarray((values - low) / np.where(high > low, high - low, 1.0))
