"""Rows of a file that a person wrote: JSONL, JSON or CSV read alike, each row named by the line it stands on."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairhub.errors import UserError, plain
from fairhub.files.reading import parsed, text_of


@dataclass(frozen=True)
class Row:
    """One row, and where it stands."""

    where: str
    """For the one who is told what is wrong with it: "p.jsonl line 3"."""
    columns: dict[str, Any]


def rows_of(path: Path, kind: str, example: str) -> Iterator[Row]:
    """Yield the rows of a file: one JSON object a line (.jsonl), a list of them (.json), or columns (.csv).

    Args:
        path: The file.
        kind: What it should be, for the one who is told that it is not: "a probe file".
        example: What a JSON object of it looks like.

    Raises:
        UserError: The file is missing or of another kind, or a line of it (named) is no row.
    """
    _refuse_kind(path, kind)
    yield from rows_in(text_of(path, kind), path, kind, example)


def rows_in(text: str, path: Path, kind: str, example: str) -> Iterator[Row]:
    """Yield the rows of a text as a file of this name would hold it; nothing is read from disk.

    Raises:
        UserError: As for `rows_of`.
    """
    _refuse_kind(path, kind)
    suffix, name = path.suffix.lower(), plain(path.name)
    if suffix == ".csv":
        yield from _csv(text, name)
    elif suffix == ".jsonl":
        yield from _jsonl(text, name, example)
    elif text.strip():
        yield from _json(text, name, kind, example)


def _refuse_kind(path: Path, kind: str) -> None:
    if path.suffix.lower() not in (".jsonl", ".json", ".csv"):
        raise UserError(f"{kind} ends in .jsonl, .json or .csv; {plain(path.name)} does not; rename or convert it")


def _jsonl(text: str, name: str, example: str) -> Iterator[Row]:
    # Not splitlines(): that would also split at separators which may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"{name} line {number}"
            yield Row(where, _object(parsed(line, where), where, example))


def _json(text: str, name: str, kind: str, example: str) -> Iterator[Row]:
    items = parsed(text, name)
    if not isinstance(items, list):
        raise UserError(
            f"a .json {kind.removeprefix('a ')} is a list of objects; {name} is not; wrap the objects in [ ]"
        )
    for number, item in enumerate(items, 1):
        where = f"{name} item {number}"
        yield Row(where, _object(item, where, example))


def _csv(text: str, name: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = list(reader.fieldnames or ())
        if twice := [column for column in names if names.count(column) > 1]:
            raise UserError(f"{name} must have each column once; {plain(twice[0])!r} stands twice; take one out")
        for columns in reader:
            # A row of several lines is named by its last.
            where = f"{name} line {reader.line_num}"
            if None in columns or None in columns.values():
                raise UserError(f"{where} must have the {len(names)} fields of the header; mend it")
            yield Row(where, {str(key): cell for key, cell in columns.items()})
    except csv.Error as error:
        raise UserError(
            f"{name} line {reader.reader.line_num} must be CSV; it is not ({error}); mend the quotes"
        ) from error


def _object(item: Any, where: str, example: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise UserError(f"{where} must be a JSON object; it is a {type(item).__name__}; write {example}")
    return item
