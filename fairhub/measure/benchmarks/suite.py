"""Suites: which benchmarks are measured together, on how many rows, and what a model answers, asked only once."""

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.edit.repair import Repair, applied
from fairhub.errors import UserError
from fairhub.files.writing import write_whole
from fairhub.inputs.rows.sources import find
from fairhub.measure import benchmarks as package
from fairhub.measure.benchmarks.benchmark import VERSION, Benchmark, Public, figures, hashed
from fairhub.model.facts import tensor_hash
from fairhub.model.loading import Loaded, cache
from fairhub.report import Figure
from fairhub.report.metrics import benchmarks
from fairhub.run.folder import digest


def _public() -> dict[str, Public]:
    """Return the benchmarks that modules of this folder name, in the order in which their metrics are declared."""
    modules = (f"{package.__name__}.{module.name}" for module in iter_modules(package.__path__))
    named = [one for name in modules if name != __name__ for one in getattr(import_module(name), "PUBLIC", ())]
    found = {public.source.name: public for public in named}
    return {name: found[name] for name in benchmarks()}


BENCHMARKS = _public()
TITLES = frozenset(public.source.title for public in BENCHMARKS.values())
"""Their names in a report's data."""
SUITES: Mapping[str, Mapping[str, int | None]] = {
    **{
        suite: {name: public.rows[suite] for name, public in BENCHMARKS.items() if suite in public.rows}
        for suite in ("quick", "standard")
    },
    "full": dict.fromkeys(BENCHMARKS),
}
"""How many rows of each benchmark: None takes all. Sized for two CPU cores: 3 minutes, 20 minutes, hours."""


@dataclass(frozen=True, eq=False)
class Suite:
    """The benchmarks of a suite whose rows were found."""

    name: str
    benchmarks: tuple[Benchmark, ...]
    missing: tuple[str, ...]
    """Titles of those whose rows were not."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before reading the figures."""
        lines = [note for benchmark in self.benchmarks for note in benchmark.notes]
        if self.missing:
            lines.append(
                f"Not measured, as their rows were not found: {', '.join(self.missing)}. Give a folder with --rows, "
                "or reach the Hub."
            )
        return tuple(lines)


@dataclass(frozen=True)
class Benchmarked:
    """What a suite says of a repair."""

    figures: tuple[Figure, ...] = ()
    provenance: tuple[dict[str, str], ...] = ()
    """Where the rows of each benchmark came from."""
    notes: tuple[str, ...] = ()


NOTHING = Benchmarked()
"""Where no suite was asked for."""


def gather(name: str, folder: Path | None = None) -> Suite:
    """Return a suite, with the rows that can be had here.

    Args:
        name: quick, standard or full.
        folder: Holds a folder a benchmark, with its original files; see `sources.find`.

    Raises:
        UserError: An unknown suite, a folder that is none, or rows that cannot be read.
    """
    refuse_suite(name)
    found = {what: find(BENCHMARKS[what].source, folder) for what in SUITES[name]}
    made = [BENCHMARKS[what].build(rows, SUITES[name][what]) for what, rows in found.items() if rows is not None]
    missing = [BENCHMARKS[what].source.title for what, rows in found.items() if rows is None]
    return Suite(name, tuple(made), tuple(missing))


def refuse_suite(name: str) -> None:
    """Refuse what is no suite.

    Raises:
        UserError: It is none.
    """
    if name not in SUITES:
        raise UserError(f"a suite is one of {', '.join(SUITES)}; got {name!r}; choose one of them")


def suite_answers(suite: Suite, loaded: Loaded, repair: Repair | None = None) -> dict[str, np.ndarray]:
    """Return every benchmark's columns for a model, by name, [items, columns].

    What was measured before on this model with these rows is remembered in the user's cache folder.

    Args:
        suite: What to measure.
        loaded: The model.
        repair: What to do to it first; None measures it as it is.
    """
    identity = (loaded.sha256(), *(_hash(repair) if repair else ()))
    with applied(loaded.model, repair or Repair()):
        return {b.name: _answers(b, loaded.model, loaded.tokenizer, identity) for b in suite.benchmarks}


def suite_figures(
    suite: Suite, before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray] | None = None
) -> list[Figure]:
    """Return the figures of every benchmark, from the columns that `suite_answers` returned."""
    return [f for b in suite.benchmarks for f in figures(b, before[b.name], after[b.name] if after else None)]


def benchmarked(loaded: Loaded, suite: Suite, repair: Repair) -> Benchmarked:
    """Measure a suite before and after a repair, item by item the same."""
    before, after = (suite_answers(suite, loaded, made) for made in (None, repair))
    provenance = tuple(dict(benchmark.provenance) for benchmark in suite.benchmarks)
    return Benchmarked(tuple(suite_figures(suite, before, after)), provenance, suite.notes)


def _hash(repair: Repair) -> tuple[str, ...]:
    units = sorted(map(repr, repair.pruning))
    return (*units, *(f"{place} {tensor_hash(weight)}" for place, weight in sorted(repair.patch.items())))


def _answers(
    benchmark: Benchmark, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, identity: Sequence[str]
) -> np.ndarray:
    about = (VERSION, benchmark.name, benchmark.content, hashed(tokenizer.get_vocab()), model.dtype)
    path = cache() / "benchmarks" / f"{benchmark.name}-{digest(*about, *identity)}.npy"
    if path.is_file():
        return np.asarray(np.load(path, allow_pickle=False))
    found = benchmark.measure(model, tokenizer)
    with suppress(OSError):  # where nothing can be remembered, it is measured again
        path.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        np.save(content, found, allow_pickle=False)
        write_whole(path, content.getvalue())
    return found
