"""A chosen repair made again from its units and the strength of its healing."""

from typing import Any

import torch

from fairhub.healing import Moments, Strength, moments, refit
from fairhub.measure import Repair
from fairhub.methods.task import Task, fast_matmul
from fairhub.surgery import Pruning


def rebuild(task: Task, pruning: Pruning, strength: Strength | None) -> Repair:
    """Return the repair that these units and this healing make of the task's model: the same on the same machine."""
    return Repair(pruning, refit(task.model, moments_of(task), pruning, strength) if strength else {})


def moments_of(task: Task) -> Moments:
    """Return what healing needs to know of the task's model, measured once a run."""
    parts = (task.text, task.search_batches, task.control_batches)
    tokens = sum(batch.tokens for part in parts for batch in part)

    def compute() -> dict[str, Any]:
        with fast_matmul():
            found = moments(task.model, *parts, task.progress("measuring activations", tokens))
        return {
            f"{part}/{layer}/{kind}": moment
            for part in ("text", "bias", "control")
            for (layer, kind), moment in getattr(found, part).items()
        }

    kept: dict[str, dict[Any, torch.Tensor]] = {"text": {}, "bias": {}, "control": {}}
    for name, moment in task.run.arrays("moments", compute).items():
        part, layer, kind = name.split("/")
        kept[part][int(layer), kind] = torch.from_numpy(moment)
    return Moments(**kept)
