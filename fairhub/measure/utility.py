"""What a repair costs on text: loss and Kullback-Leibler divergence from the base model, chunk by chunk."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.compute.engine import log_probabilities
from fairhub.edit.repair import Repair, applied
from fairhub.inputs.batches import Batch
from fairhub.model.streaming.steps import in_step
from fairhub.run.processes import spread
from fairhub.run.progress import Progress


@dataclass(frozen=True, eq=False)
class Utility:
    """What a repair costs on text, chunk by chunk."""

    loss: np.ndarray
    """[1 + repairs, chunks] nats a token; the base model first."""
    kl: np.ndarray
    """[repairs, chunks] Kullback-Leibler divergence from the base model, nats a token."""


@torch.inference_mode()
def utility(
    model: PreTrainedModel,
    batches: Sequence[Batch],
    repairs: Sequence[Repair],
    progress: Progress | None = None,
) -> Utility:
    """Measure loss and KL of every repair on text; the base model's forward is shared."""
    chunks = sum(len(batch.items) for batch in batches)
    loss, kl = np.empty((1 + len(repairs), chunks)), np.empty((len(repairs), chunks))

    def read(batch: Batch) -> Utility:
        found = _utility(model, batch, repairs)
        if progress:
            progress(batch.tokens * (1 + len(repairs)))
        return found

    for batch, part in zip(batches, spread(batches, read, each=in_step(model)), strict=True):
        loss[:, list(batch.items)], kl[:, list(batch.items)] = part.loss, part.kl
    return Utility(loss, kl)


def _utility(model: PreTrainedModel, batch: Batch, repairs: Sequence[Repair]) -> Utility:
    """Return loss and KL of one batch's chunks."""
    base = log_probabilities(model(batch.ids, use_cache=False).logits)
    certainty = _expected(base, base)
    loss, kl = [_loss(base, batch)], np.empty((len(repairs), len(batch.items)))
    for number, repair in enumerate(repairs):
        with applied(model, repair):
            after = log_probabilities(model(batch.ids, use_cache=False).logits)
        loss.append(_loss(after, batch))
        kl[number] = (certainty - _expected(base, after)).mean(-1).cpu().numpy()
        del after  # as large as all else: the next is not made beside it
    return Utility(np.stack(loss), kl)


def _loss(log_p: Tensor, batch: Batch) -> np.ndarray:
    """Return each chunk's mean negative log-likelihood, nats a token."""
    said = log_p[:, :-1].gather(2, batch.ids[:, 1:, None].to(log_p.device))[..., 0]
    return -said.double().mean(-1).cpu().numpy()  # type: ignore[no-any-return]


def _expected(base: Tensor, after: Tensor) -> Tensor:
    """Return sum of p log q over the vocabulary, [chunks, positions] float64; chunks one by one bound the memory.

    KL(p || q) is that of p with itself less that with q: a pass over the vocabulary fewer than by its definition, which
    is what a proof on two cores spends a fifth of its time on.
    """
    rows = [torch.linalg.vecdot(p.exp(), q) for p, q in zip(base, after, strict=True)]
    return torch.stack(rows).double()
