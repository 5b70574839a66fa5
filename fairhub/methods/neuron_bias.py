"""How differently every MLP neuron answers the two texts of a pair: three definitions of Fairness Pruning's score."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.errors import one_of
from fairhub.inputs.batches import Batch
from fairhub.measure.activations import Alignment, Component, aligned, components_of, watched
from fairhub.model.streaming.steps import in_step
from fairhub.run.processes import spread

Definition = Literal["diff_then_pool", "pool_then_diff", "signed"]
"""`diff_then_pool` (the article): mean over tokens of |a - b|. `pool_then_diff` (optiPfair 0.4.2): |mean a - mean b|,
where differences of opposite sign cancel. Both are means over gate and up. `signed` (the author's follow-up): mean a -
mean b of the neuron itself, the input of down: above zero where it answers the first text more strongly."""


def neuron_bias(
    model: PreTrainedModel,
    batches: Sequence[Batch],
    definition: Definition = "diff_then_pool",
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Return how differently every neuron answers, [pairs, layers, neurons] float32, in one forward over the pairs.

    Texts of unequal token counts are compared where they are aligned; nothing is pooled over tokens without a like.

    Raises:
        UserError: The architecture is unknown.
    """
    inputs: tuple[Component, ...] = tuple(name for name in components_of(model) if name in ("gate_proj", "up_proj"))
    places: tuple[Component, ...] = ("down_proj_input",) if definition == "signed" else inputs

    def answered(batch: Batch) -> np.ndarray:
        pairs = [aligned(batch, place) for place in range(len(batch.items))]
        sums: dict[int, Tensor] = {}

        def add(
            name: Component, layer: int, value: Tensor,
            pairs: Sequence[tuple[int, int, Alignment]] = pairs, sums: dict[int, Tensor] = sums,
        ) -> None:  # fmt: skip
            rows = [_apart(value[a, [*how.first]], value[b, [*how.second]], definition) for a, b, how in pairs]
            sums[layer] = sums.get(layer, torch.zeros(())) + torch.stack(rows).cpu() / len(places)

        with torch.inference_mode(), watched(model, len(batch.ids), add, places):
            model.base_model(batch.ids, use_cache=False)
        if progress:
            progress(batch.tokens)
        return np.asarray(torch.stack([sums[layer] for layer in sorted(sums)], dim=1).numpy())

    rows = zip(batches, spread(batches, answered, each=in_step(model)), strict=True)
    found = {item: row for batch, part in rows for item, row in zip(batch.items, part, strict=True)}
    return np.stack([found[item] for item in sorted(found)])


def known_definition(name: str) -> Definition:
    """Return the definition of that name, or refuse it."""
    return one_of("a neuron's bias", name, get_args(Definition))


def _apart(first: Tensor, second: Tensor, definition: Definition) -> Tensor:
    """Return [neurons] of one pair from its aligned activations, [tokens, neurons] each."""
    difference = first.float() - second.float()
    if definition == "diff_then_pool":
        return difference.abs().mean(0)
    return difference.mean(0) if definition == "signed" else difference.mean(0).abs()
