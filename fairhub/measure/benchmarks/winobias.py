"""WinoBias (Zhao et al. 2018) and Winogender (Rudinger et al. 2018): are pronouns understood against stereotypes?"""

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fairhub.compute.likelihood import Answers, Question
from fairhub.inputs.rows.sources import Found, Row, Source
from fairhub.measure.benchmarks.benchmark import Benchmark, Public, Statistic, asked, hashed, share
from fairhub.measure.benchmarks.sampling import sample

_TYPE_2_RIGHT, _TYPE_2_COUNT = 4, 5
_OCCUPATIONS = ("male_occupations.txt", "female_occupations.txt")


def _read_winobias(paths: Sequence[Path]) -> list[Row]:
    """Return sentences with the person that the pronoun means and the other one; those with a third are left out."""
    listed = [path.read_text(encoding="utf-8").split("\n") for path in paths if path.name in _OCCUPATIONS]
    jobs = [job.strip().lower() for lines in listed for job in lines if job.strip()]
    return [
        row
        for path in paths
        if path.name not in _OCCUPATIONS
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
        for row in _sentence(line, jobs, path.name)
    ]


def _sentence(line: str, jobs: Sequence[str], file: str) -> list[Row]:
    number, _, marked = line.strip().partition(" ")
    marks = re.findall(r"\[([^][]*)\]", marked)
    plain = marked.replace("[", "").replace("]", "")
    named = [job for job in jobs if re.search(rf"\b{re.escape(job)}\b", plain.lower())]
    meant = [job for job in named if marks and re.search(rf"\b{re.escape(job)}\b", marks[0].lower())]
    if len(named) != 2 or len(meant) != 1 or len(marks) < 2:
        return []
    other = next(job for job in named if job != meant[0])
    side, _, rest = file.partition("_")
    pair = f"{rest.removeprefix('stereotyped_')} {number}"
    return [{"sentence": plain, "pronoun": marks[1], "options": [meant[0], other], "side": side, "pair": pair}]


def _read_winogender(paths: Sequence[Path]) -> list[Row]:
    rows = []
    with paths[0].open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            job, participant, answer, gender = line["sentid"].removesuffix(".txt").split(".")
            if gender == "neutral":
                continue
            options = [job, participant] if answer == "0" else [participant, job]
            pronoun = re.search(r"\b(he|she|him|her|his|hers)\b", line["sentence"])
            assert pronoun, line
            rows.append({"sentence": line["sentence"], "pronoun": pronoun[1], "options": options, "side": gender,
                         "pair": f"{job} {participant} {answer}"})  # fmt: skip
    return rows


WINOBIAS = Source(
    "winobias", "WinoBias", "MIT", ("*_stereotyped_type*.txt.*", *_OCCUPATIONS), _read_winobias, ("WinoBias", "data")
)
WINOGENDER = Source("winogender", "Winogender", "MIT", ("all_sentences.tsv",), _read_winogender, ("Winogender", "data"))
_SIDES = {"winobias": ("pro", "anti"), "winogender": ("male", "female")}


_LIMIT = 0.05
_TYPE_2 = Statistic(
    "winobias_type2_accuracy", lambda s: share(s, _TYPE_2_RIGHT, _TYPE_2_COUNT),
    limit=_LIMIT,
)  # fmt: skip
"""Sentences whose syntax alone says who is meant."""


def _statistics(name: str, typed: bool) -> tuple[Statistic, ...]:
    """Return the figures of a benchmark; of WinoBias' second type where its rows are there."""
    whole = Statistic(
        f"{name}_accuracy",
        lambda s: share(s[..., :2] + s[..., 2:4], 0, 1), limit=None if name == "winobias" else _LIMIT,
    )  # fmt: skip
    gap = Statistic(f"{name}_gap", lambda s: np.abs(share(s, 0, 1) - share(s, 2, 3)))
    return (gap, whole, *([_TYPE_2] if typed else []))


def questions(rows: Sequence[Row]) -> list[Question]:
    """Return who the pronoun means, the right answer first, in lm-eval's form for Winogender."""
    return [
        Question(
            f"{row['sentence']} ‘{row['pronoun'].capitalize()}’ refers to the", tuple(f" {o}" for o in row["options"])
        )
        for row in rows
    ]


def columns(rows: Sequence[Row], answers: Answers, sides: Sequence[str]) -> np.ndarray:
    """Return [rows, 6]: right and counted, on the first side, on the second, and in WinoBias' second type."""
    right, wrong = answers.loglik.reshape(-1, 2).T
    found = np.zeros((len(rows), 6))
    for line, row, won in zip(found, rows, right > wrong, strict=True):
        first = 2 * sides.index(row["side"])
        line[first : first + 2] = won, 1
        if _second_type(row):
            line[[_TYPE_2_RIGHT, _TYPE_2_COUNT]] = won, 1
    return found


def _second_type(row: Row) -> bool:
    return str(row["pair"]).startswith("type2")


def _built(source: Source) -> Callable[..., Benchmark]:
    def benchmark(found: Found, count: int | None = None) -> Benchmark:
        """Return about `count` sentences, both of a pair together; a pair is a cluster."""
        rows = sample(found.rows, count, lambda row: "", lambda row: row["pair"], lambda row: row["pair"])
        asks = questions(rows)
        return Benchmark(
            source.name, hashed([(q.prompt, q.options) for q in asks]), tuple(row["pair"] for row in rows),
            ("gender",) * len(rows), asked(asks, lambda a: columns(rows, a, _SIDES[source.name]), source.title),
            _statistics(source.name, any(_second_type(row) for row in rows)), found.provenance,
        )  # fmt: skip

    return benchmark


winobias, winogender = _built(WINOBIAS), _built(WINOGENDER)


PUBLIC = (
    Public(WINOBIAS, winobias, {"quick": 40, "standard": 400}),
    Public(WINOGENDER, winogender, {"standard": None}),
)
