"""Picture of who is judged worse: groups by dimensions, before and after, coloured only beyond chance."""

from collections.abc import Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from fairhub.plots.canvas import SMALL, TEXT, blank
from fairhub.report import Figure, Report
from fairhub.report.verdict import beyond_chance, directions
from fairhub.stats.statistics import Interval

Place = tuple[str, str]
"""Axis and group."""
_ROOM = 30
"""Letters of a name that there is room for; a longer one makes the picture wider."""


def who_is_judged_worse(report: Report) -> Picture | None:
    """Signed gap of every group (rows) on every dimension (columns) against the others; None without any.

    Colour stands only where a gap is beyond the chance of having looked at them all (Holm, 5 %), so that noise does not
    look like a finding.
    """
    return judged(report.figures, "Who is judged worse")


def judged(figures: Sequence[Figure], title: str) -> Picture | None:
    """Draw what `who_is_judged_worse` does, of these figures, under this title: an audit has them without a report."""
    measured = directions(figures)
    if not measured:
        return None
    rows = list(dict.fromkeys((f.axis, _group(f)) for f in measured))
    dimensions = list(dict.fromkeys(f.metric.part for f in measured))
    repaired = any(f.after is not None for f in measured)
    names = [f"{group} ({axis.replace('_', ' ')})" for axis, group in rows]
    wide = 3.4 + 0.09 * max(0, max(map(len, names)) - _ROOM)
    picture = blank(
        wide + 1.0 * len(dimensions) * (1 + repaired), 2.0 + 0.3 * len(rows), title,
        "Nats of log-odds against other groups, unseen words; orange judged worse, purple better, beyond chance only",
        columns=1 + repaired,
    )  # fmt: skip
    top = max(abs(f.before.value) for f in measured) or 1.0
    parts: list[Sequence[Figure]] = [measured, [_as_after(f) for f in measured]] if repaired else [measured]
    for axes, figures, title in zip(picture.axes, parts, ("before", "after"), strict=False):
        _grid(axes, figures, rows, dimensions, top)
        axes.set_title(title if repaired else "", fontsize=TEXT, loc="left")
        shown = names if axes is picture.axes[0] else [""] * len(rows)
        axes.set_yticks(range(len(rows)), shown, fontsize=SMALL, parse_math=False)  # a name may hold dollar signs
    return picture


def _grid(axes: Axes, figures: Sequence[Figure], rows: Sequence[Place], dimensions: Sequence[str], top: float) -> None:
    sure = {id(figure) for figure in beyond_chance(figures)}
    shades = [[0.0] * len(dimensions) for _ in rows]
    for figure in figures:
        x, y = dimensions.index(figure.metric.part), rows.index((figure.axis, _group(figure)))
        shades[y][x] = figure.before.value / top if id(figure) in sure else 0.0
        colour = "white" if abs(shades[y][x]) > 0.6 else "black" if shades[y][x] else "#999999"
        axes.text(x, y, f"{figure.before.value:+.2f}", ha="center", va="center", fontsize=SMALL - 1.5, color=colour)
    axes.imshow(shades, cmap="PuOr_r", vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(dimensions)), [f"more {name}" for name in dimensions], rotation=30, ha="right")
    changes = [y - 0.5 for y in range(1, len(rows)) if rows[y][0] != rows[y - 1][0]]
    axes.hlines(changes, -0.5, len(dimensions) - 0.5, color="#bbbbbb", linewidth=1)


def _group(figure: Figure) -> str:
    assert figure.groups is not None
    return figure.groups[0]


def _as_after(figure: Figure) -> Figure:
    """Return the gap as it is after the repair, as though it were measured alone."""
    return replace(figure, before=figure.after or Interval(0.0, 0.0, 0.0), after=None, change=None, limit=None)
