"""Multiple choice: is the right option the likeliest, as a measurement of `evaluate`?"""

from collections.abc import Sequence
from typing import Any

import datasets
import evaluate
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.rows.sources import given
from fairhub.measure.benchmarks import choices, told


class MultipleChoice(evaluate.Measurement):
    """Accuracy by the likelihood of options, and by their likelihood a character.

    `compute(prompt=[...], options=[[...], ...], right=[...], model=..., tokenizer=...)`; a space parts prompt and
    option. Returned: `accuracy` and `accuracy_normalised` (acc and acc_norm of lm-eval).
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return evaluate.MeasurementInfo(
            description="Accuracy of multiple choice, by likelihood and by likelihood a character.",
            citation="",
            inputs_description="prompt: texts; options: lists of texts; right: places of the right ones.",
            features=datasets.Features(
                {
                    "prompt": datasets.Value("string"),
                    "options": datasets.Sequence(datasets.Value("string")),
                    "right": datasets.Value("int32"),
                }
            ),
        )

    def _compute(
        self, prompt: Sequence[str], options: Sequence[Sequence[str]], right: Sequence[int], model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
    ) -> dict[str, Any]:  # fmt: skip
        rows = zip(prompt, options, right, strict=True)
        asked = [choices.Choice(text, tuple(answers), int(place)) for text, answers, place in rows]
        return told(choices.made("accuracy", asked, given([])), model, tokenizer)
