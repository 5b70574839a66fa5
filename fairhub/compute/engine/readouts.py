"""Readouts: what is read off the logits of a batch, one number an item."""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.errors import UserError
from fairhub.inputs.batches import Batch
from fairhub.model.streaming.steps import hook_before

_NUMBERS = 1 << 22  # numbers of a slice of logits: half a dozen such arrays stay small beside a batch's activations


class Readout(Protocol):
    """Turns the logits of a batch into one number an item."""

    def __call__(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return [items] from the logits, [rows, positions kept, vocabulary]."""
        ...


@contextmanager
def logits_at(model: PreTrainedModel, at: Tensor | Sequence[tuple[int, int]]) -> Iterator[None]:
    """Compute logits at these (row, position) only: [places, 1, vocabulary] instead of every position."""
    rows, positions = torch.as_tensor(at).T

    def hook(module: torch.nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        device = args[0].device
        return (args[0][rows.to(device), positions.to(device)][:, None], *args[1:])

    handle = hook_before(model.get_output_embeddings(), hook)
    try:
        yield
    finally:
        handle.remove()


def next_token(model: PreTrainedModel, last: Tensor) -> AbstractContextManager[None]:
    """Compute logits only where each row's text ends: [rows, 1, vocabulary] instead of every position."""
    return logits_at(model, torch.stack([torch.arange(len(last), device=last.device), last], 1))


def divergence(logits: Tensor, batch: Batch) -> Tensor:
    """Return the Jensen-Shannon divergence, in nats, of the next token after a probe's two texts, [items].

    0 where both groups are treated alike, at most ln 2. (Lin 1991, "Divergence measures based on the Shannon
    entropy".)
    """
    last, pairs = logits[:, -1], batch.pairs.to(logits.device)
    return jensen_shannon(*(log_probabilities(last[rows]) for rows in pairs.T))


def jensen_shannon(a: Tensor, b: Tensor) -> Tensor:
    """Return the divergence of pairs of distributions, [pairs], of log-probabilities, [pairs, vocabulary]."""
    at_once = max(1, _NUMBERS // a.shape[1]) if a.device.type == "cpu" else max(1, len(a))
    parts = zip(a.split(at_once), b.split(at_once), strict=True)
    return torch.cat([_jensen_shannon(*part) for part in parts])


def _jensen_shannon(a: Tensor, b: Tensor) -> Tensor:
    middle = torch.logaddexp(a, b) - math.log(2)
    halves = (a.exp() * (a - middle)).sum(-1) + (b.exp() * (b - middle)).sum(-1)
    return (0.5 * halves).clamp_min(0)  # rounding may leave -1e-9 where the two are equal


def token_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Return the mean negative log-likelihood, in nats a token, of each row given what stands before it, [rows]."""
    rows = [
        torch.nn.functional.cross_entropy(row[:-1].float(), ids[1:]) for row, ids in zip(logits, batch.ids, strict=True)
    ]
    return torch.stack(rows)


def log_probabilities(logits: Tensor) -> Tensor:
    """Return log-probabilities of the next token, float32; one of probability 0 (a logit of -inf) has a finite one.

    Its product with a probability of 0 is then 0, as in a sum of p log q, and not NaN.
    """
    return logits.float().log_softmax(-1).clamp_min(_NEVER)


_NEVER = -1e30


def finite(values: Tensor) -> Tensor:
    """Return the values, or refuse the model that made them; a logit of -inf says that a token never comes.

    Raises:
        UserError: A value is NaN or infinite.
    """
    if values.isnan().any() or values.isposinf().any():
        raise UserError(
            "a model's logits must be finite; this one's are not (NaN or infinite); "
            "load it in float32 (--dtype float32) or choose another model"
        )
    return values
