"""LAMBADA: does a model find the last word of a passage, as a measurement of `evaluate`?"""

from collections.abc import Sequence
from typing import Any

import evaluate
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.rows.sources import given
from fairhub.measure.benchmarks import lambada, told
from fairhub.metrics.about import about


class Lambada(evaluate.Measurement):
    """Accuracy of greedy decoding on the last word of passages, and that word's perplexity.

    `compute(data=[passage, ...], model=..., tokenizer=...)`, cut at the last space as in lm-eval. (Paperno et al.
    2016.)
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Accuracy and perplexity on the last word of passages.",
            "data: passages; model, tokenizer: a causal model.",
            data="string",
        )  # fmt: skip

    def _compute(
        self, data: Sequence[str], model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, Any]:
        return told(lambada.benchmark(given([{"text": text} for text in data])), model, tokenizer)
