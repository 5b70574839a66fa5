"""LAMBADA (Paperno et al. 2016): the last word of a passage, which only the whole passage foretells."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fairhub.compute.likelihood import Answers, Question
from fairhub.inputs.rows.sources import Found, Hub, Row, Source, read_lines
from fairhub.measure.benchmarks.benchmark import Benchmark, Public, Statistic, asked, hashed, share
from fairhub.measure.benchmarks.sampling import sample


def _read(paths: Sequence[Path]) -> list[Row]:
    return [{"text": row["text"]} for path in paths for row in read_lines(path)]


SOURCE = Source(
    "lambada", "LAMBADA (OpenAI's version)", "MIT", ("*.jsonl",), _read,
    hub=Hub("EleutherAI/lambada_openai", "default", "test"),
)  # fmt: skip

STATISTICS = (
    Statistic("lambada", lambda s: share(s, 0, 2), limit=0.05),
    Statistic("lambada_perplexity", lambda s: np.exp(share(s, 1, 2))),
)


def questions(rows: Sequence[Row]) -> list[Question]:
    """Return the passages without their last word, and that word; cut at the last space, as in lm-eval."""
    cut = [row["text"].rpartition(" ") for row in rows]
    return [Question(passage, (f" {word}",)) for passage, _, word in cut]


def columns(answers: Answers) -> np.ndarray:
    """Return [passages, 3]: whether greedy decoding gives the word, its negative log-likelihood, and 1."""
    return np.column_stack([answers.greedy, -answers.loglik, np.ones(len(answers.loglik))])


def benchmark(found: Found, count: int | None = None) -> Benchmark:
    """Return LAMBADA with about `count` passages; each is a cluster."""
    rows = sample(found.rows, count, lambda row: "", lambda row: str(row["text"]))
    asks = questions(rows)
    return Benchmark(
        "lambada", hashed([(q.prompt, q.options) for q in asks]), tuple(map(str, range(len(rows)))),
        ("all",) * len(rows), asked(asks, columns, "LAMBADA"), STATISTICS, found.provenance,
    )  # fmt: skip


PUBLIC = (Public(SOURCE, benchmark, {"quick": 40, "standard": 300}),)
