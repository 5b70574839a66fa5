"""What the sweep reads: texts of search, each with a contrast of next tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from transformers import PreTrainedTokenizerBase

from fairhub.inputs.judgement.cells import FIT, Cell
from fairhub.inputs.judgement.lexicon import Lexicon
from fairhub.inputs.keep import Choice
from fairhub.inputs.probes import CONTROL, unit_hash
from fairhub.inputs.tokens import encode
from fairhub.measure.judgement.gaps import MEANT
from fairhub.measure.keep import first_token

_MEANT_EVERY = 3
"""Every how many cells are read for it, so that it is about as many items as another axis has."""
Kind = Literal["judged", "merit", "incidental", "control", "meaning", "recall"]


@dataclass(frozen=True, eq=False)
class Item:
    """A text, and which logits of its next token are read with which weights."""

    ids: tuple[int, ...]
    kind: Kind
    axis: str
    group: str
    """Whose text of its cell it is; empty for a choice."""
    cell: int
    """Texts with the same number differ in the group alone; -1 for a choice."""
    tokens: tuple[int, ...]
    weights: np.ndarray
    """[tokens], sum 0: a contrast of log-probabilities, in which the normaliser cancels."""
    reads: frozenset[str] = frozenset()
    """Dimensions of the judgement words that it reads."""
    wide: bool = False
    """Whether its term is one of those that only a fit sees."""

    @property
    def stays(self) -> bool:
        """Whether it is read so that it stays: then tokens before its last must stay too."""
        return self.kind not in ("judged", "incidental", "control")


def items_of(
    tokenizer: PreTrainedTokenizerBase, cells: Sequence[Cell], traits: Sequence[Cell], choices: Sequence[Choice],
    lexicon: Lexicon, limit: int | None, dimensions: Sequence[str] = (),
) -> list[Item]:  # fmt: skip
    """Return the items of cells (judged), traits (merit, incidental, control) and choices (meaning, recall).

    Args:
        tokenizer: Of the model.
        cells: Texts that differ by group.
        traits: Texts that differ in merit, in an incidental trait or in a control's term.
        choices: Texts with a right and a wrong next word; those that begin alike are left out.
        lexicon: Judgement words of the split.
        limit: The model's window.
        dimensions: Of the words that groups are judged by; empty for all. Merit is weighed by all words.

    Raises:
        UserError: A text does not fit the window.
    """
    judged = lexicon.only(dimensions)
    found = [*_of_cells(tokenizer, cells, judged, limit, 0), *_of_cells(tokenizer, traits, lexicon, limit, len(cells))]
    found += _meant(tokenizer, cells, lexicon, limit)
    for choice in choices:
        right, wrong = (first_token(tokenizer, word) for word in (choice.right, choice.wrong))
        if right != wrong:
            ids = encode(tokenizer, choice.text, limit)
            kind: Kind = "meaning" if choice.family == "meaning" else "recall"
            found.append(Item(ids, kind, choice.axis, "", -1, (right, wrong), np.array([1.0, -1.0])))
    return found


def _of_cells(
    tokenizer: PreTrainedTokenizerBase, cells: Sequence[Cell], lexicon: Lexicon, limit: int | None, first: int
) -> Iterator[Item]:
    for number, cell in enumerate(cells):
        kind: Kind = cell.axis if cell.axis in ("merit", "incidental", CONTROL) else "judged"  # type: ignore[assignment]
        asked = _words(lexicon, cell.axis, meant=False)
        for group, text in cell.texts if asked.words else ():
            item = _item(tokenizer, asked, text, limit, kind, cell.axis, group, first + number)
            yield replace(item, wide=cell.source == FIT)


def _meant(
    tokenizer: PreTrainedTokenizerBase, cells: Sequence[Cell], lexicon: Lexicon, limit: int | None
) -> Iterator[Item]:
    """Yield judgement words that follow from a group's name (a poor person is poor): meaning, which must stay."""
    for number, cell in enumerate(cells):
        asked = _words(lexicon, cell.axis, meant=True)
        for _, text in cell.texts if asked.words and number % _MEANT_EVERY == 0 else ():
            yield _item(tokenizer, asked, text, limit, "meaning", cell.axis, "", -1)


def _words(lexicon: Lexicon, axis: str, meant: bool) -> Lexicon:
    """Return the words that do, or do not, follow from the name of a group of an axis."""
    dimensions = [d for d in lexicon.dimensions if ((axis, d) in MEANT) == meant]
    return lexicon.only(dimensions) if dimensions else Lexicon((), ())


def _item(
    tokenizer: PreTrainedTokenizerBase, words: Lexicon, text: str, limit: int | None, kind: Kind, axis: str,
    group: str, cell: int,
) -> Item:  # fmt: skip
    weights = contrast(words, text)
    reads = frozenset(word.dimension for word, weight in zip(words.words, weights, strict=True) if weight)
    return Item(encode(tokenizer, text, limit), kind, axis, group, cell, tuple(words.ids), weights, reads)


def contrast(lexicon: Lexicon, text: str) -> np.ndarray:
    """Return weights of the judgement words that a text is read by, [words] with sum 0; the same always.

    Half of the texts are read by the log-odds of a dimension, negative against positive, over a random half of its
    words; the other half by random contrasts of all words: an edit that hides no contrast of known words from a reader
    hides those of unknown ones less.
    """
    rng = np.random.default_rng(int(unit_hash(f"contrast|{text}") * (1 << 53)))
    words = lexicon.words
    weights = np.zeros(len(words))
    if rng.random() < 0.5:
        dimension = lexicon.dimensions[rng.integers(len(lexicon.dimensions))]
        for side, sign in (("negative", 1.0), ("positive", -1.0)):
            at = np.array([i for i, w in enumerate(words) if (w.dimension, w.side) == (dimension, side)], dtype=int)
            half = at[rng.permutation(len(at))[: max(1, len(at) // 2)]]
            weights[half] = sign / len(half)
        return weights
    drawn = rng.standard_normal(len(words))
    return np.asarray((drawn - drawn.mean()) / len(words) ** 0.5)
