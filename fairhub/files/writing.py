"""Writes files whole or not at all: who reads one meanwhile sees the old file or the new one, never a part."""

import os
import secrets
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whose folder is there, whole or not at all.

    Raises:
        OSError: It cannot be written; what was there before is left.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
