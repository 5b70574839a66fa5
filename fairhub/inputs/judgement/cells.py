"""Cells: a template filled with every term of one term set, so that groups differ and nothing else does."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from fairhub.inputs.judgement.lexicon import Form
from fairhub.inputs.probes import CONTROL, Probe, Split, split_of, unit_hash
from fairhub.inputs.probes.shipped import fill, form_of, rows


@dataclass(frozen=True)
class Cell:
    """One template with one term set: a text for each group, ending where a judgement comes next."""

    texts: tuple[tuple[str, str], ...]
    """(group, text), groups in alphabetical order; at least two."""
    axis: str
    context: str
    template: str
    frame: str
    term_set: str
    ends: Form
    """Whether an adjective or a noun comes next: by which words it is read."""
    source: str
    split: Split

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that have a text."""
        return tuple(group for group, _ in self.texts)

    def led_by(self, before: str) -> "Cell":
        """Return the same cell with this in front of its texts."""
        return replace(self, texts=tuple((group, before + text) for group, text in self.texts))


@dataclass(frozen=True)
class Pair:
    """Two groups of an axis, and where their texts are."""

    axis: str
    groups: tuple[str, str]
    cells: tuple[int, ...]
    """Places of the cells that have a text of both."""
    first: tuple[int, ...]
    """Row of the first group's text in each of these cells, all texts of all cells counted in order."""
    second: tuple[int, ...]


FIT = "fit"
FIT_TEMPLATES, FIT_TERMS = "fit_templates.jsonl", "fit_terms.jsonl"
"""More sentence forms and terms of search, which nothing but a fit sees: an edit does for other people's words what it
was shown of many words."""


def shipped(
    split: Split, texts: int, axes: Sequence[str] = (), groups: Sequence[str] = (), wide: bool = False
) -> list[Cell]:
    """Return cells of the shipped templates and terms of a split, about so many texts an axis, the same ones always.

    Term sets are taken in turn, each with the fitting template that was used least: so templates and term sets are
    crossed as thinly as can be, and each says something of its own.

    Args:
        split: search, select or held_out.
        texts: How many an axis, at most.
        axes: Only these; empty for all.
        groups: Only terms of these; empty for all.
        wide: Of search, the terms that nothing but a fit sees instead, in its templates too; their source is `FIT`.
    """
    templates = judging(split)
    sets = [s for s in rows("terms.jsonl") if s["axis"] != CONTROL and split_of(s["id"]) == split]
    if wide:
        assert split == "search", "what is fitted on is of search"
        templates, sets = [*templates, *rows(FIT_TEMPLATES)], rows(FIT_TERMS)
    sets = [s for s in (of_groups(s, groups) for s in sets) if len(s["terms"]) > 1]
    wanted = sorted({s["axis"] for s in sets if not axes or s["axis"] in axes})
    by_axis = ([s for s in sets if s["axis"] == axis] for axis in wanted)
    found = [cell for of_axis in by_axis for cell in crossed_cells(templates, recurring(of_axis), split, texts)]
    return [replace(cell, source=FIT) for cell in found] if wide else found


def judging(split: Split) -> list[dict[str, Any]]:
    """Return the shipped templates of a split that end where a judgement comes next."""
    return [t for t in rows("templates.jsonl") if "ends" in t and split_of(t["frame"]) == split]


def of_groups(term_set: dict[str, Any], groups: Sequence[str]) -> dict[str, Any]:
    """Return a term set with the terms of these groups alone; all where none is named."""
    kept = {group: term for group, term in term_set["terms"].items() if not groups or group in groups}
    return {**term_set, "terms": kept}


def recurring(sets: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Return the term sets of an axis that compare two groups which another compares too; all where none does.

    What one term set alone says of two groups cannot be told from what its terms say: texts are better spent on others.
    """
    counts = Counter(pair for s in sets for pair in combinations(sorted(s["terms"]), 2))
    kept = [s for s in sets if any(counts[pair] > 1 for pair in combinations(sorted(s["terms"]), 2))]
    return kept or sets


def of_probes(probes: Iterable[Probe]) -> list[Cell]:
    """Return pairs of texts as cells of two groups; a text that ends in an article is read by nouns."""
    return [
        Cell(
            tuple(sorted(((p.group_a, p.text_a), (p.group_b, p.text_b)))), p.axis, p.context, p.template, p.frame,
            f"{p.term_a}|{p.term_b}", _ends(p.text_a),
            p.source, p.split,
        )
        for p in probes
        if p.axis != CONTROL and p.group_a != p.group_b
    ]  # fmt: skip


def of_control(probes: Iterable[Probe]) -> list[Cell]:
    """Return control pairs as cells: their terms are of no group, and no reaction to them may go."""
    return [
        Cell(
            tuple(sorted(((p.term_a, p.text_a), (p.term_b, p.text_b)))), CONTROL, p.context, p.template, p.frame,
            f"{p.term_a}|{p.term_b}", _ends(p.text_a), p.source, p.split,
        )
        for p in probes
        if p.axis == CONTROL
    ]  # fmt: skip


def _ends(text: str) -> Form:
    return "noun" if text.split()[-1].lower() in ("a", "an") else "adjective"


def pairs(cells: Sequence[Cell]) -> list[Pair]:
    """Return every two groups of an axis that at least two templates compare, in alphabetical order.

    What only one template says about two groups cannot be told from what that template says.
    """
    places: dict[tuple[str, str, str], list[tuple[int, int, int]]] = {}
    row = 0
    for number, cell in enumerate(cells):
        for (i, a), (j, b) in combinations(enumerate(cell.groups), 2):
            places.setdefault((cell.axis, a, b), []).append((number, row + i, row + j))
        row += len(cell.texts)
    return [
        Pair((axis), (a, b), *map(tuple, zip(*found, strict=True)))  # type: ignore[arg-type]
        for (axis, a, b), found in sorted(places.items())
        if len({cells[number].template for number, _, _ in found}) > 1
    ]


def once(cells: Sequence[Cell]) -> int:
    """Return how many pairs of groups only one template compares: nothing systematic can be said of them."""
    every = {(c.axis, a, b) for c in cells for a, b in combinations(c.groups, 2)}
    return len(every) - len(pairs(cells))


def unmeasurable(probes: Sequence[Probe]) -> list[str]:
    """Return a line for each thing that cannot be measured on a user's own probes, and what can."""
    people = [p for p in probes if p.axis != CONTROL]
    alike = sum(p.group_a == p.group_b for p in people)
    lines = (
        [f"{alike} of {len(people)} pairs have one group on both sides: reaction alone is measured"] if alike else []
    )
    for split in ("search", "select", "held_out"):
        cells = [cell for cell in of_probes(people) if cell.split == split]
        if single := once(cells):
            lines.append(
                f"{single} of {single + len(pairs(cells))} pairs of groups in {split} are compared by one template "
                "only: reaction is measured, who is judged worse and what is systematic are not; add templates"
            )
    return lines


def crossed_cells(
    templates: Sequence[dict[str, Any]], sets: Sequence[dict[str, Any]], split: Split, texts: int
) -> list[Cell]:
    """Return cells of templates and term sets, about so many texts; a set's `form` is the slot that it fits.

    Term sets are taken in turn, each with the fitting template that was used least, ties by hash.
    """
    used, count = {t["id"]: 0 for t in templates}, 0
    waiting = {s["id"]: [t for t in templates if form_of(t["text"]) == s["form"]] for s in sets}
    order = sorted(sets, key=lambda s: unit_hash(f"cells|{s['id']}"))
    found: list[Cell] = []
    while count < texts and any(waiting.values()):
        for term_set in order:
            left = waiting[term_set["id"]]
            if not left or count >= texts:
                continue
            template = min(left, key=lambda t: (used[t["id"]], unit_hash(f"cells|{term_set['id']}|{t['id']}")))
            left.remove(template)
            used[template["id"]] += 1
            count += len(term_set["terms"])
            found.append(_cell(template, term_set, split))
    return found


def _cell(template: dict[str, Any], term_set: dict[str, Any], split: Split) -> Cell:
    terms = term_set["terms"]
    return Cell(
        tuple((group, fill(template["text"], terms[group])) for group in sorted(terms)), term_set["axis"],
        template["context"], template["id"], template["frame"], term_set["id"], template["ends"], "templates", split,
    )  # fmt: skip
