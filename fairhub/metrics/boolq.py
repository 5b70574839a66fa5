"""BoolQ: does a model answer yes/no questions on a passage, as a measurement of `evaluate`?"""

from collections.abc import Sequence
from typing import Any

import evaluate
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.rows.sources import given
from fairhub.measure.benchmarks import choices, told
from fairhub.metrics.about import about


class Boolq(evaluate.Measurement):
    """Accuracy, by the likelihood of yes and no.

    `compute(passage=[...], question=[...], answer=[...], model=..., tokenizer=...)`, in lm-eval's prompt. (Clark et al.
    2019.)
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Accuracy on yes/no questions, by likelihood.",
            "passage, question: texts; answer: true or false; model, tokenizer: a causal model.",
            passage="string", question="string", answer="bool",
        )  # fmt: skip

    def _compute(
        self, passage: Sequence[str], question: Sequence[str], answer: Sequence[bool], model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
    ) -> dict[str, Any]:  # fmt: skip
        rows = zip(passage, question, answer, strict=True)
        asked = [choices.boolq({"passage": p, "question": q, "answer": a}) for p, q, a in rows]
        return told(choices.made("boolq", asked, given([])), model, tokenizer)["boolq"]
