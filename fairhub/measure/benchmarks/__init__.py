"""Public benchmarks: what a model answers to their rows, and their figures, before and after a repair."""

from fairhub.measure.benchmarks.benchmark import Benchmark, Statistic, figures, told

__all__ = ["Benchmark", "Statistic", "figures", "told"]
