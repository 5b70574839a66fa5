"""Specificity: did bias fall by more than what control pairs lost, as a measurement of `evaluate`?"""

from collections.abc import Hashable, Sequence
from typing import Any

import evaluate

from fairhub.metrics.about import about
from fairhub.metrics.formulas import result
from fairhub.stats import statistics


class Specificity(evaluate.Measurement):
    """Relative change on demographic pairs minus relative change on control pairs; below 0 is fairer, not duller.

    `compute(before=[...], after=[...], control_before=[...], control_after=[...], clusters=[...],
    control_clusters=[...])`, one divergence a pair; without clusters every pair is its own.
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Relative change of divergence on demographic pairs minus that on control pairs.",
            "before, after, control_before, control_after: a number a pair; clusters: labels.",
            before="float64", after="float64",
        )  # fmt: skip

    def _compute(
        self, before: Sequence[float], after: Sequence[float], control_before: Sequence[float],
        control_after: Sequence[float], clusters: Sequence[Hashable] | None = None,
        control_clusters: Sequence[Hashable] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        people = range(len(before)) if clusters is None else clusters
        control = range(len(control_before)) if control_clusters is None else control_clusters
        found = statistics.specificity(before, after, people, control_before, control_after, control)
        # A label names a cluster within its own set, so the two sets share none.
        both = [("people", label) for label in people] + [("control", label) for label in control]
        return result(found, both, "lower")
