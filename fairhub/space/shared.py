"""What all tabs share: the models, the visitors' folders, the gallery, and what belongs to one visitor's page."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from fairhub.space.hub_runs import HubRuns
from fairhub.space.models import Models
from fairhub.space.running import Endings, Seen, Slice, follow, in_a_process, stopped, waited
from fairhub.space.sizes import limit
from fairhub.space.turns import Ticket, Turns
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
    published: HubRuns = field(default_factory=HubRuns)
    """Runs on the Hub."""
    endings: Endings = field(default_factory=Endings)
    """What visitors left under way."""
    repairs: Turns = field(default_factory=lambda: Turns("a repair or an audit", running=1, waiting=8, each=1))
    """Who has a repair or an audit under way, or waits for one."""

    def followed(self, job: Path, ticket: Ticket) -> Generator[Seen]:
        """Wait for the turn of a visitor's job, then begin it, or go on with it; yield how it looks until it ends."""
        yield from waited(job, lambda: self.repairs.before(ticket), self.endings)
        if not stopped(job):
            yield from follow(job, self.begin, endings=self.endings)


@dataclass(frozen=True, eq=False)
class Page:
    """What belongs to one visitor's page; kept on the server, so that a browser can read but not write it."""

    visitor: gr.State
    """The key of the visitor's folder, for `Visitors`."""
    finished: gr.State
    """The names of the visitor's finished runs; who shows them listens to its change."""
    model: gr.State
    """The model that the page's address names, `?model=org/name`; who has a box for one listens to its change."""
    run: gr.State
    """The run that the page's address names, `?run=...`: a folder of the gallery, or a Hub id."""
    groups: gr.State
    """The groups of one's own that the page's address brings, `?groups=...`; who has a box for them listens."""
    pairs: gr.State
    """The same of pairs, `?pairs=...`."""


def models_in_turn() -> dict[str, Any]:
    """Return the settings of events that hold a model in memory: they come in at once, and wait where models are lent.

    So who asks too much is refused there, instead of filling the queue for all.
    """
    return {"concurrency_id": "models", "concurrency_limit": 24}


def repairs_in_turn() -> dict[str, Any]:
    """Return the same for repairs and audits, which are long: they wait in `Shared.repairs`."""
    return {"concurrency_id": "repair", "concurrency_limit": 12}


def once_begun(page: Page, *buttons: gr.Button) -> None:
    """Let buttons be pressed that were laid out as not to be: a page can be seen before its visit has begun."""
    for button in buttons:
        page.visitor.change(
            lambda key: gr.update(interactive=bool(key)), page.visitor, button,
            api_visibility="private", show_progress="hidden", queue=False,
        )  # fmt: skip


def models_box(shared: Shared, page: Page) -> gr.Dropdown:
    """Return the choice of a model: those offered, or any Hub id; first that of the page's address."""
    offered = list(shared.models.offered)
    box = gr.Dropdown(
        offered, value=offered[0], allow_custom_value=True, label="Model",
        info="Choose one, or type any model of the Hub as org/name: safetensors only, at most "
        f"{limit() / 1e9:.3g} GB at 4 bytes a number.",
    )  # fmt: skip
    page.model.change(
        lambda name: name or offered[0], page.model, box, api_visibility="private", show_progress="hidden", queue=False
    )
    return box
