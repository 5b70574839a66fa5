"""The proof: item-by-item measurements, before and after, turned into figures with intervals."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fairhub.inputs.judgement.scope import EVERYTHING, Scope
from fairhub.inputs.probes import CONTROL, PROVED, Probe
from fairhub.measure import keep
from fairhub.measure.judgement import figures as judgement
from fairhub.measure.judgement.reading import Reading
from fairhub.measure.keep import LIMITS, Kept
from fairhub.measure.utility import Utility
from fairhub.metrics.formulas import distinct_2
from fairhub.report import Figure
from fairhub.report.making import measured
from fairhub.report.metrics import AGAINST_REPAIR, OTHERWISE
from fairhub.report.use_case import ELSEWHERE
from fairhub.stats import statistics
from fairhub.stats.statistics import Change, Interval


@dataclass(frozen=True, eq=False)
class Bias:
    """Divergences of probes before and after, nats."""

    probes: Sequence[Probe]
    before: np.ndarray
    """[probes]"""
    after: np.ndarray | None
    """[probes]; None in an audit."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Who is judged worse, and what must stay: readings before and after."""

    splits: Sequence[tuple[Reading, Reading | None]]
    """Of search and select, then held_out, then external where there is any."""
    traits: tuple[Reading, ...]
    """Of merit and incidental traits, before and after; before alone in an audit."""
    kept: Kept
    kept_values: np.ndarray
    """[1 or 2, 2, items] of `keep.read`."""
    format: str = ""
    """The prompt format, where it is not the run's own."""
    beside: "Judged | None" = None
    """Part of held_out in the other prompt format."""


def bias_figures(
    bias: Bias, details: bool, searched: Sequence[str] = (), contexts: Sequence[str] = (),
    limit: float = LIMITS["control"],
) -> list[Figure]:  # fmt: skip
    """Return divergence over all axes, on control probes, their specificity, and with `details` each axis and context.

    Where some `contexts` were searched, `elsewhere` is all others together.

    Axis `all` means all axes, so probes of some `searched` axes alone give the figure of each of these instead.

    `limit` is how much of the divergence of control probes may be lost.

    Clusters are templates. Where a part has fewer than two clusters it has no interval, hence no figure.
    """
    split = bias.probes[0].split
    people = [i for i, p in enumerate(bias.probes) if p.axis != CONTROL]
    control = [i for i, p in enumerate(bias.probes) if p.axis == CONTROL]
    found = [_divergence(bias, control, split, CONTROL, "all", limit)]
    if not searched:
        found.insert(0, _divergence(bias, people, split, "all", "all"))
    if bias.after is not None and not searched:
        found.append(_specificity(bias, people, control, split))
    if details or searched:
        for axis in sorted({bias.probes[i].axis for i in people}):
            rows = [i for i in people if bias.probes[i].axis == axis]
            found.append(_divergence(bias, rows, split, axis, "all"))
    if details:
        for context in sorted({bias.probes[i].context for i in people}):
            rows = [i for i in people if bias.probes[i].context == context]
            found.append(_divergence(bias, rows, split, "all", context))
        if contexts:
            rows = [i for i in people if bias.probes[i].context not in contexts]
            found.append(_divergence(bias, rows, split, "all", ELSEWHERE))
    return [figure for figure in found if figure is not None]


def against_repair(probes: Sequence[Probe], repair: np.ndarray, other: np.ndarray) -> list[Figure]:
    """Return the paired change from a repair to an alternative: two intervals may overlap where pairs tell them apart.

    Args:
        probes: People and control; people are compared.
        repair: [probes] divergence under the repair.
        other: [probes] divergence under the alternative.
    """
    rows = [i for i, p in enumerate(probes) if p.axis != CONTROL]
    found = _divergence(Bias(probes, repair, other), rows, probes[0].split, "all", "all")
    return [replace(found, name=f"{found.name}{AGAINST_REPAIR}")] if found else []


def judged_against_repair(repair: Reading, other: Reading) -> list[Figure]:
    """Return the paired change of the judgement gap from a repair to an alternative, read from the same cells."""
    made = judgement.figures(repair, other, repair.cells[0].split, details=False)
    return [replace(f, name=f"{f.name}{AGAINST_REPAIR}") for f in made if f.name == "judgement"]


def utility_figures(
    utility: Utility, documents: Sequence[Hashable], repair: int | None, split: str = "held_out",
    budget: float = LIMITS["perplexity"],
) -> list[Figure]:  # fmt: skip
    """Return perplexity, and KL where there is a repair (its number among those measured).

    Clusters are the `documents` of the chunks: those of one are alike in topic and style.
    """
    clusters = documents[: utility.loss.shape[1]]
    before = statistics.interval(utility.loss[0], clusters, transform=np.exp)
    after = change = None
    if repair is not None:
        row = utility.loss[1 + repair]
        after = statistics.interval(row, clusters, transform=np.exp)
        change = statistics.change(utility.loss[0], row, clusters, transform=np.exp)
    figures = [_utility("perplexity", split, clusters, before, after, change, budget)]
    if repair is not None:
        away = statistics.interval(utility.kl[repair], clusters)
        zero = Interval(0.0, 0.0, 0.0)
        figures.append(_utility("kl", split, clusters, zero, away, None))
    return figures


def text_figures(before: Sequence[str], after: Sequence[str], split: str = "held_out") -> list[Figure]:
    """Return distinct-2 of the continuations: the share of word pairs that are new; repetition lowers it.

    Prompts are the two texts of a probe, side by side: a pair is one cluster, as its texts differ in a term alone.
    """
    values = [np.array([distinct_2(text) for text in texts]) for texts in (before, after)]
    clusters = [place // 2 for place in range(len(before))]
    first, second = (statistics.interval(v, clusters) for v in values)
    change = statistics.change(values[0], values[1], clusters)
    return [_utility("distinct_2", split, clusters, first, second, change)]


def _divergence(
    bias: Bias, rows: list[int], split: str, axis: str, context: str, limit: float | None = None
) -> Figure | None:
    clusters = [bias.probes[i].template for i in rows]
    if len(set(clusters)) < 2:
        return None
    before = statistics.interval(bias.before[rows], clusters)
    after = change = None
    if bias.after is not None:
        after = statistics.interval(bias.after[rows], clusters)
        change = statistics.change(bias.before[rows], bias.after[rows], clusters)
    return measured(
        "divergence", split, axis, context, len(rows), len(set(clusters)), before, after, change, limit=limit
    )


def _specificity(bias: Bias, people: list[int], control: list[int], split: str) -> Figure | None:
    clusters = [[bias.probes[i].template for i in rows] for rows in (people, control)]
    if min(len(set(c)) for c in clusters) < 2:
        return None
    assert bias.after is not None
    parts = [(bias.before[rows], bias.after[rows], c) for rows, c in zip((people, control), clusters, strict=True)]
    try:
        after = statistics.specificity(*parts[0], *parts[1])
    except statistics.NoBase:  # the figure is missing, never 0
        return None
    count = len(people) + len(control)
    zero = Interval(0.0, 0.0, 0.0)
    return measured("specificity", split, "all", "all", count, len(set(sum(clusters, []))), zero, after)


def _utility(
    name: str, split: str, clusters: Sequence[Hashable], before: Interval, after: Interval | None,
    change: Change | None, limit: float | None = None,
) -> Figure:  # fmt: skip
    items, independent = len(clusters), len(set(clusters))
    return measured(name, split, "all", "all", items, independent, before, after, change, limit=limit)


def judged_figures(
    judged: Judged, searched: Sequence[str] = (), limits: Mapping[str, float] = LIMITS, scope: Scope = EVERYTHING
) -> list[Figure]:
    """Return who is judged worse in each split, from near to far, and what must stay.

    Args:
        judged: What was read.
        searched: The axes that search and select were restricted to; empty for all.
        limits: How much of what must stay may be lost.
        scope: The groups and dimensions that search and select were restricted to.
    """
    figures = gap_figures(judged.splits, searched, scope)
    figures += keep.keep_figures(judged.traits, judged.kept, judged.kept_values, limits)
    return figures + (otherwise_asked(judged.beside) if judged.beside else [])


def gap_figures(
    splits: Iterable[tuple[Reading, Reading | None]], searched: Sequence[str] = (), scope: Scope = EVERYTHING
) -> list[Figure]:  # fmt: skip
    """Return who is judged worse in each of these splits; arguments are those of `judged_figures`."""
    figures: list[Figure] = []
    for before, after in splits:
        split = before.cells[0].split
        figures += judgement.figures(before, after, split, split in PROVED, searched, scope)
    return figures


def otherwise_asked(judged: Judged) -> list[Figure]:
    """Return the gaps and what must stay in another prompt format than the run's, over all axes, named by it."""
    figures: list[Figure] = []
    for before, after in judged.splits:
        figures += judgement.figures(before, after, before.cells[0].split, details=False)
    if judged.traits:
        figures += keep.keep_figures(judged.traits, judged.kept, judged.kept_values, {})
    return [replace(f, name=f"{f.name}{OTHERWISE}{judged.format}") for f in figures if f.axis == "all"]


def figures_of(
    biases: Iterable[Bias], utility: Utility, documents: Sequence[Hashable], repair: int | None, judged: Judged,
    searched: Sequence[str] = (), contexts: Sequence[str] = (), limits: Mapping[str, float] = LIMITS,
    scope: Scope = EVERYTHING,
) -> list[Figure]:  # fmt: skip
    """Return every figure of splits from near to far, details where nothing was searched, what must stay, and utility.

    Args:
        biases: Of each split.
        utility: Of base and repairs.
        documents: The document of each chunk of text.
        repair: Which of the repairs; None in an audit.
        judged: Who is judged worse, and what must stay.
        searched: The axes that search and select were restricted to; empty for all.
        contexts: The contexts that they were restricted to; empty for all.
        limits: How much of what must stay may be lost, relative.
        scope: The groups and dimensions that they were restricted to.
    """
    figures = judged_figures(judged, searched, limits, scope)
    for bias in biases:
        proved = bias.probes[0].split in PROVED
        figures += bias_figures(
            bias, details=proved, searched=() if proved else searched, contexts=contexts, limit=limits["control"]
        )
    return figures + utility_figures(utility, documents, repair, budget=limits["perplexity"])
