"""The probe: a minimal pair of texts, and the split that its frame, terms or template fall into."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from fairhub.inputs.sequences import in_turn

Split = Literal["search", "select", "held_out", "external"]
PROVED: tuple[Split, ...] = ("held_out", "external")
"""Splits that no search and no choice sees."""
CONTROL = "control"
"""The axis of probes that differ in nothing demographic."""

# Chosen once, before any model was measured, so that every axis has terms and every context has frames in each split.
_SALT = "24735"


@dataclass(frozen=True)
class Probe:
    """Two texts that differ only in one term; what follows is a judgement about the person named."""

    text_a: str
    text_b: str
    axis: str
    """gender, race, religion, ...; or "control" for a difference that is not demographic."""
    context: str
    """hiring, policing, lending, ..."""
    template: str
    """The sentence both texts come from; the cluster of every interval."""
    frame: str
    """The family of sentence forms that the template belongs to."""
    source: str
    group_a: str
    group_b: str
    term_a: str
    term_b: str
    split: Split

    def moved(self, split: Split) -> "Probe":
        """Return the same probe in another split."""
        return replace(self, split=split)

    def led_by(self, before: str) -> "Probe":
        """Return the same probe with this in front of its texts."""
        return replace(self, text_a=before + self.text_a, text_b=before + self.text_b)


def split_of(key: str) -> Split:
    """Return the split that a frame, term set or template always falls into: a hash of its name alone.

    Adding or removing rows therefore moves no other row. About 55 % search, 20 % select, 25 % held_out.
    """
    share = unit_hash(f"{_SALT}:{key}")
    return "search" if share < 0.55 else "select" if share < 0.75 else "held_out"


def unit_hash(text: str) -> float:
    """Return a number in [0, 1) that depends on the text only (SHA-256), on every machine."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:13], 16) / 16**13


def stratified(probes: Iterable[Probe], count: int, key: Callable[[Probe], str] = lambda p: p.axis) -> list[Probe]:
    """Return at most `count` probes, as evenly as can be over `key`, templates taken in turn; always the same ones.

    Within a stratum a template's second probe is taken only after every template gave its first.
    """
    strata: dict[str, list[Probe]] = {}
    for probe in probes:
        strata.setdefault(key(probe), []).append(probe)
    queues = [_in_turn(strata[name]) for name in sorted(strata)]
    return list(in_turn(queues))[: max(count, 0)]


def _in_turn(probes: list[Probe]) -> list[Probe]:
    by_hash = sorted(probes, key=lambda p: unit_hash(f"{p.template}|{p.text_a}|{p.text_b}"))
    seen: dict[str, int] = {}
    ranked = []
    for probe in by_hash:
        seen[probe.template] = seen.get(probe.template, 0) + 1
        ranked.append((seen[probe.template], unit_hash(f"{probe.axis}|{probe.template}"), probe))
    return [probe for _, _, probe in sorted(ranked, key=lambda item: item[:2])]
