"""The matrix of transfer: cells with intervals, what is kept when a context is left out, and one sentence a context."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fairhub.report.wording import percent
from fairhub.stats import statistics
from fairhub.stats.resampling import widened
from fairhub.stats.statistics import Change, Interval, ends
from fairhub.studies.transfer.ground import Ground
from fairhub.studies.transfer.rows import Row
from fairhub.studies.transfer.rulers import Measured

SCHEMA = 1
ALL_BUT = "all but "


@dataclass(frozen=True)
class Cell:
    """What became of one context under one repair."""

    method: str
    repaired_on: str
    measured_on: str
    change: Change


@dataclass(frozen=True, eq=False)
class Entry:
    """A row with what follows from it, worked out once."""

    row: Row
    cells: tuple[Cell, ...]
    beside: dict[str, Any]
    """How many units went, and what became of perplexity, inliers and refusals."""


def entry(ground: Ground, base: Measured, row: Row) -> Entry:
    """Return a row with its cells: its repair in each context."""
    found = [Cell(row.method, row.name, c, ground.ruler.change(base, row.measured, c)) for c in ground.contexts]
    return Entry(row, tuple(found), _beside(ground, base, row))


def kept(ground: Ground, base: Measured, rows: Sequence[Row]) -> Interval | None:
    """Return how much of the reduction in a context is kept by a repair that never saw it, over one method's rows.

    The mean reduction of contexts that were left out over the mean reduction of contexts that were repaired on alone:
    1 keeps all, 0 nothing. None where rows are missing or repairs on a context do not surely reduce anything there.
    """
    found = {row.name: row for row in rows}
    if any(name not in found for c in ground.contexts for name in (c, ALL_BUT + c)):
        return None
    same, out = (
        ground.ruler.reduced(base, [(c, found[f"{prefix}{c}"].measured) for c in ground.contexts])
        for prefix in ("", ALL_BUT)
    )
    if same is None or out is None or (same <= 0).mean() > 0.025:
        return None
    low, high = ends(
        out[1:] / np.where(same[1:] > 0, same[1:], np.nan_to_num(same[0])), _clusters(ground, ground.contexts)
    )
    return Interval(float(out[0] / same[0]), low, high)


def document(
    ground: Ground, base: Measured, entries: Sequence[Entry], model: Mapping[str, Any], asked: Mapping[str, Any]
) -> dict[str, Any]:
    """Return transfer.json."""
    rows = [entry.row for entry in entries]
    methods = list(dict.fromkeys(row.method for row in rows))
    shares = {m: kept(ground, base, [row for row in rows if row.method == m]) for m in methods}
    first = shares[methods[0]] if methods else None
    return {
        "schema": SCHEMA,
        "base_model": dict(model),
        "asked": dict(asked),
        "figure": ground.ruler.figure,
        "unit": ground.ruler.unit,
        "contexts": list(ground.contexts),
        "base": {c: asdict(_interval(ground.ruler.sizes(base, c), ground, [c])) for c in ground.contexts},
        "chance": {c: part and asdict(part) for c in ground.contexts for part in [ground.ruler.chance(base, c)]},
        "cells": [asdict(cell) for entry in entries for cell in entry.cells],
        "leave_one_out_kept": first.value if first else None,
        "kept": {method: share and asdict(share) for method, share in shares.items()},
        "rows": [entry.beside for entry in entries],
        "sentences": {
            m: [_sentence(ground, base, e) for e in entries if e.row.method == m and e.row.name in ground.contexts]
            for m in methods
        },
    }  # fmt: skip


def elsewhere(ground: Ground, base: Measured, row: Row) -> Interval | None:
    """Return the relative change in the contexts that a row did not see; None where there was nothing to change."""
    others = [c for c in ground.contexts if c not in row.contexts]
    draws = ground.ruler.reduced(base, [(c, row.measured) for c in others])
    return None if draws is None else _interval(-draws, ground, others)


def _interval(draws: np.ndarray, ground: Ground, contexts: Sequence[str]) -> Interval:
    return widened(float(draws[0]), draws[1:], _clusters(ground, contexts))


def _clusters(ground: Ground, contexts: Sequence[str]) -> int:
    """Return how many clusters the draws of these contexts are over: those of the one with fewest, to be safe."""
    return min(ground.ruler.clusters(context) for context in contexts)


def _sentence(ground: Ground, base: Measured, entry: Entry) -> str:
    row, (context,) = entry.row, entry.row.contexts
    if not (row.heads or row.neurons or row.healed) and (row.loss[0] == row.loss[1]).all():
        return f"Nothing was found to remove for {context}."
    here = _here(next(cell.change for cell in entry.cells if cell.measured_on == context))
    away = elsewhere(ground, base, row)
    each = {c.measured_on: c.change.relative for c in entry.cells if c.measured_on != context}
    known = {c: share for c, share in each.items() if share is not None}
    worst = max(known, key=lambda c: known[c]) if known else None
    return (
        f"Repaired for {context}: {ground.ruler.figure.replace('_', ' ')} {_span(here)} there; "
        + (
            "elsewhere nothing was there that can be told from none"
            if away is None
            else f"expect {_span(away)} elsewhere"
        )
        + (f", and {percent(known[worst])} in {worst}." if worst else ".")
    )


def _here(change: Change) -> Interval:
    """Return the relative change as the matrix shows it; none where the base model has nothing to change."""
    if change.relative is None or change.relative_low is None or change.relative_high is None:
        return Interval(0.0, 0.0, 0.0)
    return Interval(change.relative, change.relative_low, change.relative_high)


def _span(part: Interval) -> str:
    return f"{percent(part.value)} [{percent(part.low)}, {percent(part.high)}]"


def _beside(ground: Ground, base: Measured, row: Row) -> dict[str, Any]:
    cost = statistics.change(row.loss[0], row.loss[1], ground.base.documents["held_out"], transform=np.exp)
    others = {name: asdict(change) for name, change in ground.ruler.beside(base, row.measured).items()}
    return {
        "method": row.method, "repaired_on": row.name, "heads": row.heads, "neurons": row.neurons,
        "healed": row.healed, "perplexity": asdict(cost), **others,
    }  # fmt: skip
