"""First-order scores of heads: what the surrogates believe before a single mask is measured."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import PreTrainedModel

from fairhub.compute.engine import fast_matmul, token_loss
from fairhub.edit.masking import gated
from fairhub.inputs.batches import Batch
from fairhub.measure.scores import first_order
from fairhub.model.architecture import units
from fairhub.model.units import Unit
from fairhub.run.processes import agreed
from fairhub.search.surrogate.labelled import Scale
from fairhub.search.surrogate.labels import Meter

if TYPE_CHECKING:  # recipes import the surrogates, not the other way round
    from fairhub.search.task import Task


def prior(task: "Task", meter: Meter, scale: Scale, heads: Sequence[Unit]) -> dict[str, np.ndarray]:
    """Return first-order scores of each head, [targets, heads, features] for `bias` and `loss`, and their `seconds`.

    One backward over the probes and the text of the labels gives first-order effects (Michel et al. 2019): of bias the
    relative change of each cluster's divergence, of loss nats a token. The features of a target are its own effects,
    then those of all probes and of the loss, signed and in size, and the depth: a head that matters much for text
    costs more than its gradient says, and bias rises with damage whatever the sign of a head's own effect on it.
    """

    def compute() -> dict[str, np.ndarray]:
        place = {unit: i for i, unit in enumerate(units(task.model))}
        columns = [place[head] for head in heads]
        began = time.monotonic()
        with fast_matmul():
            effect = first_order(task.model, meter.batches, meter.probes).effect[:, columns]
            loss = loss_effects(task.model, meter.text)[columns]
        relative = (scale.member @ effect) / (scale.member @ scale.base.bias)[:, None]
        return {"bias": relative.T, "loss": loss[:, None], "seconds": np.array(agreed(time.monotonic() - began))}

    effects = task.run.arrays("surrogate_prior", compute)
    shared = _shared(effects["bias"][:, 0], effects["loss"][:, 0], heads)
    return {
        what: np.stack([np.column_stack([own, shared]) for own in effects[what].T]) for what in ("bias", "loss")
    } | {"seconds": effects["seconds"]}


def _shared(bias: np.ndarray, loss: np.ndarray, heads: Sequence[Unit]) -> np.ndarray:
    layer = np.array([head.layer for head in heads], dtype=float)
    first = (layer == layer.min()).astype(float)  # reads the words themselves: everything after it stands on it
    return np.column_stack([bias, np.abs(bias), loss, np.abs(loss), layer / max(layer.max(), 1), first])


def loss_effects(model: PreTrainedModel, batches: Sequence[Batch]) -> np.ndarray:
    """Return [units]: the first-order change of the mean token loss, nats, if a unit went."""
    found = np.zeros(len(units(model)))
    items = sum(len(batch.items) for batch in batches)
    for batch in batches:
        with gated(model) as gates:
            total = token_loss(model(batch.ids, use_cache=False).logits, batch).sum()
            grads = torch.autograd.grad(total, list(gates.values()))
        found -= torch.cat([grad.float().cpu() for grad in grads]).numpy() / items
    return found
