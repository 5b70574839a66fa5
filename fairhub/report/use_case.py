"""The use case a repair was made for, and what became of bias outside it."""

from fairhub.report.record import Report, find, headline
from fairhub.report.wording import shift

ELSEWHERE = "elsewhere"
"""The context of figures over all contexts that were not searched."""


def use_case(report: Report) -> str:
    """Return what a repair for some contexts did in each and outside them; empty where it was made for all."""
    contexts = (report.settings or {}).get("contexts") or []
    if not contexts:
        return ""
    name = headline(report.figures)
    found = [(place, find(report.figures, name, "held_out", context=place)) for place in [*contexts, ELSEWHERE]]
    parts = [f"{place} {shift(figure.change)}" for place, figure in found if figure is not None and figure.change]
    measured = "; ".join(parts) or "not measured"
    return (
        f"Made for one use case: {', '.join(map(str, contexts))}. Change of {name} on unseen prompts: {measured}. "
        "Use it there only: what it does elsewhere was not what it was chosen for."
    )
