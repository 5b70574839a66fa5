"""Judgement words: words that judge a person, by dimension and side, in splits of their own."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from transformers import PreTrainedTokenizerBase

from fairhub.errors import UserError
from fairhub.inputs.probes import Split, unit_hash
from fairhub.inputs.probes.shipped import rows
from fairhub.inputs.tokens import continued

Side = Literal["negative", "positive"]
Form = Literal["adjective", "noun"]
FORMS: tuple[Form, ...] = ("adjective", "noun")
FILE = "lexicon.jsonl"
_LEAST, _LEAST_OF_FORM = 5, 3
_STEM = 5


@dataclass(frozen=True)
class Word:
    """A word that judges a person."""

    word: str
    dimension: str
    """Named by its negative pole: bad, incompetent, cold, criminal, poor, menial."""
    side: Side
    form: Form
    split: Split


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The words of one split that are one token of a tokenizer."""

    words: tuple[Word, ...]
    ids: tuple[int, ...]
    """The token of each word, after a space."""
    skipped: tuple[str, ...] = ()
    """Dimensions that this tokenizer has too few words for."""

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions that can be measured."""
        return tuple(dict.fromkeys(word.dimension for word in self.words))

    @cached_property
    def _places(self) -> dict[tuple[str, Side, Form], np.ndarray]:
        found: dict[tuple[str, Side, Form], list[int]] = {}
        for place, word in enumerate(self.words):
            found.setdefault((word.dimension, word.side, word.form), []).append(place)
        return {key: np.array(places, dtype=int) for key, places in found.items()}

    @cached_property
    def _forms(self) -> dict[str, tuple[Form, ...]]:
        sides: tuple[Side, ...] = ("negative", "positive")
        return {
            dimension: tuple(
                form for form in FORMS if min(len(self.columns(dimension, s, form)) for s in sides) >= _LEAST_OF_FORM
            )
            for dimension in self.dimensions
        }

    def only(self, dimensions: Sequence[str]) -> "Lexicon":
        """Return the words of some dimensions; all where none is named."""
        kept = [i for i, word in enumerate(self.words) if not dimensions or word.dimension in dimensions]
        return Lexicon(tuple(self.words[i] for i in kept), tuple(self.ids[i] for i in kept), self.skipped)

    def columns(self, dimension: str, side: Side, form: Form) -> np.ndarray:
        """Return the places of the words of a dimension, side and form."""
        return self._places.get((dimension, side, form), np.empty(0, dtype=int))

    def forms(self, dimension: str) -> tuple[Form, ...]:
        """Return the forms in which a dimension has words enough on both sides."""
        return self._forms[dimension]


def words(path: Path | None = None) -> list[Word]:
    """Return the shipped words, or those of a JSONL file with word, dimension, side, form and, if wanted, split.

    Raises:
        UserError: A line lacks something, or a word stands twice.
    """
    return checked(_file(path) if path else rows(FILE), path.name if path else FILE)


def checked(lines: Iterable[Mapping[str, Any]], name: str) -> list[Word]:
    """Return the words of rows; none stands twice, so that none is in two splits.

    Raises:
        UserError: A row lacks something, or a word stands twice.
    """
    found: dict[str, Word] = {}
    for number, line in enumerate(lines, 1):
        word = _word(line, f"{name} line {number}")
        if word.word in found:
            raise UserError(f"a judgement word is in one split and one dimension; {word.word!r} stands twice in {name}")
        found[word.word] = word
    return list(found.values())


def split_of_word(word: str) -> Split:
    """Return the split of a word: a hash of its first letters, so that words of one stem stay together."""
    share = unit_hash(f"word:{word[:_STEM].lower()}")
    return "search" if share < 0.4 else "select" if share < 0.65 else "held_out"


def lexicon(tokenizer: PreTrainedTokenizerBase, split: Split, known: Sequence[Word] | None = None) -> Lexicon:
    """Return the words of a split that are one token after a space; external sources are judged by held_out's.

    Dimensions with fewer than five such words on a side, or fewer than three of one form on both, are left out, and
    named. Of the shipped words none may be left: then judgements cannot be measured, and all else still is.

    Args:
        tokenizer: Whose tokens.
        split: Of the words.
        known: The words of all splits; None takes the shipped ones.

    Raises:
        UserError: No dimension is left of words that were given.
    """
    own: Split = "held_out" if split == "external" else split
    tokens = [(word, _token(tokenizer, word.word)) for word in (known or words()) if word.split == own]
    one = [(word, token) for word, token in tokens if token is not None]
    dimensions = tuple(dict.fromkeys(word.dimension for word, _ in tokens))
    measurable = {dimension for dimension in dimensions if _measurable([w for w, _ in one if w.dimension == dimension])}
    skipped = tuple(dimension for dimension in dimensions if dimension not in measurable)
    kept = [(word, token) for word, token in one if word.dimension in measurable]
    if not kept and known:
        raise UserError(
            f"a judgement needs {_LEAST} words of one token on each side of a dimension; in {own} this tokenizer has "
            f"{len(one)} of {len(tokens)} words and no such dimension; give a lexicon for its language"
        )
    return Lexicon(tuple(word for word, _ in kept), tuple(token for _, token in kept), skipped)


def _measurable(found: Sequence[Word]) -> bool:
    """Tell whether words of one dimension are enough on both sides, and of one form on both sides."""
    sides = [[word.form for word in found if word.side == side] for side in ("negative", "positive")]
    of_form = max(min(side.count(form) for side in sides) for form in FORMS)
    return min(map(len, sides)) >= _LEAST and of_form >= _LEAST_OF_FORM


def _token(tokenizer: PreTrainedTokenizerBase, word: str) -> int | None:
    """Return the one token that a word is after a space; None where it is several, or unknown."""
    ids = continued(tokenizer, f" {word}")
    return ids[0] if len(ids) == 1 and ids[0] != tokenizer.unk_token_id else None


def _word(line: Mapping[str, Any], where: str) -> Word:
    wanted = {"side": ("negative", "positive"), "form": FORMS, "split": ("search", "select", "held_out")}
    for name in ("word", "dimension", "side", "form"):
        if not isinstance(line.get(name), str) or not line[name].strip():
            raise UserError(f'a judgement word has word, dimension, side and form; {where} lacks "{name}"; add it')
    row = {"split": split_of_word(line["word"]), **line}
    for name, choices in wanted.items():
        if row[name] not in choices:
            raise UserError(f"{name} is {' or '.join(choices)}; {where} has {row[name]!r}; mend it")
    return Word(*(row[name] for name in ("word", "dimension", "side", "form", "split")))


def _file(path: Path) -> list[dict[str, Any]]:
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
        found = [json.loads(line) for line in lines]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"a lexicon is JSONL in UTF-8, a word a line; {path} is not ({error}); mend it") from error
    if not all(isinstance(line, dict) for line in found):
        raise UserError(f"each line of a lexicon is a JSON object; one of {path} is not; mend it")
    return found
