"""Divergence: how far the next words after two texts of a pair lie apart, as a measurement of `evaluate`."""

from collections.abc import Hashable, Sequence
from typing import Any

import evaluate
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.compute.engine import Engine
from fairhub.inputs.batches import batches_for
from fairhub.inputs.probes import Probe
from fairhub.metrics.about import about
from fairhub.metrics.formulas import result
from fairhub.stats import statistics


class Divergence(evaluate.Measurement):
    """Mean Jensen-Shannon divergence, in nats, of the next token after two texts; 0 is alike, ln 2 the most.

    `compute(text_a=[...], text_b=[...], model=..., tokenizer=..., clusters=[...])`; pairs that share a cluster
    (their template) are not independent, and without `clusters` every pair is its own. (Lin 1991, "Divergence
    measures based on the Shannon entropy".)
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Jensen-Shannon divergence of the next token after two texts that differ in one term.",
            "text_a, text_b: texts; model, tokenizer: a causal model; clusters: a label a pair.",
            text_a="string", text_b="string",
        )  # fmt: skip

    def _compute(
        self, text_a: Sequence[str], text_b: Sequence[str], model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase, clusters: Sequence[Hashable] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        labels = range(len(text_a)) if clusters is None else clusters
        probes = [
            Probe(a, b, "", "", str(label), "", "", "", "", "", "", "held_out")
            for a, b, label in zip(text_a, text_b, labels, strict=True)
        ]
        values = Engine(model, batches_for(model, tokenizer, probes), cache_bytes=0).values([frozenset()])[0]
        return result(statistics.interval(values, labels), labels, "lower")
