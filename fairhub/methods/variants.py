"""Variants: what a user changes of a published recipe, as "name=value, ..."."""

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

from fairhub.errors import UserError, plain

Recipe = TypeVar("Recipe")


def read(kind: type[Recipe], variant: str, value: Callable[[str, str], Any]) -> Recipe:
    """Return the recipe with what a user changed, such as "weight=0.8, importance=l2".

    Args:
        kind: A dataclass whose defaults are what was published.
        variant: What the user wrote.
        value: Turns the text of a field into its value, or refuses it.

    Raises:
        UserError: A name is unknown, or a value is not one of its kind.
    """
    pairs = [part.partition("=") for part in variant.split(",") if part.strip()]
    given = {name.strip(): text.strip() for name, _, text in pairs}
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in given:
        if name not in names:
            raise UserError(f"a variant changes {', '.join(names)}; got {name!r}; mend --variant")
    return kind(**{name: value(name, text) for name, text in given.items()})


def one_of(name: str, text: str, choices: tuple[str, ...]) -> str:
    """Return a choice, or refuse what is none."""
    if text not in choices:
        raise UserError(f"{name} must be {' or '.join(choices)}; got {text!r}; mend --variant")
    return text


def number(name: str, text: str, kind: Callable[[str], Any] = float) -> Any:
    """Return a number, or refuse what is none, or no size: every field of a recipe is a share, a weight or a count."""
    try:
        found = kind(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise UserError(f"{name} must be a finite number from 0 up; got {plain(text)!r}; mend --variant") from None
    return found
