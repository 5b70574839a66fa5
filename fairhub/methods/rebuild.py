"""A chosen repair made again from its units and the strength of its healing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal

import numpy as np
import torch

from fairhub.compute.engine import fast_matmul
from fairhub.edit.healing import Key, Moments, Strength, moments, price, refit
from fairhub.edit.repair import Repair
from fairhub.inputs.batches import Batch
from fairhub.methods.controls import ablations
from fairhub.methods.erasure import Erasure
from fairhub.methods.outcome import Outcome
from fairhub.methods.two_sided import erased, items_for, otherwise, swept
from fairhub.model.architecture import units
from fairhub.model.units import KINDS, Kind, Pruning, Unit
from fairhub.report.wording import erases
from fairhub.run.folder import digest
from fairhub.search.task import Task

Batches = Sequence[Batch]
Part = Literal["text", "bias", "control"]


def strength_of(healing: Mapping[str, Any] | None) -> Strength | Erasure | None:
    """Return the dials that a report or recipe recorded; what stands beside them there is left.

    Raises:
        KeyError: A dial is missing.
    """
    if not healing:
        return None
    kind = Erasure if erases(healing) else Strength
    return kind(**{field.name: healing[field.name] for field in fields(kind)})


def rebuild(task: Task, pruning: Pruning, strength: Strength | Erasure | None, seed: int, others: bool) -> Outcome:
    """Return the outcome that these units and this healing make of the task's model: the same on the same machine.

    Args:
        task: The model, and what healing is fitted on.
        pruning: The units.
        strength: How the columns that stay are refitted, or what is erased; None where neither.
        seed: Of the run; the alternatives drawn at random follow from it.
        others: Whether the alternatives that the report compares with are wanted too.
    """
    if isinstance(strength, Erasure):
        items = items_for(task)
        seen = swept(task, items)
        made = erased(task, seen, items, strength)
        beside = otherwise(task, seen, items, strength, made, seed) if others else {}
        return Outcome(made, strength, {}, {}, [], beside)
    if not (strength or others):
        return Outcome(Repair(pruning), None, {}, {}, [])
    known = moments_of(task, KINDS if any(unit.kind == "neuron" for unit in pruning) else ("head",))
    alternatives = ablations(task.model, known, prices_of(task, known), pruning, strength, seed) if others else {}
    repair = Repair(pruning, refit(task.model, known, pruning, strength) if strength else {})
    return Outcome(repair, strength, {}, {}, [], alternatives)


def moments_of(task: Task, kinds: Sequence[Kind] = KINDS) -> Moments:
    """Return what healing needs to know of the task's model, each part measured once a model.

    Who removes heads alone asks for those `kinds` alone: a token's outer products in the wide layers between cost as
    much as half its forward.
    """
    text = task.of_model.arrays(_stored("moments_text", kinds), lambda: _measured(task, "text", task.text, kinds))
    return Moments(_by_key(text), _of_pairs(task), _by_key(_once(task, "control", task.control_batches)))


def prices_of(task: Task, known: Moments) -> dict[Unit, float]:
    """Return what no healing gives back when a unit goes, of kinds whose moments are known: measured once a model."""
    priced = [unit for unit in units(task.model) if (unit.layer, unit.kind) in known.text]
    stored = task.of_model.arrays(
        _stored("prices", {unit.kind for unit in priced}),
        lambda: {"prices": np.array(list(price(task.model, known).values()))},
    )
    return dict(zip(priced, stored["prices"].tolist(), strict=True))


def _stored(name: str, kinds: Collection[Kind]) -> str:
    return "_".join([name, *(kind for kind in KINDS if kind in kinds)])


def _of_pairs(task: Task) -> dict[Key, torch.Tensor]:
    """Return the moments of the task's pairs; where repairs share a model, those of each context are measured once."""
    groups = [(len(task.search), task.search_batches)]
    if task.shared:
        contexts = dict.fromkeys(probe.context for probe in task.search)
        parts = [[probe for probe in task.search if probe.context == context] for context in contexts]
        groups = [(len(part), task.batched(part)) for part in parts]
    total: dict[Key, torch.Tensor] = {}
    for count, batches in groups:
        for key, moment in _by_key(_once(task, "bias", batches)).items():
            share = moment * (count / len(task.search))
            total[key] = total[key] + share if key in total else share
    return total


def _once(task: Task, part: Part, batches: Batches) -> dict[str, Any]:
    name = digest(*(batch.ids.tolist() for batch in batches))
    return task.of_model.arrays(f"moments_{part}_{name}", lambda: _measured(task, part, batches))


def _measured(task: Task, part: Part, batches: Batches, kinds: Sequence[Kind] = KINDS) -> dict[str, Any]:
    """Return one part of the moments, by layer and kind."""
    asked: dict[Part, Batches] = {"text": (), "bias": (), "control": (), part: batches}
    bar = task.progress("measuring activations", sum(batch.tokens for batch in batches))
    with fast_matmul():
        found = moments(task.model, asked["text"], asked["bias"], asked["control"], bar, kinds)
    return {f"{layer}/{kind}": moment for (layer, kind), moment in getattr(found, part).items()}


def _by_key(stored: dict[str, Any]) -> dict[Key, torch.Tensor]:
    parts = ((name.split("/"), torch.from_numpy(moment)) for name, moment in stored.items())
    return {(int(layer), kind): moment for (layer, kind), moment in parts}  # type: ignore[misc]
