"""The tab Audit: who a model judges worse, first as it is known already, then measured here."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from fairhub import report as records
from fairhub.report import Audit
from fairhub.report.audit_file import from_json
from fairhub.report.page import LIMITS
from fairhub.request import Request
from fairhub.space import audits, own, own_boxes, running
from fairhub.space.callers import caller
from fairhub.space.gallery_tab import finished
from fairhub.space.live import status
from fairhub.space.markup import esc
from fairhub.space.shared import Page, Shared, models_box, repairs_in_turn
from fairhub.space.toasts import told
from fairhub.space.worker import AUDIT, BUSY, FIRST, Standing

_WHAT = (
    "Whom does a language model judge worse when only the person in a sentence changes? An audit reads some "
    "thousand sentences and changes nothing of the model."
)
_NOW = "Measured here just now."
_BEFORE = "Measured here before, of the same model by the same fairhub."
_FIRST = (
    "A first look at a part of the sentences: what it does not show may well be there. The whole audit is under way "
    "and takes this one's place."
)
_COMING = "<p>What is found stands here: a first look, then the whole.</p>"
_STOPPED = "Stopped. What was measured is kept; Audit goes on from there"


def build(shared: Shared, page: Page) -> None:
    """Lay out the tab."""
    gr.Markdown(_WHAT)
    model = models_box(shared, page)
    mine = own_boxes.boxes(shared, page.visitor)
    with gr.Row():
        start = gr.Button("Audit", variant="primary")
        stop = gr.Button("Stop", interactive=False)
    state = gr.HTML("", elem_id="audit-state")
    shown = gr.HTML(opening(shared, next(iter(shared.models.offered.values()))), elem_id="finding")
    start.click(
        told(partial(_audit, shared)), [page.visitor, model, *mine], [state, shown, start, stop],
        api_visibility="private", show_progress="hidden", **repairs_in_turn(),
    )  # fmt: skip
    stop.click(
        told(partial(_halt, shared)), page.visitor, stop, queue=False, api_visibility="private", show_progress="hidden"
    )


def finding(audit: Audit, note: str) -> str:
    """Return an audit as HTML: what its page shows, below a line on where it comes from."""
    return (
        f'<article class="fh-audit"><p class="from" role="status">{esc(note)}</p>{audit.inside()}'
        f'<p class="note">{esc(LIMITS)}</p></article>'
    )


def opening(shared: Shared, source: str | None, request: Request | None = None) -> str:
    """Return what is known of a model before anything is measured: kept audits first, then what the gallery says."""
    if (kept := audits.known(source, request or audits.asked())) is not None:
        return finding(kept, _BEFORE)
    runs = [records.read(folder / "report.json") for folder in finished(shared.gallery).values()]
    found = audits.of_gallery(runs, source) if request is None or not (request.own or request.probes) else None
    if found is None:
        return _COMING
    audit, run = found
    when = f"measured on {run.created[:10]}, by fairhub {run.fairhub}, before the repair that the gallery shows"
    return finding(audit, f"Shipped with fairhub: {when}. Audit measures it here.")


def _audit(shared: Shared, key: str, name: str, groups: str = "", pairs: str = "") -> Iterator[list[Any]]:
    """Audit a model; yield how that stands, what is found, and the buttons.

    Of a visitor's own groups and pairs it is about these alone, and over the sooner.
    """
    mine, folder = own.read(groups, pairs), shared.visitors.folder(key)
    source, request = shared.models.source(name), audits.asked(mine.axes, mine.terms, own.written(mine, folder))
    if (kept := audits.known(source, request)) is not None:
        yield ["", finding(kept, _BEFORE), gr.skip(), gr.skip()]
        return
    with shared.repairs.place(caller()) as ticket:
        job = shared.visitors.new_audit(key)
        running.prepare(job, source, request, shared.models.device, "finding")
        yield ["", opening(shared, source, request), *_buttons(True)]
        first = False
        for look in shared.followed(job, ticket):
            at, new = look.standing, not first and (job / FIRST).is_file()
            first = first or new
            found = _found(job, at) if new or at.state == "finished" else gr.skip()
            yield [status(at, _STOPPED), found, *_buttons(at.state in BUSY)]


def _found(job: Path, at: Standing) -> str:
    """Return what a job has found so far, as HTML."""
    if at.state == "finished":
        return finding(from_json((job / AUDIT).read_text()), _NOW)
    return finding(from_json((job / FIRST).read_text()), _FIRST)


def _halt(shared: Shared, key: str) -> dict[str, Any]:
    """Ask the audit under way to stop."""
    running.stop(shared.visitors.latest_audit(key))
    return gr.update(interactive=False)


def _buttons(busy: bool) -> list[dict[str, Any]]:
    return [gr.update(interactive=not busy), gr.update(interactive=busy)]
