"""Every method by its name, and what each may be asked."""

from collections.abc import Mapping
from typing import Any

from fairhub.edit.healing import Strength
from fairhub.errors import UserError
from fairhub.methods.attention_pruning import ATTENTION_PRUNING
from fairhub.methods.baselines import MAGNITUDE, MASK_GRADIENT, RANDOM
from fairhub.methods.breaking_down_bias import BREAKING_DOWN_BIAS
from fairhub.methods.erasure import Erasure
from fairhub.methods.fairness_pruning import FAIRNESS_PRUNING
from fairhub.methods.fasp import BIAS_ONLY, FASP, PPL_ONLY
from fairhub.methods.method import Method
from fairhub.methods.robust import ROBUST
from fairhub.methods.two_sided import TWO_SIDED
from fairhub.model.units import Pruning
from fairhub.search.energies import known

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        TWO_SIDED, ROBUST, FASP, BIAS_ONLY, PPL_ONLY, RANDOM, MAGNITUDE, MASK_GRADIENT, ATTENTION_PRUNING,
        BREAKING_DOWN_BIAS, FAIRNESS_PRUNING,
    )
}  # fmt: skip
"""A method that is added stands here; the command line, the Space and cards know it by its value."""


def _names(methods: Mapping[str, Method], asked: str) -> list[str]:
    return [name for name, method in methods.items() if getattr(method, asked)]


def refuse_variant(method: str, variant: str) -> None:
    """Refuse a variant that a run of this method could not be made with.

    Raises:
        UserError: It names what the method has not, or the method has no variants at all.
    """
    if reader := METHODS[method].variants:
        reader(variant)
    elif variant:
        having = " and ".join(_names(METHODS, "variants"))
        raise UserError(f"variants are those of {having}; {method} has none; leave --variant out")


def refuse_energy(method: str, energy: str, per_layer: bool) -> None:
    """Refuse an energy that a run of this method would not lower.

    Raises:
        UserError: There is no such energy, or the method does not anneal.
    """
    if not energy:
        return
    known(energy)
    if not METHODS[method].anneals and not (method == FAIRNESS_PRUNING.name and per_layer):
        raise UserError(
            f"an energy is what annealing lowers, in {', '.join(_names(METHODS, 'anneals'))} and "
            f"{FAIRNESS_PRUNING.name} --per-layer; {method} does not anneal; leave --energy out"
        )


def refuse_also(method: str, also: str) -> None:
    """Refuse what cannot be erased beside judgements.

    Raises:
        UserError: An unknown word, or a method that erases nothing.
    """
    if also not in ("", "systematic"):
        raise UserError(f"beside judgements one thing can be erased: systematic; got {also!r}; mend --also")
    if also and not METHODS[method].erases:
        erasing = ", ".join(_names(METHODS, "erases"))
        raise UserError(f"--also is of {erasing}; {method} erases nothing; leave it out")


def refuse_heal(method: str, heal: bool | None) -> None:
    """Refuse to refit what a method leaves as it is.

    A recorded plan is not asked: before November 2026 every one said that it heals, and most methods did not look.

    Raises:
        UserError: That.
    """
    if heal and not METHODS[method].heals:
        having = " and ".join(_names(METHODS, "heals"))
        variant = "; ask for --variant heal=yes" if method == FAIRNESS_PRUNING.name else "; leave it out"
        raise UserError(f"--heal is of {having}; {method} has no such dial{variant}")


def compared_with(
    method: str, settings: Mapping[str, Any], pruning: Pruning, strength: Strength | Erasure | None
) -> bool:
    """Return whether a run of this method measures other ways to repair as much beside its own."""
    made = isinstance(strength, Erasure) or (method in METHODS and METHODS[method].others and bool(pruning))
    return made and bool(settings["plan"].get("alternatives", True))
