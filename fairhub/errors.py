"""The one error a user's mistake raises: one clear line, no traceback, exit code 2."""

from collections.abc import Iterable
from typing import TypeVar

Choice = TypeVar("Choice", bound=str)
_MOST = 1500


class UserError(ValueError):
    """A mistake the user can mend.

    The message is one line: the rule, what arrived, and what to do about it. What of a stranger's text stands in it
    is made harmless here, whoever raises it; texts that may be long are shortened where they are put in.
    """

    def __init__(self, said: object = "") -> None:
        """Take the line."""
        super().__init__(plain(said, _MOST))


def plain(said: object, most: int = 120) -> str:
    """Return text that a terminal shows as it is: one line, no control characters, at most so long.

    A file or an option of a stranger may hold escape sequences, line ends that fake another message, marks that turn
    the direction of writing, halves of characters that no terminal takes, and a gigabyte.
    """
    text = str(said)
    cut = text if len(text) <= most else text[: most - 1] + "…"
    shown = (
        letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}" for letter in cut
    )
    return " ".join("".join(shown).split())


def one_of(what: str, name: str, choices: Iterable[Choice]) -> Choice:
    """Return the choice of that name.

    Raises:
        UserError: It is none of the choices; the message says what must be one of which.
    """
    named = {str(choice): choice for choice in choices}
    if name not in named:
        raise UserError(f"{what} must be one of {', '.join(named)}; got {name!r}; choose one of them")
    return named[name]
