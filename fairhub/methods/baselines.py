"""The papers' controls: heads chosen at random, by the size of their weights, or by the gradient of their gate."""

import random as random_

import numpy as np
import torch
from transformers import PreTrainedModel

from fairhub.compute.engine import token_loss
from fairhub.edit.masking import gated
from fairhub.inputs.batches import Batch
from fairhub.methods.head_choice import pick
from fairhub.methods.head_scores import heads_of, neutral
from fairhub.methods.method import Method
from fairhub.methods.outcome import Outcome
from fairhub.model.attention import head_norms
from fairhub.search.task import Plan, Task


def random(task: Task, plan: Plan) -> Outcome:
    """Heads drawn at random by the run's seed."""
    heads = list(heads_of(task))
    random_.Random(plan.seed).shuffle(heads)
    return pick(task, plan, {0.0: heads}, len(heads), {})


def magnitude(task: Task, plan: Plan) -> Outcome:
    """The heads with the smallest L2 norm of their q, k, v and o weights go (a baseline of Zayed et al. 2024)."""
    return _lowest(task, plan, torch.cat(head_norms(task.model)).numpy())


def mask_gradient(task: Task, plan: Plan) -> Outcome:
    """The heads whose gate has the smallest gradient on neutral text go (Michel et al. 2019)."""
    return _lowest(task, plan, mask_gradients(task.model, neutral(task)))


def mask_gradients(model: PreTrainedModel, text: list[Batch]) -> np.ndarray:
    """Return the mean over chunks of |dL/dgate| of every head, each layer scaled to an L2 norm of 1, [heads].

    (Michel et al. 2019, "Are sixteen heads really better than one?", section 4.1.)
    """
    sums: dict[int, torch.Tensor] = {}
    for batch in text:
        with gated(model, rows=len(batch.ids)) as gates:
            loss = token_loss(model(batch.ids, use_cache=False).logits, batch).sum()
            heads = {layer: gate for (layer, kind), gate in gates.items() if kind == "head"}
            grads = torch.autograd.grad(loss, list(heads.values()))
        for layer, grad in zip(heads, grads, strict=True):
            here = grad.double().abs().sum(0).cpu()
            sums[layer] = sums[layer] + here if layer in sums else here
    return torch.cat([part / part.norm().clamp_min(1e-30) for _, part in sorted(sums.items())]).numpy()


def _lowest(task: Task, plan: Plan, importance: np.ndarray) -> Outcome:
    heads = heads_of(task)
    ranking = [heads[i] for i in np.argsort(importance, kind="stable")]
    return pick(task, plan, {0.0: ranking}, len(heads), {})


RANDOM = Method("random", random, "random choice, a control", "Units were drawn at random.")
MAGNITUDE = Method(
    "magnitude", magnitude, "smallest weights, a control", "The units with the smallest weights were removed."
)
MASK_GRADIENT = Method(
    "mask_gradient", mask_gradient, "smallest gradients, a control",
    "The heads were removed whose gates have the smallest gradient of the loss.",
)  # fmt: skip
