"""What a visitor may ask of a repair, and the request that it becomes."""

from collections.abc import Sequence
from pathlib import Path

from fairhub.errors import UserError, one_of
from fairhub.inputs.probes import AXES, CONTEXTS
from fairhub.inputs.sizes import Sizes
from fairhub.methods import METHODS, Plan
from fairhub.request import Request
from fairhub.space.own import Own

QUICK, FULL = "Quick look", "Full"
DEPTHS = (QUICK, FULL)
"""How much is measured: a quick look has fewer prompts, and so wider intervals; full is what `fairhub repair` does."""
_SIZES = Sizes(
    search=160, screen=64, sample=24, select=64, held_out=96, external=64, control=32, kept=48, compared=24,
    control_chunks=4, search_tokens=8192, select_tokens=6144, held_out_tokens=6144, shown=3,
)  # fmt: skip
_FULL = Sizes(shown=3)
_STEPS = 8
_STRENGTHS = (0.18, 0.56, 1.0, 3.2)
"""Of an erasure: those that a quick look measures, each whole, so that there is a front to look at."""
NOTHING = Own()


def methods() -> dict[str, str]:
    """Return every method of the package by its title: one that is added later stands here by itself."""
    return {method.title[0].upper() + method.title[1:]: name for name, method in METHODS.items()}


def explained(method: str) -> str:
    """Return what a method does, in one sentence.

    Raises:
        UserError: There is no such method.
    """
    one_of("a method", method, METHODS)
    return METHODS[method].sentence.partition(". ")[0].rstrip(".") + "."


def request(
    axes: Sequence[str], contexts: Sequence[str], method: str, budget: float, depth: str, *, own: Own = NOTHING,
    probes: Path | None = None,
) -> Request:  # fmt: skip
    """Return what was asked, in the order of the package's own lists.

    Args:
        axes: None of them means all.
        contexts: None of them means all.
        method: A name of METHODS.
        budget: How much perplexity may rise, %.
        depth: One of DEPTHS.
        own: Groups and pairs of a visitor's own; they are searched beside the axes.
        probes: The file that those pairs stand in.

    Raises:
        UserError: A name that the package does not have, or a budget that means nothing.
    """
    for kind, told, known in (("axis", axes, AXES), ("context", contexts, CONTEXTS), ("method", [method], METHODS),
                              ("depth", [depth], DEPTHS)):  # fmt: skip
        if strange := [one for one in told if one not in known]:
            raise UserError(f"{kind} must be among {', '.join(known)}; got {str(strange[0])[:40]!r}; choose one")
    if not 0 < budget <= 50:
        raise UserError(f"a budget lies between 0 and 50 %; got {budget:g}; mend it")
    quick = {"real_steps": _STEPS, "erasures": _STRENGTHS, "whole_front": True} if depth == QUICK else {}
    plan = Plan(budget=budget / 100, **quick)  # type: ignore[arg-type]
    wanted = tuple(axis for axis in AXES if axis in axes)
    return Request(
        method, wanted + own.axes if wanted else (), tuple(c for c in CONTEXTS if c in contexts), probes, plan=plan,
        sizes=_SIZES if depth == QUICK else _FULL, own=own.terms,
    )  # fmt: skip
