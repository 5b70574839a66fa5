"""Files that others made, read with bounds: plain files only, whole, so long and no longer, as text or as JSON."""

import csv
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, StrictDataclassError
from jinja2 import TemplateError
from safetensors import SafetensorError
from yaml import YAMLError

from fairhub.errors import UserError, plain

MEGABYTE = 1 << 20
LARGEST = 256 * MEGABYTE
"""Of a probe file or a text: what fits in memory several times over."""
BROKEN = (
    OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, ImportError,
    RuntimeError, MemoryError, EOFError, SafetensorError, HfHubHTTPError, HFValidationError, StrictDataclassError,
    TemplateError, YAMLError, csv.Error,
)  # fmt: skip
"""What readers of other people's formats raise at broken files: each step of each library has its own."""

_HALF = re.compile(r"\\u[dD][89a-fA-F]")


@contextmanager
def one_line(say: Callable[[str], str]) -> Iterator[None]:
    """Say in one line, inside the `with` block, what a reader of a stranger's file could not take.

    Args:
        say: Makes the line (rule, what arrived, what to do) of what the reader said.

    Raises:
        UserError: The reader raised one of `BROKEN`, or what a library in Rust raises: a plain Exception, a panic.
    """
    try:
        yield
    except (UserError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        if not isinstance(error, BROKEN) and type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        raise UserError(say(plain(error, 200) or type(error).__name__)) from error


def is_blob(folder: Path, real: Path) -> bool:
    """Whether a folder lies in the Hub client's own cache, and a file that it links to is a blob there."""
    cache = Path(HF_HUB_CACHE).resolve()
    return folder.resolve().is_relative_to(cache) and real.is_relative_to(cache) and "blobs" in real.parts


def bytes_of(path: Path, kind: str, most: int = LARGEST) -> bytes:
    """Return what a plain file holds.

    Args:
        path: The file; a pipe, a device or a folder is refused and never waited for.
        kind: What it should be, for the one who is told that it is not: "a text file".
        most: Bytes it may have.

    Raises:
        UserError: It is not there, cannot be read, is no plain file or is too long.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise UserError(_unreadable(path, kind, error)) from error
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            what = "a folder" if stat.S_ISDIR(about.st_mode) else "a pipe or a device"
            raise UserError(f"{kind} must be a plain file; {plain(path)} is {what}; save it as a file and name that")
        try:
            raw = file.read(most + 1)
        except (OSError, MemoryError) as error:
            raise UserError(_unreadable(path, kind, error)) from error
    if len(raw) > most:
        raise UserError(f"{kind} has at most {most // MEGABYTE} MB; {plain(path)} has more; give less")
    return raw


def text_of(path: Path, kind: str, most: int = LARGEST) -> str:
    """Return the text of a plain UTF-8 file, without the mark of its byte order; the arguments are `bytes_of`'s.

    Raises:
        UserError: As for `bytes_of`, or it is not UTF-8.
    """
    return decoded(bytes_of(path, kind, most), path, kind)


def decoded(raw: bytes, path: Path, kind: str) -> str:
    """Return bytes as text.

    Raises:
        UserError: They are not UTF-8.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{kind} is UTF-8 text; {plain(path.name)} is not; save it as UTF-8") from error


def parsed(text: str, where: str) -> Any:
    """Return what a JSON text says.

    Args:
        text: The text.
        where: What it is, for the one who is told that it is none: "p.jsonl line 3".

    Raises:
        UserError: It is no JSON, is nested too deep, or holds a number or a string that nothing can hold.
    """
    try:
        found = json.loads(text, parse_constant=_no_number)
        if _HALF.search(text):  # perhaps: two of them make one character
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError, MemoryError) as error:
        said = error.msg if isinstance(error, json.JSONDecodeError) else plain(error)
        raise UserError(f"{where} must be JSON; it is not ({said}); mend or remove it") from error
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _unreadable(path: Path, kind: str, error: BaseException) -> str:
    said = getattr(error, "strerror", None) or plain(error) or type(error).__name__
    return f"{kind} must be readable; {plain(path)} is not ({said}); check its path"
