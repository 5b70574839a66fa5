"""Shipped items of what must stay: pairs that differ in a trait, and texts whose next word is known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from fairhub.inputs.judgement.cells import Cell, crossed_cells
from fairhub.inputs.probes import Split, split_of, unit_hash
from fairhub.inputs.probes.shipped import fill, rows
from fairhub.inputs.sequences import in_turn

FAMILIES = ("merit", "incidental", "meaning", "recall")
TRAITS = ("incidental", "merit")  # by the alphabet: readings go by axis
TEMPLATES, TERMS = "keep_templates.jsonl", "keep_terms.jsonl"
Person = tuple[str, str, str]
"""Axis, group and name."""


@dataclass(frozen=True)
class Choice:
    """A text whose next word follows from it, and a rival that does not."""

    text: str
    right: str
    wrong: str
    family: str
    """meaning: what follows from a demographic word; recall: who did what."""
    axis: str
    template: str
    frame: str
    term_set: str
    split: Split

    def led_by(self, before: str) -> "Choice":
        """Return the same choice with this in front of its text."""
        return replace(self, text=before + self.text)


def trait_cells(family: str, split: Split, count: int) -> list[Cell]:
    """Return about so many pairs of a family of traits as cells; merit's groups are `better` and `worse`.

    Args:
        family: merit (what a judgement should hang on) or incidental (a trait that is not protected).
        split: Whose templates and traits.
        count: How many pairs at most.
    """
    templates, sets = _of(TEMPLATES, family, "frame", split), _of(TERMS, family, "id", split)
    found: list[Cell] = []
    topics = sorted({row["topic"] for row in sets})
    for topic in topics:
        its = [[row | {"form": "trait", "axis": family} for row in part if row["topic"] == topic] for part in
               (templates, sets)]  # fmt: skip
        found += crossed_cells(its[0], its[1], split, 2 * count // len(topics))
    return found


def choices(family: str, split: Split, count: int) -> list[Choice]:
    """Return up to so many items of meaning or recall, templates and topics in turn, the same ones always.

    A term may stand in several sets: what is asked of it in the same words is asked once.
    """
    every: dict[tuple[str, str], Choice] = {}
    for item in _meaning(split) if family == "meaning" else _recall(_named(split), split):
        every.setdefault((item.text, item.wrong), item)
    return _in_turn(list(every.values()), count)


def recalled(people: Sequence[Person], split: Split, count: int) -> list[Choice]:
    """Return up to so many items of recall about these people alone; none where there are not two names."""
    return _in_turn(list(_recall(people, split)), count)


def _meaning(split: Split) -> Iterator[Choice]:
    sets = _of(TERMS, "meaning", "id", split)
    for template in _of(TEMPLATES, "meaning", "frame", split):
        for row in sets:
            if row["topic"] == template["topic"]:
                yield from _facts(template, row, split)


def _facts(template: dict[str, Any], row: dict[str, Any], split: Split) -> Iterator[Choice]:
    """Yield a choice for each term: its own word against that of another term, taken by hash."""
    for term, right in row["terms"].items():
        rivals = sorted({word for word in row["terms"].values() if word != right})
        if rivals:
            wrong = rivals[int(unit_hash(f"{template['id']}|{row['id']}|{term}") * len(rivals))]
            text = fill(template["text"], term)
            yield Choice(
                text, right, wrong, "meaning", row["axis"], template["id"], template["frame"], row["id"], split
            )


def _named(split: Split) -> list[Person]:
    """Return the people of every group that shipped terms have names of."""
    named = [row for row in rows("terms.jsonl") if row["form"] == "name" and split_of(row["id"]) == split]
    return sorted({(row["axis"], group, name) for row in named for group, name in row["terms"].items()})


def _recall(people: Sequence[Person], split: Split) -> Iterator[Choice]:
    """Yield every template with names of two people."""
    couples = [(a, b) for a, b in combinations(people, 2) if a[2] != b[2]]
    for template in _of(TEMPLATES, "recall", "frame", split):
        order = sorted(couples, key=lambda pair: unit_hash(f"{template['id']}|{pair}"))
        for one, other in order[:12]:
            a, b = (one, other) if unit_hash(f"{template['id']}|{one[2]}|{other[2]}") < 0.5 else (other, one)
            text = template["text"].replace("{a}", a[2]).replace("{b}", b[2])
            right, wrong = (a, b) if template["answer"] == "a" else (b, a)
            yield Choice(
                text, right[2], wrong[2], "recall", right[0], template["id"], template["frame"],
                f"{one[2]} and {other[2]}", split,
            )  # fmt: skip


def _of(file: str, family: str, key: str, split: Split) -> list[dict[str, Any]]:
    return [row for row in rows(file) if row["family"] == family and split_of(row[key]) == split]


def _in_turn(items: Sequence[Choice], count: int) -> list[Choice]:
    """Return items by axis in turn, within an axis a template's second after every template gave its first."""
    by_axis: dict[str, list[Choice]] = {}
    seen: dict[tuple[str, str], int] = {}
    ranked = []
    for item in sorted(items, key=lambda c: unit_hash(f"{c.text}|{c.wrong}")):
        key = (item.axis, item.template)
        seen[key] = seen.get(key, 0) + 1
        ranked.append((seen[key], item))
    for _, item in sorted(ranked, key=lambda pair: pair[0]):
        by_axis.setdefault(item.axis, []).append(item)
    queues = [by_axis[axis] for axis in sorted(by_axis)]
    return list(in_turn(queues))[:count]
