"""Picture of transfer: what each repair did in each context, a square a cell."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure as Picture

from fairhub.figures.canvas import SMALL, TEXT, blank


def matrix(found: Mapping[str, Any]) -> Picture | None:
    """Relative change of every context (columns) under every repair (rows), a panel a method; None without cells."""
    methods, contexts = list(dict.fromkeys(cell["method"] for cell in found["cells"])), found["contexts"]
    if not methods:
        return None
    rows = list(dict.fromkeys(cell["repaired_on"] for cell in found["cells"]))
    picture = blank(
        2.4 + 1.5 * len(contexts) * len(methods), 2.2 + 0.62 * len(rows), "How far a repair carries",
        f"Change of {found['figure'].replace('_', ' ')}, %: blue fell, red rose; repaired on (rows), measured in",
        columns=len(methods),
    )  # fmt: skip
    for axes, method in zip(picture.axes, methods, strict=True):
        grid = [[_share(found, method, row, context) for context in contexts] for row in rows]
        axes.imshow(
            [[0.0 if v is None else max(-1.0, min(1.0, v)) for v in row] for row in grid],
            cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto",
        )  # fmt: skip
        for y, row in enumerate(grid):
            for x, value in enumerate(row):
                said = "-" if value is None else f"{100 * value:+.0f}"
                dark = value is not None and abs(value) > 0.6
                axes.text(x, y, said, ha="center", va="center", fontsize=SMALL, color="white" if dark else "black")
        axes.set_xticks(range(len(contexts)), contexts, rotation=30, ha="right")
        axes.set_yticks(range(len(rows)), rows if axes is picture.axes[0] else [""] * len(rows))
        axes.set_title(method.replace("_", " "), fontsize=TEXT)
    return picture


def _share(found: Mapping[str, Any], method: str, row: str, context: str) -> float | None:
    for cell in found["cells"]:
        if (cell["method"], cell["repaired_on"], cell["measured_on"]) == (method, row, context):
            value: float | None = cell["change"]["relative"]
            return value
    return None
