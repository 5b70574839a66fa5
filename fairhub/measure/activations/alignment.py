"""Alignment: which token of one text is compared with which of the other; never pooled over all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fairhub.errors import UserError
from fairhub.inputs.batches import Batch

Unequal = Literal["align", "refuse"]
"""What to do with texts of unequal token counts."""


@dataclass(frozen=True)
class Alignment:
    """Positions of a pair's two texts that are compared one with one."""

    first: tuple[int, ...]
    """Positions in the first text."""
    second: tuple[int, ...]
    """Positions in the second text, as many."""
    span_first: range
    """Where the first text differs from the second."""
    span_second: range
    exact: bool
    """Whether the two have the same number of tokens, so that every position is compared with its like."""


def align(first: Sequence[int], second: Sequence[int], unequal: Unequal = "align") -> Alignment:
    """Return which positions of two texts, given as token ids, are compared.

    With equal counts position i is compared with position i. Otherwise what stands before the differing span is
    compared from the front, what stands after it from the end, and of the spans themselves only their last tokens,
    where each term has been read in full.

    Raises:
        UserError: The counts are unequal and that is to be refused.
    """
    before = _common(first, second)
    after = _common(first[before:][::-1], second[before:][::-1])
    spans = range(before, len(first) - after), range(before, len(second) - after)
    if len(first) == len(second):
        every = tuple(range(len(first)))
        return Alignment(every, every, *spans, exact=True)
    if unequal == "refuse":
        raise UserError(
            f"activations are compared token by token; the two texts have {len(first)} and {len(second)} tokens; "
            "use terms of as many tokens, or let the differing span be aligned"
        )
    one, two = (
        (*range(before), *((span[-1],) if all(spans) else ()), *range(span.stop, len(ids)))
        for span, ids in zip(spans, (first, second), strict=True)
    )
    return Alignment(one, two, *spans, exact=False)


def aligned(batch: Batch, place: int, unequal: Unequal = "align") -> tuple[int, int, Alignment]:
    """Return the two rows of a batch's probe and how they are aligned.

    Raises:
        UserError: The counts are unequal and that is to be refused.
    """
    a, b = batch.pairs[place].tolist()
    ids = [batch.ids[row, : int(batch.last[row]) + 1].tolist() for row in (a, b)]
    return a, b, align(ids[0], ids[1], unequal)


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    count = 0
    while count < min(len(first), len(second)) and first[count] == second[count]:
        count += 1
    return count
