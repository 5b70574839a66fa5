"""Writes files whole or not at all: who reads one meanwhile sees the old file or the new one, never a part."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whose folder is there, whole or not at all.

    Raises:
        OSError: It cannot be written; what was there before is left.
    """
    with whole(path) as file:
        file.write(content)


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file, whose folder is there, that takes this path when the `with` block ends, and only if it ends well.

    Raises:
        OSError: It cannot be written; what was there before is left.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with draft.open("wb") as file:
            yield file
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
