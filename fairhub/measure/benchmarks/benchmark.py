"""A benchmark made ready for a model: what is measured item by item, and the figures that are made of it."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.compute.likelihood import Answers, Question, likelihoods
from fairhub.errors import UserError
from fairhub.inputs.rows.sources import Found, Source
from fairhub.report import Figure
from fairhub.report.making import measured
from fairhub.report.metrics import metric_of
from fairhub.run.progress import progress_bar
from fairhub.stats import resampling

Build = Callable[[Found, int | None], "Benchmark"]
"""Makes a benchmark of the rows that were found, or of about so many of them."""
Measure = Callable[[PreTrainedModel, PreTrainedTokenizerBase], np.ndarray]
"""A model's answers as columns to be summed, [items, columns]."""

VERSION = "4"
"""Of what is measured: another version's cached answers are not taken."""


@dataclass(frozen=True)
class Statistic:
    """A figure made of the sums of a benchmark's columns."""

    name: str
    """Of its metric, which is declared in `fairhub/report/metrics/public.py`."""
    value: resampling.Value
    by_axis: bool = True
    """Whether each axis has a figure of its own."""
    limit: float | None = None
    """How much of it may be lost, relative, where it must stay."""

    @property
    def split(self) -> str:
        """Where it stands in a report: sources of bias are external; utility and what must stay are held out."""
        return "external" if metric_of(self.name).role == "bias" else "held_out"


@dataclass(frozen=True, eq=False)
class Benchmark:
    """Items to measure on, and the figures they give."""

    name: str
    content: str
    """A hash of everything that is asked."""
    clusters: tuple[str, ...]
    """An item's template; items that share one are not independent."""
    axes: tuple[str, ...]
    """An item's axis."""
    measure: Measure
    statistics: tuple[Statistic, ...]
    provenance: Mapping[str, str]
    notes: tuple[str, ...] = ()
    """What to know before reading the figures, and what was left out."""


@dataclass(frozen=True)
class Public:
    """A public benchmark: a module beside this one names its own in `PUBLIC`, and suites find them there."""

    source: Source
    """Where its rows are had; its name is the benchmark's."""
    build: Build
    rows: Mapping[str, int | None]
    """How many rows a suite takes of it, by the suite's name, None for all; `full` takes all of every benchmark."""


def asked(questions: Sequence[Question], columns: Callable[[Answers], np.ndarray], title: str) -> Measure:
    """Return what measures by the likelihood of options; a progress bar shows its title."""
    bar = partial(progress_bar, title)
    return lambda model, tokenizer: columns(likelihoods(model, tokenizer, questions, progress=bar))


def share(sums: np.ndarray, part: int, whole: int) -> np.ndarray:
    """Return one sum as a share of another; 0 where there is nothing to share."""
    found = np.zeros(np.shape(sums[..., whole]))
    return np.divide(sums[..., part], sums[..., whole], out=found, where=sums[..., whole] > 0)


def hashed(parts: object) -> str:
    """Return a hash of what JSON holds."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def figures(benchmark: Benchmark, before: np.ndarray, after: np.ndarray | None) -> list[Figure]:
    """Return all figures of a benchmark: over all axes, then axis by axis where there is more than one.

    A part with fewer than two clusters has no interval, hence no figure.

    Args:
        benchmark: What was measured.
        before: Its columns, [items, columns].
        after: The same of the repaired model; None in an audit.
    """
    parts = [("all", list(range(len(benchmark.axes))))]
    names = sorted(set(benchmark.axes))
    parts += [(axis, [i for i, a in enumerate(benchmark.axes) if a == axis]) for axis in names if len(names) > 1]
    return [
        figure
        for statistic in benchmark.statistics
        for axis, rows in parts
        if axis == "all" or statistic.by_axis
        for figure in _figure(benchmark, statistic, axis, rows, before, after)
    ]


def _figure(
    benchmark: Benchmark, statistic: Statistic, axis: str, rows: Sequence[int], before: np.ndarray,
    after: np.ndarray | None,
) -> Iterator[Figure]:  # fmt: skip
    clusters = [benchmark.clusters[i] for i in rows]
    if len(set(clusters)) < 2:
        return
    index = list(rows)
    second = change = None
    if after is not None:
        second = resampling.interval(after[index], statistic.value, clusters)
        change = resampling.change(before[index], after[index], statistic.value, clusters)
    first = resampling.interval(before[index], statistic.value, clusters)
    limit = statistic.limit if axis == "all" else None
    place = statistic.name, statistic.split, axis, "all", len(index), len(set(clusters))
    yield measured(*place, first, second, change, limit=limit)


def told(benchmark: Benchmark, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> dict[str, dict[str, Any]]:
    """Return what a measurement of `evaluate` says: every figure by name, with those of its axes in `axes`.

    Raises:
        UserError: Fewer than two clusters, so that nothing has an interval.
    """
    found = figures(benchmark, benchmark.measure(model, tokenizer), None)
    if not found:
        raise UserError(f"an interval needs 2 clusters; {benchmark.name} got fewer; give more rows")
    said: dict[str, dict[str, Any]] = {}
    for figure in found:
        one = asdict(figure.before) | {"items": figure.items, "clusters": figure.clusters, "better": figure.better}
        if figure.axis == "all":
            said[figure.name] = one | {"axes": {}}
        else:
            said[figure.name]["axes"][figure.axis] = one
    return said
