"""What of a repair did it: its parts alone beside the whole, in the order in which they are read, and the words."""

from collections.abc import Iterable, Sequence

from fairhub.report.record import Control, Report, find
from fairhub.report.wording import shift

OWN = "this repair"
"""The name of the repair itself among what it is compared with."""
UNITS = "pruning alone"
"""The name of its units, refitted without a guard."""
REFIT = "guard alone"
"""The name of its refit, with nothing removed."""
RANDOM = "random"
_FIRST = (UNITS, REFIT, OWN, RANDOM)
_OF_PARTS = {
    UNITS: ("units alone", "refitted without a guard"), REFIT: ("refit alone", "nothing removed"),
    OWN: ("both", "this repair"), RANDOM: ("random", "as many units, the same refit"),
}  # fmt: skip
_OF_UNITS = {OWN: ("units alone", "this repair"), RANDOM: ("random", "as many units")}


def in_order(controls: Iterable[Control]) -> list[Control]:
    """Return what a repair is compared with: units alone, refit alone, both, random units, then the rest."""
    return sorted(controls, key=lambda c: _FIRST.index(c.name) if c.name in _FIRST else len(_FIRST))


def names(report: Report) -> dict[str, str]:
    """Return what a table calls each of a report's controls, with the seeds of those that have several."""
    words, found = _words(report), dict[str, str]()
    for control in report.controls:
        said, *how = words.get(control.name, (control.name,))
        how += [f"{control.seeds} seeds"] if control.seeds > 1 else []
        found[control.name] = f"{said} ({'; '.join(how)})" if how else said
    return found


def short_names(report: Report) -> dict[str, str]:
    """Return what a narrow table calls each of a report's controls."""
    return {control.name: _words(report).get(control.name, (control.name,))[0] for control in report.controls}


def _words(report: Report) -> dict[str, tuple[str, str]]:
    """Return the words of the parts that a report has: of an erasure none, as it removes no units."""
    if any(control.name in (UNITS, REFIT) for control in report.controls):
        return _OF_PARTS
    return _OF_UNITS if report.pruning and not report.healing else {}


def credit(controls: Sequence[Control]) -> str:
    """Say which part of a repair lowered the judgement gap; nothing where its parts alone were not measured.

    A part helps where its whole interval is a fall. Parts are measured on part of held_out: where the whole repair
    cannot be told from none there either, no part is named.
    """
    found = {c.name: find(c.figures, "judgement", "held_out") for c in controls}
    units, refit, both = (found.get(name) for name in (UNITS, REFIT, OWN))
    if units is None or refit is None or both is None:
        return ""
    measured = f"units alone {shift(units.change)}, refit alone {shift(refit.change)}"
    if both.outcome != "better":
        return f"which part did it is not known: where parts were measured, both together do {shift(both.change)}"
    return f"{_WHO[units.outcome == 'better', refit.outcome == 'better']}: {measured}"


_WHO = {
    (False, True): "the refit did it and not the removal",
    (True, False): "the removal did it and not the refit",
    (True, True): "the removal and the refit did it, each of which helps alone",
    (False, False): "neither the removal nor the refit helps alone, only both",
}
"""Who did it, by whether the units help alone and whether the refit does."""
