"""Picture of which units carry a divergence: heads a cell each, the strongest neurons of every layer ranked."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from fairhub.model.units import KINDS, Unit
from fairhub.plots.canvas import SMALL, TEXT, blank

_RANKS = 24


def carriers(units: Sequence[Unit], effect: np.ndarray, base: float) -> Picture:
    """First-order change of the divergence if a unit went, layer by unit: an estimate, no exact effect.

    Args:
        units: The model's units.
        effect: [units] change of the divergence, nats; negative where the unit carries it.
        base: The divergence, nats.
    """
    share = 100 * effect / max(base, 1e-12)
    heads, neurons = (_grid(units, share, kind) for kind in KINDS)
    layers = len(heads)
    picture = blank(
        12.0, 2.1 + 0.21 * layers, "Which units carry the divergence",
        "First-order change of the divergence if one unit went, %: blue carries it, red dampens it",
        columns=2,
    )  # fmt: skip
    left, right = picture.axes
    picture.colorbar(_map(left, heads), ax=left, shrink=0.7).ax.tick_params(labelsize=SMALL)
    left.set_xlabel("head", fontsize=TEXT)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    order = np.argsort(-np.abs(neurons), axis=1)[:, :_RANKS]
    ranked = np.take_along_axis(neurons, order, axis=1)
    picture.colorbar(_map(right, ranked), ax=right, shrink=0.7).ax.tick_params(labelsize=SMALL)
    right.set_xlabel(f"the {ranked.shape[1]} strongest of {neurons.shape[1]} neurons, by rank", fontsize=TEXT)
    _name(right, ranked, order)
    left.set_ylabel("layer", fontsize=TEXT)
    return picture


def _grid(units: Sequence[Unit], values: np.ndarray, kind: str) -> np.ndarray:
    mine = [i for i, unit in enumerate(units) if unit.kind == kind]
    layers = 1 + max(units[i].layer for i in mine)
    return np.asarray(values[mine], dtype=float).reshape(layers, -1)


def _map(axes: Axes, grid: np.ndarray) -> AxesImage:
    top = float(np.abs(grid).max()) or 1.0
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return axes.imshow(grid, aspect="auto", cmap="RdBu_r", vmin=-top, vmax=top, interpolation="nearest")


def _name(axes: Axes, ranked: np.ndarray, order: np.ndarray, count: int = 5) -> None:
    """Write the indices of the strongest neurons beside their cells, those of one layer together."""
    rows: dict[int, list[int]] = {}
    for flat in np.argsort(-np.abs(ranked), axis=None)[:count]:
        layer, rank = divmod(int(flat), ranked.shape[1])
        rows.setdefault(layer, []).append(rank)
    for layer, ranks in rows.items():
        text = ", ".join(str(order[layer, rank]) for rank in sorted(ranks))
        axes.annotate(text, (max(ranks) + 0.5, layer), xytext=(4, 0), textcoords="offset points", va="center",
                      fontsize=SMALL - 1.5, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2})  # fmt: skip
