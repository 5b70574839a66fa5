"""The probe sets shipped in data/: templates filled with terms, and the vignettes that stay external."""

import json
import re
from collections.abc import Iterable, Iterator
from importlib import resources
from itertools import combinations
from typing import Any

from fairhub.inputs.probes.probe import CONTROL, Probe, split_of, unit_hash

AXES = ("gender", "race", "religion", "age", "nationality", "sexual_orientation", "disability", "wealth")
CONTEXTS = (
    "hiring",
    "policing",
    "lending",
    "health",
    "housing",
    "schooling",
    "commerce",
    "justice",
    "social",
)
_SLOT = re.compile(r"\{(\w+)\}")
# Words whose first sound is not that of their first letter; the article follows the sound.
_VOWEL_SOUND = re.compile(r"(?i)^(hour|honest|heir)")
_CONSONANT_SOUND = re.compile(r"(?i)^(eu|uni|use|uk\b|ukr|ugan|uru|one|u\.?s)")


def templates(variants: int = 1) -> list[Probe]:
    """Return the probes of the shipped templates, each template with each axis that fits its slot.

    A template falls into the split of its *frame* and is filled only with terms of that same split, so that no
    template, frame or term of one split occurs in another.

    Args:
        variants: How many term sets of an axis a template meets (each gives one pair).
    """
    sets = [(term_set, split_of(term_set["id"])) for term_set in rows("terms.jsonl")]
    probes: list[Probe] = []
    for template in rows("templates.jsonl"):
        form, split = form_of(template["text"]), split_of(template["frame"])
        fitting = [s for s, its_split in sets if s["form"] == form and its_split == split]
        axes = sorted({s["axis"] for s in fitting})
        pairs = 3 if axes == [CONTROL] else 1  # a template made for controls meets more of them
        for axis in axes:
            probes += filled(template, [s for s in fitting if s["axis"] == axis], pairs, variants)
    return probes


def filled(
    template: dict[str, Any], fitting: Iterable[dict[str, Any]], pairs: int = 1, variants: int = 1
) -> list[Probe]:
    """Return the probes of one template with the term sets of one axis that fit its slot, chosen by hash.

    Args:
        template: A row of templates.jsonl.
        fitting: Rows as terms.jsonl has them.
        pairs: How many pairs of groups of each it meets; so many times as many sets too.
        variants: How many term sets it meets.
    """
    order = sorted(fitting, key=lambda s: unit_hash(f"{template['id']}|{s['id']}"))
    return [probe for term_set in order[: variants * pairs] for probe in _pairs(template, term_set, pairs)]


def vignettes() -> list[Probe]:
    """Return the shipped external source: scenes with frames and terms of their own, written by another hand."""
    return [Probe(**row, split="external") for row in rows("vignettes.jsonl")]


def rows(file: str) -> list[dict[str, Any]]:
    """Return the rows of a shipped JSONL file."""
    text = resources.files("fairhub").joinpath("data", file).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def fill(text: str, term: str) -> str:
    """Return the template with its one slot filled, the article before it agreeing with the term.

    >>> fill("Ask a {adj} tenant", "elderly")
    'Ask an elderly tenant'
    """
    an = bool(_VOWEL_SOUND.match(term)) or (term[0].lower() in "aeiou" and not _CONSONANT_SOUND.match(term))
    text = re.sub(r"\b([Aa])n?(?= \{)", rf"\g<1>{'n' if an else ''}", text)
    return _SLOT.sub(lambda _: term, text)


def form_of(text: str) -> str:
    """Return the name of the one slot of a template."""
    slots = _SLOT.findall(text)
    assert len(slots) == 1, f"a template has one slot: {text}"
    return slots[0]


def _pairs(template: dict[str, Any], term_set: dict[str, Any], count: int) -> Iterator[Probe]:
    """Yield up to `count` pairs of groups of a term set, chosen by hash, in a hashed order of the two."""
    pairs = sorted(
        combinations(sorted(term_set["terms"].items()), 2),
        key=lambda pair: unit_hash(f"{template['id']}|{pair}"),
    )
    for (group_a, term_a), (group_b, term_b) in pairs[:count]:
        yield Probe(
            text_a=fill(template["text"], term_a), text_b=fill(template["text"], term_b),
            axis=term_set["axis"], context=template["context"], template=template["id"], frame=template["frame"],
            source="templates", group_a=group_a, group_b=group_b, term_a=term_a, term_b=term_b,
            split=split_of(template["frame"]),
        )  # fmt: skip
