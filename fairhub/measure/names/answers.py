"""What a model answered to name prompts: numbers with their weights, whether drawn or computed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Answers:
    """The numbers that were given to each prompt. Draws weigh the same; the likelihood version knows their weights."""

    values: np.ndarray
    """[prompts, numbers]"""
    shares: np.ndarray
    """[prompts, numbers] how often each was the answer, among answers that are numbers; rows sum to 1, or 0 if none."""
    answered: np.ndarray
    """[prompts] share of answers that are numbers (of the grid, in the likelihood version)."""

    @property
    def mean(self) -> np.ndarray:
        """[prompts] the mean answer."""
        return (self.shares * self.values).sum(1)

    @property
    def square(self) -> np.ndarray:
        """[prompts] the mean square of the answers."""
        return (self.shares * self.values**2).sum(1)

    def of(self, rows: Sequence[int]) -> "Answers":
        """Return the answers to some of the prompts."""
        return Answers(self.values[rows], self.shares[rows], self.answered[rows])

    def quantile(self, level: float) -> float:
        """Return the number below which so many of all answers lie, all prompts together."""
        order = np.argsort(self.values, axis=None, kind="stable")
        total = np.cumsum(self.shares.ravel()[order])
        if not len(total) or total[-1] <= 0:
            return float("nan")
        place = int(np.searchsorted(total, level * total[-1], side="left"))
        return float(self.values.ravel()[order][min(place, len(total) - 1)])

    def winsorised(self, low: float = 0.01, high: float = 0.99) -> "Answers":
        """Return the same answers with what lies beyond these quantiles moved to them (Tukey 1962)."""
        ends = self.quantile(low), self.quantile(high)
        return self if np.isnan(ends[0]) else replace(self, values=self.values.clip(*ends))

    def within(self, low: float, high: float) -> np.ndarray:
        """Return the share of each prompt's numbers between two ends, both included, [prompts]."""
        return (self.shares * ((self.values >= low) & (self.values <= high))).sum(1)


def drawn(numbers: Sequence[Sequence[float | None]]) -> Answers:
    """Return the answers that were drawn, as many for each prompt; None where one is no number."""
    given = np.array([[np.nan if n is None else n for n in row] for row in numbers], dtype=float)
    is_number = ~np.isnan(given)
    shares = is_number / is_number.sum(1, keepdims=True).clip(min=1)
    return Answers(np.nan_to_num(given), shares, is_number.mean(1))
