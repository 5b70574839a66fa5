"""A chosen repair made again from its units and the strength of its healing."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch

from fairhub.engine import Batch
from fairhub.healing import Moments, Strength, moments, price, refit
from fairhub.measure import Repair
from fairhub.methods.controls import ablations
from fairhub.methods.task import Outcome, Task, fast_matmul
from fairhub.surgery import KINDS, Kind, Pruning, Unit, units

Batches = Sequence[Batch]


def rebuild(task: Task, pruning: Pruning, strength: Strength | None, seed: int, others: bool) -> Outcome:
    """Return the outcome that these units and this healing make of the task's model: the same on the same machine.

    Args:
        task: The model, and what healing is fitted on.
        pruning: The units.
        strength: How the columns that stay are refitted; None where they are not.
        seed: Of the run; the alternatives drawn at random follow from it.
        others: Whether the alternatives that the report compares with are wanted too.
    """
    if not (strength or others):
        return Outcome(Repair(pruning), None, {}, {}, [])
    known = moments_of(task, KINDS if any(unit.kind == "neuron" for unit in pruning) else ("head",))
    alternatives = ablations(task.model, known, prices_of(task, known), pruning, strength, seed) if others else {}
    repair = Repair(pruning, refit(task.model, known, pruning, strength) if strength else {})
    return Outcome(repair, strength, {}, {}, [], alternatives)


def moments_of(task: Task, kinds: Sequence[Kind] = KINDS) -> Moments:
    """Return what healing needs to know of the task's model: of neutral text measured once a model, of pairs a run.

    Who removes heads alone asks for those `kinds` alone: a token's outer products in the wide layers between cost as
    much as half its forward.
    """
    kept: dict[str, dict[Any, torch.Tensor]] = {"text": {}, "bias": {}, "control": {}}
    text = task.of_model.arrays(_stored("moments_text", kinds), lambda: _measured(task, task.text, (), (), kinds))
    pairs = task.run.arrays("moments", lambda: _measured(task, (), task.search_batches, task.control_batches, kinds))
    for name, moment in (text | pairs).items():
        part, layer, kind = name.split("/")
        kept[part][int(layer), kind] = torch.from_numpy(moment)
    return Moments(**kept)


def prices_of(task: Task, known: Moments) -> dict[Unit, float]:
    """Return what no healing gives back when a unit goes, of kinds whose moments are known: measured once a model."""
    priced = [unit for unit in units(task.model) if (unit.layer, unit.kind) in known.text]
    stored = task.of_model.arrays(
        _stored("prices", {unit.kind for unit in priced}),
        lambda: {"prices": np.array(list(price(task.model, known).values()))},
    )
    return dict(zip(priced, stored["prices"].tolist(), strict=True))


def kept_of_a_model() -> list[str]:
    """Return the names of the arrays that a run keeps of its model: hundreds of megabytes, for further repairs."""
    return [_stored(name, kinds) for name in ("moments_text", "prices") for kinds in (KINDS, ("head",))]


def _stored(name: str, kinds: Collection[Kind]) -> str:
    return "_".join([name, *(kind for kind in KINDS if kind in kinds)])


def _measured(task: Task, text: Batches, pairs: Batches, controls: Batches, kinds: Sequence[Kind]) -> dict[str, Any]:
    tokens = sum(batch.tokens for part in (text, pairs, controls) for batch in part)
    with fast_matmul():
        found = moments(task.model, text, pairs, controls, task.progress("measuring activations", tokens), kinds)
    return {
        f"{part}/{layer}/{kind}": moment
        for part in ("text", "bias", "control")
        for (layer, kind), moment in getattr(found, part).items()
    }
