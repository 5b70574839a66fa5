"""Pictures of what became of bias: by axis, by context, and from near to far."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from fairhub.plots.canvas import (
    AFTER,
    BEFORE,
    CONTROL,
    INK,
    IS,
    IS_WORSE,
    MARKED,
    PEOPLE,
    SMALL,
    TEXT,
    WAS,
    blank,
    relative,
    whiskers,
)
from fairhub.report import SPLITS, Figure, Report, headline, searched_axes
from fairhub.report.wording import direction, shift
from fairhub.stats.statistics import Interval


def by_axis(report: Report) -> Picture | None:
    """Held-out judgement gap before and after, an axis a row; None where no axis was measured."""
    rows = [f for f in _held_out(report) if f.context == "all" and f.axis not in ("all", "control")]
    return _before_after("Judged apart, by axis, on unseen prompts", rows, [figure.axis for figure in rows])


def by_context(report: Report) -> Picture | None:
    """Held-out judgement gap before and after, a context a row; None where no context was measured."""
    rows = [f for f in _held_out(report) if f.axis == "all" and f.context != "all"]
    return _before_after("Judged apart, by context, on unseen prompts", rows, [figure.context for figure in rows])


def fall_off(report: Report) -> Picture | None:
    """Relative change of the judgement gap from the searched split to foreign sources; None without changes."""
    searched = searched_axes(report.figures)
    axis = searched[0] if len(searched) == 1 else "all"  # what was searched, followed outwards
    name = headline(report.figures)
    people, control = _by_split(report, name, axis), _by_split(report, "divergence", "control")
    if not people:
        return None
    picture = blank(
        7.6,
        5.0,
        "Does the gain carry over?",
        f"Change of {name} ({axis}), near to far: people lower is better; control pairs should stay",
    )
    axes = picture.axes[0]
    axes.axhline(0, color=BEFORE, linewidth=1)
    splits = [split for split in SPLITS if split in people or split in control]
    for look, points, nudge in ((PEOPLE, people, -0.06), (CONTROL, control, 0.06)):
        drawn = {splits.index(split) + nudge: points[split] for split in splits if split in points}
        whiskers(axes, look, list(drawn), list(drawn.values()))
        for place, part in drawn.items():
            axes.annotate(f"{part.value:+.0f} %", (place, part.value), xytext=(12 if nudge > 0 else -12, 0),
                          textcoords="offset points", ha="left" if nudge > 0 else "right", va="center",
                          fontsize=SMALL, color=look.colour)  # fmt: skip
    path = [(splits.index(split) - 0.06, people[split].value) for split in splits if split in people]
    axes.plot(*zip(*path, strict=True), color=AFTER, linewidth=1, linestyle=":")
    axes.set_xticks(range(len(splits)), [_SPLIT_NAMES[split] for split in splits], fontsize=SMALL)
    axes.set_xlim(-0.5, len(splits) - 0.5)
    axes.set_ylabel("change, %", fontsize=TEXT)
    axes.grid(axis="y", color="#eeeeee")
    axes.legend(fontsize=SMALL, frameon=False, loc="best")
    return picture


_SPLIT_NAMES = {
    "search": "search\n(seen)",
    "select": "select\n(chosen on)",
    "held_out": "held out\n(unseen)",
    "external": "external\n(other sources)",
}


def _held_out(report: Report) -> list[Figure]:
    place = (headline(report.figures), "held_out", None)
    return [f for f in report.figures if (f.name, f.split, f.groups) == place]


def _by_split(report: Report, name: str, axis: str) -> dict[str, Interval]:
    changes = {
        f.split: relative(f.change)
        for f in report.figures
        if (f.name, f.axis, f.context, f.groups) == (name, axis, "all", None)
    }
    return {split: part for split, part in changes.items() if part is not None and split in SPLITS}


def _before_after(title: str, figures: Sequence[Figure], names: Sequence[str]) -> Picture | None:
    if not figures:
        return None
    rows = range(len(figures))
    reading = f"{figures[0].name}: {direction(figures[0])}; whiskers are 95 % intervals"
    picture = blank(8.6, 1.9 + 0.62 * len(figures), title, reading)
    axes = picture.axes[0]
    audit = all(figure.after is None for figure in figures)
    nudge = 0 if audit else 0.14
    whiskers(axes, WAS, [row - nudge for row in rows], [figure.before for figure in figures], horizontal=True)
    for look, bad in ((IS, False), (IS_WORSE, True)):
        drawn = {
            row + nudge: figure.after
            for row, figure in enumerate(figures)
            if figure.after is not None and (figure.outcome == "worse") == bad
        }
        whiskers(axes, look, list(drawn), list(drawn.values()), horizontal=True)
    axes.set_yticks(rows, names, fontsize=TEXT)
    axes.set_ylim(len(figures) - 0.5, -0.5)
    axes.set_xlim(left=min(0, *(figure.before.low for figure in figures)))
    axes.set_xlabel(figures[0].unit or figures[0].name, fontsize=TEXT)
    axes.grid(axis="x", color="#eeeeee")
    if not audit:
        _changes(axes, figures)
        axes.legend(fontsize=SMALL, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return picture


def _changes(axes: Axes, figures: Sequence[Figure]) -> None:
    """Write the paired change beside each row: two intervals that overlap may still differ for certain."""
    for row, figure in enumerate(figures):
        colour = MARKED if figure.outcome == "worse" else INK
        axes.annotate(shift(figure.change), (1.02, row), xycoords=("axes fraction", "data"), va="center",
                      fontsize=SMALL, color=colour)  # fmt: skip
    axes.annotate("paired change", (1.02, 1.0), xycoords="axes fraction", xytext=(0, 8),
                  textcoords="offset points", fontsize=SMALL, color="#555555")  # fmt: skip
