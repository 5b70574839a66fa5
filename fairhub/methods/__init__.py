"""The recipes that choose a repair on search and select. None of them sees held_out or external."""

from collections.abc import Callable

from fairhub.methods.attention_pruning import attention_pruning
from fairhub.methods.baselines import magnitude, mask_gradient, random
from fairhub.methods.breaking_down_bias import breaking_down_bias
from fairhub.methods.fairness_pruning import fairness_pruning
from fairhub.methods.fasp import bias_only, fasp, ppl_only
from fairhub.methods.robust import robust
from fairhub.methods.task import Outcome, Plan, Task

METHODS: dict[str, Callable[[Task, Plan], Outcome]] = {
    "robust": robust,
    "fasp": fasp,
    "bias_only": bias_only,
    "ppl_only": ppl_only,
    "random": random,
    "magnitude": magnitude,
    "mask_gradient": mask_gradient,
    "attention_pruning": attention_pruning,
    "breaking_down_bias": breaking_down_bias,
    "fairness_pruning": fairness_pruning,
}
"""Every recipe by its name on the command line."""

__all__ = ["METHODS", "Outcome", "Plan", "Task", "attention_pruning", "robust"]
