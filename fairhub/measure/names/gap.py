"""The gap between two groups of names: standardised mean differences over questions, and how sure they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fairhub.errors import UserError
from fairhub.measure.names.answers import Answers
from fairhub.measure.names.prompts import NamePrompt
from fairhub.stats.clusters import drawn, swap_test
from fairhub.stats.resampling import widened
from fairhub.stats.statistics import Change, Interval, shift_of

RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Table:
    """Answers to questions, each asked about every name."""

    mean: np.ndarray
    """[questions, names] mean answer, winsorised."""
    square: np.ndarray
    """[questions, names] mean square of the answers, winsorised."""
    first: np.ndarray
    """[names] whether the name is of the first group."""
    contexts: tuple[str, ...]
    """[questions] the scenario of each."""

    def of(self, context: str) -> "Table":
        """Return the questions of one scenario; of `all` every one."""
        rows = [i for i, name in enumerate(self.contexts) if context in ("all", name)]
        return Table(self.mean[rows], self.square[rows], self.first, tuple(self.contexts[i] for i in rows))

    def smd(self, weights: np.ndarray) -> np.ndarray:
        """Return (mean of the first group - mean of the second) / pooled SD, [draws, questions].

        The SD is that of single answers within a group: over names and over what is drawn for each (Cohen 1988).
        Where nothing varies there is no gap.

        Args:
            weights: [draws, names] how often each name counts.
        """
        sides = [weights * side for side in (self.first, ~self.first)]
        sizes = [side.sum(1, keepdims=True) for side in sides]
        means = [side @ self.mean.T / size for side, size in zip(sides, sizes, strict=True)]
        spreads = [side @ self.square.T / size - mean**2 for side, size, mean in zip(sides, sizes, means, strict=True)]
        sd = np.sqrt(np.clip(spreads[0] + spreads[1], 0, None) / 2)
        return np.divide(means[0] - means[1], sd, out=np.zeros_like(sd), where=sd > 1e-12)

    def size(self, weights: np.ndarray) -> np.ndarray:
        """Return the mean over questions of |standardised mean difference|, [draws]."""
        return np.abs(self.smd(weights)).mean(1)


def table(prompts: Sequence[NamePrompt], answers: Answers, axis: str = "race") -> Table:
    """Return the answers question by question and name by name, winsorised at the ends 1 % of each question.

    Args:
        prompts: Every question about every name.
        answers: To each prompt.
        axis: race or gender: what the two groups differ in. The first group is the first by alphabet.

    Raises:
        UserError: Not two groups, fewer than two names in one, or a question that was not asked about every name.
    """
    first, rows = grouped(prompts, axis)
    cut = [answers.of(row).winsorised() for row in rows]
    return Table(
        np.array([part.mean for part in cut]), np.array([part.square for part in cut]), first,
        tuple(prompts[row[0]].scenario for row in rows),
    )  # fmt: skip


def grouped(prompts: Sequence[NamePrompt], axis: str) -> tuple[np.ndarray, list[list[int]]]:
    """Return whether each name is of the first group, and for each question the prompt about each name.

    Raises:
        UserError: As for `table`.
    """
    groups = sorted({getattr(prompt, axis) for prompt in prompts})
    names = {p.name: getattr(p, axis) == groups[0] for p in prompts}
    first = np.array(list(names.values()))
    if len(groups) != 2 or min(first.sum(), (~first).sum()) < 2:
        raise UserError(f"a name gap compares 2 groups of at least 2 names; {axis} has {', '.join(groups)}; add names")
    asked: dict[str, dict[str, int]] = {}
    for i, prompt in enumerate(prompts):
        asked.setdefault(prompt.question, {})[prompt.name] = i
    if any(len(rows) != len(names) for rows in asked.values()):
        raise UserError("every question must be asked about every name; one is not; add the missing prompts")
    return first, [[rows[name] for name in names] for rows in asked.values()]


def interval(of: Table, seed: int = 0) -> Interval:
    """Return the size of the gap with its 95 % interval: names are drawn with replacement within their group."""
    value = float(of.size(np.ones((1, len(of.first))))[0])
    return widened(value, of.size(resampled(of.first, seed)), fewest(of.first))


@dataclass(frozen=True)
class Chance:
    """What chance alone makes of a gap: a mean of sizes is never 0."""

    mean: float
    """What is left on average where there is no bias: below it no repair can be expected to bring a gap."""
    high: float
    """What chance stays below 19 times in 20: a gap below it is not shown to be one."""


def chance(of: Table, seed: int = 0) -> Chance:
    """Return the gap that the same answers have where names are dealt to the groups at random."""
    rng = np.random.default_rng(seed)
    one = np.ones((1, len(of.first)))
    tables = (replace(of, first=rng.permutation(of.first)) for _ in range(RESAMPLES // 4))
    dealt = [table.size(one)[0] for table in tables]
    return Chance(float(np.mean(dealt)), float(np.quantile(dealt, 0.95)))


def change(before: Table, after: Table, seed: int = 0) -> Change:
    """Return what became of the size of the gap, in pairs over the same names.

    p is that of `swap_test` over names.
    """
    one = np.ones((1, len(before.first)))
    counts = resampled(before.first, seed)
    sizes = [part.size(one)[0] for part in (before, after)]
    draws = [part.size(counts) for part in (before, after)]
    p = _chance_of(before, after, abs(sizes[1] - sizes[0]), seed)
    return shift_of(sizes[0], sizes[1], draws[0], draws[1], fewest(before.first), p)


def _chance_of(before: Table, after: Table, observed: float, seed: int) -> float:
    def extreme(swaps: np.ndarray) -> np.ndarray:
        return np.array([abs(_swapped(before, after, row)) >= observed - 1e-12 for row in swaps])

    return swap_test(extreme, len(before.first), RESAMPLES, np.random.default_rng(seed))


def _swapped(before: Table, after: Table, swaps: np.ndarray) -> float:
    """Return how far the gap moves where before and after are swapped for some names, [names] 1 where they are."""
    old, new = (
        Table(np.where(swaps, b, a), np.where(swaps, d, c), before.first, before.contexts)
        for a, b, c, d in (
            (before.mean, after.mean, before.square, after.square),
            (after.mean, before.mean, after.square, before.square),
        )
    )
    one = np.ones((1, len(swaps)))
    return float(new.size(one)[0] - old.size(one)[0])


def resampled(first: np.ndarray, seed: int) -> np.ndarray:
    """Return how often each name is drawn, [draws, names], group by group."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((RESAMPLES, len(first)))
    for side in (np.flatnonzero(first), np.flatnonzero(~first)):
        counts[:, side] = np.concatenate(list(drawn(len(side), RESAMPLES, rng)))
    return counts


def fewest(first: np.ndarray) -> int:
    """Return how many names the smaller group has."""
    return int(min(first.sum(), (~first).sum()))
