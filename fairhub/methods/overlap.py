"""Do the neurons that carry one axis carry others too? Jaccard overlap, against chance within each layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from transformers import PreTrainedModel

from fairhub.inputs.batches import Batch
from fairhub.inputs.probes import Probe
from fairhub.methods.hybrid import top
from fairhub.methods.neuron_bias import Definition, neuron_bias
from fairhub.model.units import Pruning


@dataclass(frozen=True)
class Overlap:
    """How much the top neurons of two axes have in common."""

    first: str
    second: str
    jaccard: float
    """Shared over all: 0 for none, 1 for the same."""
    chance: float
    """What is expected where each layer's neurons are drawn at random."""
    p: float
    """How often chance shares at least as much, one-sided."""


def top_by_axis(
    model: PreTrainedModel,
    batches: Sequence[Batch],
    probes: Sequence[Probe],
    definition: Definition,
    share: float = 0.01,
) -> dict[str, Pruning]:
    """Return for each axis the neurons, of any layer, that answer its pairs most differently.

    Args:
        model: A causal language model of a known architecture.
        batches: The probes as batches.
        probes: Pairs of several axes.
        definition: How differently a neuron answers.
        share: Of the model's neurons.
    """
    bias = np.abs(neuron_bias(model, batches, definition))
    count = max(1, round(share * bias.shape[2]))
    rows: dict[str, list[int]] = {}
    for place, probe in enumerate(probes):
        rows.setdefault(probe.axis, []).append(place)
    return {axis: top(bias[mine].mean(0), count, "global") for axis, mine in rows.items()}


def overlaps(chosen: Mapping[str, Pruning], width: int, draws: int = 2000, seed: int = 0) -> list[Overlap]:
    """Return the overlap of every two axes.

    The baseline permutes the neurons of each layer and keeps how many each layer has, since the last layers hold most
    of them for every axis, which is no shared circuit.

    Args:
        chosen: The top neurons of each axis.
        width: Neurons a layer has.
        draws: Permutations.
        seed: Of the permutations.
    """
    rng = np.random.default_rng(seed)
    found = []
    for (first, one), (second, two) in combinations(sorted(chosen.items()), 2):
        random = _chance(one, two, width, draws, rng)
        shared = len(one & two)
        total = len(one) + len(two)
        baseline = float(np.mean(random / np.maximum(total - random, 1)))
        p = float((1 + np.count_nonzero(random >= shared)) / (1 + draws))
        found.append(Overlap(first, second, shared / max(total - shared, 1), baseline, p))
    return found


def _chance(one: Pruning, two: Pruning, width: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return how many neurons the two share when each layer's are drawn at random, [draws]."""
    shared = np.zeros(draws, dtype=int)
    for layer in sorted({unit.layer for unit in one} & {unit.layer for unit in two}):
        mine, theirs = (sum(unit.layer == layer for unit in units) for units in (one, two))
        shared += rng.hypergeometric(mine, width - mine, theirs, size=draws)
    return shared
