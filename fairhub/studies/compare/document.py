"""A comparison as compare.json, as compare.md and as a table on a terminal."""

import json
from collections.abc import Sequence
from dataclasses import asdict, astuple
from typing import Any

from fairhub.report import Figure, headline, is_public
from fairhub.report.markup import safe, table
from fairhub.report.metrics import METRICS, Metric, Section, ordered
from fairhub.report.public import moved, readings
from fairhub.report.record import count_units
from fairhub.report.wording import amount, edited, percent, points, shift_of
from fairhub.studies.compare.differences import Difference
from fairhub.studies.compare.entries import Comparison, Entry

SCHEMA = 1


def to_json(found: Comparison) -> str:
    """Return compare.json: every run's figures as its report has them, units, cost, and differences."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "base_model": found.entries[0].report.base_model,
            "reference": found.reference,
            "methods": [_record(entry) for entry in found.entries],
            "differences": [_told(d) for d in found.differences],
            **({"published": [asdict(row) for row in found.published]} if found.published else {}),
        },
        ensure_ascii=False,
        indent=1,
    )


def markdown(found: Comparison, *, places: bool = True) -> str:
    """Return compare.md, with where each run lies unless `places` is off."""
    base = safe(str(found.entries[0].report.base_model.get("id", "a model")))
    columns, kept = _columns("judged", "everywhere", "pairs", "utility"), _columns("kept")
    head = ("Method", "Units", "Verdict", *(name for name, _, _ in columns), "Seconds")
    rows = [
        (e.name, units(e), _word(e), *(_moved(_of(e, metric, split)) for _, metric, split in columns), seconds(e))
        for e in found.entries
    ]
    axes = sorted({f.axis for e in found.entries for f in _axes(e)})
    by_axis = [(e.name, *(_shift(e.figure(_headline(e), axis=axis)) for axis in axes)) for e in found.entries]
    keeps = [(e.name, *(_kept(_of(e, metric, split)) for _, metric, split in kept)) for e in found.entries]
    parts = [
        f"# Repairs of {base} compared",
        _NOTE,
        table(head, rows),
        "## What must stay, held_out",
        _LIMITS,
        table(("Method", *(name for name, _, _ in kept)), keeps),
        f"## Against {safe(found.reference)}",
        _PAIRED,
        table(("Method", "Figure", "Split", "Difference", "Reading"), [_difference(d) for d in found.differences]),
        *(("## By axis, held_out", table(("Method", *axes), by_axis)) if axes else ()),
        *_public(found),
        *_on_own_ground(found),
    ]
    if places:
        lie = ", ".join(f"{safe(e.name)} in {safe(e.run)}" for e in found.entries)
        parts.append(f"Pictures: compare.png. Runs: {lie}.")
    return "\n\n".join(parts) + "\n"


def _public(found: Comparison) -> list[str]:
    """The public benchmarks that runs measured, a figure a row, a run a column; nothing where none did."""
    rows = []
    said = [dict(zip(map(_name, own), readings(own), strict=True)) for own in map(_overall, found.entries)]
    moves = [{_name(f): moved(f) for f in _overall(entry)} for entry in found.entries]
    for name in dict.fromkeys(name for own in said for name in own):
        cells = (f"{m[name]}: {s[name][0]}" if name in s else "-" for s, m in zip(said, moves, strict=True))
        rows.append((name, *cells))
    names = tuple(entry.name for entry in found.entries)
    return ["## Public benchmarks", _PUBLIC, table(("Benchmark", *names), rows)] if rows else []


def _on_own_ground(found: Comparison) -> list[str]:
    """Each published method by its paper's figure beside ours; nothing where it was not asked."""
    head = ("Method", "Its paper's figure", "Its paper says", "Here", "Judgement, held_out", "Perplexity", "Differs")
    rows = [tuple(safe(part) for part in astuple(row)) for row in found.published]
    return ["## Each on its own ground", _OWN, table(head, rows)] if rows else []


_OWN = (
    "Changes from the base model with 95 % intervals. A paper's headline is of its models, prompts and settings, "
    "mostly without an interval: what differs stands beside it. The two columns before the last are ours."
)
_PUBLIC = "Changes from the base model; better and worse hold beyond the chance of a run's whole table (Holm, 5 %)."


def _overall(entry: Entry) -> list[Figure]:
    return [figure for figure in entry.report.figures if is_public(figure) and figure.axis == "all"]


def _name(figure: Figure) -> str:
    return f"{figure.name}, {figure.better} is better"


def text(found: Comparison) -> str:
    """Return the table that a terminal shows."""
    names = max(len(e.name) for e in found.entries)
    lines = [f"{'':<{names}}  {'units':>20}  {'judged apart, held_out':>27}  {'perplexity':>27}  {'s':>6}"]
    for e in found.entries:
        bias, cost = (_shift(e.figure(name)) for name in (_headline(e), "perplexity"))
        lines.append(f"{e.name:<{names}}  {units(e):>20}  {bias:>27}  {cost:>27}  {seconds(e):>6}")
    lines += ["", f"against {found.reference}, difference of changes:"]
    lines += [f"{d.name:<{names}}  {d.figure}, {d.split}: {_span(d)}, {_reading(d)}" for d in found.differences]
    lines += ["", "each on its own ground:"] if found.published else []
    lines += [f"{row.method:<{names}}  {row.figure}: {row.here} (its paper: {row.claimed})" for row in found.published]
    return "\n".join(lines)


def units(entry: Entry) -> str:
    """Return how many units of each kind are gone, and whether the rest was refitted."""
    kinds = " + ".join(amount(n, kind) for kind, n in count_units(entry.report.pruning).items())
    return ", ".join(filter(None, [kinds or "none", edited(entry.report.healing)]))


def seconds(entry: Entry) -> str:
    """Return what the run took."""
    taken = entry.report.cost.get("seconds")
    return f"{taken:,.0f}" if isinstance(taken, int | float) else "-"


def _record(entry: Entry) -> dict[str, Any]:
    places = [*_compared(), *((_headline(entry), "held_out", f.axis) for f in _axes(entry))]
    figures = [f for f in (entry.figure(*place) for place in places) if f is not None]
    report = entry.report
    return {
        "name": entry.name, "run": entry.run, "method": report.method, "seed": report.seed,
        "units": count_units(report.pruning), "healed": report.healing is not None, "cost": report.cost,
        "verdict": report.verdict, "figures": [asdict(figure) for figure in figures],
    }  # fmt: skip


def _axes(entry: Entry) -> Sequence[Figure]:
    place = (_headline(entry), "held_out", "all", None)
    return [
        f for f in entry.report.figures
        if (f.name, f.split, f.context, f.groups) == place and f.axis not in ("all", "control")
    ]  # fmt: skip


def _headline(entry: Entry) -> str:
    return headline(entry.report.figures)


def _kept(figure: Figure | None) -> str:
    return f"{_shift(figure)}{', past its limit' if figure and figure.past_limit else ''}"


def _shift(figure: Figure | None) -> str:
    return shift_of(figure) if figure else "-"


def _moved(figure: Figure | None) -> str:
    if figure is None or not figure.metric.points:
        return _shift(figure)
    return points(figure.after) if figure.after else "-"


def _of(entry: Entry, metric: Metric, split: str) -> Figure | None:
    return entry.figure(metric.name, split, metric.axis)


def _word(entry: Entry) -> str:
    """Return the word that the verdict begins with."""
    return entry.report.verdict.partition(":")[0].partition(";")[0]


def _columns(*sections: Section) -> list[tuple[str, Metric, str]]:
    """Return head, metric and split of the columns that metrics of these sections have."""
    return [(name, metric, split) for metric in ordered(*sections) for split, name in metric.columns.items()]


def _compared() -> list[tuple[str, str, str]]:
    """Return name, split and axis of every figure that stands beside every other, those of one name together."""
    names = [m.name for m in ordered("judged", "everywhere", "kept", "pairs", "utility") if m.axis == "all"]
    shown = sorted((m for m in METRICS if m.compared), key=lambda m: (names.index(m.name), m.axis != "all"))
    return [(metric.name, split, metric.axis) for metric in shown for split in metric.compared]


def _told(d: Difference) -> dict[str, Any]:
    return {name: part for name, part in asdict(d).items() if name != "carries"} | {"outcome": d.outcome}


def _difference(d: Difference) -> tuple[str, ...]:
    return d.name, d.figure, d.split, _span(d), _reading(d)


def _span(d: Difference) -> str:
    value, low, high = (f"{100 * part:+.1f}" for part in (d.value, d.low, d.high))
    return f"{value} points [{low}, {high}]"


def _reading(d: Difference) -> str:
    return d.outcome + ("" if d.paired else ", not paired")


_LIMITS = "Relative changes; a loss is past its limit (10 % of reactions, 5 % of the others) by its whole interval."
_NOTE = (
    "Relative changes against the base model, with 95 % intervals, on prompts and judgement words that no method "
    f"searched; lower is better ({percent(0.02)} perplexity is the usual budget). Judgement: who is judged worse. "
    "Single pairs: divergence, nearly all of it reaction, of which less is not fairer. Specificity below 0: it fell by "
    "more than on control pairs."
)
_PAIRED = (
    "Difference of relative changes, in points; below 0 is better, of divergence only less reaction. Drawn over the "
    "same probes for both runs, unless marked; a run that only its report is known of cannot be paired, and its "
    "interval is wider than it need be."
)
