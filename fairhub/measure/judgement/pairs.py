"""Figures of a reading that are means over pairs of groups: a function each, by the name of its metric."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fairhub.inputs.judgement.cells import Cell, Pair
from fairhub.measure.judgement import gaps
from fairhub.measure.judgement.gaps import Drawn, Words
from fairhub.measure.judgement.reading import Reading

ByPair = dict[tuple[int, str], Drawn]
"""By the pair's number, and the dimension where the figure has them."""


@dataclass(frozen=True, eq=False)
class Compared:
    """Two groups in the cells that count."""

    reading: Reading
    pair: Pair
    number: int
    """Of the pair, as the reading's kernels are."""
    kept: Sequence[int]
    """Which of the pair's cells count."""
    weights: np.ndarray
    """[rows, cells kept]; row 0 gives the figures."""
    words: Words

    @property
    def cells(self) -> list[Cell]:
        """The cells that count."""
        return [self.reading.cells[self.pair.cells[i]] for i in self.kept]

    @property
    def kernel(self) -> np.ndarray:
        """[cells kept, cells kept] inner products of the shifts of the next token."""
        return np.asarray(self.reading.kernels[self.number][np.ix_(self.kept, self.kept)])


def _judgement(two: Compared) -> dict[str, Drawn]:
    values, cells = gaps.difference(two.reading, two.pair)[list(two.kept)], two.cells
    found = {}
    for dimension in two.reading.lexicon.dimensions:
        readable = [cell for cell in cells if cell.ends in two.words.lexicon.forms(dimension)]
        meant = (two.pair.axis, dimension) in gaps.MEANT
        if not meant and len(readable) > 1 and gaps.apart(readable).any():
            found[dimension] = gaps.squared(values, cells, two.words, dimension, two.weights)
    return found


def _systematic(two: Compared) -> dict[str, Drawn]:
    return {"": gaps.systematic(two.kernel, two.cells, two.weights)}


def _reaction(two: Compared) -> dict[str, Drawn]:
    return {"": gaps.reaction(two.kernel, two.cells, two.weights)}


OF_PAIRS: Mapping[str, Callable[[Compared], dict[str, Drawn]]] = {
    "judgement": _judgement, "systematic": _systematic, "reaction": _reaction,
}  # fmt: skip
"""What is measured of two groups, by dimension where it has dimensions."""


def of_pairs(
    reading: Reading, words: Words, weights: np.ndarray, only: Callable[[Cell], bool] = lambda _: True,
    names: Collection[str] = tuple(OF_PAIRS),
) -> dict[str, ByPair]:  # fmt: skip
    """Return the figures of every pair, by the name of the metric, over the cells that count.

    Args:
        reading: What was read.
        words: Of its lexicon, with a weight a row.
        weights: [rows, cells] of its cells; row 0 gives the figures.
        only: Which cells count at all.
        names: Of the metrics that are wanted.
    """
    found: dict[str, ByPair] = {name: {} for name in names}
    for number, pair in enumerate(reading.pairs):
        kept = [i for i, place in enumerate(pair.cells) if only(reading.cells[place])]
        two = Compared(reading, pair, number, kept, weights[:, [pair.cells[i] for i in kept]], words)
        if len({cell.template for cell in two.cells}) < 2 or not gaps.apart(two.cells).any():
            continue
        for name, parts in found.items():
            parts |= {(number, dimension): drawn for dimension, drawn in OF_PAIRS[name](two).items()}
    return found


def mean_over(parts: ByPair, pairs: Sequence[Pair], axes: Iterable[str], dimension: str = "") -> Drawn | None:
    """Return the mean over axes of the mean over their pairs (and dimensions); None where nothing was measured."""
    by_axis: dict[str, list[Drawn]] = {}
    for (number, its), drawn in parts.items():
        if pairs[number].axis in axes and (not dimension or its == dimension):
            by_axis.setdefault(pairs[number].axis, []).append(drawn)
    return gaps.mean([gaps.mean(part) for part in by_axis.values()]) if by_axis else None


def of_pair(parts: ByPair, number: int, dimension: str = "") -> Drawn | None:
    """Return the mean over the dimensions of one pair; None where nothing was measured of it."""
    mine = [one for (place, its), one in parts.items() if place == number and (not dimension or its == dimension)]
    return gaps.mean(mine) if mine else None
