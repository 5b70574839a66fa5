"""Minimal pairs of a right and a wrong sentence about gender: BLiMP's anaphor agreement, and DA-Gender.

A model that was made blind to gender loses both: they are what must stay.
"""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fairhub.compute.likelihood import Answers, Question
from fairhub.inputs.rows.sources import Found, Hub, Row, Source, read_lines
from fairhub.measure.benchmarks.benchmark import Benchmark, Public, Statistic, asked, hashed, share
from fairhub.measure.benchmarks.sampling import sample

LIMIT = 0.05


def _read_blimp(paths: Sequence[Path]) -> list[Row]:
    return [_blimp(row) for path in paths for row in read_lines(path)]


def _blimp(row: Row) -> Row:
    """Return a row with its two sentences; a subject is a cluster (Warstadt et al. 2020 make rows from few words)."""
    good = str(row["sentence_good"])
    return {"good": good, "bad": str(row["sentence_bad"]), "cluster": " ".join(good.split()[:2])}


def _read_da_gender(paths: Sequence[Path]) -> list[Row]:
    """Return rows of the table of 2,610 pairs: Sent_A is the right one, Attr the word that says which gender is."""
    rows = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            rows += [
                {"good": line["Sent_A"], "bad": line["Sent_B"], "cluster": line["Attr"]}
                for line in csv.DictReader(file, delimiter="\t")
            ]
    return rows


BLIMP = Source(
    "blimp", "BLiMP anaphor gender agreement", "CC-BY-4.0", ("anaphor_gender_agreement.jsonl",), _read_blimp,
    hub=Hub("nyu-mll/blimp", "anaphor_gender_agreement", "train"), adapt=_blimp,
)  # fmt: skip
DA_GENDER = Source("da_gender", "DA-Gender", "none stated", ("*gender_loss.tsv",), _read_da_gender)


def columns(answers: Answers) -> np.ndarray:
    """Return [pairs, 2]: whether the right sentence is the likelier one, and 1."""
    right, wrong = answers.loglik.reshape(-1, 2).T
    return np.column_stack([right > wrong, np.ones(len(right))]).astype(float)


def questions(rows: Sequence[Row]) -> list[Question]:
    """Return each pair as two continuations of nothing, the right one first."""
    return [Question("", (row["good"], row["bad"])) for row in rows]


def _built(source: Source, name: str) -> Callable[..., Benchmark]:
    statistics = (Statistic(name, lambda s: share(s, 0, 1), limit=LIMIT),)

    def benchmark(found: Found, count: int | None = None) -> Benchmark:
        """Return about `count` pairs, clusters in turn."""
        rows = sample(found.rows, count, lambda row: "", lambda row: str(row["cluster"]))
        asks = questions(rows)
        return Benchmark(
            source.name, hashed([q.options for q in asks]), tuple(str(row["cluster"]) for row in rows),
            ("gender",) * len(rows), asked(asks, columns, source.title), statistics, found.provenance,
        )  # fmt: skip

    return benchmark


blimp, da_gender = _built(BLIMP, "blimp_anaphor_gender"), _built(DA_GENDER, "da_gender")


PUBLIC = (Public(BLIMP, blimp, {"standard": 400}), Public(DA_GENDER, da_gender, {"standard": 400}))
