"""How a run was made: model, units, settings, cost, data and versions, as a section of report.md."""

from collections.abc import Iterable
from typing import Any

from fairhub.report.markup import facts, said, table
from fairhub.report.record import Report


def provenance(report: Report) -> str:
    """Write the section that lets a stranger make the same run again."""
    parts = ["## How it was made", facts("Base model", report.base_model)]
    parts += [facts("Removed", units_by_layer(report.pruning)), facts("Parameters", report.parameters)]
    parts += [facts("Settings", report.settings or {}), facts("Healing", report.healing or {})]
    parts += [facts("Cost", report.cost), facts("Versions", report.versions | {"fairhub": report.fairhub})]
    if report.data:
        keys = list(dict.fromkeys(key for source in report.data for key in source))
        rows = [tuple(said(source.get(key, "")) for key in keys) for source in report.data]
        parts.append("**Data**\n\n" + table(tuple(keys), rows))
    parts.append(f"Made {report.created}; report schema {report.schema}.")
    return "\n\n".join(part for part in parts if part)


def units_by_layer(pruning: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Indices of removed units, by layer and kind."""
    places: dict[str, list[int]] = {}
    for unit in sorted(pruning, key=lambda u: (u["layer"], u["kind"], u["index"])):
        places.setdefault(f"layer {unit['layer']}, {unit['kind']}s", []).append(unit["index"])
    return {place: ", ".join(map(str, indices)) for place, indices in places.items()}
