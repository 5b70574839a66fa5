"""The rows of the matrix: for each method a repair on every context and on all but each, kept as they come."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fairhub import methods
from fairhub.edit.repair import Repair
from fairhub.inputs.batches import text_batches
from fairhub.measure.divergence import losses
from fairhub.methods import Plan
from fairhub.model.facts import home
from fairhub.model.loading import Loaded
from fairhub.pipeline import task_of
from fairhub.run.folder import Run, digest
from fairhub.run.processes import alone
from fairhub.run.progress import progress_bar
from fairhub.studies.transfer.ground import Ground
from fairhub.studies.transfer.rulers import Measured

PLAN = Plan(
    heads=16, neurons=4, most=10, steps=1500, real_steps=0, guards=(0.05, 0.1, 0.2, 0.35, 0.7, 1.5), alternatives=False
)  # fmt: skip
"""A small search, on first-order effects alone before select: a matrix has dozens of them."""


OF_MODEL = "of_model"
"""Where rows keep what they share, under the run's work/: hundreds of megabytes."""


@dataclass(frozen=True, eq=False)
class Row:
    """One repair, and what every context became under it."""

    method: str
    name: str
    """The context it was made for, or `all but` one."""
    contexts: tuple[str, ...]
    measured: Measured
    loss: np.ndarray
    """[2, chunks] nats a token on held-out text, before and after."""
    heads: int
    neurons: int
    healed: bool


def row_names(contexts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what each row is repaired on: every context alone, then all but each (where that is more than one)."""
    alone = {context: (context,) for context in contexts}
    rest = {f"all but {out}": tuple(c for c in contexts if c != out) for out in contexts}
    return alone | (rest if len(contexts) > 2 else {})


def base_row(loaded: Loaded, ground: Ground, run: Run) -> Measured:
    """Return what the base model does in every context."""
    bar = progress_bar("measuring the base model", ground.ruler.size(loaded))
    return run.arrays("base", lambda: ground.ruler.measure(loaded, Repair(), bar))


def row(loaded: Loaded, ground: Ground, run: Run, method: str, name: str, plan: Plan) -> Row:
    """Return one row: from the run's folder when it is there, else repaired and measured now."""
    contexts = row_names(ground.contexts)[name]

    def compute() -> dict[str, np.ndarray]:
        own = Run(run.work / "rows" / digest(method, name), {"row": f"{method} {name}"}, resume=True)
        shared = Run(run.work / OF_MODEL, {"of": "the model"}, resume=True)
        task = replace(task_of(loaded, ground.data(contexts), own), shared=shared)
        outcome = methods.final(methods.METHODS[method](task, plan), loaded.stored)
        found = dict(_measured(loaded, ground, run, outcome.repair, f"{method}: {name}"))
        before = run.arrays("base_loss", lambda: {"loss": _losses(loaded, ground, Repair())})["loss"]
        after = before if outcome.repair.empty else _losses(loaded, ground, outcome.repair)
        kinds = [unit.kind for unit in outcome.repair.pruning]
        counts = [kinds.count("head"), kinds.count("neuron"), int(outcome.strength is not None)]
        found |= {"loss": np.stack([before, after]), "counts": np.array(counts)}
        alone(lambda: shutil.rmtree(own.folder))
        return found

    found = run.arrays(f"row_{digest(method, name, plan.variant)}", compute)
    heads, neurons, healed = found.pop("counts").tolist()
    return Row(method, name, contexts, found, found.pop("loss"), heads, neurons, bool(healed))


def _measured(loaded: Loaded, ground: Ground, run: Run, repair: Repair, title: str) -> Measured:
    """Return what every context became; a repair that found nothing to do leaves what the base model does."""
    if repair.empty:
        return base_row(loaded, ground, run)
    return ground.ruler.measure(loaded, repair, progress_bar(title, ground.ruler.size(loaded)))


def _losses(loaded: Loaded, ground: Ground, repair: Repair) -> np.ndarray:
    text = text_batches(ground.base.text["held_out"], rows=4, device=home(loaded.model))
    return losses(loaded.model, text, repair)
