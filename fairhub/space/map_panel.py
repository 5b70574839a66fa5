"""The panel with the unit map: draws it for a model, and tells what the visitor's switches do to it."""

import gradio as gr

from fairhub import report
from fairhub.diagnosis import PAIR
from fairhub.space import unitmap
from fairhub.space.reading import checked
from fairhub.space.shared import Page, Shared
from fairhub.space.toasts import told
from fairhub.surgery import Pruning, Unit

_WHAT = (
    "Every square is a part of the model. Blue ones carry the difference between people, red ones dampen it; the "
    "stronger the colour, the more. Switch some off and see what becomes of it: the real model is asked, each time. "
    "Columns are only cut here, not refitted as in a repair."
)


def build(shared: Shared, page: Page, model: gr.Dropdown) -> None:
    """Lay out the panel."""
    with gr.Accordion("The unit map: switch parts off yourself", open=False):
        gr.Markdown(_WHAT)
        with gr.Row():
            first = gr.Textbox(PAIR[0], label="First text", lines=2)
            second = gr.Textbox(PAIR[1], label="Second text", lines=2)
        with gr.Row():
            draw = gr.Button("Draw the map", variant="primary")
            preset = gr.Checkbox(True, label="Begin with what my last run removed")
        grid = gr.HTML("", elem_id="unit-map", js_on_load=unitmap.JS)
        shown = gr.HTML("", elem_id="effect")

    @told
    def begin(key: str, name: str, a: str, b: str, mine: bool) -> tuple[str, str]:
        pair = checked(a, b)
        with shared.models.borrowed(name) as loaded:
            off = _removed(shared, key, name) if mine else frozenset()
            found = unitmap.survey(loaded, off)
            return unitmap.drawn(found, off), unitmap.effect_shown(unitmap.effect(loaded, off, pair), off)

    @told
    def switch(event: gr.EventData, name: str, a: str, b: str) -> str:
        off = unitmap.named(event._data.get("off"))
        pair = checked(a, b)
        with shared.models.borrowed(name) as loaded:
            return unitmap.effect_shown(unitmap.effect(loaded, off, pair), off)

    draw.click(begin, [page.visitor, model, first, second, preset], [grid, shown], api_visibility="private")
    grid.click(switch, [model, first, second], shown, api_visibility="private", trigger_mode="always_last")


def _removed(shared: Shared, key: str, name: str) -> Pruning:
    """Return the units of the visitor's last finished run, where it was of this model."""
    runs = shared.visitors.finished(key)
    if not runs:
        return frozenset()
    made = report.read(list(runs.values())[-1] / "report.json")
    source = shared.models.offered.get(name, name)
    if made.base_model["id"] not in (name, source):
        return frozenset()
    return frozenset(Unit(u["layer"], u["kind"], u["index"]) for u in made.pruning)
