"""Pictures of how a repair was found: the front it chose from, the units it took, the annealing."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import MaxNLocator

from fairhub.plots.canvas import AFTER, BEFORE, FAINT, MARKED, SMALL, TEXT, Look, blank, relative, whiskers
from fairhub.report import Report, find
from fairhub.report.tables import largest_loss
from fairhub.report.wording import amount


def front(report: Report) -> Picture | None:
    """Bias against perplexity of every candidate on select, and what the chosen one did unseen."""
    choices = [choice for choice in report.choices or () if "bias_relative" in choice]  # the others were too dear
    if not choices:
        return None
    picture = blank(
        7.6,
        5.4,
        "What fairness costs",
        "Candidates on the select split: lower (less bias) and further left (cheaper) is better",
    )
    axes = picture.axes[0]
    erased = all("lost" in choice for choice in choices)
    points = sorted(_place(choice) for choice in choices)
    axes.plot(*zip(*points, strict=True), color=BEFORE, linewidth=1.5, marker="o", markersize=7,
              markerfacecolor="white", markeredgewidth=1.8, label="candidates, on select")  # fmt: skip
    for choice in choices:
        place = _place(choice)
        if choice["chosen"]:
            axes.plot(*place, color=MARKED, marker="D", markersize=10, linestyle="none",
                      label="chosen, on select")  # fmt: skip
        name = f"strength {choice['strength']:g}" if erased else amount(choice["units"], "unit")
        axes.annotate(name, place, xytext=(-9, -8), textcoords="offset points",
                      ha="right", va="top", fontsize=SMALL)  # fmt: skip
    if not erased:
        _unseen(axes, report)
    axes.axhline(0, color=BEFORE, linewidth=0.8)
    axes.axvline(0, color=BEFORE, linewidth=0.8)
    axes.margins(0.12)
    cost, gain = ("largest loss of what must stay", "change of the judgement gap (squared)") if erased else (
        "change of perplexity", "change of divergence")  # fmt: skip
    axes.set_xlabel(f"{cost}, %", fontsize=TEXT)
    axes.set_ylabel(f"{gain}, %", fontsize=TEXT)
    axes.grid(color="#eeeeee")
    axes.legend(fontsize=SMALL, frameon=False, loc="best")
    return picture


def _place(choice: dict[str, Any]) -> tuple[float, float]:
    """Return where a candidate lies: what it costs and what it brings, in percent."""
    cost = largest_loss(choice)[1] if "lost" in choice else choice["perplexity_relative"]
    return 100 * cost, 100 * choice["bias_relative"]


def _unseen(axes: Axes, report: Report) -> None:
    found = [find(report.figures, name, "held_out") for name in ("perplexity", "divergence")]
    cost, bias = (relative(figure.change) if figure else None for figure in found)
    if cost is None or bias is None:
        return
    whiskers(axes, Look("chosen, on unseen prompts", AFTER, "s"), [cost.value], [bias])
    axes.plot([cost.low, cost.high], [bias.value] * 2, color=AFTER, linewidth=2)


def units(report: Report) -> Picture | None:
    """Where the removed heads (a cell each) and neurons (counted by layer) live; None where none is."""
    if not report.pruning:
        return None
    heads = [(unit["layer"], unit["index"]) for unit in report.pruning if unit["kind"] == "head"]
    neurons = [unit["layer"] for unit in report.pruning if unit["kind"] == "neuron"]
    layers = report.base_model.get("layers") or 1 + max(unit["layer"] for unit in report.pruning)
    whole = "" if "layers" in report.base_model else ", drawn up to the last one touched"
    panels = [draw for draw, present in ((_heads, heads), (_neurons, neurons)) if present]
    picture = blank(
        9.0,
        2.0 + 2.4 * len(panels),
        f"What was removed: {amount(len(heads), 'head')}, {amount(len(neurons), 'neuron')}",
        f"Layers from input (left) to output (right){whole}",
        rows=len(panels),
    )
    for draw, axes in zip(panels, picture.axes, strict=True):
        draw(axes, report, layers)
    picture.axes[-1].set_xlim(-0.5, layers - 0.5)
    picture.axes[-1].set_xlabel("layer", fontsize=TEXT)
    picture.axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return picture


def _heads(axes: Axes, report: Report, layers: int) -> None:
    places = [(unit["layer"], unit["index"]) for unit in report.pruning if unit["kind"] == "head"]
    count = report.base_model.get("heads") or 1 + max(index for _, index in places)
    grid = np.zeros((count, layers))
    for layer, index in places:
        grid[index, layer] = 1
    axes.pcolormesh(np.arange(layers + 1) - 0.5, np.arange(count + 1) - 0.5, grid, vmin=0, vmax=1,
                    cmap=ListedColormap([FAINT, MARKED]), edgecolors="white", linewidth=1)  # fmt: skip
    axes.set_ylabel("head", fontsize=TEXT)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _neurons(axes: Axes, report: Report, layers: int) -> None:
    places = [unit["layer"] for unit in report.pruning if unit["kind"] == "neuron"]
    axes.bar(range(layers), np.bincount(places, minlength=layers), color=AFTER, width=0.8)
    axes.set_ylabel("neurons removed", fontsize=TEXT)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="#eeeeee")


def annealing(report: Report) -> Picture | None:
    """Energy by step and the best so far, above the share of moves accepted; None without a trace."""
    if not report.trace.get("energy"):
        return None
    energy = np.array(report.trace["energy"], dtype=float)
    accepted = report.trace.get("accepted")
    picture = blank(
        8.0,
        6.0 if accepted else 4.4,
        "Annealing",
        "Energy of the search prompts by step: lower is better",
        rows=2 if accepted else 1,
    )
    top = picture.axes[0]
    top.plot(energy, color=BEFORE, alpha=0.6, linewidth=0.8, label="energy")
    if report.trace.get("best"):
        best = np.array(report.trace["best"], dtype=float)
        top.plot(best, color=AFTER, linewidth=2.2, label="best so far", drawstyle="steps-post")
    top.set_ylabel("energy", fontsize=TEXT)
    top.legend(fontsize=SMALL, frameon=False)
    if accepted:
        _acceptance(picture.axes[1], np.array(accepted, dtype=float), report.trace.get("temperature"))
    picture.axes[-1].set_xlabel("step", fontsize=TEXT)
    for axes in picture.axes:
        axes.margins(x=0.01)
        axes.grid(color="#eeeeee")
    return picture


def _acceptance(axes: Axes, accepted: np.ndarray, temperature: list[float] | None) -> None:
    window = max(1, len(accepted) // 50)
    share = np.convolve(accepted, np.ones(window) / window, mode="valid")
    steps = np.arange(len(share)) + window // 2
    axes.plot(steps, 100 * share, color=AFTER, linewidth=1.8, label="moves accepted, %")
    axes.set_ylim(0, 100)
    axes.set_ylabel("moves accepted, %", fontsize=TEXT)
    if temperature:
        shape = 100 * np.array(temperature, dtype=float) / max(temperature)
        axes.plot(shape, color=MARKED, linestyle="--", linewidth=1.5, label="temperature, % of the first")
    axes.legend(fontsize=SMALL, frameon=False)
