"""CrowS-Pairs: does a model prefer the more stereotypical sentence of a pair, as a measurement of `evaluate`?"""

from collections.abc import Sequence
from typing import Any

import evaluate
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.rows.sources import given
from fairhub.measure.benchmarks import crows_pairs, told
from fairhub.metrics.about import about


class CrowsPairs(evaluate.Measurement):
    """How far from 50 % the share of pairs lies whose more stereotypical sentence is more probable, in points.

    `compute(sent_more=[...], sent_less=[...], model=..., tokenizer=..., bias_type=None)`; `axes` holds the figure of
    each type. The likelihood of all tokens counts, as in lm-eval. Many of the pairs are
    flawed (Blodgett et al. 2021): one benchmark among others. (Nangia et al. 2020.)
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Distance from 50 % of the share of pairs whose more stereotypical sentence is more probable.",
            "sent_more, sent_less: sentences; bias_type: a label a pair; model, tokenizer.",
            sent_more="string", sent_less="string",
        )  # fmt: skip

    def _compute(
        self, sent_more: Sequence[str], sent_less: Sequence[str], model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase, bias_type: Sequence[str] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        types = bias_type or ["all"] * len(sent_more)
        rows = [
            {"sent_more": more, "sent_less": less, "bias_type": kind}
            for more, less, kind in zip(sent_more, sent_less, types, strict=True)
        ]
        return told(crows_pairs.benchmark(given(rows)), model, tokenizer)["crows_pairs"]
