"""WikiText-2 (Merity et al. 2017): perplexity of articles in sliding windows, a token and a word."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.compute.likelihood import Encoded, Question, encoded, sequence_likelihoods
from fairhub.inputs.rows.sources import Found, Hub, Row, Source
from fairhub.inputs.text import articles
from fairhub.inputs.tokens import front
from fairhub.measure.benchmarks.benchmark import Benchmark, Public, Statistic, hashed, share
from fairhub.measure.benchmarks.sampling import sample
from fairhub.model.facts import context_window
from fairhub.run.progress import progress_bar

WINDOW = 1024
"""Tokens a window, at most; half of them are context, but in an article's first."""


def _read(paths: Sequence[Path]) -> list[Row]:
    return [{"text": text} for path in paths for text in articles(path.read_text(encoding="utf-8").splitlines())]


SOURCE = Source(
    "wikitext", "WikiText-2 (raw), test", "CC-BY-SA-3.0", ("wiki.test.raw",), _read,
    hub=Hub("EleutherAI/wikitext_document_level", "wikitext-2-raw-v1", "test"),
    adapt=lambda row: {"text": row["page"]},
)  # fmt: skip

STATISTICS = (
    Statistic("wikitext_perplexity", lambda s: np.exp(share(s, 0, 1))),
    Statistic("wikitext_word_perplexity", lambda s: np.exp(share(s, 0, 2))),
)


def windows(row: Encoded, length: int, stride: int, front: int = 0) -> list[Encoded]:
    """Return a sequence in windows of `length` tokens, of which each but the first is asked its last `stride` ones.

    So every token but the given first ones is asked once, after at least length - stride tokens where there are so
    many. Every window begins with the sequence's first `front` tokens: those that a tokenizer puts in front of a text.
    """
    found: list[Encoded] = []
    asked = row.start
    while asked < len(row.ids):
        end = min(len(row.ids), max(asked + stride, length if not found else 0))
        begin = max(0, end - length)
        found.append(Encoded(row.ids[:front] + row.ids[begin + front : end], asked - begin))
        asked = end
    return found


def columns(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], window: int = WINDOW
) -> np.ndarray:
    """Return [texts, 3]: negative log-likelihood, tokens and words (what white space parts, as in lm-eval)."""
    length = min(window, context_window(model) or window)
    rows = encoded(tokenizer, [Question("", (text,)) for text in texts])
    first = len(front(tokenizer))
    parts = [windows(row, length, max(1, length // 2), first) for row in rows]
    answers = sequence_likelihoods(model, [w for part in parts for w in part], progress=partial(progress_bar, "text"))
    text = np.repeat(np.arange(len(texts)), [len(part) for part in parts])
    sums = [np.bincount(text, weights=weights, minlength=len(texts)) for weights in (-answers.loglik, answers.tokens)]
    return np.column_stack([*sums, [len(re.split(r"\s+", t)) for t in texts]])


def benchmark(found: Found, count: int | None = None) -> Benchmark:
    """Return WikiText-2 with about `count` articles; each is a cluster."""
    texts = [row["text"] for row in sample(found.rows, count, lambda row: "", lambda row: str(row["text"]))]
    return Benchmark(
        "wikitext", hashed([texts, WINDOW]), tuple(map(str, range(len(texts)))), ("all",) * len(texts),
        lambda model, tokenizer: columns(model, tokenizer, texts), STATISTICS, found.provenance,
        (f"WikiText-2: windows of {WINDOW} tokens, every second half asked; texts as they are, with <unk> and @-@.",),
    )  # fmt: skip


PUBLIC = (Public(SOURCE, benchmark, {}),)
