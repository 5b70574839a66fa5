"""Pictures of the activation gap of one pair: by layer, and token by token, before and after."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import MaxNLocator

from fairhub.measure.activations import Component, Gap
from fairhub.plots.canvas import AFTER, BEFORE, SMALL, TEXT, blank

_NAMES: dict[Component, str] = {
    "input_norm": "input norm", "attention_output": "attention output", "gate_proj": "gate", "up_proj": "up",
    "down_proj_input": "neurons (input of down)", "mlp_output": "MLP output (down)",
}  # fmt: skip


def by_layer(before: Gap, after: Gap | None = None) -> Picture:
    """Mean difference of activations by layer, a panel a component; after beside before where there is one."""
    shown = [name for name in _NAMES if name in before.components]
    rows = -(-len(shown) // 3)
    picture = blank(
        11.0, 1.5 + 2.5 * rows, "How far apart the two texts are, layer by layer",
        "Mean absolute difference of activations, input (left) to output (right)", rows=rows, columns=3,
    )  # fmt: skip
    for axes, name in zip(picture.axes, shown, strict=False):
        _line(axes, before.part(name).mean(1), "before" if after else None, BEFORE if after else AFTER)
        if after is not None:
            _line(axes, after.part(name).mean(1), "after", AFTER)
        axes.set_title(_NAMES[name], fontsize=TEXT, loc="left")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(labelbottom=True)
        axes.grid(axis="y", color="#eeeeee")
    for axes in picture.axes[len(shown) :]:
        axes.set_axis_off()
    for axes in picture.axes[max(0, len(shown) - 3) : len(shown)]:
        axes.set_xlabel("layer", fontsize=SMALL)
    if after is not None:
        picture.axes[0].legend(fontsize=SMALL, frameon=False)
    return picture


def by_token(
    before: Gap, labels: Sequence[str], component: Component = "mlp_output", after: Gap | None = None
) -> Picture:
    """Difference of one component's activations, tokens by layers; after beside before on the same scale.

    Args:
        before: The gap.
        labels: What stands at each of its aligned positions.
        component: Whose activations.
        after: The gap of another model on the same pair.
    """
    parts = [gap.part(component) for gap in (before, after) if gap is not None]
    picture = blank(
        3.0 + 4.8 * len(parts), 1.9 + 0.27 * len(labels), f"Where the two texts part: {_NAMES[component]}",
        "Mean absolute difference by token and layer; darker is further apart",
        columns=len(parts),
    )  # fmt: skip
    top = max(float(part.max()) for part in parts) or 1.0
    for axes, part, title in zip(picture.axes, parts, ("before", "after"), strict=False):
        image = axes.imshow(part.T, aspect="auto", cmap="Blues", vmin=0, vmax=top, interpolation="nearest")
        axes.set_yticks(range(len(labels)), labels, fontsize=SMALL, parse_math=False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("layer", fontsize=TEXT)
        if len(parts) > 1:
            axes.set_title(title, fontsize=TEXT, loc="left")
    picture.colorbar(image, ax=picture.axes, shrink=0.8, pad=0.02).ax.tick_params(labelsize=SMALL)
    return picture


def _line(axes: Axes, values: np.ndarray, label: str | None, colour: str) -> None:
    axes.plot(values, color=colour, marker="o", markersize=3.5, linewidth=1.6, label=label)
