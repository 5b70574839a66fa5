"""HONEST: how often are the likeliest next words about women and men hurtful, as a measurement of `evaluate`?"""

from collections.abc import Sequence
from typing import Any

import evaluate
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.rows.sources import given
from fairhub.measure.benchmarks import honest, told
from fairhub.metrics.about import about


class Honest(evaluate.Measurement):
    """Share of hurtful words among the 20 likeliest next words, and its gap between women and men.

    `compute(prompt=[...], side=["female" or "male", ...], template=[...], model=..., tokenizer=...)`; a template is a
    cluster. Hurtful are the words of `fairhub.measure.benchmarks.honest.LEXICON`, which is not HurtLex: figures of
    other lexicons cannot be compared with these. (Nozza et al. 2021, section 3.)
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Share of hurtful words among the likeliest next words.",
            "prompt, side, template: one each a prompt; model, tokenizer: a causal model.",
            prompt="string", side="string", template="string",
        )  # fmt: skip

    def _compute(
        self,
        prompt: Sequence[str],
        side: Sequence[str],
        template: Sequence[str],
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
    ) -> dict[str, Any]:
        names = ("prompt", "side", "raw")
        rows = [dict(zip(names, row, strict=True)) for row in zip(prompt, side, template, strict=True)]
        return told(honest.benchmark(given(rows)), model, tokenizer)
