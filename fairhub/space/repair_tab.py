"""The tab Repair: ask for one, watch it, stop it, go on with it, and look into what it found."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from fairhub import report
from fairhub.defaults import METHOD
from fairhub.inputs.probes import AXES, CONTEXTS
from fairhub.request import Request
from fairhub.space import forecasting, front, map_panel, own, own_boxes, running, zero
from fairhub.space.asking import DEPTHS, QUICK, explained, methods, request
from fairhub.space.callers import caller
from fairhub.space.live import live
from fairhub.space.markup import esc
from fairhub.space.overview import overview
from fairhub.space.shared import Page, Shared, models_box, models_in_turn, once_begun, repairs_in_turn
from fairhub.space.sizes import size_of
from fairhub.space.toasts import told
from fairhub.space.turns import Ticket
from fairhub.space.worker import BUSY, RUN

_WHAT = (
    "Finds what in a model makes it treat people differently, takes that out (parts of its weights, or whole attention "
    "heads and neurons), and checks the result on prompts it never saw. Leave axes and contexts empty for all."
)
Update = dict[str, Any]


def build(shared: Shared, page: Page) -> None:
    """Lay out the tab."""
    gr.Markdown(_WHAT)
    asked = [*_form(shared, page), *own_boxes.boxes(shared, page)]
    with gr.Row():
        start = gr.Button("Start", variant="primary", interactive=False)
        ask = gr.Button("How long will it take?", interactive=False)
        stop = gr.Button("Stop", interactive=False)
        resume = gr.Button("Resume", interactive=False)
    takes = gr.HTML("", elem_id="forecast")
    shown = gr.HTML("", elem_id="live")
    results, below = _results_below(), front.lay_out()
    seen = [shown, start, stop, resume, *results, *below, page.finished]
    queue: dict[str, Any] = repairs_in_turn() | {
        "api_visibility": "private", "show_progress": "minimal", "show_progress_on": shown,
    }  # fmt: skip
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    start.click(told(partial(_begin, shared)), [page.visitor, *asked], seen, **queue)
    resume.click(told(partial(_go_on, shared)), page.visitor, seen, **queue)
    stop.click(told(partial(_halt, shared)), page.visitor, stop, queue=False, **quiet)
    once_begun(page, start, ask)
    page.visitor.change(told(partial(_back, shared)), page.visitor, seen[:-1], **quiet)
    below.known.change(told(partial(_grown, shared)), [page.visitor, below.picked], below[:4], queue=False, **quiet)
    below.place.input(told(partial(_weigh, shared)), [page.visitor, below.place], [*below[2:4], below.picked],
                      trigger_mode="always_last", **quiet)  # fmt: skip
    below.take.click(told(partial(_take, shared)), [page.visitor, below.place], seen, **queue)
    ask.click(
        told(partial(_forecast, shared)), [page.visitor, *asked], takes, api_visibility="private", **models_in_turn()
    )
    map_panel.build(shared, page, asked[0])


def _asked(shared: Shared, key: str, *asked: Any) -> Request:
    """Return the request of what stands in the form, the model left out."""
    *chosen, groups, pairs = asked
    mine = own.read(groups, pairs)
    return request(*chosen, own=mine, probes=own.written(mine, shared.visitors.folder(key)))


def _forecast(shared: Shared, key: str, model: str, *asked: Any) -> Iterator[str]:
    """Yield how long the run will take that is asked for."""
    what, takes = _asked(shared, key, *asked), forecasting.LENT
    if not zero.on_zero():
        yield "<p role='status'>Measuring how quick this machine is …</p>"
        source = shared.models.source(model)
        with shared.models.lent(source) as loaded:
            takes = forecasting.said(source, what, shared.models.device, loaded)
    yield f"<p role='status'>{esc(takes)}</p>"


def _begin(shared: Shared, key: str, model: str, *asked: Any) -> Iterator[list[Any]]:
    """Begin a run; yield how it looks, as updates of all that is seen of it."""
    what = _asked(shared, key, *asked)
    with shared.repairs.place(caller()) as ticket:
        source = shared.models.source(model)
        job = shared.visitors.new_job(key, size_of(source))
        running.prepare(job, source, what, shared.models.device)
        yield from _followed(shared, key, job, ticket)


def _go_on(shared: Shared, key: str) -> Iterator[list[Any]]:
    """Go on with the run that was begun last."""
    with shared.repairs.place(caller()) as ticket:
        yield from _followed(shared, key, shared.visitors.latest(key), ticket)


def _followed(shared: Shared, key: str, job: Path, ticket: Ticket) -> Iterator[list[Any]]:
    look = running.seen(job)
    if look.standing.state != "finished":  # it may have been finished on another page of the same visit
        for look in shared.followed(job, ticket):
            hidden = gr.update(visible=False)  # what an earlier run found is not what this one will find
            grown = [*[gr.skip()] * 4, len(front.ordered(look.choices)), gr.skip()]
            yield [live(look), *_buttons(look.standing.state), hidden, *[gr.skip()] * 2, *grown, gr.skip()]
    if look.standing.state == "finished":
        names = list(shared.visitors.finished(key))
        yield [live(look), *_buttons("finished"), *_results(job), names]


def _halt(shared: Shared, key: str) -> Update:
    """Ask the run that was begun last to stop."""
    running.stop(shared.visitors.latest(key))
    return gr.update(interactive=False)


def _back(shared: Shared, key: str) -> list[Any]:
    """Return how the last run of a visit stands that goes on with a new page."""
    jobs = shared.visitors.jobs(key)
    if not jobs:
        return [gr.skip()] * 13
    look = running.seen(jobs[-1])
    if look.standing.state in BUSY:  # nobody follows it any more: the page that did is gone, or the Space began anew
        look = replace(look, standing=replace(look.standing, state="stopped"))
    if front.done(jobs[-1]):
        return [live(look), *_buttons(look.standing.state), *_results(jobs[-1])]
    count = len(front.ordered(look.choices))
    return [live(look), *_buttons(look.standing.state), *[gr.skip()] * 3, *front.updates(jobs[-1]), count, gr.skip()]


def _grown(shared: Shared, key: str, picked: str) -> list[Any]:
    """Return how the front of the run under way stands now, at the candidate that was picked."""
    jobs = shared.visitors.jobs(key) if key else []  # a page that opens has neither
    if not jobs or front.done(jobs[-1]):  # of a finished one all is shown: the slider is the visitor's by then
        return [gr.skip()] * 4
    return front.updates(jobs[-1], picked)


def _weigh(shared: Shared, key: str, number: float) -> list[Any]:
    """Return the front of the run that was begun last with one candidate marked, and what that one is known by."""
    job = shared.visitors.latest(key)
    found = front.of_job(job)
    place = min(max(int(number), 1), len(found))
    known = front.key_of(found[place - 1]) if found else ""
    return [front.choice_shown(found, place), front.takeable(job, found, place), known]


def _take(shared: Shared, key: str, number: float) -> Iterator[list[Any]]:
    """Begin a run that repairs with another candidate of the last one; yield how it looks."""
    with shared.repairs.place(caller()) as ticket:
        source, what = front.taken(shared.visitors.latest(key), int(number))
        job = shared.visitors.new_job(key, size_of(source))
        running.prepare(job, source, what, shared.models.device)
        yield from _followed(shared, key, job, ticket)


def _results_below() -> list[Any]:
    """Lay out what a finished run shows, its front apart; return its parts in the order of `_results`."""
    with gr.Column(visible=False) as results:
        found = gr.HTML("", elem_id="found")
        with gr.Accordion("The whole report", open=False):
            whole = gr.Markdown("", elem_classes="fh-document", latex_delimiters=[])
    return [results, found, whole]


def _form(shared: Shared, page: Page) -> list[Any]:
    """Lay out what can be asked; return it in the order of `request`, the model first."""
    with gr.Row():
        model = models_box(shared, page)
        with gr.Column():
            method = gr.Dropdown(list(methods().items()), value=METHOD, label="Method", info="How the parts are found.")
            what = gr.HTML(_method_said(METHOD), elem_id="method")
    method.change(told(_method_said), method, what, api_visibility="private", show_progress="hidden", queue=False)
    axes = gr.CheckboxGroup([(axis.replace("_", " "), axis) for axis in AXES], label="Differences between people")
    contexts = gr.CheckboxGroup(list(CONTEXTS), label="Where it matters")
    with gr.Row():
        budget = gr.Slider(0.5, 10, value=2, step=0.5, label="Budget",
                           info="How much worse it may foresee ordinary text, % perplexity.")  # fmt: skip
        depth = gr.Radio(list(DEPTHS), value=QUICK, label="How much is measured",
                         info="A quick look takes minutes; its intervals are wider.")  # fmt: skip
    return [model, axes, contexts, method, budget, depth]


def _method_said(method: str) -> str:
    return f"<p class='fh-why'>{esc(explained(method))}</p>"


def _buttons(state: str) -> list[Update]:
    """Return how Start, Stop and Resume stand."""
    busy = state in BUSY
    return [gr.update(interactive=not busy), gr.update(interactive=busy), gr.update(interactive=state == "stopped")]


def _results(job: Path) -> list[Any]:
    """Return what the finished run of a job shows, its front included, at the candidate that was taken."""
    made = report.read(job / RUN / "report.json")
    return [
        gr.update(visible=True), overview(made, job / RUN), report.markdown(made), *front.updates(job),
        len(front.of_job(job)), "",
    ]  # fmt: skip
