"""Multiple choice: BoolQ, ARC-easy, PIQA and HellaSwag, in lm-eval's prompts, options scored by their likelihood."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fairhub.compute.likelihood import Answers, Question
from fairhub.errors import UserError
from fairhub.inputs.rows.sources import Found, Hub, Row, Source, read_lines
from fairhub.measure.benchmarks.benchmark import Benchmark, Public, Statistic, asked, hashed, share
from fairhub.measure.benchmarks.sampling import sample


@dataclass(frozen=True)
class Choice:
    """A question with its options and which is right."""

    prompt: str
    options: tuple[str, ...]
    right: int


def boolq(row: Row) -> Choice:
    """Return a row of BoolQ (Clark et al. 2019), in its own or in SuperGLUE's columns."""
    answer = row["answer"] if "answer" in row else row["label"]
    return Choice(f"{row['passage']}\nQuestion: {row['question']}?\nAnswer:", ("no", "yes"), int(bool(answer)))


def arc(row: Row) -> Choice:
    """Return a row of ARC (Clark et al. 2018): the Hub's columns, the original nested ones, or query/choices/gold."""
    if "query" in row:
        return Choice(f"{row['query']}\nAnswer:", tuple(row["choices"]), int(row["gold"]))
    stem, choices = row["question"], row.get("choices")
    if choices is None:
        stem, choices = stem["stem"], {key: [c[key] for c in stem["choices"]] for key in ("text", "label")}
    right = choices["label"].index(row["answerKey"])
    return Choice(f"Question: {stem}\nAnswer:", tuple(choices["text"]), right)


def piqa(row: Row) -> Choice:
    """Return a row of PIQA (Bisk et al. 2020)."""
    return Choice(f"Question: {row['goal']}\nAnswer:", (row["sol1"], row["sol2"]), int(row["label"]))


def hellaswag(row: Row) -> Choice:
    """Return a row of HellaSwag (Zellers et al. 2019), without the marks of its WikiHow part."""
    context = f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}"
    return Choice(_plain(context), tuple(map(_plain, row["endings"])), int(row["label"]))


def _plain(text: str) -> str:
    return re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". ")).replace("  ", " ")


def _read(paths: Sequence[Path]) -> list[Row]:
    return [row for path in paths for row in read_lines(path)]


def _read_piqa(paths: Sequence[Path]) -> list[Row]:
    questions, labels = paths
    found = read_lines(questions)
    answers = labels.read_text(encoding="utf-8").split()
    return [row | {"label": int(label)} for row, label in zip(found, answers, strict=True)]


FORMS: Mapping[str, Callable[[Row], Choice]] = {
    "boolq": boolq, "arc_easy": arc, "piqa": piqa, "hellaswag": hellaswag,
}  # fmt: skip
SOURCES = (
    Source("boolq", "BoolQ", "CC-BY-SA-3.0", ("*.jsonl",), _read, hub=Hub("google/boolq", None, "validation")),
    Source("arc_easy", "ARC-easy", "CC-BY-SA-4.0", ("*.jsonl",), _read, hub=Hub("allenai/ai2_arc", "ARC-Easy", "test")),
    Source(
        "piqa", "PIQA", "AFL-3.0", ("*.jsonl", "*.lst"), _read_piqa, hub=Hub("baber/piqa", None, "validation")
    ),
    Source("hellaswag", "HellaSwag", "MIT", ("*.jsonl",), _read, hub=Hub("Rowan/hellaswag", None, "validation")),
)  # fmt: skip


def columns(choices: Sequence[Choice], asks: Sequence[Question], answers: Answers) -> np.ndarray:
    """Return [questions, 3]: right by likelihood, right by likelihood a character (lm-eval's acc_norm), and 1."""
    found = []
    for choice, loglik in zip(choices, answers.by_question(asks), strict=True):
        lengths = np.array([len(option) for option in choice.options])
        found.append((np.argmax(loglik) == choice.right, np.argmax(loglik / lengths) == choice.right, 1))
    return np.array(found, dtype=float)


def made(name: str, choices: Sequence[Choice], found: Found) -> Benchmark:
    """Return a benchmark of multiple choice; every question is a cluster.

    Raises:
        UserError: The right option of a question is none of its options.
    """
    for choice in choices:
        if not 0 <= choice.right < len(choice.options):
            raise UserError(
                f"a right option is one of {len(choice.options)}; {choice.prompt[:60]!r} has {choice.right}"
            )
    asks = [Question(choice.prompt, tuple(f" {option}" for option in choice.options)) for choice in choices]
    statistics = (
        Statistic(name, lambda s: share(s, 0, 2)),
        Statistic(f"{name}_normalised", lambda s: share(s, 1, 2)),
    )
    return Benchmark(
        name, hashed([(q.prompt, q.options) for q in asks]), tuple(map(str, range(len(asks)))), ("all",) * len(asks),
        asked(asks, lambda answers: columns(choices, asks, answers), name),
        statistics[:1] if name == "boolq" else statistics, found.provenance,
    )  # fmt: skip


def built(source: Source) -> Callable[..., Benchmark]:
    """Return what makes one of these benchmarks from about so many of its rows."""

    def benchmark(found: Found, count: int | None = None) -> Benchmark:
        rows = sample(found.rows, count, lambda row: "", lambda row: json.dumps(row, sort_keys=True, default=str))
        return made(source.name, [FORMS[source.name](row) for row in rows], found)

    return benchmark


_ROWS: Mapping[str, Mapping[str, int | None]] = {
    "boolq": {"quick": 16, "standard": 120}, "arc_easy": {"standard": 120}, "piqa": {"standard": 120}, "hellaswag": {},
}  # fmt: skip
PUBLIC = tuple(Public(source, built(source), _ROWS[source.name]) for source in SOURCES)
