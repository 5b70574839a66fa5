"""Sliding-window perplexity: how well a model foresees whole texts, as a measurement of `evaluate`."""

from collections.abc import Sequence
from typing import Any

import evaluate
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.measure.benchmarks import wikitext
from fairhub.metrics.about import about
from fairhub.metrics.formulas import result
from fairhub.stats import resampling


class SlidingPerplexity(evaluate.Measurement):
    """exp of the mean loss a token, and a word, where each token sees at least half a window before it.

    `compute(data=[text, ...], model=..., tokenizer=..., window=1024)`: windows of `window` tokens (at most the model's)
    move by half their length, and each but a text's first is asked its second half. Words are what white space parts.
    Texts are the items and the clusters.
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Perplexity in sliding windows, a token and a word.",
            "data: texts; model, tokenizer: a causal model; window: tokens a window.",
            data="string",
        )  # fmt: skip

    def _compute(
        self, data: Sequence[str], model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, window: int = 1024
    ) -> dict[str, Any]:
        columns, labels = wikitext.columns(model, tokenizer, data, window), range(len(data))
        names = {"token": wikitext.STATISTICS[0].value, "word": wikitext.STATISTICS[1].value}
        return {
            name: result(resampling.interval(columns, value, labels), labels, "lower") for name, value in names.items()
        }
