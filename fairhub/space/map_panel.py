"""The panel with the unit map: draws it for a model, and tells what the visitor's switches do to it."""

from typing import Any

import gradio as gr

from fairhub import report
from fairhub.errors import UserError
from fairhub.model.loading import Loaded
from fairhub.model.units import Pruning, Unit
from fairhub.space import unitmap
from fairhub.space.reading import checked
from fairhub.space.shared import Page, Shared, models_in_turn, once_begun
from fairhub.space.toasts import told
from fairhub.studies.diagnose.diagnosis import PAIR

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
            draw = gr.Button("Draw the map", variant="primary", interactive=False)
            preset = gr.Checkbox(True, label="Begin with what my last run removed")
        grid = gr.HTML("", elem_id="unit-map", js_on_load=unitmap.JS)
        shown = gr.HTML("", elem_id="effect")
        of = gr.State(())  # what the map that is drawn was loaded from: the form may name another model by now

    @told
    def begin(key: str, name: str, a: str, b: str, mine: bool) -> tuple[str, str, tuple[str | None]]:
        pair, source = checked(a, b), shared.models.source(name)
        with shared.models.lent(source) as loaded:
            off = _removed(shared, key, loaded) if mine else frozenset()
            found = unitmap.survey(loaded, off)
            told_ = unitmap.effect_shown(unitmap.effect(loaded, off, pair), off)
            return unitmap.drawn(found, off), told_, (source,)

    @told
    def switch(event: gr.EventData, of: tuple[str | None, ...], a: str, b: str) -> str:
        return switched(shared, event._data, of, checked(a, b))

    settings: dict[str, Any] = {"api_visibility": "private"} | models_in_turn()
    once_begun(page, draw)
    draw.click(begin, [page.visitor, model, first, second, preset], [grid, shown, of], **settings)
    grid.click(switch, [of, first, second], shown, trigger_mode="always_last", **settings)


def switched(shared: Shared, clicked: object, of: tuple[str | None, ...], pair: tuple[str, str]) -> str:
    """Return what the switches of a map do, as HTML.

    Args:
        shared: Has the models.
        clicked: What the page told with the click; any browser can send anything.
        of: What the drawn model was loaded from; empty where no map was drawn.
        pair: The visitor's.

    Raises:
        UserError: No map was drawn, or the click names no units of its model.
    """
    off = unitmap.named(clicked.get("off") if isinstance(clicked, dict) else None)
    if not of:
        raise UserError("switches are those of a map; none is drawn here; draw the map first")
    with shared.models.lent(of[0]) as loaded:
        return unitmap.effect_shown(unitmap.effect(loaded, off, pair), off)


def _removed(shared: Shared, key: str, loaded: Loaded) -> Pruning:
    """Return the units of the visitor's last finished run, where it was of this model."""
    runs = shared.visitors.finished(key)
    if not runs:
        return frozenset()
    made = report.read(list(runs.values())[-1] / "report.json")
    if (made.base_model["id"], made.base_model["revision"]) != (loaded.id, loaded.revision):
        return frozenset()
    return frozenset(Unit(u["layer"], u["kind"], u["index"]) for u in made.pruning)
