"""A run that goes on, as a visitor sees it: what is being done, the search and its front as they grow."""

from typing import Any

from fairhub.report import Report
from fairhub.report.wording import amount, percent
from fairhub.space import charts
from fairhub.space.markup import esc
from fairhub.space.running import Seen
from fairhub.space.wording import in_a_browser
from fairhub.space.worker import BUSY, Standing

_SAID = {
    "waiting": "Starting",
    "working": "Working",
    "paused": "Working",
    "finished": "Finished",
    "failed": "That cannot be done",
}
_KEPT = "Stopped. What was found so far is kept; Resume goes on from here"


def live(seen: Seen) -> str:
    """Return a run as HTML: how it stands, and the charts."""
    shown = front_of(seen.choices)
    drawn = charts.course(seen.trace.get("energy", ()), seen.trace.get("best", ())) + charts.front(shown)
    return f'{status(seen.standing, _KEPT)}<div class="fh-pictures">{drawn}</div>'


def status(at: Standing, stopped: str) -> str:
    """Return how a job stands as HTML: a line that screen readers follow, and a bar.

    Args:
        at: How it stands.
        stopped: What is said of one that was stopped.
    """
    share = f'<progress max="{at.total}" value="{min(at.done, at.total)}" aria-label="{esc(at.what)}"></progress>'
    doing = f": {at.what}" if at.state in (*BUSY, "failed") and at.what else ""
    why = f". {at.why}" if at.why else ""
    begun = stopped if at.state == "stopped" else _SAID[at.state]
    said = esc(in_a_browser(begun + doing + why).rstrip("."))
    return (
        f'<div class="fh-live"><p role="status" data-state="{at.state}">{said}.</p>'
        f"{share if at.state == 'working' and at.total else ''}<p class='fh-why'>{at.seconds:.0f} s of work so far</p>"
        "</div>"
    )


def front_of(choices: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Return the candidates whose bias was asked, the cheapest first."""
    asked = [choice for choice in choices or () if "bias_relative" in choice]
    return sorted(asked, key=charts.price)


def choice_shown(report: Report, place: int) -> str:
    """Return the front of a finished run with one candidate marked, and what it brings and costs."""
    shown = front_of(report.choices)
    if not shown:
        return "<p>This run had nothing to choose from.</p>"
    place = min(max(place, 1), len(shown)) - 1
    one = shown[place]
    taken = " This one was taken." if one["chosen"] else ""
    control = f", and {percent(one['control_relative'])} on neutral pairs" if "control_relative" in one else ""
    healed = f" Refitted with a guard of {one['guard']:g}." if one.get("guard") is not None else ""
    done = f"strength {one['strength']:g}" if "strength" in one else f"{amount(one['units'], 'part')} removed"
    return (
        f"{charts.front(shown, place)}<p role='status'>{esc(done)}: judged apart "
        f"{esc(percent(one['bias_relative']))}{esc(control)}; price {esc(percent(one['perplexity_relative']))} "
        f"perplexity.{esc(_lost(one) + healed)}{taken} Measured on the prompts that chose it, so it flatters "
        "itself.</p>"
    )


def _lost(choice: dict[str, Any]) -> str:
    """Say what of what must stay a candidate loses most of, where that was measured."""
    if not choice.get("lost"):
        return ""
    name, share = max(choice["lost"].items(), key=lambda one: float(one[1]))
    return f" Of what must stay, {name.replace('_', ' ')} changes most for the worse: by {percent(share)}."
