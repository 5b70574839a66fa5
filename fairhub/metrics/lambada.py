"""LAMBADA: does a model find the last word of a passage, as a measurement of `evaluate`?"""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.rows.sources import given
from fairhub.measure.benchmarks import lambada, told


class Lambada(evaluate.Measurement):
    """Accuracy of greedy decoding on the last word of passages, and that word's perplexity.

    `compute(data=[passage, ...], model=..., tokenizer=...)`, cut at the last space as in lm-eval. (Paperno et al.
    2016.)
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return evaluate.MeasurementInfo(
            description="Accuracy and perplexity on the last word of passages.",
            citation="",
            inputs_description="data: passages; model, tokenizer: a causal model.",
            features=datasets.Features({"data": datasets.Value("string")}),
        )

    def _compute(
        self, data: Sequence[str], model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, Any]:
        return told(lambada.benchmark(given([{"text": text} for text in data])), model, tokenizer)
