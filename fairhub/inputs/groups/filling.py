"""The shipped templates filled with a user's own groups: term sets, probes and cells of an axis of its own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fairhub.inputs.groups.terms import Term
from fairhub.inputs.judgement.cells import FIT_TEMPLATES, Cell, crossed_cells, judging, of_groups, recurring
from fairhub.inputs.probes import Probe, Split, split_of
from fairhub.inputs.probes.shipped import filled, form_of, rows

OWN = "own"
"""The axis of a user's own groups."""
_DEALT: tuple[Split, ...] = ("search", "held_out", "select")
"""The splits that a group's terms of one form are dealt to, in turn, where every group has one for each."""

_FEWEST = 6
"""Term sets that say how terms vary: with 5 degrees of freedom an interval is a third wider than with many."""


def term_sets(terms: Sequence[Term], split: Split) -> list[dict[str, Any]]:
    """Return the term sets of a split, as rows of terms.jsonl: the first terms of all groups, the second of all, ...

    A group with fewer terms than another repeats its own in turn. Terms of a form are dealt to the splits where every
    group has three or more of it; else every split has all of them, and only templates and judgement words are unseen.
    """
    found = []
    for form, of_group in _by_form(terms).items():
        own = {group: _of_split(said, split) for group, said in of_group.items()} if _dealt(of_group) else of_group
        for place in range(max(map(len, own.values()))):
            named = {group: said[place % len(said)] for group, said in own.items()}
            found.append({"id": f"{OWN}-{form}-{place + 1}", "axis": OWN, "form": form, "terms": named})
    return found


def probes(terms: Sequence[Term]) -> list[Probe]:
    """Return a pair of groups in every shipped template that their terms fit, as `templates()` has of each axis."""
    sets = {split: term_sets(terms, split) for split in _DEALT}
    found: list[Probe] = []
    for template in rows("templates.jsonl"):
        form = form_of(template["text"])
        found += filled(template, [s for s in sets[split_of(template["frame"])] if s["form"] == form])
    return found


def cells(
    terms: Sequence[Term], split: Split, texts: int, groups: Sequence[str] = (), wide: bool = False
) -> list[Cell]:
    """Return cells of the shipped templates of a split, about so many texts; arguments are those of `shipped`.

    With `wide` they are of the sentence forms that nothing but a fit sees, and of the terms of search all the same.
    Fewer than six term sets count as one: what is said is then said of these very terms, as so few cannot tell how
    others would fare, and intervals vary over templates and words alone.
    """
    templates = rows(FIT_TEMPLATES) if wide else judging(split)
    sets = [s for s in (of_groups(s, groups) for s in term_sets(terms, split)) if len(s["terms"]) > 1]
    found = crossed_cells(templates, recurring(sets), split, texts)
    few = len({cell.term_set for cell in found}) < _FEWEST
    return [replace(cell, term_set=OWN) for cell in found] if few else found


def people(terms: Sequence[Term], split: Split) -> list[tuple[str, str, str]]:
    """Return the names of people of a split: axis, group, name."""
    named = [s["terms"] for s in term_sets(terms, split) if s["form"] == "name"]
    return sorted({(OWN, group, name) for said in named for group, name in said.items()})


def described(terms: Sequence[Term]) -> str:
    """Say in a few words what of these groups a proof on held_out has not seen."""
    forms = {form: _dealt(of_group) for form, of_group in _by_form(terms).items()}
    kept = [form for form, dealt in forms.items() if dealt]
    said = "held_out has templates and judgement words of its own"
    if not kept:
        return f"{said}, terms not"
    return f"{said}, terms too" if all(forms.values()) else f"{said}, and terms of the form {' and '.join(kept)}"


def _by_form(terms: Sequence[Term]) -> dict[str, dict[str, list[str]]]:
    """Return the terms of every group that has any, by form."""
    found: dict[str, dict[str, list[str]]] = {}
    for one in sorted(terms, key=lambda term: (term.form, term.group)):
        found.setdefault(one.form, {}).setdefault(one.group, []).append(one.term)
    return found


def _dealt(of_group: dict[str, list[str]]) -> bool:
    """Whether terms of a form are enough that each split has its own of every group."""
    return min(map(len, of_group.values())) >= len(_DEALT)


def _of_split(said: Sequence[str], split: Split) -> list[str]:
    return [term for place, term in enumerate(said) if _DEALT[place % len(_DEALT)] == split]
