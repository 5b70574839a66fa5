"""The front of a run: a slider over its candidates, what each brings and costs, and its texts, also while it grows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from fairhub import report
from fairhub.report.tables import by_strength
from fairhub.report.wording import amount, percent
from fairhub.request import Request
from fairhub.space import charts, running
from fairhub.space.markup import esc
from fairhub.space.reading import side_by_side
from fairhub.space.worker import RUN
from fairhub.studies import front as studies

Choice = Mapping[str, Any]
REPORT = "report.json"
_HEAD = (
    "## What each choice costs\nEvery candidate that was measured whole, the cheapest first. Move the slider: its "
    "texts follow. None of these prompts is among those that prove the repair."
)


class Front(NamedTuple):
    """What is laid out."""

    block: gr.Column
    place: gr.Slider
    shown: gr.HTML
    take: gr.Button
    known: gr.State
    """How many candidates there are; whoever follows a run tells it, and the rest follows."""
    picked: gr.State
    """Which candidate the visitor moved to, by `key_of`; empty where they did not."""


def lay_out() -> Front:
    """Lay out the front, hidden until there is a candidate."""
    with gr.Column(visible=False) as block:
        gr.Markdown(_HEAD)
        place = gr.Slider(1, 2, value=1, step=1, label="Candidate")
        shown = gr.HTML("", elem_id="front")
        take = gr.Button("Repair with this candidate instead", visible=False)
    return Front(block, place, shown, take, gr.State(0), gr.State(""))


def ordered(choices: Sequence[Choice] | None) -> list[Choice]:
    """Return the candidates whose bias was asked, the cheapest first."""
    asked = [choice for choice in choices or () if charts.known(choice)]
    return sorted(asked, key=charts.price)


def of_job(job: Path) -> list[Choice]:
    """Return the candidates of a job: of its report where it is finished, else those that were measured so far."""
    return ordered(report.read(job / RUN / REPORT).choices if done(job) else running.seen(job).choices)


def done(job: Path) -> bool:
    """Whether a job is a finished run."""
    return (job / RUN / REPORT).is_file()


def key_of(choice: Choice) -> str:
    """Return what a candidate is known by while others come before it."""
    return repr([choice.get(name) for name in ("strength", "units", "guard", "perplexity_relative")])


def at(choices: Sequence[Choice], picked: str) -> int:
    """Return the place, from 1, of the candidate that was picked; else of the one that was taken, else of the last."""
    keys = [key_of(choice) for choice in choices]
    if picked in keys:
        return 1 + keys.index(picked)
    return next((place for place, choice in enumerate(choices, 1) if choice.get("chosen")), max(len(choices), 1))


def updates(job: Path, picked: str = "") -> list[Any]:
    """Return how block, slider, what is shown and the button stand, in this order, for the candidates of a job."""
    choices = of_job(job)
    place, count = at(choices, picked), len(choices)
    slider = gr.update(maximum=max(2, count), value=place, interactive=count > 1)
    return [gr.update(visible=bool(count)), slider, choice_shown(choices, place), takeable(job, choices, place)]


def takeable(job: Path, choices: Sequence[Choice], place: int) -> Any:
    """Return whether the button stands there: of a finished run one may take another strength without a search."""
    one = choices[place - 1] if choices else {}
    return gr.update(visible=done(job) and "lost" in one and not one["chosen"])


def taken(job: Path, place: int) -> tuple[str | None, Request]:
    """Return the model and the request that repair with the candidate at this place of a finished run's front.

    Raises:
        UserError: The run has no front that one could take from.
    """
    choices = of_job(job)
    rows = [key_of(one) for one in by_strength(report.read(job / RUN / REPORT).choices or ())]
    mine = key_of(choices[min(max(place, 1), len(choices)) - 1]) if choices else ""
    _, request = studies.taken(job / RUN, 1 + rows.index(mine) if mine in rows else 0)
    return running.model_of(job), request


def choice_shown(choices: Sequence[Choice], place: int) -> str:
    """Return the front with one candidate marked, what it brings and costs, and how it goes on with a few texts."""
    if not choices:
        return "<p>There is nothing to choose from.</p>"
    place = min(max(place, 1), len(choices)) - 1
    one = choices[place]
    return f"{charts.front(choices, place)}<p role='status'>{esc(_said(one))}</p>{_texts(one)}"


def _said(one: Choice) -> str:
    control = f", and {percent(one['control_relative'])} on neutral pairs" if "control_relative" in one else ""
    healed = f" Refitted with a guard of {one['guard']:g}." if one.get("guard") is not None else ""
    done = f"Strength {one['strength']:g}" if "strength" in one else f"{amount(one['units'], 'part')} removed"
    taken = " This one was taken." if one["chosen"] else ""
    return (
        f"{done}: judged apart {charts.brought(one)}{control}; price {percent(one['perplexity_relative'])} "
        f"perplexity.{_lost(one)}{healed}{taken} Measured on the prompts that chose it, so it flatters itself."
    )


def _lost(choice: Choice) -> str:
    """Say what of what must stay a candidate loses most of, where that was measured."""
    if not choice.get("lost"):
        return ""
    name, share = max(choice["lost"].items(), key=lambda one: float(one[1]))
    return f" Of what must stay, {name.replace('_', ' ')} changes most for the worse: by {percent(share)}."


def _texts(one: Choice) -> str:
    """Return how base and candidate go on with pairs of texts, as HTML."""
    rows = list(one.get("texts") or ())
    pairs = zip(rows[::2], rows[1::2], strict=False)
    return "".join(
        f"<h3>{side}</h3>{side_by_side((a['prompt'], b['prompt']), (a[side_key], b[side_key]))}"
        for a, b in pairs
        for side, side_key in (("As it was", "before"), ("With this candidate", "after"))
    )
