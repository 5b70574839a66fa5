"""Measures the judgement gap in every context: who is judged worse there, squared and free of noise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fairhub.edit.repair import Repair
from fairhub.inputs.judgement.cells import Cell, pairs, shipped
from fairhub.inputs.judgement.lexicon import Lexicon
from fairhub.measure.judgement import figures, reading
from fairhub.measure.judgement.gaps import Drawn, Words, cell_weights
from fairhub.measure.judgement.pairs import mean_over, of_pairs
from fairhub.measure.names.gap import Chance
from fairhub.model.loading import Loaded
from fairhub.stats import crossed
from fairhub.stats.statistics import Change
from fairhub.studies.transfer.rulers import Measured

_TEXTS = 48
"""Held-out texts of an axis in a context, at most."""


def held_out_cells(contexts: Sequence[str], axes: Sequence[str]) -> tuple[Cell, ...]:
    """Return held-out cells of the shipped templates and terms in these contexts, those of an axis side by side."""
    counts: dict[tuple[str, str], int] = {}
    kept = []
    for cell in shipped("held_out", _TEXTS * 9, axes):
        place = (cell.axis, cell.context)
        if cell.context in contexts and counts.get(place, 0) < _TEXTS:
            counts[place] = counts.get(place, 0) + len(cell.texts)
            kept.append(cell)
    return tuple(kept)


@dataclass(frozen=True, eq=False)
class JudgedRuler:
    """The judgement gap of the groups of all axes, squared nats, by words and texts that no repair saw."""

    cells: Sequence[Cell]
    lexicon: Lexicon
    figure: str = "judgement gap"
    unit: str = "nats²"

    def size(self, loaded: Loaded) -> int:
        """Tokens."""
        return reading.tokens(loaded, self.cells)

    def measure(self, loaded: Loaded, repair: Repair, progress: Callable[[int], None]) -> Measured:
        """Return what is said after every text."""
        found = reading.flat(reading.read(loaded, self.cells, self.lexicon, [repair], progress))
        return {part: values[0] for part, values in found.items()}

    def sizes(self, found: Measured, context: str) -> np.ndarray:
        """Templates, term sets and words are drawn together (`fairhub.crossed`)."""
        return self._drawn(found, context).draws[: 1 + crossed.JOINT]

    def clusters(self, context: str) -> int:
        """Templates or term sets, whichever are fewer."""
        here = [cell for cell in self.cells if cell.context == context]
        return min(len({cell.template for cell in here}), len({cell.term_set for cell in here}))

    def change(self, before: Measured, after: Measured, context: str) -> Change:
        """In pairs over the same texts and words; relative where there is a gap that can be told from none."""
        drawn = [self._drawn(found, context) for found in (before, after)]
        made = figures.figure("judgement", "held_out", "all", context, drawn)
        assert made.change is not None
        return made.change

    def chance(self, found: Measured, context: str) -> Chance | None:
        """Chance makes none: the square is unbiased."""
        return None

    def reduced(self, before: Measured, afters: Sequence[tuple[str, Measured]]) -> np.ndarray | None:
        """Sums over contexts are compared: a gap near none has no share. Its error is that of a ratio, first-order."""
        olds = sum(self.sizes(before, context) for context, _ in afters)
        news = sum(self.sizes(after, context) for context, after in afters)
        assert isinstance(olds, np.ndarray) and isinstance(news, np.ndarray)
        if (olds[1:] <= 0).mean() > _UNSURE:
            return None
        share = 1 - news[0] / olds[0]
        return np.asarray(share + (olds - news - share * olds) / olds[0])

    def beside(self, before: Measured, after: Measured) -> dict[str, Change]:
        """Nothing besides what every row has."""
        return {}

    def _drawn(self, found: Measured, context: str) -> Drawn:
        arrays = {part: values[None] for part, values in found.items()}
        read = reading.unflat(self.cells, self.lexicon, arrays)[0]
        judged = of_pairs(
            read, Words(self.lexicon), cell_weights(self.cells), lambda c: c.context == context, ("judgement",)
        )
        whole = mean_over(judged["judgement"], read.pairs, sorted({pair.axis for pair in read.pairs}))
        assert whole is not None, "a context has groups that are compared"
        return whole


_UNSURE = 0.025
"""Share of the draws in which there is no gap, from which on there may be none."""


def measurable(cells: Sequence[Cell], lexicon: Lexicon, contexts: Sequence[str]) -> bool:
    """Return whether every context has groups that are compared, at places where a known word can come."""
    if not cells:
        return False
    forms = {form for dimension in lexicon.dimensions for form in lexicon.forms(dimension)}
    readable = [cell for cell in cells if cell.ends in forms]
    return all(pairs([cell for cell in readable if cell.context == context]) for context in contexts)
