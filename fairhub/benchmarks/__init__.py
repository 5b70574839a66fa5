"""Public benchmarks: their rows, what a model answers to them, and their figures, before and after a repair."""

from fairhub.benchmarks.benchmark import Benchmark, Statistic, figures, told
from fairhub.benchmarks.sources import Found, Hub, Source, find, given

__all__ = ["Benchmark", "Found", "Hub", "Source", "Statistic", "figures", "find", "given", "told"]
