"""HTML of the page: texts that cannot act as markup, tables with heads, parts that open."""

import html
from collections.abc import Iterable, Sequence

from fairhub.errors import plain

_MOST = 2000
"""Letters of a text."""


def esc(text: object) -> str:
    """Return text that a browser shows as it is: no markup, no control characters, no turned direction of writing."""
    return html.escape(plain(text, _MOST))


def free(text: object) -> str:
    """Return a stranger's text, whose own direction of writing turns nothing beside it."""
    return f"<bdi>{esc(text)}</bdi>"


def heard(text: object) -> str:
    """Return text that is read aloud and not seen."""
    return f'<span class="heard">{esc(text)}</span>'


def section(title: str, *parts: str) -> str:
    """Return a section under a heading; nothing where it has no parts."""
    inside = "".join(parts)
    return f"<section><h2>{esc(title)}</h2>{inside}</section>" if inside else ""


def details(summary: str, inside: str) -> str:
    """Return what opens with a click or a key; nothing where it is empty."""
    return f"<details><summary>{esc(summary)}</summary>{inside}</details>" if inside else ""


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts, which scrolls sideways where it is wider than the page; nothing without rows."""
    body = "".join(
        f'<tr><th scope="row">{free(first)}</th>{"".join(f"<td>{free(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return scrolled(caption, head, f"<tbody>{body}</tbody>") if body else ""


def scrolled(caption: str, head: Sequence[str], bodies: str, look: str = "") -> str:
    """Return a table of bodies that are HTML, under a caption and a row of heads.

    Args:
        caption: What it shows.
        head: Of its columns.
        bodies: One `tbody` or several.
        look: Its class.
    """
    top = "".join(f'<th scope="col"><span>{esc(cell)}</span></th>' for cell in head)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{esc(caption)}"><table class="{look}">'
        f"<caption>{esc(caption)}</caption><thead><tr>{top}</tr></thead>{bodies}</table></div>"
    )
