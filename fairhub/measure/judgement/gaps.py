"""Judgement gaps and systematic divergence: unbiased squares over templates, term sets and words, in every resample.

A figure is computed once with all weights 1 and once with those of every resample (`fairhub.stats.crossed`): row 0
of every array here is the figure itself, the others are its bootstrap draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fairhub.inputs.judgement.cells import Cell, Pair
from fairhub.inputs.judgement.lexicon import Form, Lexicon, Side
from fairhub.measure.judgement.reading import Reading
from fairhub.stats.crossed import RESAMPLES, item_weights, level_weights, with_figure

MEANT = frozenset({("wealth", "poor"), ("wealth", "menial")})
"""Axis and dimension where the judgement follows from the group's name: that a poor person is poor is meaning."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure and its bootstrap draws."""

    draws: np.ndarray
    """[1 + resamples]; the figure itself first."""
    factors: Mapping[str, frozenset[str]]
    """The levels of each factor that it was computed from: templates, term sets, words."""
    items: int
    """Cells it was computed from, once for each figure it is a mean of."""

    @property
    def value(self) -> float:
        """The figure."""
        return float(self.draws[0])

    @property
    def templates(self) -> int:
        """How many templates it was computed from."""
        return len(self.factors["template"])


class Words:
    """Weights of a lexicon's words in every resample."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Draw them: they hang on the words alone."""
        self.lexicon = lexicon
        drawn = [level_weights("word", word.word) for word in lexicon.words]
        self.weights = with_figure(np.stack(drawn, axis=1) if drawn else np.empty((RESAMPLES, 0), dtype=np.float32))

    @classmethod
    def fixed(cls, lexicon: Lexicon, rows: int) -> "Words":
        """Return words that all count once in every row."""
        made = cls.__new__(cls)
        made.lexicon, made.weights = lexicon, np.ones((rows, len(lexicon.words)), dtype=np.float32)
        return made


def factors(cells: Sequence[Cell]) -> dict[str, list[str]]:
    """Return the levels of each cell in the factors that cells share."""
    return {"template": [cell.template for cell in cells], "term set": [cell.term_set for cell in cells]}


def cell_weights(cells: Sequence[Cell]) -> np.ndarray:
    """Return the weight of each cell, [1 + resamples, cells]; ones first."""
    return with_figure(item_weights(factors(cells)))


def apart(cells: Sequence[Cell]) -> np.ndarray:
    """Return which two cells may be multiplied, [cells, cells]: other templates, and other term sets where there are.

    Then the product of two means estimates the square of what they share without the square of their noise.
    """
    allowed = np.ones((len(cells), len(cells)), dtype=bool)
    for levels in factors(cells).values():
        names = np.array(levels)
        if len(set(levels)) > 1:
            allowed &= names[:, None] != names[None, :]
    return allowed


def signed(values: np.ndarray, cells: Sequence[Cell], words: Words, dimension: str, weights: np.ndarray) -> Drawn:
    """Return a signed judgement gap: mean over cells of (negative - positive) log-probability differences, nats.

    Args:
        values: [cells, words] difference of log-probabilities between two sides of each cell.
        cells: What they were read from.
        words: Of the lexicon.
        dimension: Which words.
        weights: [1 + resamples, cells], of `cell_weights`.
    """
    place, gaps, _ = _by_cell(values, cells, words, dimension)
    weight = weights[:, place]
    return Drawn((weight * gaps).sum(1) / weight.sum(1), *_levels(cells, place, words.lexicon, dimension))


def squared(values: np.ndarray, cells: Sequence[Cell], words: Words, dimension: str, weights: np.ndarray) -> Drawn:
    """Return the unbiased square of a signed judgement gap, nats squared: a U-statistic in templates, sets and words.

    Products are those of different templates, different term sets (where there are several) and different words of a
    side, so that noise has no square in it; it may come out negative. Arguments are those of `signed`.

    Raises:
        ValueError: No two cells may be multiplied.
    """
    place, gaps, sides = _by_cell(values, cells, words, dimension)
    kept = [cells[i] for i in place]
    allowed, weight = apart(kept).astype(np.float32), weights[:, place]
    whole = _quadratic(weight, allowed)
    if whole[0] == 0:
        raise ValueError("no two cells differ in template and term set")
    whole[whole == 0] = np.nan  # a row in which no such two cells count
    total = _quadratic(weight * gaps, allowed)
    for side in sides:
        total = total + _words_apart(side, weight, allowed)
    return Drawn(total / whole, *_levels(cells, place, words.lexicon, dimension))


def systematic(kernel: np.ndarray, cells: Sequence[Cell], weights: np.ndarray) -> Drawn:
    """Return the systematic divergence of a pair of groups, nats.

    The mean inner product of the differences of different templates (and term sets, where there are several): unbiased
    for the squared length of what they share (Hoeffding 1948; a linear-kernel MMD, Gretton et al. 2012).

    Args:
        kernel: [cells, cells] inner products of the differences.
        cells: What they were read from.
        weights: [1 + resamples, cells].
    """
    kernel, allowed = kernel.astype(np.float32), apart(cells).astype(np.float32)
    return drawn(_quadratic(weights, allowed * kernel) / _quadratic(weights, allowed), cells)


def reaction(kernel: np.ndarray, cells: Sequence[Cell], weights: np.ndarray) -> Drawn:
    """Return the reaction of a pair of groups, nats; arguments are those of `systematic`.

    The mean squared length of a single difference, 1 - sum sqrt(pq), the squared Hellinger distance, which is the
    Jensen-Shannon divergence to second order; the systematic part is inside.
    """
    return drawn(weights @ np.diag(kernel.astype(np.float32)) / weights.sum(1), cells)


def drawn(draws: np.ndarray, cells: Sequence[Cell]) -> Drawn:
    """Return a figure of these cells from its draws, [1 + resamples]."""
    return Drawn(draws, {factor: frozenset(names) for factor, names in factors(cells).items()}, len(cells))


def difference(reading: Reading, pair: Pair) -> np.ndarray:
    """Return log-probabilities of words after the first group's text less those after the second's, [cells, words]."""
    return np.asarray(reading.words[list(pair.first)] - reading.words[list(pair.second)])


def mean(drawn: Sequence[Drawn]) -> Drawn:
    """Return the mean of figures, draw by draw: they share the weights of what they share."""
    names = {name for one in drawn for name in one.factors}
    union = {name: frozenset().union(*(one.factors.get(name, frozenset()) for one in drawn)) for name in names}
    return Drawn(np.mean([one.draws for one in drawn], axis=0), union, sum(one.items for one in drawn))


@dataclass(frozen=True, eq=False)
class _Side:
    """The words of one side, read in the cells of one form."""

    places: np.ndarray
    """Of these cells among those of the dimension."""
    means: np.ndarray
    """[1 + resamples, cells] weighted mean over the words."""
    kernel: np.ndarray
    """[cells, cells] sum over words of products."""
    words: int
    total: np.ndarray
    """[1 + resamples] sum of the words' weights."""
    squares: np.ndarray
    """[1 + resamples] sum of their squares."""


def _by_cell(
    values: np.ndarray, cells: Sequence[Cell], words: Words, dimension: str
) -> tuple[np.ndarray, np.ndarray, list[_Side]]:
    """Return the places of cells that the dimension can be read in, their gaps [1 + resamples, places], and sides."""
    forms = words.lexicon.forms(dimension)
    place = np.array([i for i, cell in enumerate(cells) if cell.ends in forms], dtype=int)
    if not len(place):
        raise ValueError(f"no cell ends where a word of {dimension} can come")
    gaps = np.zeros((len(words.weights), len(place)), dtype=np.float32)
    sides = []
    for form in forms:
        at = np.array([n for n, i in enumerate(place) if cells[i].ends == form], dtype=int)
        for side, sign in (("negative", 1), ("positive", -1)):
            if len(at):
                found = _side(values[place[at]], at, words, dimension, side, form)  # type: ignore[arg-type]
                gaps[:, at] += sign * found.means
                sides.append(found)
    return place, gaps, sides


def _side(values: np.ndarray, at: np.ndarray, words: Words, dimension: str, side: Side, form: Form) -> _Side:
    columns = words.lexicon.columns(dimension, side, form)
    read, weight = values[:, columns].astype(np.float32), words.weights[:, columns]
    total = weight.sum(1)
    return _Side(at, weight @ read.T / total[:, None], read @ read.T, len(columns), total, (weight**2).sum(1))


def _words_apart(side: _Side, weight: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return what leaving out products of a word with itself adds to the sum of products, [1 + resamples].

    The words' own squares take the mean weight of the side: their share in it is of second order.
    """
    at = side.places
    mine, may = weight[:, at], allowed[np.ix_(at, at)]
    squared_means = _quadratic(mine * side.means, may)
    own = _quadratic(mine, may * side.kernel) / side.words
    return np.asarray(side.squares * (squared_means - own) / (side.total**2 - side.squares))


def _quadratic(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return x' M x for every row x, in double precision where it is summed."""
    return np.asarray(((rows @ matrix) * rows).sum(1, dtype=np.float64))


def _levels(
    cells: Sequence[Cell], place: np.ndarray, lexicon: Lexicon, dimension: str
) -> tuple[dict[str, frozenset[str]], int]:
    """Return the levels of each factor, words by side, and the number of cells."""
    kept = [cells[i] for i in place]
    found = {factor: frozenset(levels) for factor, levels in factors(kept).items()}
    sides: tuple[Side, ...] = ("negative", "positive")
    columns = [c for form in {cell.ends for cell in kept} for s in sides for c in lexicon.columns(dimension, s, form)]
    return found | {"word": frozenset(lexicon.words[c].word for c in columns)}, len(kept)
