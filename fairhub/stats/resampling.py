"""Figures made of sums over items (shares, gaps, scores): the same figure recomputed in each resample of clusters."""

import hashlib
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from fairhub.errors import UserError
from fairhub.stats.clusters import drawn, numbered, swap_test
from fairhub.stats.statistics import Change, Interval, ends, shift_of

Value = Callable[[np.ndarray], np.ndarray]
"""Takes sums over items, [..., columns], to the figure, [...]."""


def interval(
    columns: np.ndarray, value: Value, clusters: Sequence[Hashable], resamples: int = 2000, seed: int = 0
) -> Interval:
    """A figure with its 95 % cluster-bootstrap interval.

    Args:
        columns: what is summed, [items, columns].
        value: the figure, from sums.
        clusters: a label an item; items that share one are not independent.
        resamples: bootstrap draws.
        seed: of the draws.

    Raises:
        UserError: for fewer than two clusters.
    """
    sums = _clustered(columns, clusters)
    draws = np.concatenate(
        [value(counts @ sums) for counts in drawn(len(sums), resamples, np.random.default_rng(seed))]
    )
    return widened(float(value(sums.sum(0))), draws, len(sums))


def widened(found: float, draws: np.ndarray, clusters: int) -> Interval:
    """A figure with the interval of its bootstrap draws, widened to hold the figure where it does not.

    Distances from 0 are larger in resamples than in the sample.
    """
    low, high = ends(draws, clusters)
    return Interval(found, min(low, found), max(high, found))


def change(
    before: np.ndarray, after: np.ndarray, value: Value, clusters: Sequence[Hashable], resamples: int = 2000,
    seed: int = 0,
) -> Change:  # fmt: skip
    """Paired change of a figure: both are computed from the same drawn clusters in each resample.

    p is that of `swap_test`: the figure is computed from the swapped items as from the real ones. Arguments and errors
    are those of `interval`.
    """
    old, new = _clustered(before, clusters), _clustered(after, clusters)
    blocks = drawn(len(old), resamples, np.random.default_rng(seed))
    draws = [(value(counts @ old), value(counts @ new)) for counts in blocks]
    first, second = (np.concatenate(part) for part in zip(*draws, strict=True))
    was, now = float(value(old.sum(0))), float(value(new.sum(0)))
    found = shift_of(was, now, first, second, len(old), _swapped(old, new, value, resamples, seed))
    return replace(found, low=min(found.low, found.value), high=max(found.high, found.value))


def _swapped(old: np.ndarray, new: np.ndarray, value: Value, resamples: int, seed: int) -> float:
    seen = abs(float(value(new.sum(0)) - value(old.sum(0))))

    def extreme(swaps: np.ndarray) -> np.ndarray:
        moved = swaps @ (new - old)
        return np.abs(value(new.sum(0) - moved) - value(old.sum(0) + moved)) >= seen - 1e-12

    return swap_test(extreme, len(old), resamples, np.random.default_rng([seed, 1]))


def _clustered(columns: np.ndarray, clusters: Sequence[Hashable]) -> np.ndarray:
    """Return sums within clusters, [clusters, columns], in the order of their labels."""
    labels, index = numbered(clusters)
    if (n := len(labels)) < 2:
        raise UserError(f"an interval needs at least 2 clusters; got {n}; take more rows")
    if not np.isfinite(columns).all():
        raise ValueError("items must be finite numbers")
    sums = np.zeros((n, columns.shape[1]))
    np.add.at(sums, index, columns)
    return sums


def seed_of(labels: Iterable[Hashable]) -> int:
    """Return a seed that hangs on what is resampled: the same labels are drawn alike, others independently.

    With one seed for all, figures over as many clusters would share their draws by accident, and a mean of them would
    have an interval as if they rose and fell together.
    """
    names = "\n".join(sorted(map(repr, set(labels))))
    return int(hashlib.sha256(names.encode()).hexdigest()[:15], 16)


def smallest_shown(change: Change) -> float:
    """The smallest change that a sample like this shows four times in five, at 5 % (Cohen 1988, ch. 1): its power.

    2.8 standard errors, which are a quarter of the width of the 95 % interval.
    """
    return 2.8 * (change.high - change.low) / (2 * 1.96) if math.isfinite(change.high - change.low) else math.inf
