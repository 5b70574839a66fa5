"""Perplexity: how well a model still foresees neutral text, as a measurement of `evaluate`."""

from collections.abc import Sequence
from typing import Any

import evaluate
import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.compute.engine import Engine, token_loss
from fairhub.errors import UserError
from fairhub.inputs import text as text_
from fairhub.inputs.batches import text_batches
from fairhub.metrics.about import about
from fairhub.metrics.formulas import result
from fairhub.model.facts import home
from fairhub.stats import statistics


class Perplexity(evaluate.Measurement):
    """exp of the mean loss a token, over the texts' chunks of `length` tokens, as in a report.

    `compute(data=[text, ...], model=..., tokenizer=..., length=256)`; chunks are the items, texts the clusters.
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Perplexity over chunks of one length.",
            "data: texts; model, tokenizer: a causal model; length: tokens a chunk.",
            data="string",
        )  # fmt: skip

    def _compute(
        self, data: Sequence[str], model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, length: int = 256
    ) -> dict[str, Any]:
        device = home(model)
        chunks = chunked(tokenizer, data, length)
        batches = text_batches(chunks.ids, rows=4, device=device)
        loss = Engine(model, batches, token_loss, cache_bytes=0).values([frozenset()])[0]
        return result(statistics.interval(loss, chunks.documents, transform=np.exp), chunks.documents, "lower")


def chunked(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], length: int) -> text_.Chunks:
    """Return all full chunks of the texts, as a report has them.

    Raises:
        UserError: The texts hold fewer than two chunks, or these are all of one text: there is no interval.
    """
    ends = tokenizer.eos_token_id is not None
    total = sum(len(tokenizer(text, add_special_tokens=False, verbose=False).input_ids) + ends for text in texts)
    if total < 2 * length:
        raise UserError(f"an interval needs 2 chunks of {length} tokens; the texts hold {total} tokens; add text")
    found = text_.chunks(tokenizer, texts, total, length, least=2 * length)
    if len(set(found.documents)) < 2:
        raise UserError(f"an interval needs chunks of {length} tokens from 2 texts; 1 fills one; add texts")
    return found
