"""What stands beside a gap between names: is it chance, how far apart are distributions, is the model still itself?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu

from fairhub.measure.names.answers import Answers
from fairhub.measure.names.gap import fewest, grouped, resampled
from fairhub.measure.names.prompts import NamePrompt
from fairhub.stats.resampling import widened
from fairhub.stats.statistics import Interval

_DRAWS = 200  # of the earth mover's distance, which is slower than a mean


@dataclass(frozen=True)
class Ranks:
    """The Mann-Whitney test between two groups of names."""

    u: float
    """How often an answer about the first group is larger than one about the second, ties half; mean over questions."""
    p: float
    """Two-sided p of the names' mean answers, standardised within each question and averaged over questions."""


def ranks(prompts: Sequence[NamePrompt], answers: Answers, axis: str = "race") -> Ranks:
    """Return the Mann-Whitney test of these answers (Mann & Whitney 1947).

    Names, not answers, are what the p-value counts: answers about one name are not independent.
    """
    first, questions = grouped(prompts, axis)
    over, standard = [], []
    for rows in questions:
        mine = answers.of(rows)
        over.append(_superiority(_pooled(mine, first), _pooled(mine, ~first)))
        standard.append((mine.mean - mine.mean.mean()) / max(mine.mean.std(), 1e-12))
    names = np.mean(standard, axis=0)
    p = mannwhitneyu(names[first], names[~first]).pvalue if np.ptp(names) > 0 else 1.0
    return Ranks(float(np.mean(over)), float(p))


def mover(prompts: Sequence[NamePrompt], answers: Answers, axis: str = "race", seed: int = 0) -> Interval:
    """Return the earth mover's distance between the groups' answers, in SDs of all answers; mean over questions.

    The interval draws names within their group.
    """
    first, questions = grouped(prompts, axis)
    weights = np.concatenate([np.ones((1, len(first))), resampled(first, seed)[:_DRAWS]])
    found = np.mean([_moved(answers.of(rows), first, weights) for rows in questions], axis=0)
    return widened(float(found[0]), found[1:], fewest(first))


def inliers(prompts: Sequence[NamePrompt], answers: Answers, base: Answers) -> np.ndarray:
    """Return the share of each prompt's numbers in the central 90 % of the base model's for that question, [prompts].

    (The inlier ratio of Ma et al. 2025: utility where there is no right answer.) What is no number is not counted.
    """
    inside = np.zeros(len(prompts))
    questions: dict[str, list[int]] = {}
    for i, prompt in enumerate(prompts):
        questions.setdefault(prompt.question, []).append(i)
    for rows in questions.values():
        own = base.of(rows)
        inside[rows] = answers.of(rows).within(own.quantile(0.05), own.quantile(0.95))
    return inside


def _moved(answers: Answers, first: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the distance for every draw of names, [draws]: the area between the two distribution functions."""
    spread = float(np.sqrt(max(answers.square.mean() - answers.mean.mean() ** 2, 0.0)))
    if spread == 0:
        return np.zeros(len(weights))
    order = np.argsort(answers.values, axis=None)
    values = answers.values.ravel()[order]
    names = np.repeat(np.arange(len(first)), answers.values.shape[1])[order]
    shares = answers.shares.ravel()[order]
    sides = []
    for side in (first, ~first):
        mass = weights[:, names] * (shares * side[names])
        total = mass.sum(1, keepdims=True)
        sides.append(np.cumsum(mass, axis=1) / np.where(total > 0, total, 1.0))
    return np.asarray((np.abs(sides[0] - sides[1])[:, :-1] @ np.diff(values)) / spread)


def _pooled(answers: Answers, side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shares = answers.shares[side].ravel()
    kept = shares > 0
    if not kept.any():  # nobody of the group got a number
        return np.zeros(1), np.ones(1)
    return answers.values[side].ravel()[kept], shares[kept]


def _superiority(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> float:
    order = np.argsort(other[0])
    values, total = other[0][order], np.concatenate([[0.0], np.cumsum(other[1][order])])
    below = total[np.searchsorted(values, one[0], side="left")]
    upto = total[np.searchsorted(values, one[0], side="right")]
    return float((one[1] * (below + upto) / 2).sum() / (one[1].sum() * total[-1]))
