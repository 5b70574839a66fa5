"""The tab Audit: who a model judges worse, first as it is known already, then measured here, growing."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from fairhub.request import Request
from fairhub.space import audits, findings, own, own_boxes, running, sharing
from fairhub.space.callers import caller
from fairhub.space.live import status
from fairhub.space.shared import Page, Shared, models_box, once_begun, repairs_in_turn
from fairhub.space.toasts import told
from fairhub.space.turns import Ticket
from fairhub.space.worker import BUSY, What

_WHAT = (
    "Whom does a language model judge worse when only the person in a sentence changes? An audit reads some "
    "thousand sentences and changes nothing of the model."
)
_STOPPED = "Stopped. What was measured is kept"
_START, _FINISH = "Audit", "Finish the audit"


def build(shared: Shared, page: Page) -> None:
    """Lay out the tab."""
    gr.Markdown(_WHAT)
    model = models_box(shared, page)
    mine = own_boxes.boxes(shared, page)
    with gr.Row():
        start = gr.Button(_START, variant="primary", interactive=False)
        stop = gr.Button("Stop", interactive=False)
    state = gr.HTML("", elem_id="audit-state")
    first, source = next(iter(shared.models.offered.items()))
    known = findings.opening(shared, source, address=sharing.address(first))
    shown = gr.HTML(known, elem_id="finding", js_on_load=sharing.JS)
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    start.click(
        told(partial(_audit, shared)), [page.visitor, model, *mine], [state, shown, start, stop],
        **quiet, **repairs_in_turn(),
    )  # fmt: skip
    stop.click(told(partial(_halt, shared)), page.visitor, stop, queue=False, **quiet)
    once_begun(page, start)
    told_by_address = [page.visitor, page.model, page.groups, page.pairs]
    page.model.change(told(partial(_known, shared)), told_by_address, shown, queue=False, **quiet)


def _known(shared: Shared, key: str, name: str, groups: str, pairs: str) -> Any:
    """Return what is known of what an address asks: a model, with groups and pairs of one's own where it has some."""
    if not name:
        return gr.skip()
    asked = _request(shared, key, groups, pairs)
    return findings.opening(shared, shared.models.pinned(name), asked, sharing.address(name, groups, pairs))


def _request(shared: Shared, key: str, groups: str, pairs: str) -> Request:
    """Return what an audit is asked: of a visitor's own groups and pairs it is about these alone."""
    mine = own.read(groups, pairs)
    return audits.asked(mine.axes, mine.terms, own.written(mine, shared.visitors.folder(key)))


def _audit(shared: Shared, key: str, name: str, groups: str = "", pairs: str = "") -> Iterator[list[Any]]:
    """Audit a model; yield how that stands, what is found, and the buttons."""
    request, source = _request(shared, key, groups, pairs), shared.models.source(name)
    known = findings.opening(shared, source, request, sharing.address(name, groups, pairs))
    if audits.known(source, request) is not None:
        yield ["", known, *_buttons(False)]
        return
    with shared.repairs.place(caller()) as ticket:
        job, begun = _job(shared, key, source, request)
        yield ["", gr.skip() if begun else known, *_buttons(True)]
        yield from _followed(shared, job, ticket, sharing.address(name, groups, pairs), known != findings.COMING)


def _job(shared: Shared, key: str, source: str | None, request: Request) -> tuple[Path, bool]:
    """Return the folder of an audit, and whether it was begun before and goes on."""
    what: What = "finding"
    asked = source, request, shared.models.device, what
    last = shared.visitors.last_audit(key)
    if last is not None and running.asks(last, *asked) and running.seen(last).standing.state == "stopped":
        return last, True
    job = shared.visitors.new_audit(key)
    running.prepare(job, *asked)
    return job, False


def _followed(shared: Shared, job: Path, ticket: Ticket, address: str, known: bool) -> Iterator[list[Any]]:
    """Follow an audit; yield how it stands and, whenever more is found, that.

    Args:
        shared: Runs it.
        job: Its folder.
        ticket: Its place in the queue.
        address: What opens the finding.
        known: Whether the whole is on the page, measured before: a first look, which is weaker, does not replace it.
    """
    shown, takes = (0, True), 0.0
    for look in shared.followed(job, ticket):
        at, count = look.standing, findings.looks(job)
        going, found = at.state in BUSY, gr.skip()
        if at.state == "finished":
            found = findings.whole(job, address)
        elif (count, going) != shown and count > known:
            takes = findings.all_of_it(count, at.seconds) if count > shown[0] else takes
            found = findings.part(job, count, max(takes - at.seconds, 1.0), going, address)
        shown = (count, going)
        yield [status(at, _STOPPED), found, *_buttons(going, bool(count) and at.state == "stopped")]


def _halt(shared: Shared, key: str) -> dict[str, Any]:
    """Ask the audit under way to stop."""
    running.stop(shared.visitors.latest_audit(key))
    return gr.update(interactive=False)


def _buttons(busy: bool, part: bool = False) -> list[dict[str, Any]]:
    """Return how both buttons stand; where a part was found the first offers the rest."""
    return [gr.update(interactive=not busy, value=_FINISH if part else _START), gr.update(interactive=busy)]
