"""BBQ: does a model fall back on stereotypes when it answers questions, as a measurement of `evaluate`?"""

import json
from collections.abc import Sequence
from typing import Any

import evaluate
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.rows.bbq import named
from fairhub.inputs.rows.sources import given
from fairhub.measure.benchmarks import bbq, told
from fairhub.metrics.about import about


class Bbq(evaluate.Measurement):
    """Bias scores and accuracies in ambiguous and in disambiguated contexts, answers chosen by their likelihood.

    `compute(data=[line of BBQ's JSONL files, ...], targets=[place of the stereotyped answer, ...], model=...,
    tokenizer=..., normalised=False)`. `targets` is the column target_loc of BBQ's additional_metadata.csv, None where
    it has none; left out, it is the answer whose group the line names as stereotyped. `normalised` divides
    log-likelihoods by characters. Bias scores are absolute values; `axes` holds the figures of each category.
    (Parrish et al. 2022, section 5.)
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "BBQ's bias scores and accuracies in ambiguous and disambiguated contexts.",
            "data: lines of BBQ's JSONL files; targets: places of stereotyped answers.",
            data="string",
        )  # fmt: skip

    def _compute(
        self, data: Sequence[str], model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase,
        targets: Sequence[int | None] | None = None, normalised: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        rows = [named(json.loads(line)) for line in data]
        if targets is not None:
            rows = [row | {"target": target} for row, target in zip(rows, targets, strict=True)]
        return told(bbq.benchmark(given(rows), normalised=normalised), model, tokenizer)
