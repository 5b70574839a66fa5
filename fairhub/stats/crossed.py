"""Intervals of figures whose items share templates, term sets and words: the bootstrap of crossed factors.

An item belongs to one level of every factor (a template, a term set, a word), and each level is drawn as a whole: an
item weighs the product of its levels' weights. With counts of a multinomial this is the pigeonhole bootstrap (Owen
2007); with independent weights of mean and variance 1, as here, that of Owen & Eckles 2012, "Bootstrapping data arrays
of arbitrary order". Its variance errs on the large side. A level's weights hang on its name alone, so that figures over
some of the same items share what they share and nothing else.

Resamples come in blocks: first all factors vary together, which gives the standard error; then each alone, which says
how much of it each factor makes, and so how many degrees of freedom it has (Satterthwaite 1946).
"""

import hashlib
import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from scipy import stats

from fairhub.stats.bounds import ROUNDING
from fairhub.stats.statistics import Change, Interval

FACTORS = ("template", "term set", "word")
"""What items may share; a document of text counts as a template, two names as a term set."""
JOINT, _ALONE = 512, 160
"""Resamples in which all factors vary together, then of each alone."""
RESAMPLES = JOINT + _ALONE * len(FACTORS)

Levels = Mapping[str, Collection[Hashable]]
"""The levels of each factor that a figure was computed from."""


def level_weights(factor: str, level: Hashable) -> np.ndarray:
    """Return the weights of one level of a factor, [resamples]: exponential of mean 1 (Rubin 1981), from its name."""
    return _weights(factor, f"{factor}:{level}")


@lru_cache(maxsize=1 << 14)
def _weights(factor: str, name: str) -> np.ndarray:
    seed = int(hashlib.sha256(name.encode()).hexdigest()[:15], 16)
    drawn = np.random.default_rng(seed).standard_exponential(RESAMPLES, dtype=np.float32)
    for other in FACTORS:
        if other != factor:
            drawn[_block(other)] = 1
    drawn.flags.writeable = False  # shared by all who ask
    return drawn


def item_weights(factors: Mapping[str, Sequence[Hashable]]) -> np.ndarray:
    """Return what every item weighs in every resample, [resamples, items], by the level of each item in each factor.

    One level alone in a factor says nothing about others and is fixed.
    """
    items = len(next(iter(factors.values())))
    weights = np.ones((RESAMPLES, items), dtype=np.float32)
    for factor, levels in factors.items():
        if len(set(levels)) > 1:
            weights *= np.stack([level_weights(factor, level) for level in levels], axis=1)
    return weights


def with_figure(weights: np.ndarray) -> np.ndarray:
    """Return [1 + resamples, items]: a first row of ones, so that the figure itself is computed as its draws are."""
    return np.concatenate([np.ones((1, weights.shape[1]), dtype=weights.dtype), weights])


def error_of(draws: np.ndarray, levels: Levels, linear: bool = True) -> tuple[float, float]:
    """Return the standard error of a figure and its degrees of freedom.

    Exponential weights on n levels make a variance (n - 1) / (n + 1) of the true one; each factor's share is set right.

    Args:
        draws: [resamples] of the figure, over weights of `item_weights`.
        levels: What it was computed from; at least one factor has two.
        linear: Whether the figure is a mean of items. A square of a mean is skewed: it has the degrees of freedom of
            the factor with fewest levels, or its intervals would be too narrow (simulated).
    """
    counts = {factor: len(levels[factor]) for factor in FACTORS if factor in levels and len(levels[factor]) > 1}
    assert counts, "an interval needs at least two levels of a factor"
    shares = {factor: float(draws[_block(factor)].var(ddof=1)) for factor in counts}
    right = {factor: share * (counts[factor] + 1) / (counts[factor] - 1) for factor, share in shares.items()}
    variance, whole = float(draws[:JOINT].var(ddof=1)), sum(right.values())
    if whole == 0:
        return math.sqrt(variance), float(min(counts.values()) - 1)
    error = math.sqrt(variance * whole / sum(shares.values()))
    if not linear:
        return error, float(min(counts.values()) - 1)
    freedom = whole**2 / sum(share**2 / (counts[factor] - 1) for factor, share in right.items())
    return error, freedom


def spread(draws: np.ndarray, levels: Levels, linear: bool = True) -> float:
    """Return half the width of the 95 % interval: Student's t times the standard error."""
    error, freedom = error_of(draws, levels, linear)
    return float(stats.t.ppf(0.975, freedom)) * error


def interval(value: float, draws: np.ndarray, levels: Levels, linear: bool = True) -> Interval:
    """Return a figure with its 95 % interval from bootstrap draws of it, [resamples]."""
    half = spread(draws, levels, linear)
    return Interval(float(value), float(value) - half, float(value) + half)


def chance_of(value: float, draws: np.ndarray, levels: Levels, linear: bool = True) -> float:
    """Return the two-sided p of a figure that would be 0 by chance: the same t as that of its interval.

    Where no draw differs but by rounding, that of levels which all happen to lie on one side of 0.
    """
    error, freedom = error_of(draws, levels, linear)
    if error <= ROUNDING * abs(value):
        return 1.0 if value == 0 else float(0.5 ** error_of(draws, levels, linear=False)[1])
    return float(2 * stats.t.sf(abs(value) / error, freedom))


def change(old: float, new: float, olds: np.ndarray, news: np.ndarray, levels: Levels, linear: bool = True) -> Change:
    """Return what became of a figure, from its values before and after in the same resamples.

    The relative change is missing where the figure before cannot be told from 0: a share of nothing has no size.
    """
    moved, draws = float(new - old), news - olds
    half = spread(draws, levels, linear)
    relative: tuple[float | None, float | None, float | None] = (None, None, None)
    if abs(old) > spread(olds, levels, linear):
        share = float(new / old - 1)
        # the ratio's error to first order: a ratio of draws has no variance where a base comes near 0
        wide = spread((news - (1 + share) * olds) / old, levels, linear)
        relative = (share, share - wide, share + wide)
    return Change(moved, moved - half, moved + half, *relative, chance_of(moved, draws, levels, linear))


def _block(factor: str) -> slice:
    begin = JOINT + _ALONE * FACTORS.index(factor)
    return slice(begin, begin + _ALONE)
