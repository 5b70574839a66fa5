"""The boxes for groups and pairs of a visitor's own: what was understood, or what is wrong, stands below them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from fairhub.errors import UserError
from fairhub.inputs.groups import described
from fairhub.inputs.judgement.cells import unmeasurable
from fairhub.report.wording import amount
from fairhub.space.markup import esc
from fairhub.space.own import BAR, LONGEST, Own, groups_in, pairs_in, unseen, written
from fairhub.space.shared import Page, Shared
from fairhub.space.toasts import told
from fairhub.space.wording import in_a_browser

_GROUPS_INFO = (
    "One a line: its name, a colon, and terms separated by commas. Behind a term that is no noun stands (plural), "
    "(adj) or (name). The shipped sentences are filled with them."
)
_PAIRS_INFO = f"One a line: two texts that differ in who they speak of, parted by {BAR}; a judgement comes next."


def said(groups: str, pairs: str, folder: Path) -> str:
    """Return what is wrong with either box, or what was understood, as HTML."""
    return f"{_line(_said_of_groups, groups)}{_line(lambda text: _said_of_pairs(text, folder), pairs)}"


def _line(say: Callable[[str], str], text: str) -> str:
    try:
        found, look = say(text), "fh-understood"
    except UserError as mistake:
        found, look = in_a_browser(str(mistake)), "fh-mistake"
    return f'<p class="{look}">{esc(found)}</p>' if found else ""


def _said_of_groups(text: str) -> str:
    terms = groups_in(text)
    if not terms:
        return ""
    groups = {term.group for term in terms}
    return f"{amount(len(groups), 'group')}, {amount(len(terms), 'term')}. In the proof {described(terms)}."


def _said_of_pairs(text: str, folder: Path) -> str:
    own = Own(pairs=pairs_in(text))
    path = written(own, folder)
    if path is None:
        return ""
    read = unseen(path)
    notes = " ".join(f"{note}." for note in unmeasurable(read))
    return f"{amount(len(own.pairs), 'pair')}; an audit measures on {len(read)} of them. {notes}".strip()


def boxes(shared: Shared, page: Page) -> tuple[gr.Textbox, gr.Textbox]:
    """Lay out the two boxes, closed until an address fills one; what is wrong stands below once one is left."""
    with gr.Accordion("Groups and pairs of your own", open=False) as both:
        groups = gr.Textbox(
            "", label="Groups", lines=3, max_lines=12, max_length=LONGEST, info=_GROUPS_INFO,
            placeholder="nurses: nurse, male nurse, nurses (plural)\nsurgeons: surgeon, surgeons (plural)",
        )  # fmt: skip
        pairs = gr.Textbox(
            "", label="Pairs", lines=3, max_lines=12, max_length=LONGEST, info=_PAIRS_INFO,
            placeholder=f"The nurse, a man, was {BAR} The nurse, a woman, was",
        )  # fmt: skip
        found = gr.HTML("", elem_classes="fh-own")

    @told
    def check(key: str, of_groups: str, of_pairs: str) -> str:
        return said(of_groups, of_pairs, shared.visitors.folder(key))

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    for box in (groups, pairs):
        box.blur(check, [page.visitor, groups, pairs], found, **quiet)
    for told_, box in ((page.groups, groups), (page.pairs, pairs)):
        told_.change(lambda text: (text, gr.update(open=True)), told_, [box, both], **quiet, queue=False)
    return groups, pairs
