"""The tab Gallery: finished runs, shipped or published on the Hub, read from their report.json and nothing else."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from fairhub import report
from fairhub.errors import UserError
from fairhub.report import Report, find, headline
from fairhub.space import hub_runs
from fairhub.space.markup import esc
from fairhub.space.overview import overview, title
from fairhub.space.shared import Page, Shared
from fairhub.space.toasts import told


def finished(gallery: Path) -> dict[str, Path]:
    """Return the runs of a gallery by the name they are shown under, repairs first, each by how surely bias fell.

    A folder without a readable report is no run.
    """
    runs: list[tuple[bool, float, Path, str]] = []
    for path in gallery.glob("*/report.json"):
        try:
            written = report.read(path)
        except UserError:
            continue
        runs.append((not written.verdict.startswith("Repaired"), _rise(written), path.parent, title(written)))
    found: dict[str, Path] = {}
    for *_, folder, shown in sorted(runs):
        found[f"{shown} ({folder.name})" if shown in found else shown] = folder
    return found


def _rise(written: Report) -> float:
    """Return the weak end of what became of bias on held_out, relative: below 0 where it surely fell."""
    bias = find(written.figures, headline(written.figures), "held_out")
    return (bias.change.relative_high or 0.0) if bias and bias.change else 0.0


def read(gallery: Path, name: str) -> tuple[Report, Path]:
    """Return a run of the gallery, and its folder, by the name it is shown under.

    Raises:
        UserError: There is none of that name.
    """
    runs = finished(gallery)
    if name not in runs:
        raise UserError("a run of the gallery is chosen by its name; there is none of this name; choose one")
    return report.read(runs[name] / "report.json"), runs[name]


def named(gallery: Path, asked: str) -> tuple[Report, Path]:
    """Return the run that an address or a visitor names: a folder of the gallery, or a published run of the Hub.

    Raises:
        UserError: There is none of that name, or its report cannot be read.
    """
    by_folder = {folder.name: folder for folder in finished(gallery).values()}
    if (asked := asked.strip()) in by_folder:
        return report.read(by_folder[asked] / "report.json"), by_folder[asked]
    folder = hub_runs.fetched(asked)
    return report.read(folder / hub_runs.REPORT), folder


def build(shared: Shared, page: Page) -> None:
    """Lay out the tab: shipped runs to choose from, those of the Hub to be read, and the one that is chosen."""
    runs = finished(shared.gallery)
    names = list(runs)
    gr.Markdown("Repairs that ran to their end, with what each proved and what it did not.")
    chosen = gr.Radio(names, value=names[0] if names else None, label="Run", visible=bool(names))
    with gr.Row():
        theirs = gr.Dropdown(
            [], value=None, allow_custom_value=True, label="Published on the Hub", interactive=True,
            info="Models with the tag fairhub, the newest first; or type one as org/name. Its report alone is read.",
        )  # fmt: skip
        look = gr.Button("Read its report")
    first = read(shared.gallery, names[0]) if names else None
    link = gr.HTML(_link(first[1].name) if first else "<p>There is no finished run here yet.</p>", elem_id="run-link")
    shown = gr.HTML(overview(*first) if first else "", elem_id="run-shown")
    with gr.Accordion("The whole report", open=False):
        text = report.markdown(first[0]) if first else ""
        whole = gr.Markdown(text, elem_classes="fh-document", latex_delimiters=[])

    @told
    def show(name: str) -> tuple[str, str, str]:
        found, folder = read(shared.gallery, name)
        return _link(folder.name), overview(found, folder), report.markdown(found)

    @told
    def show_named(asked: str | None) -> tuple[Any, Any, Any]:
        if not asked:
            return gr.skip(), gr.skip(), gr.skip()
        found, folder = named(shared.gallery, asked)
        return _link(asked.strip()), overview(found, folder), report.markdown(found)

    @told
    def offer(key: str) -> dict[str, Any]:
        return gr.update(choices=shared.published.names())

    seen = [link, shown, whole]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    chosen.input(show, chosen, seen, **quiet)
    look.click(show_named, theirs, seen, **quiet)
    page.run.change(show_named, page.run, seen, **quiet)
    page.visitor.change(offer, page.visitor, theirs, api_visibility="private", show_progress="hidden")


def _link(name: str) -> str:
    """Return the address that opens a run, as HTML."""
    address = f"?run={quote(name)}"
    return f'<p class="fh-why">This run\'s own address: <a href="{esc(address)}">{esc(address)}</a></p>'
