"""Divergence of probes and loss of text under repairs, item by item."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.compute.engine import Engine, jensen_shannon, token_loss
from fairhub.compute.likelihood import read_endings, shared_tokens
from fairhub.edit.healing import patched
from fairhub.edit.repair import Repair, applied
from fairhub.edit.zeroing import weights_zeroed
from fairhub.inputs.batches import Batch, Texts, texts_of
from fairhub.inputs.sequences import alike
from fairhub.model.facts import home
from fairhub.model.streaming.steps import in_step
from fairhub.run.processes import spread
from fairhub.run.progress import Progress

_PIECE = 128
"""Probes read together in one process, whatever their number: two distributions of each are held."""


def divergences(
    model: PreTrainedModel, batches: Sequence[Batch], repairs: Sequence[Repair], progress: Progress | None = None
) -> np.ndarray:
    """Return the divergence of every probe under every repair, [repairs, probes], nats.

    Texts that begin alike share what they begin with.

    Args:
        model: A causal language model.
        batches: Of probes; their items count from 0.
        repairs: What is done to the model; the empty repair is the base model.
        progress: Told how many tokens were computed.

    Raises:
        UserError: Logits are not finite.
    """
    texts = texts_of(batches)
    pieces = alike(texts, _PIECE)

    def of_piece(piece: Sequence[int]) -> np.ndarray:
        return np.stack([_divergences(model, [texts[i] for i in piece], repair, progress) for repair in repairs])

    size = 2 * _PIECE * model.get_output_embeddings().weight.shape[0] * 4
    values = np.empty((len(repairs), len(texts)))
    for piece, part in zip(pieces, spread(pieces, of_piece, each=in_step(model, size)), strict=True):
        values[:, piece] = part
    return values


def divergence_tokens(batches: Sequence[Batch]) -> int:
    """Return how many tokens are computed for these probes under one repair."""
    texts = texts_of(batches)
    return sum(shared_tokens([ids for i in piece for ids in texts[i]]) for piece in alike(texts, _PIECE))


@torch.inference_mode()
def _divergences(
    model: PreTrainedModel, texts: Sequence[Texts], repair: Repair, progress: Progress | None
) -> np.ndarray:
    log_p = torch.empty(2 * len(texts), model.get_output_embeddings().weight.shape[0], device=home(model))

    def take(numbers: Sequence[int], read: Tensor) -> None:
        log_p[list(numbers)] = read.to(log_p.device)

    with applied(model, repair):
        read_endings(model, [ids for pair in texts for ids in pair], take, progress=progress)
    return jensen_shannon(log_p[0::2], log_p[1::2]).double().cpu().numpy()


def losses(model: PreTrainedModel, batches: Sequence[Batch], repair: Repair) -> np.ndarray:
    """Return the loss of every chunk of text under a repair, [chunks], nats a token."""
    with patched(model, repair.patch), weights_zeroed(model, repair.zeros):
        return Engine(model, batches, token_loss, cache_bytes=0).values([repair.pruning])[0]
