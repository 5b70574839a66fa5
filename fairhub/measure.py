"""Measures models: the base and repaired ones, on the same probes and the same text, item by item."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.engine import Batch, Engine, Readout, divergence, encode, token_loss
from fairhub.healing import Patch, patched
from fairhub.processes import spread
from fairhub.surgery import Pruning, masked
from fairhub.surgery.zeroing import weights_zeroed

Progress = Callable[[int], None]
_ROWS = 16  # prompts continued side by side: reading the weights costs more than so many rows


@dataclass(frozen=True, eq=False)
class Repair:
    """What is done to a model: the units removed, and the weights refitted."""

    pruning: Pruning = frozenset()
    patch: Patch = field(default_factory=dict)
    zeros: Mapping[str, Tensor] = field(default_factory=dict)
    """[out, in] single weights that are zeroed, by the projection's name: only measured, never part of a run."""

    @property
    def empty(self) -> bool:
        """Tell whether it leaves the model as it is."""
        return not (self.pruning or self.patch or self.zeros)


@dataclass(frozen=True, eq=False)
class Utility:
    """What a repair costs on text, chunk by chunk."""

    loss: np.ndarray
    """[1 + repairs, chunks] nats a token; the base model first."""
    kl: np.ndarray
    """[repairs, chunks] Kullback-Leibler divergence from the base model, nats a token."""


def home(model: PreTrainedModel) -> torch.device:
    """Return the device that takes the model's inputs; the CPU where its weights are elsewhere or missing."""
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, Tensor)
    return torch.device("cpu") if weight.device.type == "meta" else weight.device


def context_window(model: PreTrainedModel) -> int | None:
    """Return how many tokens the model can see at once; None where its config does not say."""
    return getattr(model.config.get_text_config(), "max_position_embeddings", None)


@contextmanager
def applied(model: PreTrainedModel, repair: Repair) -> Iterator[None]:
    """Repair the model inside the `with` block."""
    with patched(model, repair.patch), weights_zeroed(model, repair.zeros), masked(model, repair.pruning):
        yield


def divergences(
    model: PreTrainedModel,
    batches: Sequence[Batch],
    repairs: Sequence[Repair],
    progress: Progress | None = None,
) -> np.ndarray:
    """Return the divergence of every probe under every repair, [repairs, probes], nats."""
    rows = []
    for repair in repairs:
        rows.append(_values(model, batches, repair, divergence))
        if progress:
            progress(sum(batch.tokens for batch in batches))
    return np.stack(rows)


def losses(model: PreTrainedModel, batches: Sequence[Batch], repair: Repair) -> np.ndarray:
    """Return the loss of every chunk of text under a repair, [chunks], nats a token."""
    return _values(model, batches, repair, token_loss)


def _values(model: PreTrainedModel, batches: Sequence[Batch], repair: Repair, readout: Readout) -> np.ndarray:
    with patched(model, repair.patch), weights_zeroed(model, repair.zeros):
        return Engine(model, batches, readout, cache_bytes=0).values([repair.pruning])[0]


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

    for batch, part in zip(batches, spread(batches, read), strict=True):
        loss[:, list(batch.items)], kl[:, list(batch.items)] = part.loss, part.kl
    return Utility(loss, kl)


def _utility(model: PreTrainedModel, batch: Batch, repairs: Sequence[Repair]) -> Utility:
    """Return loss and KL of one batch's chunks."""
    base = model(batch.ids, use_cache=False).logits.float().log_softmax(-1)
    certainty = _expected(base, base)
    loss, kl = [_loss(base, batch)], np.empty((len(repairs), len(batch.items)))
    for number, repair in enumerate(repairs):
        with applied(model, repair):
            after = model(batch.ids, use_cache=False).logits.float().log_softmax(-1)
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


@torch.inference_mode()
def continuations(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], tokens: int = 32
) -> list[str]:
    """Continue every prompt greedily by up to `tokens` tokens.

    Prompts are padded on the left, masked, a few of similar length side by side; which ones does not hang on the number
    of processes, so that every number of them writes the same. Padding repeats a row's first token: a tokenizer's own
    may have no embedding.

    Raises:
        UserError: A prompt has no tokens.
    """
    encoded = [list(encode(tokenizer, prompt)) for prompt in prompts]
    device = home(model)
    generate: Any = model.generate  # typed as a module attribute
    pad = next((i for i in (tokenizer.pad_token_id, tokenizer.eos_token_id) if i is not None), 0)

    def written(places: Sequence[int]) -> list[str]:
        length = max(len(encoded[i]) for i in places)
        padding = [length - len(encoded[i]) for i in places]
        ids = torch.tensor([encoded[i][:1] * short + encoded[i] for i, short in zip(places, padding, strict=True)])
        real = torch.tensor([[0] * short + [1] * (length - short) for short in padding])
        out = generate(
            input_ids=ids.to(device), attention_mask=real.to(device), do_sample=False, num_beams=1,
            max_new_tokens=tokens, pad_token_id=pad,
        )  # fmt: skip
        return [str(tokenizer.decode(row[length:], skip_special_tokens=True)) for row in out]

    order = sorted(range(len(prompts)), key=lambda i: (len(encoded[i]), i))
    groups = [order[start : start + _ROWS] for start in range(0, len(order), _ROWS)]
    texts = [text for part in spread(groups, written) for text in part]
    return [texts[order.index(place)] for place in range(len(prompts))]
