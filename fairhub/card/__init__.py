"""The model card: a report as a page of the Hub, with its metadata. It reads the report and nothing else."""

from fairhub.card.benchmarks import REGISTERED, eval_results
from fairhub.card.front_matter import HUB, metadata
from fairhub.card.page import render

__all__ = ["HUB", "REGISTERED", "eval_results", "metadata", "render"]
