"""Which groups and which dimensions a search is restricted to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from fairhub.errors import UserError, one_of
from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.lexicon import words


@dataclass(frozen=True)
class Scope:
    """What search and select look at beside axes and contexts; the proof stays as wide as it is."""

    groups: tuple[str, ...] = ()
    """Only these groups, compared with each other; empty for all."""
    dimensions: tuple[str, ...] = ()
    """Only judgement words of these dimensions; empty for all."""

    def compares(self, pair: tuple[str, str]) -> bool:
        """Whether two groups were both named."""
        return set(pair) <= set(self.groups)


EVERYTHING = Scope()


def scope_of(settings: Mapping[str, Any]) -> Scope:
    """Return the scope of a run's recorded settings; runs of before had none.

    Raises:
        KeyError: It lacks a part.
        TypeError: It is none.
    """
    known = settings.get("scope", asdict(EVERYTHING))
    return Scope(tuple(known["groups"]), tuple(known["dimensions"]))


def among(cells: Iterable[Cell], groups: Sequence[str]) -> list[Cell]:
    """Return cells with the texts of these groups alone, where at least two are left; all where none is named."""
    if not groups:
        return list(cells)
    kept = (replace(cell, texts=tuple(text for text in cell.texts if text[0] in groups)) for cell in cells)
    return [cell for cell in kept if len(cell.texts) > 1]


def refuse_scope(scope: Scope, cells: Sequence[Cell]) -> None:
    """Refuse groups that nobody compares and dimensions that no word has.

    Args:
        scope: What was asked.
        cells: Of search and select, before they are restricted.

    Raises:
        UserError: A group or dimension is unknown, or a group is named without another of its axis.
    """
    of_axis: dict[str, set[str]] = {}
    for cell in cells:
        of_axis.setdefault(cell.axis, set()).update(cell.groups)
    known = set().union(*of_axis.values())
    if unknown := [group for group in scope.groups if group not in known]:
        raise UserError(f"a group must be one that is compared; got {unknown[0]!r}; known: {', '.join(sorted(known))}")
    for split in ("search", "select"):
        left = {group for c in among((c for c in cells if c.split == split), scope.groups) for group in c.groups}
        if alone := [group for group in scope.groups if group not in left]:
            there = next(sorted(groups) for groups in of_axis.values() if alone[0] in groups)
            raise UserError(
                f"a group is compared with another of its axis; {alone[0]!r} stands alone in {split}; name two of "
                f"{', '.join(there)}"
            )
    named = dict.fromkeys(word.dimension for word in words())
    for dimension in scope.dimensions:
        one_of("a dimension", dimension, named)
