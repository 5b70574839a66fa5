"""Metrics, each declared once: what it says, how it is read and where it is shown; a module a family."""

from fairhub.report.metrics.metric import Metric, Section
from fairhub.report.metrics.registry import (
    AGAINST_REPAIR,
    METRICS,
    OTHERWISE,
    benchmarks,
    declared,
    meaning_of,
    metric_of,
    ordered,
)

__all__ = [
    "AGAINST_REPAIR",
    "METRICS",
    "OTHERWISE",
    "Metric",
    "Section",
    "benchmarks",
    "declared",
    "meaning_of",
    "metric_of",
    "ordered",
]
