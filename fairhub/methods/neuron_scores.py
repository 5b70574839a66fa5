"""The bias of every MLP neuron over all search pairs, and how far two halves of the pairs agree on it."""

from collections.abc import Sequence

import numpy as np

from fairhub.compute.engine import fast_matmul
from fairhub.inputs.probes import Probe, unit_hash
from fairhub.methods.effects import effects
from fairhub.methods.neuron_bias import Definition, known_definition, neuron_bias
from fairhub.model.architecture import mlp_width
from fairhub.search.task import Task
from fairhub.stats.statistics import rank_correlation, spearman_brown


def scored(task: Task, by: str) -> tuple[np.ndarray, dict[str, float]]:
    """Return every neuron's bias over the search pairs, [layers, neurons], and how far halves of them agree.

    Args:
        task: The model and its search pairs.
        by: A definition of `neuron_bias`, or `effect`: what first-order removal takes off the divergence.
    """
    by_effect = by == "effect"
    probes = task.screen if by_effect else task.search
    found = _effects(task) if by_effect else _answers(task, known_definition(by))
    signs = oriented(probes) if by == "signed" else {"": np.ones(len(probes))}
    every = np.ones(len(probes), dtype=bool)
    half = np.array([unit_hash(probe.template) < 0.5 for probe in probes])
    return _pooled(found, signs, every), _agreement([_pooled(found, signs, side) for side in (half, ~half)])


def oriented(probes: Sequence[Probe]) -> dict[str, np.ndarray]:
    """Return for every two groups compared the sign of each probe, [probes]: +1 or -1 by who comes first, 0 for others.

    With the sign a neuron that answers a group more strongly in one template and less in the next cancels out.
    """
    signs: dict[str, np.ndarray] = {}
    for place, probe in enumerate(probes):
        name = "|".join([probe.axis, *sorted((probe.group_a, probe.group_b))])
        row = signs.setdefault(name, np.zeros(len(probes)))
        row[place] = 1 if probe.group_a <= probe.group_b else -1
    return signs


def _pooled(found: np.ndarray, signs: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Return the mean over comparisons of groups of the size of their pairs' mean; below zero counts as none."""
    parts = []
    for name, sign in signs.items():
        mine = np.flatnonzero(rows & (sign != 0))
        if len(mine):
            mean = np.tensordot(sign[mine], found[mine], axes=1) / len(mine)
            parts.append(np.abs(mean) if name else mean.clip(min=0))
    return np.mean(parts, axis=0) if parts else np.zeros(found.shape[1:])


def _agreement(halves: list[np.ndarray]) -> dict[str, float]:
    if any(np.ptp(half) == 0 for half in halves):
        return {}
    between = rank_correlation(halves[0].ravel(), halves[1].ravel())
    return {"template_neurons": between, "template_neurons_whole": spearman_brown(between)}


def _answers(task: Task, definition: Definition) -> np.ndarray:
    """Return how differently each neuron answers each search pair, [probes, layers, neurons]."""

    def compute(probes: Sequence[Probe]) -> dict[str, np.ndarray]:
        batches = task.batched(probes)
        bar = task.progress("scoring every neuron", sum(batch.tokens for batch in batches))
        with fast_matmul():
            return {"bias": neuron_bias(task.model, batches, definition, bar)}

    return task.by_probe(f"neuron_bias_{definition}", task.search, compute)["bias"]


def _effects(task: Task) -> np.ndarray:
    """Return what the removal of each neuron takes off each probe's divergence, [probes, layers, neurons]."""
    scores = effects(task, task.screen, "scoring every neuron")
    neurons = [i for i, unit in enumerate(scores.units) if unit.kind == "neuron"]
    return -scores.effect[:, neurons].reshape(len(scores.base), -1, mlp_width(task.model))
