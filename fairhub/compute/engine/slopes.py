"""Slopes: how what is read off a pruned model changes as any unit's gate closes or opens, from one backward."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.compute.engine.readouts import Readout, divergence, finite, next_token
from fairhub.edit.masking import gated
from fairhub.inputs.batches import Batch
from fairhub.model.streaming.steps import in_step, waiting
from fairhub.model.units import KINDS, Kind, Pruning
from fairhub.run.processes import spread


@dataclass(frozen=True, eq=False)
class Slopes:
    """What a readout says under a pruning, and its derivatives there."""

    values: np.ndarray
    """[items] as the readout has them."""
    slopes: np.ndarray
    """[items, units] change of an item for each unit removed, first-order: minus the derivative with respect to the
    gate that multiplies the unit's output, float32. At a unit that is removed it is what its return would undo."""


def slopes_of(
    model: PreTrainedModel,
    batches: Sequence[Batch],
    readout: Readout = divergence,
    pruning: Pruning = frozenset(),
    kinds: Sequence[Kind] = KINDS,
    progress: Callable[[int], None] | None = None,
) -> list[Slopes]:
    """Return values and slopes of every batch under a pruning; batches are spread over the processes.

    A forward and a backward, whatever the number of units: every row of a batch has gates of its own, so that one
    backward tells the items apart (Michel et al. 2019; Molchanov et al. 2017).

    Args:
        model: A causal language model of a known architecture.
        batches: What to measure on.
        readout: What to read off the logits; of `divergence` logits are computed where texts end.
        pruning: Where the derivatives are taken: its units' gates are 0, all others 1.
        kinds: The kinds of units that slopes are wanted of, and that the pruning holds.
        progress: Told of the tokens of every batch.

    Raises:
        UserError: The model's logits are not finite, or another process is gone.
    """

    def found(batch: Batch) -> Slopes:
        slopes = _slopes(model, batch, readout, pruning, kinds)
        if progress:
            progress(batch.tokens)
        return slopes

    return spread(batches, found, each=in_step(model, waiting(model, 1024, back=True)))


def joined(batches: Sequence[Batch], found: Sequence[Slopes]) -> Slopes:
    """Return what was found of every batch as one, items in their order."""
    places = np.concatenate([batch.items for batch in batches]).argsort()
    return Slopes(
        np.concatenate([one.values for one in found])[places], np.concatenate([one.slopes for one in found])[places]
    )


def _slopes(model: PreTrainedModel, batch: Batch, readout: Readout, pruning: Pruning, kinds: Sequence[Kind]) -> Slopes:
    last = next_token(model, batch.last) if readout is divergence else nullcontext()
    with torch.enable_grad(), gated(model, len(batch.ids), kinds) as gates, last:
        with torch.no_grad():
            for unit in pruning:
                gates[unit.layer, unit.kind][:, unit.index] = 0
        values = finite(readout(model(batch.ids, use_cache=False).logits, batch))
        found = np.empty((len(batch.items), sum(gate.shape[1] for gate in gates.values())), dtype=np.float32)
        parts = separable(batch)
        for number, part in enumerate(parts, start=1):
            grads = torch.autograd.grad(values[part].sum(), list(gates.values()), retain_graph=number < len(parts))
            flat = torch.cat([grad.float().cpu() for grad in grads], dim=1)
            for place in part:
                found[place] = -_of_item(flat, batch, place)
    return Slopes(values.detach().double().cpu().numpy(), found)


def _of_item(flat: Tensor, batch: Batch, place: int) -> np.ndarray:
    return flat[batch.pairs[place].unique().cpu()].sum(0).numpy()


def separable(batch: Batch) -> list[list[int]]:
    """Part the batch's items so that no text is in two items of one part: a row's gradient is then one item's."""
    parts: list[tuple[set[int], list[int]]] = []
    for place, pair in enumerate(batch.pairs.tolist()):
        part = next((part for part in parts if part[0].isdisjoint(pair)), None)
        if part is None:
            parts.append(part := (set(), []))
        part[0].update(pair)
        part[1].append(place)
    return [places for _, places in parts]
