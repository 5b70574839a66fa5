"""Surrogates in closed form: first-order scores alone, with what values teach, and with what slopes teach of pairs."""

from dataclasses import replace

import numpy as np

from fairhub.search.surrogate.additive import additive
from fairhub.search.surrogate.forecaster import Examples, Surrogate, linear_surrogate
from fairhub.search.surrogate.quadratic import interactions

TURNS = 64
"""Directions kept of what heads do together: the rest of its spectrum is noise, and each costs every move of a chain.
"""


def prior(train: Examples) -> Surrogate:
    """Return first-order scores at the base model, in the scale that values show: it ranks masks as the scores do."""
    start = _start(train)
    forecast = train.x @ start
    scale = (train.weight * forecast) @ train.y / max(float((train.weight * forecast) @ forecast), 1e-12)
    return linear_surrogate("prior", start * max(scale, 1e-3))


def summed(train: Examples, features: np.ndarray) -> Surrogate:
    """Return what each head adds, by ridge regression of the values towards first-order scores.

    Args:
        train: Masks to learn from.
        features: [bits, features] what is known of heads beforehand beside their scores.
    """
    known = np.column_stack([_start(train), features])
    return linear_surrogate("additive", additive(train.x, train.y, known, train.weight))


def paired(train: Examples, features: np.ndarray) -> Surrogate:
    """Return what slopes say of heads together, then what each head adds to it by the values.

    Args:
        train: Masks to learn from; slopes of some.
        features: [bits, features] what is known of heads beforehand beside their scores.
    """
    sloped, start = train.sloped, _start(train)
    pairs = interactions(sloped.x, sloped.slopes, start, sloped.weight)
    curve, turn = np.linalg.eigh(pairs)
    strong = np.argsort(-np.abs(curve), kind="stable")[:TURNS]
    curve, turn = curve[strong], turn[:, strong]
    own = 0.5 * (turn**2) @ curve  # a bit is its own square: what truncation leaves on the diagonal is no head's
    together = 0.5 * (train.x @ turn) ** 2 @ curve - train.x @ own
    bits = train.x.shape[1]
    known = np.column_stack([start, features, np.zeros(bits)])
    known = np.vstack([known, np.eye(known.shape[1])[-1]])  # one more bit, known by itself alone: its scale is free
    linear = additive(np.column_stack([train.x, together]), train.y, known, train.weight)
    found = linear_surrogate("quadratic", linear[:bits] - linear[bits] * own)
    return replace(found, turn=turn, curve=linear[bits] * curve)


def _start(train: Examples) -> np.ndarray:
    """Return the slopes where nothing is removed, [bits]; zeros where they were not measured."""
    (empty,) = np.flatnonzero(~train.x.any(1))
    return np.asarray(np.nan_to_num(train.slopes[empty]))
