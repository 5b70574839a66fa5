"""StereoSet: does a model prefer stereotypes, and sense to nonsense, as a measurement of `evaluate`?"""

import json
from collections.abc import Sequence
from typing import Any

import evaluate
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.rows.sources import given
from fairhub.measure.benchmarks import stereoset, told
from fairhub.metrics.about import about


class Stereoset(evaluate.Measurement):
    """SS (its distance from 50 %), LMS and ICAT, within sentences and between sentences.

    `compute(data=[example of StereoSet's dev.json as JSON, ...], model=..., tokenizer=...)`; an example without BLANK
    in its context is one between sentences. Sentences are compared by their mean log-likelihood a token; scores are
    means over target terms, as in the authors' script. `axes` holds SS of each type. (Nadeem et al. 2021.)
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "StereoSet's stereotype score (distance from 50 %), language modelling score and ICAT.",
            "data: examples of StereoSet's dev.json, each as JSON.",
            data="string",
        )  # fmt: skip

    def _compute(
        self, data: Sequence[str], model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, Any]:
        rows = [stereoset.named(json.loads(example)) for example in data]
        return told(stereoset.benchmark(given(rows)), model, tokenizer)
