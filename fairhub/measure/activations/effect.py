"""What every unit does to the activation gap, first-order: the gap's gradient with respect to the unit's gate."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.edit.masking import gated
from fairhub.inputs.batches import Batch
from fairhub.measure.activations.alignment import aligned
from fairhub.measure.activations.capture import Component, components_of, watched
from fairhub.measure.activations.gap import COUNTED


def gap_effects(model: PreTrainedModel, batches: Sequence[Batch]) -> tuple[np.ndarray, float]:
    """Return the change of the mean gap if each unit went, [units] in the order of `units(model)`, and the mean gap.

    One forward and one backward, whatever the number of units. Under `masked` it is the effect on top of what is gone.

    Raises:
        UserError: The architecture is unknown.
    """
    counted = [name for name in COUNTED if name in components_of(model)]
    items = sum(len(batch.items) for batch in batches)
    effect, base = np.zeros(()), 0.0
    for batch in batches:
        parts: list[Tensor] = []
        pairs = [aligned(batch, place) for place in range(len(batch.items))]

        def add(name: Component, layer: int, value: Tensor, pairs: list = pairs, parts: list[Tensor] = parts) -> None:  # type: ignore[type-arg]
            for a, b, how in pairs:
                parts.append((value[a, [*how.first]].float() - value[b, [*how.second]].float()).abs().mean().cpu())

        with torch.enable_grad(), gated(model) as gates, watched(model, len(batch.ids), add, counted):
            model.base_model(batch.ids, use_cache=False)
            total = torch.stack(parts).sum() / (len(parts) / len(pairs)) / items
            grads = torch.autograd.grad(total, list(gates.values()))
        effect = effect - torch.cat([grad.float().cpu() for grad in grads]).numpy()
        base += float(total.detach())
    return np.asarray(effect), base
