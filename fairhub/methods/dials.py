"""Dials of a published method: every setting is measured on select within one budget, and the best is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairhub.edit.repair import Repair
from fairhub.methods.choosing import Tried, choose_from
from fairhub.methods.keeping import stays
from fairhub.model.units import Pruning
from fairhub.search.task import Plan, Task


@dataclass(frozen=True)
class Setting:
    """A position of a method's dials, and the units that it removes."""

    words: str
    """The dials as a report says them."""
    pruning: Pruning


@dataclass(frozen=True, eq=False)
class Front:
    """What came of the settings on select."""

    chosen: Setting | None
    """None where none is within the budget and surely helps."""
    tried: tuple[tuple[Setting, Tried], ...]
    """Those that were measured, in the order in which they were; the first is the publication's own."""
    unasked: tuple[str, ...]
    """Those that stand behind one that was too dear already, in words."""

    @property
    def choices(self) -> list[dict[str, Any]]:
        """Return the lines of the report's `choices`."""
        return [one.entry(setting is self.chosen) | {"setting": setting.words} for setting, one in self.tried]

    def told(self, own: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what the report's trace says of it: what was not asked, and the method's own figure."""
        parts = {"unasked": list(self.unasked), "own": own}
        return {name: part for name, part in parts.items() if part}

    @property
    def shown(self) -> list[Setting]:
        """Return those that a method's own figure is told of: the publication's, and the one taken."""
        first = self.tried[0][0]
        return [first] if self.chosen in (None, first) else [first, self.chosen]


def front(task: Task, plan: Plan, sequences: Sequence[Sequence[Setting]], *, at_any_price: bool = False) -> Front:
    """Measure settings on select and take the best within the budget; nothing is refitted.

    Settings that remove the same units are one. What follows a setting that is not affordable is not asked: costs grow
    along a sequence, so that it would not be affordable either.

    Args:
        task: What may be looked at.
        plan: The dials that all methods have: budget and limits.
        sequences: Each from weak to strong, the first setting of the first that of the publication.
        at_any_price: Take the one with the lowest bias, whatever it costs: what a user asked for by name. Where it is
            the only one, and no report compares it with anything, nothing is measured.
    """
    if at_any_price and not plan.alternatives and len(sequences) == len(sequences[0]) == 1:
        return Front(sequences[0][0], (), ())
    known: dict[Pruning, Setting] = {}
    ordered: list[list[Pruning]] = []
    for sequence in sequences:
        ordered.append([])
        for setting in sequence:
            if (before := known.get(setting.pruning)) is None:
                ordered[-1].append(setting.pruning)
            words = f"{before.words}; {setting.words}" if before else setting.words
            known[setting.pruning] = Setting(words, setting.pruning)
    best, tried = choose_from(
        task, plan, [part for part in ordered if part], lambda units, _: Repair(units), at_any_price=at_any_price,
        stays=stays(task, plan),
    )  # fmt: skip
    asked = {one.pruning for one in tried}
    return Front(
        known[best.pruning] if best else None,
        tuple((known[one.pruning], one) for one in tried),
        tuple(setting.words for units, setting in known.items() if units not in asked),
    )
