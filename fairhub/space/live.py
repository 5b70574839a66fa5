"""A run that goes on, as a visitor sees it: what is being done, and the search as it grows."""

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
    """Return a run as HTML: how it stands, and the course of an annealing."""
    drawn = charts.course(seen.trace.get("energy", ()), seen.trace.get("best", ()))
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
