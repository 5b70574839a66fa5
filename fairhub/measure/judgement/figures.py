"""Figures of who is judged worse: judgement, systematic divergence, reaction, and signed gaps, with intervals."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.scope import EVERYTHING, Scope
from fairhub.measure.judgement import gaps
from fairhub.measure.judgement.gaps import Drawn, Words
from fairhub.measure.judgement.pairs import OF_PAIRS, ByPair, mean_over, of_pair, of_pairs
from fairhub.measure.judgement.reading import LARGE, Reading
from fairhub.report.making import measured
from fairhub.report.metrics import metric_of
from fairhub.report.record import Figure, Groups
from fairhub.stats import crossed

OTHERS = "others"
"""Whom a group is compared with in signed gaps: all other groups of the same term set."""
DIRECTION = "direction."
LEFT_OUT = "judgement.leave_one_frame_out"


def figures(
    before: Reading, after: Reading | None, split: str, details: bool, searched: Sequence[str] = (),
    scope: Scope = EVERYTHING,
) -> list[Figure]:  # fmt: skip
    """Return judgement and the other figures of pairs of groups (`OF_PAIRS`) of one split.

    Over all axes a figure is the mean over axes of the mean over pairs of groups (and dimensions), so that an axis with
    many groups does not drown the others; where only some axes were searched, search and select have a figure an axis.

    Args:
        before: Of the base model.
        after: Of the repaired one; None in an audit.
        split: Of both.
        details: Whether axes, contexts, dimensions, pairs and signed gaps are wanted too.
        searched: The axes that search was restricted to; empty for all.
        scope: The groups and dimensions that search was restricted to: a figure for each pair and dimension of them.
    """
    words = Words(before.lexicon)
    read = [reading for reading in (before, after) if reading is not None]
    weights = gaps.cell_weights(before.cells)
    found = [of_pairs(reading, words, weights) for reading in read]
    axes = sorted({pair.axis for pair in before.pairs})
    make = _Maker(split, before, found)
    narrow = bool(searched or scope.groups)
    made = [] if narrow and not details else [make.over(kind, axes) for kind in OF_PAIRS]
    if (searched and not scope.groups) or details:
        made += [make.over(kind, [axis], axis) for kind in OF_PAIRS for axis in axes]
    if details:
        made += [make.over("judgement", axes, dimension=d) for d in before.lexicon.dimensions]
        made += [make.pair(kind, n) for kind in OF_PAIRS for n, p in enumerate(before.pairs) if len(p.cells) >= LARGE]
    made += _of_scope(make, before, searched, axes, scope)
    if details:
        made += _by_context(read, words, weights, split)
        made += [leave_one_frame_out(read, split)]
        made += directions(read, words, split)
    return list({figure.label: figure for figure in made if figure is not None}.values())


def _of_scope(
    make: "_Maker", reading: Reading, searched: Sequence[str], axes: Sequence[str], scope: Scope
) -> list[Figure | None]:
    """Return the gaps of the groups, axes and dimensions that a search was restricted to."""
    made: list[Figure | None] = []
    for dimension in scope.dimensions or ("",):
        if scope.groups:
            pairs = [n for n, pair in enumerate(reading.pairs) if scope.compares(pair.groups)]
            made += [make.pair("judgement", n, dimension) for n in pairs]
        elif searched:
            made += [make.over("judgement", [axis], axis, dimension=dimension) for axis in searched]
        elif dimension:
            made.append(make.over("judgement", axes, dimension=dimension))
    return made


def directions(read: Sequence[Reading], words: Words, split: str) -> list[Figure]:
    """Return the signed gap of every group against the others of its cells, by dimension: above 0 is judged worse."""
    found = []
    weights = gaps.cell_weights(read[0].cells)
    for axis, group in sorted({(cell.axis, g) for cell in read[0].cells for g in cell.groups}):
        kept = [i for i, c in enumerate(read[0].cells) if c.axis == axis and group in c.groups]
        cells = [read[0].cells[i] for i in kept]
        if len(kept) < LARGE:
            continue
        contrasts = [_against_others(reading, kept, group) for reading in read]
        for dimension in read[0].lexicon.dimensions:
            readable = {c.template for c in cells if c.ends in read[0].lexicon.forms(dimension)}
            if len(readable) > 1 and (axis, dimension) not in gaps.MEANT:
                drawn = [gaps.signed(v, cells, words, dimension, weights[:, kept]) for v in contrasts]
                name = f"{DIRECTION}{dimension}"
                found.append(figure(name, split, axis, "all", drawn, groups=(group, OTHERS)))
    return found


def leave_one_frame_out(read: Sequence[Reading], split: str) -> Figure | None:
    """Return the judgement figure with the smallest and the largest that leaving one frame out would make of it."""
    frames = sorted({cell.frame for cell in read[0].cells})
    if len(frames) < 3:
        return None
    values = np.stack([_without_each(reading, frames) for reading in read])
    if np.isnan(values).any():
        return None
    parts = [crossed.Interval(float(row[0]), float(row.min()), float(row.max())) for row in values]
    change = None
    if len(read) > 1:
        moved = values[1] - values[0]
        ends: list[float | None] = [None, None, None]
        if (values[0] > 0).all():
            ratio = values[1] / values[0] - 1
            ends = [float(end) for end in (ratio[0], ratio.min(), ratio.max())]
        change = crossed.Change(float(moved[0]), float(moved.min()), float(moved.max()), ends[0], ends[1], ends[2], 1.0)
    after = parts[1] if change else None
    return measured(LEFT_OUT, split, "all", "all", len(read[0].cells), len(frames), parts[0], after, change)


def _without_each(reading: Reading, frames: Sequence[str]) -> np.ndarray:
    """Return the overall judgement with all frames and without each, [1 + frames]; pairs that only it has are left."""
    counts = np.array([[cell.frame != without for cell in reading.cells] for without in ("", *frames)], np.float32)
    with np.errstate(invalid="ignore"):
        words = Words.fixed(reading.lexicon, len(counts))
        found = of_pairs(reading, words, counts, names=("judgement",))["judgement"]
    axes = sorted({pair.axis for pair in reading.pairs})
    drawn = [[one.draws for (number, _), one in found.items() if reading.pairs[number].axis == axis] for axis in axes]
    by_axis = [_mean_of_known(part) for part in drawn if part]
    return _mean_of_known(by_axis) if by_axis else np.full(len(counts), np.nan)


def _mean_of_known(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean over rows of what is a number; NaN where none is."""
    found = np.stack(rows)
    known = ~np.isnan(found)
    counts = known.sum(0)
    return np.where(counts > 0, np.where(known, found, 0).sum(0) / np.maximum(counts, 1), np.nan)


def figure(
    name: str, split: str, axis: str, context: str, drawn: Sequence[Drawn], *, groups: Groups | None = None,
    limit: float | None = None,
) -> Figure:  # fmt: skip
    """Return a figure from its draws before (and after).

    Args:
        name: Of the metric; likewise split, axis, context, groups and limit of the figure.
        split: See `Figure`.
        axis: See `Figure`.
        context: See `Figure`.
        drawn: Before, and after where there is a repair.
        groups: See `Figure`.
        limit: See `Figure`.
    """
    levels, linear = drawn[0].factors, metric_of(name, axis).linear
    parts = [crossed.interval(one.value, one.draws[1:], levels, linear) for one in drawn]
    change = None
    if len(drawn) > 1:
        olds, news = (one.draws[1:] for one in drawn)
        change = crossed.change(drawn[0].value, drawn[1].value, olds, news, levels, linear)
    return measured(
        name, split, axis, context, drawn[0].items, drawn[0].templates, parts[0], parts[1] if change else None, change,
        groups=groups, limit=limit, freedom=crossed.error_of(drawn[0].draws[1:], levels, linear)[1],
    )  # fmt: skip


class _Maker:
    """Makes figures of one split from those of its pairs before and after."""

    def __init__(self, split: str, reading: Reading, found: Sequence[Mapping[str, ByPair]]) -> None:
        self.split, self.pairs, self.found = split, reading.pairs, found

    def over(
        self, kind: str, axes: Sequence[str], axis: str = "all", context: str = "all", dimension: str = ""
    ) -> Figure | None:
        """Return the mean over axes of the mean over their pairs."""
        drawn = [mean_over(one[kind], self.pairs, axes, dimension) for one in self.found]
        name = f"{kind}.{dimension}" if dimension else kind
        return self._figure(name, axis, context, [one for one in drawn if one is not None])

    def pair(self, kind: str, number: int, dimension: str = "") -> Figure | None:
        """Return the figure of one pair of groups."""
        drawn = [of_pair(one[kind], number, dimension) for one in self.found]
        kept = [one for one in drawn if one is not None]
        name = f"{kind}.{dimension}" if dimension else kind
        return self._figure(name, self.pairs[number].axis, "all", kept, self.pairs[number].groups)

    def _figure(
        self, name: str, axis: str, context: str, drawn: Sequence[Drawn], groups: Groups | None = None
    ) -> Figure | None:
        if len(drawn) < len(self.found):
            return None
        return figure(name, self.split, axis, context, drawn, groups=groups)


def _by_context(read: Sequence[Reading], words: Words, weights: np.ndarray, split: str) -> list[Figure | None]:
    """Return the figures of each context that has three templates: of two, one product is all there is to vary."""
    made: list[Figure | None] = []
    axes = sorted({pair.axis for pair in read[0].pairs})
    contexts = sorted({cell.context for cell in read[0].cells})
    for context in contexts if len(contexts) > 1 else ():
        here = partial(_of_context, context)
        found = [of_pairs(reading, words, weights, here) for reading in read]
        make = _Maker(split, read[0], found)
        of_context = [make.over(kind, axes, context=context) for kind in OF_PAIRS]
        made += [one for one in of_context if one is not None and one.clusters > 2]
    return made


def _of_context(context: str, cell: Cell) -> bool:
    return cell.context == context


def _against_others(reading: Reading, kept: Sequence[int], group: str) -> np.ndarray:
    """Return log-probabilities of words after a group's text less their mean over the cell's others, [cells, words]."""
    rows = np.cumsum([0, *(len(cell.texts) for cell in reading.cells)])
    found = []
    for place in kept:
        block = reading.words[rows[place] : rows[place + 1]]
        mine = reading.cells[place].groups.index(group)
        found.append(block[mine] - np.delete(block, mine, axis=0).mean(0))
    return np.stack(found)
