"""The tab Repair: ask for one, watch it, stop it, go on with it, and look into what it found."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from fairhub import report
from fairhub.probes import AXES, CONTEXTS
from fairhub.space import map_panel, running
from fairhub.space.asking import DEPTHS, QUICK, methods, request
from fairhub.space.live import choice_shown, front_of, live
from fairhub.space.overview import overview
from fairhub.space.shared import Page, Shared, models_box
from fairhub.space.toasts import told
from fairhub.space.worker import RUN

_WHAT = (
    "Finds the attention heads and neurons (the small parts a model is made of) that make it treat people "
    "differently, removes them, and checks the result on prompts it never saw. Leave axes and contexts empty for all."
)
Update = dict[str, Any]


def build(shared: Shared, page: Page) -> None:
    """Lay out the tab."""
    gr.Markdown(_WHAT)
    asked = _form(shared)
    with gr.Row():
        start = gr.Button("Start", variant="primary")
        stop = gr.Button("Stop", interactive=False)
        resume = gr.Button("Resume", interactive=False)
    shown = gr.HTML("", elem_id="live")
    with gr.Column(visible=False) as results:
        found = gr.HTML("", elem_id="found")
        with gr.Accordion("The whole report", open=False):
            whole = gr.Markdown("", elem_classes="fh-document", latex_delimiters=[])
        gr.Markdown("## What each choice costs\nEvery candidate that was weighed, the cheapest first.")
        place = gr.Slider(1, 2, value=1, step=1, label="Candidate")
        front = gr.HTML("", elem_id="front")
    seen = [shown, start, stop, resume, results, found, whole, place, front, page.finished]

    def followed(key: str, job: Path) -> Iterator[list[Any]]:
        for look in running.follow(job, shared.begin):
            yield [live(look), *_buttons(look.standing.state), *[gr.skip()] * 6]
        if look.standing.state == "finished":
            names = list(shared.visitors.finished(key))
            yield [live(look), *_buttons("finished"), *_results(job), names]

    @told
    def begin(key: str, model: str, *told_: Any) -> Iterator[list[Any]]:
        what = request(*told_)
        source = shared.models.source(model)
        job = shared.visitors.new_job(key)
        running.prepare(job, source, what, shared.models.device)
        yield from followed(key, job)

    @told
    def back(key: str) -> list[Any]:
        jobs = shared.visitors.jobs(key)
        if not jobs:
            return [gr.skip()] * (len(seen) - 1)
        look = running.seen(jobs[-1])
        state = "stopped" if look.standing.state in ("waiting", "working", "paused") else look.standing.state
        done = (jobs[-1] / RUN / "report.json").is_file()
        return [live(look), *_buttons(state), *(_results(jobs[-1]) if done else [gr.skip()] * 5)]

    @told
    def go_on(key: str) -> Iterator[list[Any]]:
        yield from followed(key, shared.visitors.latest(key))

    @told
    def halt(key: str) -> Update:
        running.stop(shared.visitors.latest(key))
        return gr.update(interactive=False)

    @told
    def weigh(key: str, number: float) -> str:
        return choice_shown(report.read(shared.visitors.latest(key) / RUN / "report.json"), int(number))

    queue: dict[str, Any] = {"concurrency_id": "repair", "concurrency_limit": 1, "api_visibility": "private",
                             "show_progress": "minimal", "show_progress_on": shown}  # fmt: skip
    start.click(begin, [page.visitor, *asked], seen, **queue)
    resume.click(go_on, page.visitor, seen, **queue)
    stop.click(halt, page.visitor, stop, api_visibility="private", queue=False)
    page.visitor.change(back, page.visitor, seen[:-1], api_visibility="private", show_progress="hidden")
    place.change(weigh, [page.visitor, place], front, api_visibility="private", show_progress="hidden")
    map_panel.build(shared, page, asked[0])


def _form(shared: Shared) -> list[Any]:
    """Lay out what can be asked; return it in the order of `request`, the model first."""
    with gr.Row():
        model = models_box(shared)
        method = gr.Dropdown([(text, name) for text, name in methods().items()], value="robust", label="Method",
                             info="How the parts are found.")  # fmt: skip
    axes = gr.CheckboxGroup([(axis.replace("_", " "), axis) for axis in AXES], label="Differences between people")
    contexts = gr.CheckboxGroup(list(CONTEXTS), label="Where it matters")
    with gr.Row():
        budget = gr.Slider(0.5, 10, value=2, step=0.5, label="Budget",
                           info="How much worse it may foresee ordinary text, % perplexity.")  # fmt: skip
        depth = gr.Radio(list(DEPTHS), value=QUICK, label="How much is measured",
                         info="A quick look takes minutes; its intervals are wider.")  # fmt: skip
    return [model, axes, contexts, method, budget, depth]


def _buttons(state: str) -> list[Update]:
    """Return how Start, Stop and Resume stand."""
    busy = state in ("waiting", "working", "paused")
    return [gr.update(interactive=not busy), gr.update(interactive=busy), gr.update(interactive=state == "stopped")]


def _results(job: Path) -> list[Any]:
    """Return what the finished run of a job shows."""
    made = report.read(job / RUN / "report.json")
    count = len(front_of(made.choices))
    taken = next((n for n, choice in enumerate(front_of(made.choices), 1) if choice["chosen"]), 1)
    return [
        gr.update(visible=True), overview(made, job / RUN), report.markdown(made),
        gr.update(maximum=max(2, count), value=taken, interactive=count > 1), choice_shown(made, taken),
    ]  # fmt: skip
