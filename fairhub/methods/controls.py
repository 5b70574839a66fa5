"""What a repair is compared with: as many units chosen otherwise, and the repair's own parts alone."""

import random
from collections.abc import Mapping
from dataclasses import replace

from transformers import PreTrainedModel

from fairhub.edit.healing import Moments, Strength, refit
from fairhub.edit.repair import Repair
from fairhub.measure.scores import interleaved
from fairhub.model.architecture import units
from fairhub.model.units import KINDS, Pruning, Unit


def ablations(
    model: PreTrainedModel, known: Moments, prices: Mapping[Unit, float], pruning: Pruning,
    strength: Strength | None, seed: int,
) -> dict[str, Repair]:  # fmt: skip
    """Return what the report compares the repair with: as many units by other choices, and the repair's parts alone.

    Other choices get the refit and the guard of the repair: what differs is the choice of units, and nothing else.
    """

    def healed(units_: Pruning, how: Strength | None = strength) -> Repair:
        return Repair(units_, refit(model, known, units_, how) if how else {})

    found = {f"random {n}": healed(_random(model, pruning, seed * 3 + n)) for n in range(3)}
    found["importance"] = healed(_cheapest(prices, pruning))
    if strength:
        found["pruning alone"] = healed(pruning, replace(strength, guard=0.0))
    if strength and strength.guard:  # a guard of none alone is the base model
        found["guard alone"] = Repair(frozenset(), refit(model, known, frozenset(), strength))
    return found


def _random(model: PreTrainedModel, like: Pruning, seed: int) -> Pruning:
    """Return as many heads and neurons as `like` has, drawn at random."""
    rng = random.Random(seed)
    return frozenset(
        unit
        for kind in KINDS
        for unit in rng.sample([u for u in units(model) if u.kind == kind], sum(u.kind == kind for u in like))
    )


def _cheapest(prices: Mapping[Unit, float], like: Pruning) -> Pruning:
    """Return as many heads and neurons as `like` has, the least important of their layers for neutral text."""
    layers: dict[tuple[int, str], list[float]] = {}
    for unit, paid in prices.items():
        layers.setdefault((unit.layer, unit.kind), []).append(paid)
    mean = {place: sum(paid) / len(paid) for place, paid in layers.items()}
    ranked = sorted(prices, key=lambda unit: (prices[unit] / max(mean[unit.layer, unit.kind], 1e-12), unit))
    count = {kind: sum(u.kind == kind for u in like) for kind in KINDS}
    return frozenset(interleaved(ranked, count["head"], count["neuron"]))
