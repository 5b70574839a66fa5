"""One plain sentence on what a run proved, from held-out figures."""

from collections.abc import Sequence

from fairhub.report.record import Figure, find, searched_axes
from fairhub.report.wording import percent, points, shift, span
from fairhub.statistics import holm

LEVEL = 0.05


def verdict(figures: Sequence[Figure], units: int | None = None) -> str:
    """Say what was proved on unseen prompts, at what cost, and where it failed.

    "Repaired" is said only where the whole interval of the relative change of divergence lies below 0 and
    control pairs did not fall by more. Utility and specificity stand beside it, or that they are missing.

    Args:
        figures: of one run; those of the splits held_out and external are read.
        units: how many units were removed; 0 means that nothing was worth removing.
    """
    bias = find(figures, "divergence", "held_out")
    if bias is None:
        return "Nothing is proved: divergence was not measured on held-out prompts."
    if units == 0 or (bias.change is not None and bias.change.low == bias.change.high == 0):
        return (
            f"Nothing significant to repair: divergence on {bias.items:,} unseen prompts is "
            f"{span(bias.before)} {bias.unit}, and no unit was removed."
        )
    if bias.change is None:
        return (
            f"Audit only, nothing was changed: divergence on {bias.items:,} unseen prompts is "
            f"{span(bias.before)} {bias.unit} (lower is better)."
        )
    clauses = [_headline(bias, figures), _searched(figures), _specific(figures), _worse_axes(figures), _far(figures)]
    return "; ".join(clause for clause in clauses if clause) + "."


def worse(figures: Sequence[Figure]) -> list[Figure]:
    """Figures that got worse beyond the chance of having looked at them all (Holm, 5 %)."""
    changed = [figure for figure in figures if figure.change is not None]
    adjusted = holm([figure.change.p for figure in changed if figure.change is not None])
    return [figure for figure, p in zip(changed, adjusted, strict=True) if p < LEVEL and figure.outcome == "worse"]


def _headline(bias: Figure, figures: Sequence[Figure]) -> str:
    assert bias.change is not None
    cost, share = _cost(figures), bias.change.share
    if share is None:
        return f"Not repaired: divergence on unseen prompts cannot be told from zero to begin with, {cost}"
    near, far = sorted((abs(share.low), abs(share.high)))
    size = f"by {_size(share.value)} (95 % interval {_size(near)} to {_size(far)})"
    if share.high < 0:
        control = find(figures, "specificity", "held_out")
        duller = control is not None and control.outcome == "worse"
        opening = "Duller, not fairer" if duller else "Repaired"
        return f"{opening}: divergence on unseen prompts fell {size}, {cost}"
    if share.low > 0:
        return f"Made worse: divergence on unseen prompts rose {size}, {cost}"
    return f"Not repaired: divergence on unseen prompts may not have changed ({shift(bias.change)}), {cost}"


def _size(share: float) -> str:
    return percent(abs(share)).removeprefix("+")


def _cost(figures: Sequence[Figure]) -> str:
    perplexity = find(figures, "perplexity", "held_out")
    if perplexity is None or perplexity.change is None:
        return "utility was not measured"
    return f"at {shift(perplexity.change)} perplexity"


def _searched(figures: Sequence[Figure]) -> str:
    """Say what became of the axes that were searched, where those are not all: the headline speaks of all."""
    found = [find(figures, "divergence", "held_out", axis) for axis in searched_axes(figures)]
    changes = [f"{f.axis} {shift(f.change)}" for f in found if f is not None and f.change is not None]
    return f"on what was searched: {', '.join(changes)}" if changes else ""


def _specific(figures: Sequence[Figure]) -> str:
    figure = find(figures, "specificity", "held_out")
    if figure is None or figure.after is None:
        return "specificity was not measured: perhaps only duller"
    said = f"({points(figure.after)})"
    return {
        "better": f"relative to control pairs it fell {said}",
        "worse": f"relative to control pairs it rose {said}",
    }.get(figure.outcome, f"relative to control pairs it may not have fallen {said}: perhaps only duller")


def _worse_axes(figures: Sequence[Figure]) -> str:
    axes = [
        figure
        for figure in figures
        if (figure.name, figure.split, figure.context) == ("divergence", "held_out", "all")
        and figure.axis not in ("all", "control")
    ]
    bad = [f"{figure.axis} got significantly worse ({shift(figure.change)})" for figure in worse(axes)]
    return ", ".join(bad)


def _far(figures: Sequence[Figure]) -> str:
    figure = find(figures, "divergence", "external")
    if figure is None or figure.change is None:
        return ""
    carried = {
        "better": "it carries over to external sources",
        "worse": "on external sources it rose",
    }.get(figure.outcome, "it is not shown to carry over to external sources")
    return f"{carried} ({shift(figure.change)})"
