"""JSON of strangers held against the shape that a type states: the first place that differs is named in one line."""

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from fairhub.errors import UserError, plain

DEEPEST = 24
"""Of lists and objects in each other."""
LARGEST = 1 << 63
"""No whole number of a record is as large."""
_TURNS = frozenset("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
"""Marks that begin a line or turn the direction of writing."""


def refuse_harm(value: Any, where: str, depth: int = 0) -> None:
    """Refuse what no record holds: numbers that nothing can compute with, control characters, endless nesting.

    Raises:
        UserError: There is such a thing; the message says where.
    """
    if depth > DEEPEST:
        raise UserError(f"a record is nested at most {DEEPEST} deep; {where} is deeper; take it from its maker again")
    if isinstance(value, str) and not harmless(value):
        raise _other(where, "text without control characters", value)
    if isinstance(value, int | float) and not _counts(value):
        raise _other(where, "a finite number of at most 19 digits", value)
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, part in pairs:
        if isinstance(name, str) and not harmless(name):
            raise _other(f"{where}, a key,", "text without control characters", name)
        refuse_harm(part, f"{where}[{name}]" if isinstance(name, int) else f"{where}.{name}", depth + 1)


def harmless(text: str) -> bool:
    """Whether a terminal shows the text as it is, in one line."""
    return not any(ord(letter) < 32 or 127 <= ord(letter) < 160 or letter in _TURNS for letter in text)


def conform(value: Any, hint: Any, where: str) -> None:
    """Refuse a JSON value that a type does not describe.

    Args:
        value: As JSON holds it: tuples are lists, dataclasses and typed dicts objects.
        hint: str, int, float, bool, None, Any, a Literal, a union, list[...], tuple[..., ...], dict[str, ...], a
            TypedDict (other keys are let be) or a dataclass (other keys are refused; those with defaults may lack).
        where: What the value is, for the one who is told.

    Raises:
        UserError: It does not; the message says where.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return
    if origin in (Union, types.UnionType):
        _one_of(value, parts, where)
    elif origin is Literal:
        if not any(type(value) is type(part) and value == part for part in parts):
            raise _other(where, f"one of {', '.join(map(repr, parts))}", value)
    elif origin in (list, tuple, Sequence):
        if not isinstance(value, list):
            raise _other(where, "a JSON list", value)
        for place, part in enumerate(value):
            conform(part, parts[0], f"{where}[{place}]")
    elif origin in (dict, Mapping) or hint is dict:
        _object(value, where)
        for name, part in value.items():
            conform(part, parts[1] if parts else Any, f"{where}.{name}")
    elif is_typeddict(hint) or is_dataclass(hint):
        _fields(value, hint, where)
    elif not _is(value, hint):
        raise _other(where, _WORDS.get(hint, getattr(hint, "__name__", str(hint))), value)


def _one_of(value: Any, hints: Sequence[Any], where: str) -> None:
    """Take the first of several types that fits; where none does, say what the first one misses."""
    missed: list[UserError] = []
    for hint in hints:
        try:
            return conform(value, hint, where)
        except UserError as error:
            missed.append(error)
    raise missed[0]


def _fields(value: Any, hint: Any, where: str) -> None:
    _object(value, where)
    hints = get_type_hints(hint)
    if is_typeddict(hint):
        needed: frozenset[str] = hint.__required_keys__
    else:
        needed = frozenset()
        if unknown := value.keys() - {field.name for field in fields(hint)}:
            raise UserError(f"{where} has parts of another fairhub: {plain(min(unknown))}; use the one that wrote it")
    for name in sorted(needed - value.keys()):
        raise UserError(f"{where} must have its {name}; it has none; take it from its maker again")
    for name in hints.keys() & value.keys():
        conform(value[name], hints[name], f"{where}.{name}")


def _object(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise _other(where, "a JSON object", value)


_WORDS = {
    str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null",
}  # fmt: skip


def _is(value: Any, hint: Any) -> bool:
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and _counts(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and _counts(value)
    return value is None if hint in (None, type(None)) else isinstance(value, str if hint not in (bool,) else bool)


def _counts(value: float) -> bool:
    return -LARGEST < value < LARGEST if isinstance(value, int) else math.isfinite(value)


def _other(where: str, wanted: str, value: Any) -> UserError:
    got = plain(repr(value) if not isinstance(value, dict | list) else f"a {type(value).__name__}", 40)
    return UserError(f"{plain(where)} must be {wanted}; got {got}; take it from its maker again, or run again")
