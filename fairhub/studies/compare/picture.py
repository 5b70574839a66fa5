"""Picture of several repairs: what each costs and what it brings, with error bars."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure as Picture

from fairhub.plots.canvas import AFTER, BEFORE, MARKED, SMALL, TEXT, Look, blank, relative, whiskers
from fairhub.report import headline

if TYPE_CHECKING:
    from fairhub.studies.compare.entries import Comparison

_LINE = 13  # points from one label to the one above it


def pareto(found: "Comparison") -> Picture | None:
    """Change of the held-out judgement gap against that of perplexity, a run a point; None where no run has both."""
    points = []
    for entry in found.entries:
        figures = [entry.figure(name) for name in (headline(entry.report.figures), "perplexity")]
        bias, cost = (relative(figure.change if figure else None) for figure in figures)
        if bias is not None and cost is not None:
            points.append((entry.name, bias, cost))
    if not points:
        return None
    picture = blank(
        8.6, 6.0, "What each repair brings and costs",
        "On unseen prompts and text: lower (less bias) and further left (cheaper) is better; 95 % intervals",
    )  # fmt: skip
    axes = picture.axes[0]
    for name, bias, cost in points:
        first = name == found.reference
        look = Look("", MARKED if first else AFTER, "D" if first else "o")
        whiskers(axes, look, [cost.value], [bias])
        axes.plot([cost.low, cost.high], [bias.value] * 2, color=look.colour, linewidth=2)
    lines = _lines([(cost.value, bias.value) for _, bias, cost in points])
    for (name, bias, cost), line in zip(points, lines, strict=True):
        place, at = (cost.value, bias.value), (7, 7 + _LINE * line)
        axes.annotate(name, place, xytext=at, textcoords="offset points", fontsize=SMALL)
    axes.axhline(0, color=BEFORE, linewidth=0.8)
    axes.axvline(0, color=BEFORE, linewidth=0.8)
    axes.margins(0.12)
    axes.set_xlabel("change of perplexity, %", fontsize=TEXT)
    axes.set_ylabel("change of the judgement gap, %", fontsize=TEXT)
    axes.grid(color="#eeeeee")
    return picture


def _lines(places: Sequence[tuple[float, float]]) -> list[int]:
    """Return on which line above its point each label stands, so that none lies on another.

    A label is about a third of the picture wide and a twentieth high; of neighbours the later goes higher.
    """
    wide, high = (max(max(along) - min(along), 1e-9) for along in zip(*places, strict=True))
    lines: list[int] = []
    for x, y in places:
        earlier = [(b / high + 0.05 * line, abs(a - x) / wide) for (a, b), line in zip(places, lines, strict=False)]
        taken = [height for height, away in earlier if away < 0.35]
        line = 0
        while any(abs(height - (y / high + 0.05 * line)) < 0.045 for height in taken):
            line += 1
        lines.append(line)
    return lines
