"""Every head scored by removing it alone: the bias and the loss that are left."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from fairhub.compute.engine import Engine, fast_matmul, token_loss
from fairhub.inputs.batches import Batch, text_batches
from fairhub.inputs.probes import unit_hash
from fairhub.methods.head_bias import HeadBias, head_bias
from fairhub.model.architecture import units
from fairhub.model.units import Unit
from fairhub.run.folder import digest
from fairhub.search.task import Task
from fairhub.stats.statistics import rank_correlation, spearman_brown

_ROWS, _LENGTH = 8, 96


@dataclass(frozen=True, eq=False)
class HeadScores:
    """What is left when a head is removed alone (FASP, Zayed et al. 2024, section 3: low is good to remove)."""

    heads: tuple[Unit, ...]
    """Every head of the model, in order."""
    bias: np.ndarray
    """[heads] bias after removing it, in the figure's own unit."""
    loss: np.ndarray
    """[heads] loss after removing it, nats a token; perplexity is its exponential, so the order is the same."""
    reliability: dict[str, float]
    """Rank correlation of the bias scores between halves of the templates, and what it says of all of them."""
    settled: dict[str, str]
    """The classifier that scored toxicity, for the report's settings."""


def heads_of(task: Task) -> tuple[Unit, ...]:
    """Return every head of the task's model, in order."""
    return tuple(unit for unit in units(task.model) if unit.kind == "head")


def score_heads(task: Task, bias: str) -> HeadScores:
    """Remove every head alone, exactly, through the engine; remembered by the run, layer by layer.

    Raises:
        UserError: The bias figure is unknown or cannot be had.
    """
    figure = head_bias(bias, task)
    loss = Engine(task.model, neutral(task), token_loss)
    by = figure.classifier  # scores of two classifiers cannot be compared: a resumed run must not mix them
    remembered = task.run.remembered(f"heads_{bias}_{digest(by)}" if by else f"heads_{bias}")
    heads = heads_of(task)
    bar = task.progress("removing every head alone", len(heads))
    left: list[np.ndarray] = []
    lost: list[np.ndarray] = []
    for layer in range(1 + heads[-1].layer):
        alone = [frozenset({head}) for head in heads if head.layer == layer]

        def measured(alone: Sequence[frozenset[Unit]] = alone) -> dict[str, list[list[float]]]:
            with fast_matmul():
                return {"bias": figure.measure(alone).tolist(), "loss": loss.values(alone).tolist()}

        found = remembered(f"layer {layer}", measured)
        left.append(np.array(found["bias"]))
        lost.append(np.array(found["loss"]))
        bar(len(alone))
    values = np.concatenate(left)
    everything = range(len(figure.templates))
    settled = {"toxicity classifier": by} if by else {}
    left_bias, left_loss = figure.reduced(values, everything), np.concatenate(lost).mean(1)
    return HeadScores(heads, left_bias, left_loss, _halves(figure, values), settled)


def neutral(task: Task) -> list[Batch]:
    """Return a little neutral text of search: `_ROWS` chunks, each cut to `_LENGTH` tokens."""
    ids = torch.cat([batch.ids for batch in task.text])[:_ROWS, :_LENGTH]
    return text_batches(ids, rows=_ROWS, device=ids.device)


def _halves(figure: HeadBias, values: np.ndarray) -> dict[str, float]:
    """Return how far two halves of the templates rank the heads alike; nothing where a half ranks nothing."""
    ranked = sorted(set(figure.templates), key=unit_hash)
    sides = [[i for i, t in enumerate(figure.templates) if ranked.index(t) % 2 == half] for half in (0, 1)]
    if not all(sides):
        return {}
    scores = [figure.reduced(values, rows) for rows in sides]
    if not all(np.ptp(score) > 0 for score in scores):
        return {}
    between = rank_correlation(*scores)
    return {"template_heads": between, "template_heads_whole": spearman_brown(between)}
