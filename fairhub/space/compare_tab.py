"""The tab Compare: a base model and its repair on the visitor's own words, and finished runs beside each other."""

import importlib.util
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from fairhub import report as records
from fairhub.errors import UserError
from fairhub.model.loading import EMBEDDED
from fairhub.report.origin import LOCAL, UNFETCHABLE
from fairhub.space import rebuilding, talking
from fairhub.space.gallery_tab import finished
from fairhub.space.markup import drawn, esc
from fairhub.space.running import last_line
from fairhub.space.shared import Page, Shared, models_in_turn, once_begun
from fairhub.space.toasts import told
from fairhub.studies.compare import compare
from fairhub.studies.compare import document as comparisons
from fairhub.studies.compare import picture as pictures
from fairhub.studies.diagnose.diagnosis import PAIR


def runs(shared: Shared, key: str) -> dict[str, Path]:
    """Return every finished run that a visitor may look at by the name it is shown under: their own, the gallery's."""
    own = {f"my {name}": folder for name, folder in shared.visitors.finished(key).items()} if key else {}
    return own | finished(shared.gallery)


def chosen(shared: Shared, key: str, name: str) -> Path:
    """Return the folder of one of these runs.

    Raises:
        UserError: There is none of that name.
    """
    known = runs(shared, key)
    if name not in known:
        raise UserError("a run is chosen by its name; there is none of this name; choose one of the list")
    return known[name]


def speaking(known: Mapping[str, Path]) -> list[str]:
    """Return those of these runs that can go on with a visitor's words: their base model can be had here."""
    return [name for name, folder in known.items() if _to_be_had(records.read(folder / "report.json").base_model)]


def _to_be_had(base: Mapping[str, Any]) -> bool:
    if base["revision"] == EMBEDDED:
        return importlib.util.find_spec(EMBEDDED) is not None
    return base["revision"] not in UNFETCHABLE or (base["revision"] == LOCAL and Path(base["id"]).is_dir())


def comparable(known: Mapping[str, Path]) -> list[str]:
    """Return those of these runs that have the first one's base model."""
    bases = {name: records.read(folder / "report.json").base_model.get("sha256") for name, folder in known.items()}
    return [name for name, base in bases.items() if base == next(iter(bases.values()))]


def side_by_side(named: Mapping[str, Path]) -> tuple[str, str]:
    """Return runs of one base model compared, by the names they are shown under: a picture, and tables as Markdown.

    Raises:
        UserError: Fewer than two, or of different base models.
    """
    found = compare(list(named.values()), list(named))
    picture = pictures.pareto(found)
    return drawn(picture) if picture else "", comparisons.markdown(found, places=False)


def build(shared: Shared, page: Page) -> None:
    """Lay out the tab."""
    known = runs(shared, "")
    names, spoken, making = list(known), speaking(known), threading.Lock()
    gr.Markdown(
        "Your words, before and after a repair: the same about two groups shows what the repair does to either. Each "
        "model says what it finds likeliest; nothing is drawn at random."
    )
    run = gr.Dropdown(spoken, value=spoken[0] if spoken else None, label="Run",
                      info="Your own, and those of the gallery whose base model can be had here.")  # fmt: skip
    words = _words()
    button = gr.Button("Compare", variant="primary", interactive=False)
    shown = gr.HTML("", elem_id="compared")
    gr.Markdown("## Runs beside each other")
    several = gr.CheckboxGroup(names, value=comparable(known), label="Runs of one base model")
    together = gr.Button("Put them side by side", interactive=False)
    picture = gr.HTML("", elem_id="front-of-runs")
    table = gr.Markdown("", elem_classes="fh-document", latex_delimiters=[])

    @told
    def offer(key: str) -> tuple[dict[str, object], dict[str, object]]:
        known = runs(shared, key)
        spoken = speaking(known)
        return (
            gr.update(choices=spoken, value=spoken[0] if spoken else None),
            gr.update(choices=list(known), value=comparable(known)),
        )

    @told
    def talk(key: str, name: str, one: str, other: str, as_chat: bool) -> Iterator[str]:
        folder, asked = chosen(shared, key, name), talking.prompts(one, other)
        report = records.read(folder / "report.json")
        for wait in _made(folder, making):
            yield f'<p role="status">Only the report of this run is here; its model is made again: {wait:.0f} s …</p>'
        with shared.models.lent(rebuilding.base_of(report)) as loaded:
            rebuilding.refuse_other(loaded, report)
            before, as_chat = talking.answers(loaded, asked, as_chat), as_chat and talking.has_chat(loaded)
        yield f'<p role="status">As it was: {esc(before[0])} …</p>'
        with shared.models.lent(str(_model(folder))) as loaded:
            after = talking.answers(loaded, asked, as_chat)
        yield talking.beside(asked, (before, after), as_chat) + talking.kept(report)

    @told
    def put(key: str, asked: list[str]) -> tuple[str, str]:
        return side_by_side({name: chosen(shared, key, name) for name in asked})

    page.finished.change(offer, page.visitor, [run, several], api_visibility="private", show_progress="hidden")
    once_begun(page, button, together)
    button.click(talk, [page.visitor, run, *words], shown, api_visibility="private", **models_in_turn())
    together.click(put, [page.visitor, several], [picture, table], api_visibility="private")


def _words() -> tuple[gr.Textbox, gr.Textbox, gr.Checkbox]:
    """Lay out the boxes for what both models are asked."""
    with gr.Row():
        first = gr.Textbox(PAIR[0], label="Your words", lines=2)
        second = gr.Textbox(PAIR[1], label="The same about another group", lines=2)
    return first, second, gr.Checkbox(True, label="As a chat, where the model has one; else the words are gone on with")


def _model(folder: Path) -> Path:
    """Return where a run's repaired model lies, or will once it was made again."""
    own = folder / "model"
    return own if own.is_dir() else rebuilding.place(records.read(folder / "report.json"))


def _made(folder: Path, making: threading.Lock) -> Iterator[float]:
    """Make a run's repaired model again where it is not here, one at a time; yield the seconds it takes.

    Raises:
        UserError: It could not be made.
    """
    began = time.monotonic()
    while not _model(folder).is_dir():
        if making.acquire(timeout=1):
            try:
                yield from _making(folder, began)
            finally:
                making.release()
        else:
            yield time.monotonic() - began


def _making(folder: Path, began: float) -> Iterator[float]:
    if _model(folder).is_dir():  # whoever was before us made it
        return
    process = rebuilding.begin(folder / "report.json")
    try:
        while process.poll() is None:
            yield time.monotonic() - began
            time.sleep(1)
    finally:
        if process.poll() is None:
            process.terminate()
    if not _model(folder).is_dir():
        why = last_line(rebuilding.log(records.read(folder / "report.json")))
        logging.getLogger(__name__).warning("a model was not made again, status %s: %s", process.poll(), why)
        raise UserError("this run's model could not be made again here; its base model or its data is missing")
