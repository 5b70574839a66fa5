"""What a repair is compared with: as many units chosen otherwise, its own parts alone, a random edit of its size."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.edit.healing import Moments, Patch, Strength, refit
from fairhub.edit.repair import Repair
from fairhub.measure.scores import interleaved
from fairhub.model.architecture import sites, units
from fairhub.model.units import KINDS, Pruning, Unit
from fairhub.report.credit import RANDOM, REFIT, UNITS


def ablations(
    model: PreTrainedModel, known: Moments, prices: Mapping[Unit, float], pruning: Pruning,
    strength: Strength | None, seed: int,
) -> dict[str, Repair]:  # fmt: skip
    """Return what the report compares the repair with: as many units by other choices, and the repair's parts alone.

    Other choices get the refit and the guard of the repair: what differs is the choice of units, and nothing else.
    """

    def healed(units_: Pruning, how: Strength | None = strength) -> Repair:
        return Repair(units_, refit(model, known, units_, how) if how else {})

    found = {f"{RANDOM} {n}": healed(_random(model, pruning, seed * 3 + n)) for n in range(3)}
    found["importance"] = healed(_cheapest(prices, pruning))
    if strength:
        found[UNITS] = healed(pruning, replace(strength, guard=0.0))
    if strength and strength.guard:  # a guard of none alone is the base model
        found[REFIT] = Repair(frozenset(), refit(model, known, frozenset(), strength))
    return found


def shuffled(
    model: PreTrainedModel, patch: Patch, seed: int, rested: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> Patch:
    """Return an edit that is as large in as many directions as a patch's, but not in its directions.

    Rows and columns of every change are shuffled and given random signs, which leaves its singular values as they are:
    what is left of an effect is what size and rank alone do.

    Args:
        model: The base model.
        patch: The edit.
        seed: Of the draw.
        rested: Puts an edited weight where it rests.
    """
    rng, places = np.random.default_rng(seed), {(site.layer, site.kind): site for site in sites(model)}

    def moved(change: Tensor) -> Tensor:
        for dim, size in enumerate(change.shape):
            order, signs = torch.from_numpy(rng.permutation(size)), torch.from_numpy(rng.choice((-1.0, 1.0), size))
            change = change.index_select(dim, order) * signs.float().unsqueeze(1 - dim)
        return change

    found: Patch = {}
    for key, weight in sorted(patch.items()):
        before = places[key].weight.detach().float().cpu()
        found[key] = torch.from_numpy(rested((before + moved(weight - before)).numpy()))
    return found


def by_choice(names: Iterable[str]) -> dict[str, list[int]]:
    """Return the places of alternatives by how they were chosen: seeds of a random choice are one way."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        found.setdefault(RANDOM if name.startswith(f"{RANDOM} ") and name[-1].isdigit() else name, []).append(place)
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
