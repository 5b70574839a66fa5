"""The recipes that choose a repair on search and select. None of them sees held_out or external."""

from collections.abc import Callable

from fairhub.errors import UserError
from fairhub.methods.attention_pruning import attention_pruning
from fairhub.methods.baselines import magnitude, mask_gradient, random
from fairhub.methods.breaking_down_bias import breaking_down_bias, publishable
from fairhub.methods.fairness_pruning import fairness_pruning, parsed
from fairhub.methods.fasp import bias_only, fasp, ppl_only
from fairhub.methods.outcome import Outcome
from fairhub.methods.robust import robust
from fairhub.methods.two_sided import refuse_also, two_sided
from fairhub.search.energies import known
from fairhub.search.task import Plan, Task

METHODS: dict[str, Callable[[Task, Plan], Outcome]] = {
    "two_sided": two_sided,
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
_ANNEALS = ("robust", "attention_pruning")


def refuse_variant(method: str, variant: str) -> None:
    """Refuse a variant that a run of this method could not be made with.

    Raises:
        UserError: It names what the method has not, or the method has no variants at all.
    """
    readers = {"breaking_down_bias": publishable, "fairness_pruning": parsed}
    if method in readers:
        readers[method](variant)
    elif variant:
        raise UserError(f"variants are those of {' and '.join(readers)}; {method} has none; leave --variant out")


def refuse_energy(method: str, energy: str, per_layer: bool) -> None:
    """Refuse an energy that a run of this method would not lower.

    Raises:
        UserError: There is no such energy, or the method does not anneal.
    """
    if not energy:
        return
    known(energy)
    if method not in _ANNEALS and not (method == "fairness_pruning" and per_layer):
        raise UserError(
            f"an energy is what annealing lowers, in {', '.join(_ANNEALS)} and fairness_pruning --per-layer; "
            f"{method} does not anneal; leave --energy out"
        )


__all__ = [
    "METHODS", "Outcome", "Plan", "Task", "attention_pruning", "refuse_also", "refuse_energy", "refuse_variant",
    "robust",
]  # fmt: skip
