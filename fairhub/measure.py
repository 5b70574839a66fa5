"""Measures models: the base and repaired ones, on the same probes and the same text, item by item."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.engine import Batch, Engine, token_loss
from fairhub.healing import Patch, patched
from fairhub.processes import spread
from fairhub.surgery import Pruning, masked
from fairhub.surgery.zeroing import weights_zeroed

Progress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Repair:
    """What is done to a model: the units removed, and the weights refitted."""

    pruning: Pruning = frozenset()
    patch: Patch = field(default_factory=dict)
    zeros: Mapping[str, Tensor] = field(default_factory=dict)
    """[out, in] single weights that are zeroed, by the projection's name: only measured, never part of a run."""


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
        with patched(model, repair.patch), weights_zeroed(model, repair.zeros):
            engine = Engine(model, batches, cache_bytes=0)
            rows.append(engine.values([repair.pruning])[0])
        if progress:
            progress(sum(batch.tokens for batch in batches))
    return np.stack(rows)


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
    base = model(batch.ids, use_cache=False).logits
    loss, kl = [token_loss(base, batch).double().cpu().numpy()], np.empty((len(repairs), len(batch.items)))
    for number, repair in enumerate(repairs):
        with applied(model, repair):
            after = model(batch.ids, use_cache=False).logits
        loss.append(token_loss(after, batch).double().cpu().numpy())
        kl[number] = [_kl(p, q) for p, q in zip(base, after, strict=True)]
    return Utility(np.stack(loss), kl)


def _kl(base: Tensor, after: Tensor) -> float:
    """Mean over positions of KL(base || after), nats; rows one by one bound the memory."""
    p, q = base.float().log_softmax(-1), after.float().log_softmax(-1)
    return float((p.exp() * (p - q)).sum(-1).mean())


@torch.inference_mode()
def continuations(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], tokens: int = 32
) -> list[str]:
    """Continue every prompt greedily by up to `tokens` tokens; prompts of one length share a batch, unpadded."""
    encoded = [tokenizer(prompt).input_ids for prompt in prompts]
    device = home(model)
    generate: Any = model.generate  # typed as a module attribute

    def written(places: Sequence[int]) -> list[str]:
        length = len(encoded[places[0]])
        ids = torch.tensor([encoded[i] for i in places], device=device)
        out = generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, num_beams=1, max_new_tokens=tokens,
            pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id or 0,
        )  # fmt: skip
        return [str(tokenizer.decode(row[length:], skip_special_tokens=True)) for row in out]

    lengths = sorted({len(ids) for ids in encoded})
    groups = [[i for i, ids in enumerate(encoded) if len(ids) == length] for length in lengths]
    texts = [text for part in spread(groups, written) for text in part]
    order = [place for group in groups for place in group]
    return [texts[order.index(place)] for place in range(len(prompts))]
