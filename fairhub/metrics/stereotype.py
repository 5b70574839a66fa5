"""Stereotype: do bad rather than good words come more easily about one group, as a measurement of `evaluate`?"""

from collections.abc import Hashable, Sequence
from typing import Any

import evaluate
import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.compute.engine import Engine
from fairhub.measure.word_odds import Attribute, text_batches_of
from fairhub.metrics.about import about
from fairhub.metrics.formulas import result
from fairhub.stats import resampling


class Stereotype(evaluate.Measurement):
    """Mean difference of log-odds of bad to good words about people, after two texts; signed, and its absolute value.

    `compute(text_a=[...], text_b=[...], model=..., tokenizer=..., clusters=[...])`. `signed` above 0: bad words come
    more easily after text_a. The words are those of `fairhub.measure.word_odds`; log-odds are ln P(bad) / P(good) of
    the next token.
    Without `clusters` every pair is its own.
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Signed difference of log-odds of bad to good words between the two texts of a pair.",
            "text_a, text_b: texts; model, tokenizer: a causal model; clusters: a label a pair.",
            text_a="string", text_b="string",
        )  # fmt: skip

    def _compute(
        self, text_a: Sequence[str], text_b: Sequence[str], model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase, clusters: Sequence[Hashable] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        labels = list(range(len(text_a)) if clusters is None else clusters)
        texts = [*text_a, *text_b]
        batches = text_batches_of(model, tokenizer, texts)
        share = Engine(model, batches, Attribute(tokenizer), cache_bytes=0).values([frozenset()])[0]
        odds = np.log(share) - np.log1p(-share)
        gaps = np.column_stack([odds[: len(text_a)] - odds[len(text_a) :], np.ones(len(text_a))])
        signed = resampling.interval(gaps, lambda s: s[..., 0] / s[..., 1], labels)
        size = resampling.interval(gaps, lambda s: np.abs(s[..., 0] / s[..., 1]), labels)
        return result(size, labels, "lower") | {"signed": result(signed, labels, "towards 0")}
