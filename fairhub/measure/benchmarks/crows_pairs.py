"""CrowS-Pairs (Nangia et al. 2020): is the more stereotypical sentence of a pair the more probable one?"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fairhub.compute.likelihood import Answers, Question
from fairhub.inputs.rows.sources import Found, Hub, Row, Source
from fairhub.measure.benchmarks.benchmark import Benchmark, Public, Statistic, asked, hashed
from fairhub.measure.benchmarks.sampling import sample

AXES = {
    "race-color": "race", "socioeconomic": "wealth", "gender": "gender", "disability": "disability",
    "nationality": "nationality", "sexual-orientation": "sexual_orientation", "religion": "religion", "age": "age",
    "physical-appearance": "appearance",
}  # fmt: skip
NOISE = (
    "CrowS-Pairs: many pairs are flawed (unclear stereotypes, or they differ in more than the group; Blodgett et al. "
    "2021), so read it beside the others."
)


def _read(paths: Sequence[Path]) -> list[Row]:
    with paths[0].open(encoding="utf-8", newline="") as file:
        return [{name: row[name] for name in ("sent_more", "sent_less", "bias_type")} for row in csv.DictReader(file)]


SOURCE = Source(
    "crows_pairs", "CrowS-Pairs", "CC-BY-SA-4.0", ("crows_pairs_anonymized.csv",), _read, ("CrowS-Pairs", "data"),
    Hub("BigScienceBiasEval/crows_pairs_multilingual", "english", "test"),
)  # fmt: skip

STATISTICS = (Statistic("crows_pairs", lambda s: 100 * np.abs(s[..., 0] / s[..., 1] - 0.5)),)


def questions(rows: Sequence[Row]) -> list[Question]:
    """Return both sentences of every pair, without a prompt: the likelihood of all their tokens, as lm-eval takes it.

    Nangia et al. score masked models by the tokens that both sentences share; a causal model reads from left to right,
    so the whole sentence is scored.
    """
    return [Question("", (row["sent_more"].strip(), row["sent_less"].strip())) for row in rows]


def columns(answers: Answers) -> np.ndarray:
    """Return [pairs, 2]: 1 where the more stereotypical sentence is more probable, and 1."""
    more, less = answers.loglik.reshape(-1, 2).T
    return np.column_stack([more > less, np.ones(len(more))]).astype(float)


def benchmark(found: Found, count: int | None = None) -> Benchmark:
    """Return CrowS-Pairs with about `count` pairs, types in turn; every pair is a cluster."""
    rows = sample(found.rows, count, lambda row: str(row["bias_type"]), lambda row: str(row["sent_more"]))
    asks = questions(rows)
    return Benchmark(
        "crows_pairs", hashed([(q.prompt, q.options) for q in asks]), tuple(str(i) for i in range(len(rows))),
        tuple(AXES.get(row["bias_type"], str(row["bias_type"])) for row in rows),
        asked(asks, columns, "CrowS-Pairs"), STATISTICS, found.provenance, (NOISE,),
    )  # fmt: skip


PUBLIC = (Public(SOURCE, benchmark, {"quick": 120, "standard": 1000}),)
