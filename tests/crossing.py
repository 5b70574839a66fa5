"""Cells of every template with every term set, and as many words a side, that are new at every draw."""

from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.lexicon import Lexicon, Word


def grid(templates=12, sets=6, words=8, draw=0):
    """Cells of every template with every term set, and a lexicon of so many words a side."""
    said = [
        Word(f"{draw}-{side}-{i}", "bad", side, "adjective", "held_out")
        for side in ("negative", "positive") for i in range(words)
    ]  # fmt: skip
    cells = [
        Cell((("a", "x"), ("b", "y")), "x", "c", f"{draw}-t{t}", "f", f"{draw}-s{s}", "adjective", "own", "held_out")
        for t in range(templates) for s in range(sets)
    ]  # fmt: skip
    return cells, Lexicon(tuple(said), tuple(range(2 * words)))
