"""WinoBias: is a pronoun understood as well against a stereotype as with it, as a measurement of `evaluate`?"""

from collections.abc import Sequence
from typing import Any

import evaluate
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.rows.sources import given
from fairhub.measure.benchmarks import told, winobias
from fairhub.metrics.about import about


class Winobias(evaluate.Measurement):
    """Accuracy, and its gap between pro- and anti-stereotypical sentences.

    `compute(sentence=[...], pronoun=[...], right=[...], wrong=[...], side=["pro" or "anti", ...], pair=[...],
    model=..., tokenizer=...)`: whom the pronoun means, and the other person named. For Winogender the sides are "male"
    and "female".
    The two sentences of a pair are one cluster. (Zhao et al. 2018; Rudinger et al. 2018.)
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Accuracy of understanding pronouns, and its gap between two sides.",
            "sentence, pronoun, right, wrong, side, pair: one each a sentence.",
            sentence="string", pronoun="string", right="string", wrong="string", side="string", pair="string",
        )  # fmt: skip

    def _compute(
        self, sentence: Sequence[str], pronoun: Sequence[str], right: Sequence[str], wrong: Sequence[str],
        side: Sequence[str], pair: Sequence[str], model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase,
    ) -> dict[str, Any]:  # fmt: skip
        names = ("sentence", "pronoun", "options", "side", "pair")
        options = [list(both) for both in zip(right, wrong, strict=True)]
        rows = [dict(zip(names, row, strict=True)) for row in zip(sentence, pronoun, options, side, pair, strict=True)]
        build = winobias.winogender if set(side) <= {"male", "female"} else winobias.winobias
        return told(build(given(rows)), model, tokenizer)
