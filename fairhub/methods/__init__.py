"""The methods that choose a repair on search and select. None of them sees held_out or external."""

from fairhub.methods.method import Method
from fairhub.methods.outcome import Outcome, final
from fairhub.methods.registry import METHODS, compared_with, refuse_also, refuse_energy, refuse_heal, refuse_variant
from fairhub.search.task import Plan, Task

__all__ = [
    "METHODS", "Method", "Outcome", "Plan", "Task", "compared_with", "final", "refuse_also", "refuse_energy",
    "refuse_heal", "refuse_variant",
]  # fmt: skip
