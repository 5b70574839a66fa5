"""The body of `fairhub diagnose`: what was asked, run and said."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fairhub.errors import UserError, plain
from fairhub.inputs.batches import batches_for
from fairhub.inputs.probes import CONTROL, stratified, templates
from fairhub.methods.overlap import Overlap, overlaps, top_by_axis
from fairhub.model.architecture import mlp_width
from fairhub.model.loading import Loaded
from fairhub.studies.diagnose import beside
from fairhub.studies.diagnose.diagnosis import PAIR, Diagnosis, continued, diagnose, document, pictures, save

_PAIRS = 96  # a dozen of each axis
_LONGEST = 20_000  # letters
_UNITS = 5  # named, of those tried


@dataclass(frozen=True)
class Asked:
    """What the user asked of a diagnosis."""

    pair: tuple[str, str] | None
    out: Path
    generate: bool = False
    overlap: bool = False
    form: str = ""
    """The form of the two terms, where they are wanted in other sentences too."""


def refuse(pair: tuple[str, str] | None, form: str = "") -> None:
    """Refuse, before any model is loaded, two texts that are no pair, or terms that fit no other sentence.

    Raises:
        UserError: One is empty, too long or not UTF-8, both are the same, or they differ in no terms of this form.
    """
    for said in pair or ():
        if not said.strip() or len(said) > _LONGEST or any("\ud800" <= letter <= "\udfff" for letter in said):
            raise UserError(
                f"a text of a pair is UTF-8 of 1 to {_LONGEST:,} letters; got {plain(said, 60)!r}; mend --pair"
            )
    if pair and pair[0] == pair[1]:
        raise UserError(f"the texts of a pair must differ; both are {plain(pair[0], 60)!r}; change the term in one")
    if form:
        beside.terms_of(pair or PAIR, form)


def run(loaded: Loaded, repaired: Loaded | None, asked: Asked) -> tuple[dict[str, Any], str]:
    """Diagnose a model, beside its repaired self where there is one; write pictures and numbers to the folder.

    Returns:
        The numbers as JSON holds them, and as people read them.

    Raises:
        UserError: The pair is no pair for this tokenizer, the two models differ in shape, or the folder cannot be
            written.
    """
    pair = asked.pair or PAIR
    before = diagnose(loaded, pair)
    after = _comparable(before, diagnose(repaired, pair)) if repaired else None
    written = save(pictures(loaded, before, after), asked.out)
    found = document(before, written)
    said = [summary(before, after, written)]
    if after:
        found["after"] = document(after, [])
    if asked.form:
        there = beside.measure(loaded, beside.terms_of(pair, asked.form), before.divergence)
        found["beside"] = beside.document(there)
        said += beside.lines(there)
    if asked.generate:
        found["text"] = _texts(pair, loaded, repaired)
        said += [f"{name}: {text!r}" for row in found["text"] for name, text in row.items()]
    if asked.overlap:
        shared = _overlaps(loaded)
        found["overlap"] = [asdict(row) for row in shared]
        said += ["neurons that two axes share, of the 1 % that answer each most differently (Jaccard):"]
        said += [f"  {o.first:>18} {o.second:<18} {o.jaccard:.2f}, chance {o.chance:.2f}, p {o.p:.4f}" for o in shared]
    (asked.out / "diagnosis.json").write_text(json.dumps(found, indent=1) + "\n")
    return found, "\n".join(said)


def _texts(pair: tuple[str, str], loaded: Loaded, repaired: Loaded | None) -> list[dict[str, str]]:
    columns = {"prompt": list(pair), "before": continued(loaded, pair)}
    if repaired:
        columns["after"] = continued(repaired, pair)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _overlaps(loaded: Loaded) -> list[Overlap]:
    """Return which of the neurons that answer an axis most differently also answer another, over search pairs."""
    probes = stratified((p for p in templates() if p.split == "search" and p.axis != CONTROL), _PAIRS)
    batches = batches_for(loaded.model, loaded.tokenizer, probes, 1024)
    width = mlp_width(loaded.model)
    return overlaps(top_by_axis(loaded.model, batches, probes, "diff_then_pool"), width)


def _comparable(before: Diagnosis, after: Diagnosis) -> Diagnosis:
    if before.gap.values.shape != after.gap.values.shape or before.gap.alignment != after.gap.alignment:
        raise UserError(
            "a repaired model has the layers and the tokenizer of its base; this one has others; mend --repaired"
        )
    return after


def summary(found: Diagnosis, after: Diagnosis | None, written: Sequence[Path]) -> str:
    """Return the numbers as a table for people."""
    numbers, later = _numbers(found), _numbers(after) if after else {}
    top = int(np.argmax(found.gap.by_layer))
    lines = [f"{name:<20}{value:10.5f}" + _shift(value, later.get(name)) for name, value in numbers.items()]
    if not found.gap.alignment.exact:
        lines.append("the two texts have unequal numbers of tokens: compared around the span that differs")
    lines += [f"layers are furthest apart at layer {top}", "what removing one unit alone does to the divergence:"]
    units = list(found.alone.items())[:_UNITS]
    lines += [f"  {unit}: {100 * (left / max(found.divergence, 1e-12) - 1):+.1f} %" for unit, left in units]
    return "\n".join([*lines, *(f"written: {path}" for path in written)])


def _numbers(found: Diagnosis) -> dict[str, float]:
    parts = {f"  {name}": value for name, value in found.gap.by_component.items()}
    return {"divergence, nats": found.divergence, "activation gap": found.gap.overall} | parts


def _shift(before: float, after: float | None) -> str:
    if after is None:
        return ""
    return f"{after:10.5f}" + (f"  {100 * (after / before - 1):+.1f} %" if before else "")
