"""What a method gives back: the repair it chose, how it was healed, and what else a report tells of the search."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch

from fairhub.edit.healing import Strength
from fairhub.edit.repair import Repair, rounded
from fairhub.methods.erasure import Erasure


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a recipe chose, and how."""

    repair: Repair
    strength: Strength | Erasure | None
    """How the chosen repair was healed, or what was erased; None where neither."""
    trace: dict[str, Any]
    reliability: dict[str, float]
    choices: list[dict[str, Any]]
    ablations: dict[str, Repair] = field(default_factory=dict)
    """The repair's parts alone, and as many units chosen otherwise: what the report compares with."""
    settled: dict[str, str] = field(default_factory=dict)
    """What the method took that nobody asked for by name (a classifier): stands beside the report's settings."""


def final(outcome: Outcome, dtype: torch.dtype | None) -> Outcome:
    """Return an outcome as it goes out: weights, its own and the alternatives', rounded to the type they have there.

    What is measured from here on is what is published.
    """
    if dtype is None:
        return outcome
    others = {name: rounded(repair, dtype) for name, repair in outcome.ablations.items()}
    return replace(outcome, repair=rounded(outcome.repair, dtype), ablations=others)
