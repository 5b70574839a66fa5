"""The parts of the page below the table: examples, words that names bring, mere reaction, what the model knows."""

from collections.abc import Iterable, Sequence

from fairhub.report.evidence import Brought, Example
from fairhub.report.findings import Findings, Judged, Known
from fairhub.report.page.markup import esc, free, table
from fairhub.report.wording import share

_GROUPS, _WORDS = 10, 5
"""How many words that names bring are told without a click."""


def judged(told: Sequence[Judged]) -> str:
    """Return whom the model judges otherwise, a line each."""
    return f"<ul>{''.join(f'<li>{free(one.said)}</li>' for one in told)}</ul>" if told else ""


def examples(shown: Sequence[Example]) -> str:
    """Return pairs of texts side by side, what differs in them marked."""
    return "".join(map(_example, shown))


def _example(one: Example) -> str:
    sides = zip(one.groups, _marked(one), one.odds, one.shares, strict=True)
    texts = "".join(
        f'<div class="text"><p class="who">{free(group)}</p><p><bdi>{text} …</bdi></p><dl>'
        f"<div><dt>one of them, “{free(one.word)}”, comes next</dt><dd>{esc(share(chance))}</dd></div>"
        f"<div><dt>all negative words against all positive ones</dt><dd>{odds:.3g} to 1</dd></div></dl></div>"
        for group, text, odds, chance in sides
    )
    title = f"Judged {one.dimension}, {one.groups[0]} against {one.groups[1]}: odds {one.ratio:.3g} times as high"
    return f'<article><h3>{free(title)}</h3><div class="pair">{texts}</div></article>'


def _marked(one: Example) -> Iterable[str]:
    """Yield both texts as HTML, with what differs marked."""
    begin, differ, end = one.parts
    for words in differ:
        yield " ".join(filter(None, (esc(begin), f"<mark>{esc(words)}</mark>" if words else "", esc(end))))


def brought(found: Findings) -> str:
    """Return the words that a group's name brings nearly everywhere, a line a group."""
    lines = "".join(
        f"<li><b>{free(group)}</b>: {', '.join(map(free, words[:_WORDS]))}</li>"
        for group, words in found.brought[:_GROUPS]
    )
    return f"<ul>{lines}</ul>" if lines else ""


def all_brought(rows: Iterable[Brought]) -> str:
    """Return every token that a name brings or takes."""
    shown = (
        (one.axis, *one.groups, one.token.strip() or repr(one.token), f"{one.change:+.4f}", f"{100 * one.agree:.0f} %")
        for one in rows
    )
    head = ("axis", "group", "against", "token", "change of √probability", "sentences that agree")
    return table("Tokens that a group's name brings (above 0) or takes (below 0)", head, shown)


def reaction(found: Findings) -> str:
    """Return how much of the divergence is mere reaction, as a sentence and a bar."""
    if found.reaction is None:
        return ""
    wide = 400 * found.reaction
    return (
        f'<p>{esc(found.reacts)}</p><svg class="bar" viewBox="0 0 400 14" preserveAspectRatio="none" '
        f'aria-hidden="true"><rect class="mere" width="{wide:.1f}" height="14"></rect>'
        f'<rect class="shared" x="{wide:.1f}" width="{400 - wide:.1f}" height="14"></rect></svg>'
        f'<p class="ends"><span>{100 * found.reaction:.1f} % differs from sentence to sentence</span> '
        f"<span>{100 - 100 * found.reaction:.1f} % is the same in all</span></p>"
        '<p class="note">How much of the second part is unfair no share can say: who is judged worse stands above.</p>'
    )


def known(rows: Sequence[Known]) -> str:
    """Return what the model knows and keeps: the level large, what it says below it."""
    cards = "".join(
        f"<div><dt>{esc(one.what)}</dt><dd><b>{esc(one.short)}</b> {esc(one.why)}</dd></div>" for one in rows
    )
    return f'<dl class="cards">{cards}</dl>' if cards else ""
