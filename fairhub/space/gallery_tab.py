"""The tab Gallery: finished runs, read from their report.json and nothing else."""

from pathlib import Path

import gradio as gr

from fairhub import report
from fairhub.errors import UserError
from fairhub.report import Report, find, headline
from fairhub.space.overview import overview, title
from fairhub.space.shared import Page, Shared
from fairhub.space.toasts import told


def finished(gallery: Path) -> dict[str, Path]:
    """Return the runs of a gallery by the name they are shown under, the one whose bias surely fell most first.

    A folder without a readable report is no run.
    """
    runs: list[tuple[float, Path, str]] = []
    for path in gallery.glob("*/report.json"):
        try:
            written = report.read(path)
        except UserError:
            continue
        runs.append((_rise(written), path.parent, title(written)))
    found: dict[str, Path] = {}
    for _, folder, shown in sorted(runs):
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


def build(shared: Shared, page: Page) -> None:
    """Lay out the tab."""
    names = list(finished(shared.gallery))
    gr.Markdown("Repairs that ran to their end, with what each proved and what it did not.")
    if not names:
        gr.Markdown("There is no finished run here yet.")
        return
    chosen = gr.Radio(names, value=names[0], label="Run")
    shown = gr.HTML(overview(*read(shared.gallery, names[0])))
    with gr.Accordion("The whole report", open=False):
        first = report.markdown(read(shared.gallery, names[0])[0])
        whole = gr.Markdown(first, elem_classes="fh-document", latex_delimiters=[])

    @told
    def show(name: str) -> tuple[str, str]:
        found, folder = read(shared.gallery, name)
        return overview(found, folder), report.markdown(found)

    chosen.change(show, chosen, [shown, whole], api_visibility="private", show_progress="minimal")
