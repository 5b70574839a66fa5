"""What a run measures on, once it is gathered: probes, judged texts, what must stay and neutral text, by split."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from torch import Tensor

from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.keep import Choice, Passage
from fairhub.inputs.probes import AXES, CONTROL, Probe, Split, stratified
from fairhub.inputs.sizes import Sizes

Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Ground:
    """Where judgements are read, and what must stay, of one split: what a method may fit or choose on."""

    cells: tuple[Cell, ...]
    traits: tuple[Cell, ...]
    choices: tuple[Choice, ...]
    passages: tuple[Passage, ...] = ()
    dimensions: tuple[str, ...] = ()
    """Which judgement words count; empty for all."""

    def within(self, contexts: Collection[str]) -> "Ground":
        """Return the same with the judged texts of these contexts alone."""
        return replace(self, cells=tuple(cell for cell in self.cells if cell.context in contexts))


@dataclass(frozen=True, eq=False)
class Beside:
    """Part of held_out in the other prompt format: what a repair does to a model that is asked otherwise."""

    format: str
    """chat or text."""
    judged: tuple[Cell, ...]
    traits: tuple[Cell, ...]
    choices: tuple[Choice, ...]


@dataclass(frozen=True, eq=False)
class Data:
    """Probes and text by split."""

    search: tuple[Probe, ...]
    select: tuple[Probe, ...]
    near: tuple[tuple[Probe, ...], ...]
    """Parts of search and of select, on which the report shows how well prompts did that were looked at."""
    proof: tuple[tuple[Probe, ...], ...]
    """held_out, then external where there is any."""
    control_proof: tuple[Probe, ...]
    """The part of held_out that alternatives are compared on."""
    judged: tuple[tuple[Cell, ...], ...]
    """What judgements are read from: parts of search and select, then held_out, then external where there is any."""
    traits: tuple[Cell, ...]
    """Held-out pairs that differ in merit or in a trait that is incidental."""
    choices: tuple[Choice, ...]
    """Held-out items of meaning and recall."""
    passages: tuple[Passage, ...]
    """Held-out passages whose last word is asked."""
    fit: Ground
    """Of search: what an erasure is fitted on."""
    choose: Ground
    """Of select: what its strength is chosen on."""
    text: dict[Split, Tensor]
    """Token ids [chunks, 256] of neutral text."""
    documents: dict[Split, tuple[str, ...]]
    """The document of each chunk: intervals of what is measured on text are drawn over documents."""
    provenance: tuple[dict[str, str], ...]
    sizes: Sizes
    before: str = ""
    """What stands in front of every text but prose: a chat up to where the answer begins, or nothing."""
    beside: Beside | None = None
    """Part of held_out in the other format, of a model that has a chat template."""


def compared(data: Data) -> Ground:
    """Return the part of held_out that alternatives are compared on: the first of every axis, trait and family.

    The first ones cross templates and term sets as thinly as all of them do.
    """
    sizes = data.sizes
    held_out = next((cells for cells in data.judged if cells[0].split == "held_out"), ())
    return Ground(
        _first(held_out, lambda cell: cell.axis, sizes.compared_texts, lambda cell: len(cell.texts)),
        _first(data.traits, lambda cell: cell.axis, sizes.compared_traits),
        _first(data.choices, lambda choice: choice.family, sizes.compared_choices),
        data.passages[: sizes.compared_passages],
    )


def _first(
    items: Sequence[Item], kind: Callable[[Item], str], most: int, size: Callable[[Item], int] = lambda _: 1
) -> tuple[Item, ...]:
    """Return the first items of each kind, of a total size of `most` a kind."""
    total: Counter[str] = Counter()
    found = []
    for item in items:
        if total[kind(item)] < most:
            total[kind(item)] += size(item)
            found.append(item)
    return tuple(found)


def shown(data: Data) -> list[str]:
    """Return the texts that candidates go on with: pairs of select side by side, the user's own before the shipped."""
    people = [p for p in data.select if p.axis != CONTROL]
    own, shipped = ([p for p in people if (p.axis in AXES) is there] for there in (False, True))
    count = data.sizes.shown
    pairs = [*stratified(own, -(-count // 2) if shipped else count), *stratified(shipped, count)][:count]
    return [text for p in pairs for text in (p.text_a, p.text_b)]


def prompts(data: Data, count: int = 12) -> list[str]:
    """Return a dozen held-out prompts to continue: pairs side by side, an axis at a time."""
    people = [p for p in data.proof[0] if p.axis != CONTROL]
    return [text for p in stratified(people, count // 2) for text in (p.text_a, p.text_b)]
