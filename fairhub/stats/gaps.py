"""Gaps between groups: how far each group's mean lies from everyone's, how sure, and whether seeds agree."""

from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np

from fairhub.errors import UserError
from fairhub.stats import resampling, statistics
from fairhub.stats.statistics import Change, Interval


def mean_gap(values: np.ndarray, groups: Sequence[Hashable], weights: np.ndarray | None = None) -> np.ndarray:
    """Return the mean over groups of |group mean - overall mean|, [...] for values [..., items].

    The overall mean is over items, so large groups weigh more (FASP, Zayed et al. 2024, section 3, uses the sum over
    groups: `sum_gap`). Means over groups do not grow with their number, sums do.

    Args:
        values: One number an item, [..., items].
        groups: The group of each item.
        weights: How often each item counts; a group whose items count nothing is left out.

    Raises:
        UserError: There are fewer than two groups: their gap is 0 by definition and says nothing.
    """
    names = sorted(set(groups), key=repr)
    if len(names) < 2:
        raise UserError(f"a gap needs at least 2 groups; got {len(names)}; choose an axis that has more")
    weight = np.ones(values.shape[-1]) if weights is None else np.asarray(weights, dtype=float)
    member = np.array([[group == name for group in groups] for name in names], dtype=float) * weight
    size = member.sum(1)
    present = size > 0
    means = values @ member[present].T / size[present]
    overall = values @ weight / weight.sum()
    return np.asarray(np.abs(means - overall[..., None]).mean(-1))


def sum_gap(values: np.ndarray, groups: Sequence[Hashable]) -> np.ndarray:
    """Return the sum over groups of |group mean - overall mean|: the bias of FASP and Attention Pruning."""
    return mean_gap(values, groups) * len(set(groups))


def gap_interval(
    values: np.ndarray, groups: Sequence[Hashable], clusters: Sequence[Hashable], scale: float = 1.0
) -> Interval:
    """Return `scale` times the mean gap of values [items] with its 95 % interval over clusters (templates)."""
    return statistics.interval_of(lambda weight: scale * float(mean_gap(values, groups, weight)), clusters)


def gap_change(
    before: np.ndarray, after: np.ndarray, groups: Sequence[Hashable], clusters: Sequence[Hashable], scale: float = 1.0
) -> Change:  # fmt: skip
    """Return what became of `scale` times the mean gap of values [items], in pairs over clusters (templates)."""
    names = sorted(set(groups), key=repr)
    member = np.array([[group == name for name in names] for group in groups], dtype=float)

    def value(sums: np.ndarray) -> np.ndarray:
        total, size = np.split(sums, 2, axis=-1)
        means = np.divide(total, size, out=np.full(total.shape, np.nan), where=size > 0)
        overall = total.sum(-1) / size.sum(-1)
        return np.asarray(scale * np.nanmean(np.abs(means - overall[..., None]), axis=-1))

    first, second = (np.hstack([member * part[:, None], member]) for part in (before, after))
    return resampling.change(first, second, value, clusters)


def seed_reliability(scores: np.ndarray) -> dict[str, float]:
    """Say how far scores repeat themselves under another seed.

    Args:
        scores: [seeds, things scored]: heads or groups; at least 2 seeds and 2 things.

    Returns:
        `rank`: mean over pairs of seeds of the rank correlation; `sd_relative`: root mean square over things of the
        standard deviation over seeds, relative to the mean score; `signal`: the same standard deviation relative to
        that of the things' mean scores among themselves: above 1 seeds differ more than things do.
    """
    pairs = [statistics.rank_correlation(a, b) for a, b in combinations(scores, 2)]
    noise = float(np.sqrt(scores.var(axis=0, ddof=1).mean()))
    means = scores.mean(0)
    return {
        "rank": float(np.mean(pairs)),
        "sd_relative": noise / max(abs(float(means.mean())), 1e-12),
        "signal": noise / max(float(means.std(ddof=1)), 1e-12),
    }
