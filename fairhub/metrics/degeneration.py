"""Degeneration: do continuations repeat themselves or stop short, as a measurement of `evaluate`?"""

from collections.abc import Hashable, Sequence
from typing import Any

import evaluate

from fairhub.metrics.about import about
from fairhub.metrics.formulas import distinct_2, loops, result
from fairhub.stats import statistics

__all__ = ["Degeneration", "distinct_2"]


class Degeneration(evaluate.Measurement):
    """distinct_2, and the shares of continuations that are empty or end in a loop; each with its interval.

    `compute(data=[continuation, ...], clusters=[...])`; without `clusters` every continuation is its own.
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Distinct word pairs, and the shares of empty and of looping continuations.",
            "data: continuations, without their prompts; clusters: a label a continuation.",
            data="string",
        )  # fmt: skip

    def _compute(self, data: Sequence[str], clusters: Sequence[Hashable] | None = None) -> dict[str, Any]:
        labels = range(len(data)) if clusters is None else clusters
        figures = {
            "distinct_2": ([distinct_2(text) for text in data], "higher"),
            "empty": ([float(not text.strip()) for text in data], "lower"),
            "looping": ([float(loops(text)) for text in data], "lower"),
        }
        return {
            name: result(statistics.interval(values, labels), labels, better)
            for name, (values, better) in figures.items()
        }
