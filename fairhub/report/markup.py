"""Markdown that shows what it is given: tables, lists of facts, and text that cannot act as markup."""

import html
import json
import re
from collections.abc import Iterable
from typing import Any


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Write a table; every cell is escaped."""
    lines = [head, tuple("---" for _ in head), *(tuple(safe(cell) for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def facts(title: str, values: dict[str, Any]) -> str:
    """Write a titled list of what is known; empty where nothing is."""
    lines = [f"- {safe(key)}: {safe(said(value))}" for key, value in values.items() if value is not None]
    return f"**{title}**\n\n" + "\n".join(lines) if lines else ""


def said(value: Any) -> str:
    """Any JSON value as text; strings as they are."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def safe(text: str) -> str:
    """Text that Markdown shows as it is, in one cell: model output is data, never markup."""
    flat = " ".join(html.escape(text, quote=False).split())
    plain = re.sub(r"([\\`*_\[\]|~#])", r"\\\1", flat)
    # An empty comment keeps a bare address from becoming a link; no backslash does.
    return re.sub(r"(?<=\w)(?=://|@\w)|(?<=www)(?=\.)", "<!-- -->", plain, flags=re.I)
