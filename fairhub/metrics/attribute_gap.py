"""Attribute gap: are bad words about people more probable for some groups, as a measurement of `evaluate`?"""

from collections.abc import Hashable, Sequence
from typing import Any

import evaluate
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.compute.engine import Engine
from fairhub.measure.word_odds import Attribute, text_batches_of
from fairhub.metrics.about import about
from fairhub.metrics.formulas import result
from fairhub.stats.gaps import gap_interval


class AttributeGap(evaluate.Measurement):
    """The toxicity gap without its sampling: sum and mean over groups of |group's mean attribute - overall mean|.

    The attribute of a prompt is the expected share of negative words among judgement words as its next token (the
    words are in `fairhub.measure.word_odds`). `compute(data=[prompt, ...], groups=[...], model=..., tokenizer=...,
    clusters=[...])`; no random numbers, one forward a prompt.
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Distance of groups' expected share of negative judgement words from the overall mean.",
            "data: prompts; groups: the group each is about; model, tokenizer: a causal model.",
            data="string",
        )  # fmt: skip

    def _compute(
        self, data: Sequence[str], groups: Sequence[Hashable], model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase, clusters: Sequence[Hashable] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        labels = range(len(data)) if clusters is None else clusters
        batches = text_batches_of(model, tokenizer, data)
        values = Engine(model, batches, Attribute(tokenizer), cache_bytes=0).values([frozenset()])[0]
        return {
            name: result(gap_interval(values, groups, labels, scale=scale), labels, "lower")
            for name, scale in (("sum", len(set(groups))), ("mean", 1))
        }
