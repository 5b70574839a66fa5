"""How far the same thing, made on two machines, may lie apart: computed here, never read from what is checked.

What is measured again is measured on the same items, so that chance has no part in it: only rounding has, and what it
does is small. On a tiny model the float32 figures of two instruction sets lay 8e-5 of their size apart at most, logits
8e-7, and the columns that a healing solved for 2e-6.
"""

from dataclasses import dataclass

from fairhub.proof.recipe import tolerance

_MEASURED, _SOLVED, _HALF = 1e-3, 1e-2, 5e-2


@dataclass(frozen=True)
class Tolerances:
    """Of one recipe. Relative ones count against the size of what was found here."""

    logits: float
    """Absolute."""
    weights: float
    """Of a tensor that was solved for, by its norm; all others are equal bit for bit. Moments may have been summed from
    products of 16 bits, which a solution repeats at a few thousandths."""
    before: float
    """Of figures and items of the base model, by their size or the half of their interval here."""
    after: float
    """The same of the repaired model."""


def tolerances(dtype: str, *, solved: bool) -> Tolerances:
    """Return how far a model of this type, solved for or only cut, may lie from the published one."""
    half = dtype in ("float16", "bfloat16")
    before = _HALF if half else _MEASURED
    return Tolerances(
        logits=tolerance(dtype, healed=solved), weights=_SOLVED, before=before,
        after=max(before, _SOLVED if solved else 0.0),
    )  # fmt: skip
