"""Arguments as people give them: one name or several, a path or its text."""

from collections.abc import Sequence
from pathlib import Path

from fairhub.inputs.groups import Term, in_line, read_terms


def names(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return names, of which one may be given alone."""
    return (given,) if isinstance(given, str) else tuple(given)


def groups(given: str | Path) -> tuple[Term, ...]:
    """Return the terms of groups of one's own: of a line, "nurses: nurse; surgeons: surgeon", or of a file by its path.

    Raises:
        UserError: They cannot be read.
    """
    if isinstance(given, Path):
        return read_terms(given)
    return in_line(given) if given else ()


def path(given: Path | str | None) -> Path | None:
    """Return a path, which may be given as text."""
    return None if given is None else Path(given)
