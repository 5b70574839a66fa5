"""First-order effects of every unit on a task's probes, each probe asked once a model."""

from collections.abc import Sequence

import numpy as np

from fairhub.compute.engine import fast_matmul
from fairhub.inputs.probes import Probe
from fairhub.measure.scores import Scores, first_order, memberships
from fairhub.model.architecture import units
from fairhub.search.task import Task


def effects(task: Task, probes: Sequence[Probe], title: str = "scoring every unit") -> Scores:
    """Return what the removal of each unit does to the divergence of each probe, to first order."""

    def compute(missing: Sequence[Probe]) -> dict[str, np.ndarray]:
        batches = task.batched(missing, 1536)
        bar = task.progress(title, sum(batch.tokens for batch in batches))
        with fast_matmul():
            found = first_order(task.model, batches, missing, bar)
        return {"effect": found.effect, "base": found.base}

    stored = task.by_probe("effects", probes, compute)
    return Scores(units(task.model), stored["effect"], stored["base"], memberships(probes))
