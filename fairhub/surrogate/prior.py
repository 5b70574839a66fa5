"""First-order scores of heads: what the surrogates believe before a single mask is measured."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from fairhub.engine import Batch, token_loss
from fairhub.methods.task import Task, fast_matmul
from fairhub.scores import first_order
from fairhub.surgery import Unit, gated, units
from fairhub.surrogate.labelled import Scale
from fairhub.surrogate.labels import Meter


def prior(task: Task, meter: Meter, scale: Scale, heads: Sequence[Unit]) -> dict[str, np.ndarray]:
    """Return first-order effects of removing each head, [heads, targets] for `bias` and `loss`, and its `seconds`.

    One backward over the probes and the text of the labels (Michel et al. 2019): bias as relative change of each
    cluster's divergence, loss in nats a token.
    """

    def compute() -> dict[str, np.ndarray]:
        place = {unit: i for i, unit in enumerate(units(task.model))}
        columns = [place[head] for head in heads]
        began = time.monotonic()
        with fast_matmul():
            effect = first_order(task.model, meter.batches, meter.probes).effect[:, columns]
            loss = loss_effects(task.model, meter.text)[columns]
        relative = (scale.member @ effect) / (scale.member @ scale.base.bias)[:, None]
        return {"bias": relative.T, "loss": loss[:, None], "seconds": np.array(time.monotonic() - began)}

    return task.run.arrays("surrogate_prior", compute)


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
