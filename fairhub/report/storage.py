"""report.json: a report to text and back, checked, and written all at once or not at all."""

import json
import math
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from fairhub.errors import UserError, plain
from fairhub.files.reading import MEGABYTE, parsed, text_of
from fairhub.files.shapes import conform
from fairhub.files.writing import write_whole
from fairhub.report.record import SCHEMA, Control, Figure, Report
from fairhub.report.rules import refuse_candidate, refuse_parts, refuse_sizes
from fairhub.stats.statistics import Change, Interval

Value = TypeVar("Value")

LONGEST = 64 * MEGABYTE
"""Bytes of a report: the longest of ours has two."""
_READ = (1, 2)
_LEFT_OUT = ("groups", "limit", "freedom")
"""Of a figure: left out where it has none, not null; most have none, and there are hundreds."""
FIRST = ("schema", "fairhub", "method", "seed", "created")


def to_json(report: Report) -> str:
    """Write a report as JSON: keys in the schema's order, one line an entry, NaN and infinity as null.

    Optional parts that the run had not (settings, healing, choices, brought, transfer) are left out, not null.
    """
    plain = {key: value for key, value in _plain(report).items() if not _absent(key, value)}
    keys = [*FIRST, *(key for key in plain if key not in FIRST)]
    return "{\n" + ",\n".join(f"{_dumps(key)}: {_entry(plain[key])}" for key in keys) + "\n}\n"


def from_json(text: str) -> Report:
    """Read a report from JSON.

    Raises:
        UserError: for text that is no JSON, another schema, a missing or unknown key, or a figure without
            an interval.
    """
    data = parsed(text, "a report")
    if not isinstance(data, dict) or not _readable(data.get("schema")):
        arrived = plain(repr(data.get("schema")), 40) if isinstance(data, dict) else f"a {type(data).__name__}"
        raise UserError(
            f"this fairhub reads reports of schema {' and '.join(map(str, _READ))}; got {arrived}; "
            "use the fairhub version that wrote it, or run again"
        )
    # schema 1 had no judgement, no limits and nothing that must stay: what was not measured stays missing
    data = _checked(Report, data | {"schema": SCHEMA}, "the report")
    refuse_parts(data)
    data["figures"] = figures_of(data["figures"], "figures")
    data["controls"] = tuple(
        _control(control, f"controls[{i}]") for i, control in enumerate(_list(data["controls"], "controls"))
    )
    if data.get("choices") is not None:
        data["choices"] = [_choice(one, f"choices[{i}]") for i, one in enumerate(_list(data["choices"], "choices"))]
    return Report(**data)


def _readable(schema: object) -> bool:
    return type(schema) is int and schema in _READ


def write(report: Report, path: str | Path) -> None:
    """Write report.json whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, to_json(report).encode())


def read(path: str | Path) -> Report:
    """Read report.json.

    Raises:
        UserError: for a path that holds no report, besides the errors of `from_json`.
    """
    try:
        text = text_of(Path(path), "a report", LONGEST)
    except UserError as error:
        raise UserError(f"a report is read from a report.json; {plain(path)} cannot be read: {error}") from error
    return from_json(text)


def _absent(key: str, value: Any) -> bool:
    return value is None and key in ("settings", "healing", "choices", "brought", "transfer")


def _entry(value: Any) -> str:
    """JSON with one line an item for lists of objects (figures, units), one line in all otherwise."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n  " + ",\n  ".join(map(_dumps, value)) + "\n]"
    return _dumps(value)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """Dataclasses, tuples and NumPy values as what JSON holds."""
    if is_dataclass(value) and not isinstance(value, type):
        plain = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {name: part for name, part in plain.items() if part is not None or name not in _LEFT_OUT}
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _checked(kind: type, data: Any, where: str) -> dict[str, Any]:
    """Return a copy of an object that has exactly the keys of `kind`, optional ones aside."""
    if not isinstance(data, dict):
        raise UserError(f"{where} must be a JSON object; got {data!r:.40}; run again to write it anew")
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    for word, keys in (
        ("missing", needed - data.keys()),
        ("unknown", data.keys() - {field.name for field in fields(kind)}),
    ):
        if keys:
            raise UserError(
                f"{where} must have the keys of schema {SCHEMA}; {word}: {', '.join(sorted(keys))}; "
                "use the fairhub version that wrote it, or run again"
            )
    return dict(data)


def _list(data: Any, where: str) -> list[Any]:
    if not isinstance(data, list):
        raise UserError(f"{where} must be a JSON list; got {data!r:.40}; run again to write it anew")
    return data


def figures_of(data: Any, where: str) -> tuple[Figure, ...]:
    """Return the figures of a list as JSON holds them.

    Args:
        data: As it was read.
        where: What it is, for the one who is told.

    Raises:
        UserError: Something else, or a figure without an interval.
    """
    return tuple(_figure(figure, f"{where}[{i}]") for i, figure in enumerate(_list(data, where)))


def _figure(data: Any, where: str) -> Figure:
    parts = _checked(Figure, data, where)
    refuse_sizes(parts, where)
    parts["before"] = _part(Interval, parts["before"], f"{where}.before")
    parts["after"] = _part(Interval, parts["after"], f"{where}.after")
    parts["change"] = _part(Change, parts["change"], f"{where}.change")
    if (groups := parts.get("groups")) is not None:
        if not (isinstance(groups, list) and len(groups) == 2 and all(isinstance(group, str) for group in groups)):
            raise UserError(f"{where}.groups must be two names; got {groups!r:.40}; run again to write it anew")
        parts["groups"] = tuple(groups)
    return Figure(**parts)


def _choice(data: Any, where: str) -> dict[str, Any]:
    """Return a candidate; one of an erasure has what a front is drawn and taken from: a strength, and losses."""
    if not isinstance(data, dict):
        raise UserError(f"{where} must be a JSON object; got {data!r:.40}; run again to write it anew")
    if "lost" in data:
        strength, lost = data.get("strength"), data["lost"]
        if not (_number(strength) and strength > 0):
            raise UserError(f"{where}.strength must be above 0; got {strength!r:.40}; run again to write it anew")
        if not (isinstance(lost, dict) and all(map(_number, lost.values()))):
            raise UserError(f"{where}.lost must be shares by name; got {lost!r:.40}; run again to write it anew")
    refuse_candidate(data, where)
    return data


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _part(kind: type[Value], data: Any, where: str) -> Value | None:
    return None if data is None else kind(**_checked(kind, data, where))


def _control(data: Any, where: str) -> Control:
    parts = _checked(Control, data, where)
    conform(parts["name"], str, f"{where}.name")
    conform(parts["seeds"], int, f"{where}.seeds")
    return Control(parts["name"], parts["seeds"], figures_of(parts["figures"], f"{where}.figures"))
