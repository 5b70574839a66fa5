"""Examples of who is judged worse: of single gaps beyond chance, the two texts that the model tells most apart."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

import numpy as np

from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.lexicon import Lexicon
from fairhub.measure.judgement.reading import Reading
from fairhub.report.evidence import Example
from fairhub.report.record import Figure
from fairhub.report.verdict import beyond_chance, directions

MOST = 3


def examples(readings: Mapping[str, Reading], figures: Sequence[Figure], most: int = MOST) -> tuple[Example, ...]:
    """Return the strongest examples, first one of each axis, no two texts twice.

    A gap beyond chance (of a group against the others, on a dimension) gives one: of its cells, the text of the group
    and that of another whose log-odds of negative against positive words lie furthest apart, to the side of the gap.

    Args:
        readings: Of the model, by split; gaps of the first split come first.
        figures: Of the same audit.
        most: How many.
    """
    gaps = [gap for split in readings for gap in beyond_chance(directions(figures, split))]
    first = {gap.axis: gap for gap in reversed(gaps)}
    order = [gap for gap in gaps if gap is first[gap.axis]] + [gap for gap in gaps if gap is not first[gap.axis]]
    found: dict[tuple[str, str], Example] = {}
    for gap in order:
        if len(found) < most and (one := _strongest(readings[gap.split], gap)) is not None:
            found.setdefault(one.texts, one)
    return tuple(found.values())


def _strongest(reading: Reading, gap: Figure) -> Example | None:
    """Return the pair of texts that is furthest apart to the side of a gap; the first of equals."""
    assert gap.groups is not None
    group, side = gap.groups[0], 1 if gap.before.value > 0 else -1
    best: tuple[float, Cell, int, int, int] | None = None
    for cell, row in _cells(reading, gap, group):
        odds = [_log_odds(reading, row + n, cell, gap.metric.part) for n in range(len(cell.texts))]
        mine = cell.groups.index(group)
        for other in range(len(cell.texts)):
            apart = side * (odds[mine] - odds[other])
            if other != mine and (best is None or apart > best[0]):
                best = apart, cell, row, *((mine, other) if side > 0 else (other, mine))
    return _example(reading, gap, *best[1:]) if best is not None else None


def _cells(reading: Reading, gap: Figure, group: str) -> Iterator[tuple[Cell, int]]:
    """Yield the cells that a gap was read in, each with the row of its first text."""
    rows = accumulate((len(cell.texts) for cell in reading.cells), initial=0)
    forms = reading.lexicon.forms(gap.metric.part)
    for cell, row in zip(reading.cells, rows, strict=False):
        if cell.axis == gap.axis and group in cell.groups and cell.ends in forms:
            yield cell, row


def _log_odds(reading: Reading, row: int, cell: Cell, dimension: str) -> float:
    """Return the log-odds of negative against positive words after one text, nats: means, as the figures take them."""
    negative, positive = _columns(reading.lexicon, cell, dimension)
    return float(reading.words[row, negative].mean() - reading.words[row, positive].mean())


def _columns(lexicon: Lexicon, cell: Cell, dimension: str) -> tuple[np.ndarray, np.ndarray]:
    return lexicon.columns(dimension, "negative", cell.ends), lexicon.columns(dimension, "positive", cell.ends)


def _example(reading: Reading, gap: Figure, cell: Cell, row: int, worse: int, better: int) -> Example:
    dimension = gap.metric.part
    negative, _ = _columns(reading.lexicon, cell, dimension)
    likely = np.exp(reading.words[[row + worse, row + better]][:, negative])
    most = int((likely[0] - likely[1]).argmax())
    odds = [float(np.exp(_log_odds(reading, row + n, cell, dimension))) for n in (worse, better)]
    return Example(
        gap.axis, dimension, gap.split, (cell.groups[worse], cell.groups[better]),
        (cell.texts[worse][1], cell.texts[better][1]), (odds[0], odds[1]),
        reading.lexicon.words[int(negative[most])].word, (float(likely[0, most]), float(likely[1, most])),
    )  # fmt: skip
