"""Figures of what must stay, each with its limit."""

from collections.abc import Mapping, Sequence

import numpy as np

from fairhub.inputs.keep.items import TRAITS
from fairhub.measure.judgement import gaps
from fairhub.measure.judgement.figures import figure
from fairhub.measure.judgement.gaps import Drawn, Words
from fairhub.measure.judgement.reading import Reading
from fairhub.measure.keep.limits import LIMITS
from fairhub.measure.keep.reading import Kept
from fairhub.report.metrics import metric_of
from fairhub.report.record import Figure
from fairhub.stats.crossed import item_weights, with_figure


def keep_figures(
    traits: Sequence[Reading], kept: Kept, values: np.ndarray, limits: Mapping[str, float] = LIMITS,
    split: str = "held_out",
) -> list[Figure]:  # fmt: skip
    """Return the figures of what must stay.

    Args:
        traits: Readings of the cells of merit and incidental traits, before (and after).
        kept: The choices and passages.
        values: [1 or 2, 2, items] of `keep.read`, before (and after).
        limits: How much of each may be lost.
        split: Of all of them.
    """
    found = [_trait(traits, family, split, limits) for family in TRAITS]
    found.append(_merit_gap(traits, split, limits))
    for family in ("meaning", "recall"):
        rows = [i for i, choice in enumerate(kept.choices) if choice.family == family]
        found += _choices(kept, values, rows, family, split, limits)
        if family == "meaning":
            for axis in sorted({kept.choices[i].axis for i in rows}):
                its = [i for i in rows if kept.choices[i].axis == axis]
                found += _choices(kept, values, its, family, split, {}, axis)[:1]
    found += _last_words(kept, values, split, limits)
    return [one for one in found if one is not None]


def _trait(traits: Sequence[Reading], family: str, split: str, limits: Mapping[str, float]) -> Figure | None:
    """Return how far a trait moves the next token, mean squared Hellinger distance: a deaf model's falls."""
    drawn = []
    for reading in traits:
        for number, pair in enumerate(reading.pairs):
            if pair.axis == family:
                cells = [reading.cells[i] for i in pair.cells]
                weights = gaps.cell_weights(reading.cells)[:, list(pair.cells)]
                drawn.append(gaps.reaction(reading.kernels[number], cells, weights))
    if not drawn:
        return None
    return _figure(family, split, "all", drawn, limits)


def _merit_gap(traits: Sequence[Reading], split: str, limits: Mapping[str, float]) -> Figure | None:
    """Return how much worse the worse record is judged, mean over dimensions, nats: above 0 where merit counts."""
    drawn = []
    for reading in traits:
        for pair in (pair for pair in reading.pairs if pair.axis == "merit"):
            cells = [reading.cells[i] for i in pair.cells]
            weights = gaps.cell_weights(reading.cells)[:, list(pair.cells)]
            worse_less_better = -gaps.difference(reading, pair)  # better comes first, by the alphabet
            words, ends = Words(reading.lexicon), {cell.ends for cell in cells}
            readable = [d for d in reading.lexicon.dimensions if ends.intersection(reading.lexicon.forms(d))]
            parts = [gaps.signed(worse_less_better, cells, words, d, weights) for d in readable]
            drawn += [gaps.mean(parts)] if parts else []
    if not drawn:
        return None
    return _figure("merit_gap", split, "all", drawn, limits)


def _choices(
    kept: Kept, values: np.ndarray, rows: Sequence[int], family: str, split: str, limits: Mapping[str, float],
    axis: str = "all",
) -> list[Figure | None]:  # fmt: skip
    """Return the preference for the right word and the share of items where it is preferred."""
    items = [kept.choices[i] for i in rows]
    levels = {"template": [c.template for c in items], "term set": [c.term_set for c in items]}
    return [
        _mean(name, values[:, kind][:, list(rows)], levels, split, limits, axis)
        for kind, name in ((0, family), (1, f"{family}_right"))
    ]


def _last_words(kept: Kept, values: np.ndarray, split: str, limits: Mapping[str, float]) -> list[Figure | None]:
    begin = len(kept.choices)
    levels = {"template": [passage.document for passage in kept.passages]}
    return [
        _mean(name, values[:, kind, begin:], levels, split, limits, "all")
        for kind, name in ((1, "last_word"), (0, "last_word_probability"))
    ]


def _mean(
    name: str, values: np.ndarray, levels: Mapping[str, Sequence[str]], split: str, limits: Mapping[str, float],
    axis: str,
) -> Figure | None:  # fmt: skip
    if max((len(set(part)) for part in levels.values()), default=0) < 2:
        return None
    weights = with_figure(item_weights(levels))
    sets = {factor: frozenset(part) for factor, part in levels.items()}
    total = weights.sum(1)
    drawn = [Drawn(weights @ row / total, sets, len(row)) for row in values]
    return _figure(name, split, axis, drawn, limits)


def _figure(name: str, split: str, axis: str, drawn: Sequence[Drawn], limits: Mapping[str, float]) -> Figure:
    return figure(name, split, axis, "all", drawn, limit=limits.get(metric_of(name).limit))
