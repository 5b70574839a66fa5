"""Last words: passages of neutral text whose last word stood in them before, as LAMBADA's do (Paperno et al. 2016)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fairhub.inputs.probes import unit_hash

_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_SENTENCE = re.compile(r"(?<=[a-z]{2}[.!?])\s+(?=[A-Z])")
_MOST, _LEAST = 60, 20  # words of a passage: enough to know the word from, short enough to ask hundreds


@dataclass(frozen=True)
class Passage:
    """A text and its last word, which it has used before."""

    text: str
    word: str
    document: str
    """Of which document it is: documents are drawn as wholes."""


def passages(documents: Sequence[str], count: int) -> list[Passage]:
    """Return up to so many passages, a document's second only after every document gave its first.

    A passage ends with a sentence whose last word has at least four letters and stands earlier in the passage.
    """
    queues = [sorted(_of(text), key=lambda passage: unit_hash(passage.text)) for text in documents]
    turns = [queue[n] for n in range(max(map(len, queues), default=0)) for queue in queues if n < len(queue)]
    return turns[:count]


def _of(document: str) -> Iterator[Passage]:
    sentences = _SENTENCE.split(" ".join(document.split()))
    name = f"{unit_hash(document):.12f}"
    for end in range(1, len(sentences) + 1):
        last = sentences[end - 1].rstrip(".!?")
        found = list(_WORD.finditer(last))
        if len(found) < 2 or found[-1].end() != len(last) or len(found[-1].group()) < 4:
            continue
        begin = _begin(sentences, end)
        before = " ".join([*sentences[begin : end - 1], last[: found[-1].start()]]).rstrip()
        earlier = {word.lower() for word in _WORD.findall(before)}
        if len(before.split()) >= _LEAST and found[-1].group().lower() in earlier:
            yield Passage(before, found[-1].group(), name)


def _begin(sentences: Sequence[str], end: int) -> int:
    """Return the first sentence of a passage that ends with sentence `end` and is not too long."""
    begin, length = end - 1, len(sentences[end - 1].split())
    while begin > 0 and length + len(sentences[begin - 1].split()) <= _MOST:
        begin -= 1
        length += len(sentences[begin].split())
    return begin
