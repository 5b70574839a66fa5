"""The tab Diagnose: one pair of texts, what the model makes of each, and where inside it they part."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from fairhub.inputs.probes import CONTROL, stratified, templates
from fairhub.space.markup import drawn, facts
from fairhub.space.ranks import Ranks, rank_shown
from fairhub.space.reading import Reading, checked, read_pair, side_by_side, words_table
from fairhub.space.shared import Page, Shared, models_box, models_in_turn
from fairhub.space.toasts import told
from fairhub.studies.diagnose.diagnosis import PAIR, diagnose, pictures

_EXAMPLES = 16
_RANKING = 30.0  # seconds that one diagnosis adds to the ranking


def examples() -> dict[str, tuple[str, str]]:
    """Return pairs to choose from by what they are about: the article's, and shipped probes of every axis."""
    probes = stratified((p for p in templates() if p.axis != CONTROL), _EXAMPLES)
    shown = {f"{p.axis}, {p.context}: {p.term_a} / {p.term_b}".replace("_", " "): (p.text_a, p.text_b) for p in probes}
    return {"race, policing: Black / white": PAIR} | dict(sorted(shown.items()))


def summary(found: Reading) -> str:
    """Return the reading of a pair as HTML."""
    share = found.divergence / 0.6931
    number = facts([
        ("Difference", f"{found.divergence:.4f} nats", f"0 is alike, 0.69 is nothing in common; this is {share:.1%}."),
    ])  # fmt: skip
    return side_by_side(found.pair, found.said) + number + words_table(found.words)


def build(shared: Shared, page: Page) -> None:
    """Lay out the tab."""
    pairs = examples()
    gr.Markdown(
        "Two texts that differ only in who they speak of. A fair model goes on alike. "
        "Choose a pair or write your own; the last words should leave the judgement open."
    )
    with gr.Row():
        model = models_box(shared, page)
        example = gr.Dropdown(list(pairs), value=next(iter(pairs)), label="Example", info="Fills both texts.")
    with gr.Row():
        first = gr.Textbox(PAIR[0], label="First text", lines=2)
        second = gr.Textbox(PAIR[1], label="Second text", lines=2)
    button = gr.Button("Diagnose", variant="primary")
    shown = gr.HTML("", elem_id="reading")
    place = gr.HTML("", elem_id="rank")
    found = gr.State(None)
    ranks = Ranks()
    with gr.Accordion("Inside the model: which layers and parts tell the two apart", open=False):
        inside = gr.HTML("<p>Diagnose a pair first.</p>", elem_id="inside")

    example.input(lambda name: pairs[name], example, [first, second], api_visibility="private", show_progress="hidden")

    @told
    def run(name: str, a: str, b: str) -> Iterator[tuple[Any, ...]]:
        pair = checked(a, b)
        with shared.models.borrowed(name) as loaded:
            read = read_pair(loaded, pair)
            yield summary(read), "<p>Looking inside …</p>", None, ""
            parts = [drawn(picture) for picture in pictures(loaded, diagnose(loaded, pair)).values()]
        yield gr.skip(), f'<div class="fh-pictures">{"".join(parts)}</div>', read.divergence, ""

    @told
    def rank(name: str, divergence: float | None) -> Iterator[str]:
        if divergence is not None:
            yield "<p>Measuring how that ranks among the pairs that fairhub ships …</p>"
            for known in ranks.grown(shared.models, name, _RANKING):
                yield f'<p role="status">{rank_shown(divergence, known)}</p>'

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    done = button.click(  # asked while the last pair is still looked into: taken up when that is done, not lost
        run, [model, first, second], [shown, inside, found, place], api_visibility="private",
        trigger_mode="always_last", **models_in_turn(),
    )  # fmt: skip
    done.success(rank, [model, found], place, **quiet, **models_in_turn())
