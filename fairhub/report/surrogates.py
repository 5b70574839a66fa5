"""What the surrogates of a search were worth: forecasts against the real model, and searches without them."""

from collections.abc import Iterable, Mapping
from typing import Any

from fairhub.report.markup import said, table
from fairhub.report.record import Report
from fairhub.report.wording import number

_TRUST = (
    "Forecasts of masks that no surrogate was trained on. First order is the Spearman of first-order scores alone, "
    "without any mask measured. The ceiling is the reliability of the labels themselves (rank correlation between "
    "halves of probes and chunks, stepped up): what lies above it is knowledge of these probes. Regret is how far the "
    "best of the five masks ranked first falls short of the best of all, as a share of the range."
)
_WINNERS = "Masks that annealing on the surrogates found, and their energy on the real model: lower is better."
_SEARCHES = (
    "The lowest energy that each way of searching met on the real model, and how many masks it measured for that. "
    "The surrogates also learned from the random masks. Greedy takes heads in the order of their first-order scores, "
    "and keeps each that lowers the energy."
)
_NAMES = {
    "energy": "energy, weighted", "robust": "energy, robust", "bias": "bias (log ratio)", "loss": "log-perplexity",
}  # fmt: skip
_HEADS = {
    "mse": "MSE", "r2": "R²", "spearman": "Spearman", "first_order": "First order", "ceiling": "Ceiling",
    "regret": "Regret",
}  # fmt: skip


def surrogate_tables(report: Report) -> list[tuple[str, str, str]]:
    """Return title, note and table of each part; nothing where a run had no surrogates."""
    trace = report.trace
    fidelity, winners, searches = (trace.get(name) or {} for name in ("fidelity", "winners", "searches"))
    rows = [(_NAMES.get(name, name), *(_cell(found.get(key)) for key in _HEADS)) for name, found in fidelity.items()]
    return [
        ("How far the surrogates can be trusted", _TRUST, table(("Forecast", *_HEADS.values()), rows) if rows else ""),
        ("What the surrogates promised and the model kept", _WINNERS, row_table(winners.get("rows") or ())),
        (
            "With and without surrogates",
            f"{_SEARCHES} Energy: {searches.get('energy')}.",
            row_table(searches.get("rows") or ()),
        ),
    ]


def row_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as a table with every column that one of them has; nothing of none."""
    rows = list(rows)
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    return table(columns, [tuple(_cell(row.get(name)) for name in columns) for row in rows]) if rows else ""


def _cell(value: Any) -> str:
    return "-" if value is None else number(value) if isinstance(value, float) else said(value)
