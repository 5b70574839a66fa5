"""Name gap: do a model's numeric answers differ between groups of names, as a measurement of `evaluate`?"""

from collections.abc import Sequence
from typing import Any

import evaluate
import numpy as np

from fairhub.measure.names.answers import drawn
from fairhub.measure.names.beside import mover, ranks
from fairhub.measure.names.gap import interval, table
from fairhub.measure.names.numbers import number_in
from fairhub.measure.names.prompts import NamePrompt
from fairhub.metrics.about import about
from fairhub.metrics.formulas import result


class NameGap(evaluate.Measurement):
    """Mean over questions of |standardised mean difference| between two groups of names (Ma et al. 2025).

    `compute(data=[answer, ...], groups=[...], names=[...], questions=[...], form="${}")`: answers as a model wrote
    them, equally many to each question about each name. Intervals are over names. Returned besides: the earth mover's
    distance, the Mann-Whitney U and p, and the share of answers that are no number.
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Distance between two groups of names of the numbers that a model answers.",
            "data: answers; groups, names: whom each is about; questions: to what; form: of them.",
            data="string",
        )  # fmt: skip

    def _compute(
        self, data: Sequence[str], groups: Sequence[str], names: Sequence[str],
        questions: Sequence[str] | None = None, form: str = "{}",
    ) -> dict[str, Any]:  # fmt: skip
        asked = questions or [""] * len(data)
        given: dict[NamePrompt, list[float | None]] = {}
        for text, group, name, question in zip(data, groups, names, asked, strict=True):
            prompt = NamePrompt("", form, (), str(question), "", "", str(name), str(group), "", "external")
            given.setdefault(prompt, []).append(number_in(text, form))
        prompts, answers = list(given), drawn(list(given.values()))
        test = ranks(prompts, answers)
        found = result(interval(table(prompts, answers)), [p.name for p in prompts], "lower")
        return found | {
            "mover": mover(prompts, answers).value, "u": test.u, "p": test.p,
            "refusal_rate": float(np.mean(1 - answers.answered)),
        }  # fmt: skip
