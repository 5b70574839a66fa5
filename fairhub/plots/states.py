"""Picture of token states: each token of one text, and the arrow to its like in the other, in two dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import MaxNLocator

from fairhub.plots.canvas import AFTER, BEFORE, MARKED, SMALL, TEXT, blank


@dataclass(frozen=True, eq=False)
class States:
    """Activations of a pair's aligned tokens at one place of the model."""

    title: str
    """Which place."""
    first: np.ndarray
    """[tokens, features] of the first text."""
    second: np.ndarray
    """[tokens, features] of the second text, aligned."""


def token_states(
    before: Sequence[States], labels: Sequence[str], differs: Sequence[bool], after: Sequence[States] = ()
) -> Picture:
    """Principal components of the token states of both texts, a panel a place; a row for before and one for after.

    The components are those of `before`, so that both rows have the same axes. Tokens before the first that differs
    cannot move in a causal model and are left out: the very first often lies so far away that it would hide the rest.
    Of the others those that moved are labelled.

    Args:
        before: The places.
        labels: What stands at each aligned position, special tokens included.
        differs: Whether the two texts differ there.
        after: The same places of another model.
    """
    rows, start = (2 if after else 1), (list(differs).index(True) if any(differs) else 0)
    picture = blank(
        1.0 + 4.6 * len(before), 1.4 + 4.1 * rows, "How each token moves when the term is exchanged",
        "First two principal components; an arrow leads from the first text's token to the second's",
        rows=rows, columns=len(before),
    )  # fmt: skip
    for row, states in enumerate([before, after] if after else [before]):
        for column, (base, shown) in enumerate(zip(before, states, strict=True)):
            axes = picture.axes[row * len(before) + column]
            mean, axis, share = principal(np.vstack([base.first[start:], base.second[start:]]))
            ends = [(part[start:] - mean) @ axis for part in (shown.first, shown.second)]
            _arrows(axes, ends[0], ends[1], labels[start:], differs[start:])
            what = f"{('before', 'after')[row]}, " if after else ""
            axes.set_title(f"{what}{shown.title}", fontsize=TEXT, loc="left")
            axes.set_xlabel(f"component 1 ({share[0]:.0%} of variance)", fontsize=SMALL)
            axes.set_ylabel(f"component 2 ({share[1]:.0%})", fontsize=SMALL)
            axes.tick_params(labelbottom=True)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.margins(0.15)
    for column in range(len(before) if after else 0):  # both rows to one scale, or moves could not be compared
        pair = picture.axes[column :: len(before)]
        limits = np.array([[*axes.get_xlim(), *axes.get_ylim()] for axes in pair])
        for axes in pair:
            axes.set_xlim(limits[:, 0].min(), limits[:, 1].max())
            axes.set_ylim(limits[:, 2].min(), limits[:, 3].max())
    return picture


def principal(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean [features], the first two principal axes [features, 2] and their shares of the variance [2].

    Each axis points so that its largest entry is positive, or the picture could come out mirrored.
    """
    mean = points.mean(0)
    _, sizes, axes = np.linalg.svd(points - mean, full_matrices=False)
    sizes, axes = np.append(sizes, 0.0), np.vstack([axes, np.zeros_like(axes[:1])])  # a lone feature has one axis
    top = axes[:2]
    signs = np.sign(top[np.arange(2), np.abs(top).argmax(1)])
    return mean, (top * np.where(signs == 0, 1, signs)[:, None]).T, sizes[:2] ** 2 / max((sizes**2).sum(), 1e-30)


def _arrows(axes: Axes, first: np.ndarray, second: np.ndarray, labels: Sequence[str], differs: Sequence[bool]) -> None:
    length = np.linalg.norm(second - first, axis=1)
    moved = length > 0.02 * max(float(np.ptp(np.vstack([first, second]), axis=0).max()), 1e-12)
    axes.scatter(first[:, 0], first[:, 1], s=18, color=BEFORE, zorder=2)
    for start, end, label, own, far in zip(first, second, labels, differs, moved, strict=True):
        if not (far or own):
            continue
        colour = MARKED if own else AFTER
        axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 1.4}, zorder=3)
        axes.annotate(label, end, xytext=(3, 3), textcoords="offset points", fontsize=SMALL - 1.5, color=colour,
                      parse_math=False, zorder=4)  # fmt: skip
