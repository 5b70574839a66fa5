"""Arguments as people give them: one name or several, a path or its text."""

from collections.abc import Sequence
from pathlib import Path


def names(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return names, of which one may be given alone."""
    return (given,) if isinstance(given, str) else tuple(given)


def path(given: Path | str | None) -> Path | None:
    """Return a path, which may be given as text."""
    return None if given is None else Path(given)
