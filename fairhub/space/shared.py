"""What all tabs share: the models, the visitors' folders, the gallery, and what belongs to one visitor's page."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from fairhub.space.models import Models
from fairhub.space.running import Slice, in_a_process
from fairhub.space.visitors import Visitors


@dataclass(frozen=True, eq=False)
class Shared:
    """What the whole process has once."""

    models: Models
    visitors: Visitors
    gallery: Path
    """Finished runs: every folder in it that has a report.json."""
    begin: Callable[[Path], Slice] = in_a_process
    """Begins a slice of a visitor's job: in a process of its own, or on a GPU that is lent for a while."""


@dataclass(frozen=True, eq=False)
class Page:
    """What belongs to one visitor's page; kept on the server, so that a browser can read but not write it."""

    visitor: gr.State
    """The key of the visitor's folder, for `Visitors`."""
    finished: gr.State
    """The names of the visitor's finished runs; who shows them listens to its change."""


def models_box(shared: Shared) -> gr.Dropdown:
    """Return the choice of a model: those offered, or any Hub id."""
    offered = list(shared.models.offered)
    return gr.Dropdown(
        offered, value=offered[0], allow_custom_value=True, label="Model",
        info="Choose one, or type any model of the Hub as org/name (safetensors only).",
    )  # fmt: skip
