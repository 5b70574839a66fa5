"""HTML of what is shown: everything that a model or a person wrote is escaped here, and every picture has words."""

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.figure import Figure as Picture

from fairhub.plots.canvas import png


def esc(text: object) -> str:
    """Return text that HTML shows as it is."""
    return html.escape(str(text))


def table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str) -> str:
    """Return a table that scrolls sideways where it is wider than the page; the first cell heads its row."""
    top = "".join(f'<th scope="col">{esc(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{esc(row[0])}</th>' + "".join(f"<td>{esc(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="fh-scroll" tabindex="0" role="region" aria-label="{esc(caption)}"><table><caption>{esc(caption)}'
        f"</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def facts(cards: Iterable[tuple[str, str, str]]) -> str:
    """Return big numbers side by side: what each is, the number, and what it means."""
    shown = "".join(
        f'<div class="fh-fact"><dt>{esc(what)}</dt><dd class="fh-big">{esc(number)}</dd>'
        f'<dd class="fh-why">{esc(why)}</dd></div>'
        for what, number, why in cards
    )
    return f'<dl class="fh-facts">{shown}</dl>'


def drawn(picture: Picture) -> str:
    """Return a picture with its own title and reading line as its words."""
    words = [picture.get_suptitle().strip(), *(text.get_text() for text in picture.texts[:2])]
    return _figure(png(picture), ". ".join(dict.fromkeys(word.strip() for word in words if word.strip())))


def stored(path: Path, words: str) -> str:
    """Return a picture that was drawn before."""
    return _figure(path.read_bytes(), words)


def _figure(png: bytes, words: str) -> str:
    source = base64.b64encode(png).decode()
    return f'<figure class="fh-figure"><img alt="{esc(words)}" src="data:image/png;base64,{source}"></figure>'
