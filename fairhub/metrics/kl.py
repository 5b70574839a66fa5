"""KL: how far a repaired model's words lie from the base model's, as a measurement of `evaluate`."""

from collections.abc import Sequence
from typing import Any

import evaluate
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.compute.engine import Engine, log_probabilities
from fairhub.inputs.batches import Batch, text_batches
from fairhub.metrics.about import about
from fairhub.metrics.formulas import result
from fairhub.metrics.perplexity import chunked
from fairhub.model.facts import home
from fairhub.stats import statistics


class Kl(evaluate.Measurement):
    """Mean Kullback-Leibler divergence from the base model, nats a token, over the texts' chunks of `length` tokens.

    `compute(data=[text, ...], model=..., base=..., tokenizer=..., length=256)`; 0 where nothing changed.
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Kullback-Leibler divergence of a model's next tokens from its base model's.",
            "data: texts; model, base: causal models; tokenizer: of both; length: tokens a chunk.",
            data="string",
        )  # fmt: skip

    def _compute(
        self, data: Sequence[str], model: PreTrainedModel, base: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase, length: int = 256,
    ) -> dict[str, Any]:  # fmt: skip
        device = home(model)

        def from_base(logits: Tensor, batch: Batch) -> Tensor:
            ids = batch.ids.to(home(base))
            before = base(ids, use_cache=False).logits.to(logits.device)
            return torch.stack([_kl(p, q) for p, q in zip(before, logits, strict=True)])

        chunks = chunked(tokenizer, data, length)
        batches = text_batches(chunks.ids, rows=4, device=device)
        values = Engine(model, batches, from_base, cache_bytes=0).values([frozenset()])[0]
        return result(statistics.interval(values, chunks.documents), chunks.documents, "lower")


def _kl(base: Tensor, after: Tensor) -> Tensor:
    p, q = log_probabilities(base), log_probabilities(after)
    return (p.exp() * (p - q)).sum(-1).mean()
