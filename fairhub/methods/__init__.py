"""The recipes that choose a repair on search and select. None of them sees held_out or external."""

from collections.abc import Callable

from fairhub.methods.fairness_pruning import fairness_pruning
from fairhub.methods.robust import robust
from fairhub.methods.task import Outcome, Plan, Task

METHODS: dict[str, Callable[[Task, Plan], Outcome]] = {"robust": robust, "fairness_pruning": fairness_pruning}
"""Every recipe by its name on the command line."""

__all__ = ["METHODS", "Outcome", "Plan", "Task", "robust"]
