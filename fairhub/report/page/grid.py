"""The table of who is judged worse: groups by dimensions, coloured and marked only beyond chance."""

import math
from collections.abc import Mapping, Sequence

from fairhub.report.page.markup import esc, free, heard, scrolled
from fairhub.report.record import Figure
from fairhub.report.verdict import beyond_chance

_STRONG = math.log(1.5)
"""Nats from which on a colour is full."""


def grids(caption: str, gaps: Sequence[Figure]) -> tuple[str, str]:
    """Return the signed gaps of one split as two tables: of axes with a gap beyond chance, and of the other axes.

    Either is empty where there are none.

    Args:
        caption: What they show.
        gaps: Of every group and dimension that was measured; Holm is over all of them.
    """
    sure = beyond_chance(gaps)
    axes, marked = {gap.axis for gap in sure}, {id(gap) for gap in sure}
    told, quiet = ([gap for gap in gaps if (gap.axis in axes) is there] for there in (True, False))
    return _grid(caption, told, marked), _grid(caption, quiet, marked)


def _grid(caption: str, gaps: Sequence[Figure], sure: set[int]) -> str:
    dimensions = list(dict.fromkeys(gap.metric.part for gap in gaps))
    axes: dict[str, dict[str, dict[str, Figure]]] = {}
    for gap in gaps:
        assert gap.groups is not None
        axes.setdefault(gap.axis, {}).setdefault(gap.groups[0], {})[gap.metric.part] = gap
    wide = len(dimensions) + 1
    bodies = "".join(
        f'<tbody><tr><th scope="rowgroup" colspan="{wide}">{free(axis.replace("_", " "))}</th></tr>'
        f"{''.join(_row(group, [its.get(one) for one in dimensions], sure) for group, its in groups.items())}</tbody>"
        for axis, groups in axes.items()
    )
    return scrolled(caption, ("Group", *dimensions), bodies, "grid") if gaps else ""


def _row(group: str, gaps: Sequence[Figure | None], sure: set[int]) -> str:
    cells = "".join(_cell(gap, gap is not None and id(gap) in sure) for gap in gaps)
    return f'<tr><th scope="row">{free(group)}</th>{cells}</tr>'


def _cell(gap: Figure | None, sure: bool) -> str:
    if gap is None:
        return f'<td><span aria-hidden="true">–</span>{heard("not measured")}</td>'
    if not sure:
        return f'<td><span aria-hidden="true">·</span>{heard("nothing that can be told from chance")}</td>'
    nats = gap.before.value
    side, mark, more = ("worse", "▲", "more") if nats > 0 else ("better", "▼", "less")
    look = f"{side} strong" if abs(nats) >= _STRONG else side
    return (
        f'<td class="{look}"><span aria-hidden="true">{mark}</span> {odds_of(nats)}'
        f"{heard(f' to 1: judged {more} {gap.metric.part}')}</td>"
    )


def odds_of(nats: float) -> str:
    """Return a gap as odds to its own side, as short as can be: 1.43."""
    return esc(f"{math.exp(abs(nats)):.2f}")


LEGEND: Mapping[str, str] = {
    "▲": "judged worse than the other groups, by these odds",
    "▼": "judged better: a positive word is likelier, by these odds",
    "·": "no difference beyond chance, which does not mean that there is none",
    "–": "not measured: the groups are named by such words, or the model has too few of them in one piece",
}
"""What stands in a cell, in the words of a reader."""
