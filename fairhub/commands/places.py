"""Files that an option names: refused before any work where they cannot be written, and written whole."""

import os
from pathlib import Path


def refuse_place(option: str, path: Path | None) -> None:
    """Refuse a file that cannot be written, as far as that is seen beforehand.

    Args:
        option: That names it.
        path: As typed; None where the option is not given.

    Raises:
        UserError: It cannot be written.
    """
    from fairhub.errors import UserError, plain

    if path is not None and (why := _why_not(path)):
        raise UserError(f"{option} names a file that can be written; {plain(path)} is none: {why}; mend {option}")


def _why_not(path: Path) -> str:
    from fairhub.errors import plain

    try:
        if not path.parent.is_dir():
            return "its folder is not there"
        if path.is_dir():
            return "a folder is there"
        return "" if os.access(path.parent, os.W_OK) else "its folder cannot be written"
    except (OSError, ValueError) as error:
        return plain(error, 120)


def write_file(what: str, path: Path, content: bytes) -> None:
    """Write a file whole or not at all, once: of several processes the main one does.

    Args:
        what: It is, for the message.
        path: Where.
        content: Of it.

    Raises:
        UserError: It cannot be written.
    """
    from fairhub.errors import UserError, plain
    from fairhub.files.writing import write_whole
    from fairhub.run.processes import main

    if not main():
        return
    try:
        write_whole(path, content)
    except (OSError, ValueError) as error:
        raise UserError(f"{what} must be written; {plain(path)}: {plain(error)}; free space or mend it") from error
