"""Picture of transfer: what each repair did in each context, a square a cell."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from fairhub.plots.canvas import SMALL, TEXT, blank
from fairhub.stats.statistics import holm

_LEVEL = 0.05


def matrix(found: Mapping[str, Any]) -> Picture | None:
    """Relative change of every context (columns) under every repair (rows), a panel a method; None without cells.

    What chance may have made has no colour: a matrix of noise must not look like one of findings. Some of so many cells
    would leave 0 out by chance, so that p is adjusted for all that the picture shows (Holm 1979).
    """
    methods, contexts = list(dict.fromkeys(cell["method"] for cell in found["cells"])), found["contexts"]
    if not methods:
        return None
    adjusted = holm([c["change"]["p"] for c in found["cells"]])
    cells = {
        (c["method"], c["repaired_on"], c["measured_on"]): {**c["change"], "p": p}
        for c, p in zip(found["cells"], adjusted, strict=True)
    }
    rows = list(dict.fromkeys(row for _, row, _ in cells))
    picture = blank(
        max(9.0, 2.4 + 1.5 * len(contexts) * len(methods)), 2.2 + 0.62 * len(rows), "How far a repair carries",
        f"Change of {found['figure'].replace('_', ' ')}, %, by repair (rows) and context (columns); coloured where "
        f"p is below 0.05 when adjusted for all {len(found['cells'])} cells (Holm)", columns=len(methods),
    )  # fmt: skip
    for axes, method in zip(picture.axes, methods, strict=True):
        grid = [[cells.get((method, row, context), {}) for context in contexts] for row in rows]
        axes.imshow([[_shade(c) for c in row] for row in grid], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
        for y, row in enumerate(grid):
            for x, change in enumerate(row):
                _write(axes, x, y, change)
        axes.set_xticks(range(len(contexts)), contexts, rotation=30, ha="right")
        axes.set_yticks(range(len(rows)), rows if axes is picture.axes[0] else [""] * len(rows))
        axes.set_title(method.replace("_", " "), fontsize=TEXT)
    return picture


def _shade(change: Mapping[str, Any]) -> float:
    """Return the change from -1 to 1 where it is surely one by its adjusted p, else 0."""
    if change.get("relative") is None or change["p"] > _LEVEL:
        return 0.0
    return max(-1.0, min(1.0, change["relative"]))


def _write(axes: Axes, x: int, y: int, change: Mapping[str, Any]) -> None:
    value, shade = change.get("relative"), _shade(change)
    said = "-" if value is None else f"{100 * value:+.0f}" if value else "0"
    color = "white" if abs(shade) > 0.6 else "black" if shade else "#555555"
    axes.text(x, y, said, ha="center", va="center", fontsize=SMALL, color=color)
