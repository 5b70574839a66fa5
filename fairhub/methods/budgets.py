"""How many neurons go from each layer, found by annealing on the real model instead of one share for all."""

from typing import Any

import numpy as np

from fairhub.compute.engine import Engine, fast_matmul, token_loss
from fairhub.inputs.probes import CONTROL
from fairhub.measure.scores import member_matrix, memberships
from fairhub.methods.hybrid import budgeted
from fairhub.model.units import Pruning
from fairhub.run.folder import digest
from fairhub.search.annealing import Schedule, anneal
from fairhub.search.energies import FLOOR, energy, known
from fairhub.search.task import Plan, Task

Block = tuple[int, int]
"""A layer and a place in it: so many blocks of a layer in a state, so many times the step of its neurons go."""
_BLOCKS = 3
_TEXT = 2  # batches of text that the loss is measured on at every step


def budgets(task: Task, plan: Plan, scores: np.ndarray, count: int, inside: range) -> tuple[list[int], dict[str, Any]]:
    """Return how many neurons go from each layer inside, and the trace of the annealing.

    It begins at `count` in every layer, moves by that many in one layer at a time, and takes no more than begun with in
    all. What it lowers is the plan's energy (robust where none is asked) on the sample of search probes, with the loss
    measured on neutral text.
    """
    layers = len(scores)
    pool = [(layer, block) for layer in inside for block in range(_BLOCKS)]
    lower = _Energy(task, plan)

    def value(state: frozenset[Block]) -> float:
        return lower(budgeted(scores, _counts(state, layers, count)))

    steps = 3 * plan.real_steps
    course = task.course("annealing the layers' budgets", steps)
    schedule = Schedule(steps=steps, k_min=1, k_max=len(inside), acceptance=0.3, uphill=5, seconds=plan.seconds)
    start = frozenset((layer, 0) for layer in inside)
    with fast_matmul():
        trace = anneal(value, pool, schedule, seed=plan.seed, start=start, on_step=course, clock=lower.remembered.clock)
    counts = _counts(trace.best, layers, count)
    return counts, trace.as_dict() | {"budgets": {str(layer): number for layer, number in enumerate(counts)}}


class _Energy:
    """The energy of a pruning; every one asked is remembered by the run, so that a killed search replays."""

    def __init__(self, task: Task, plan: Plan) -> None:
        self.plan = plan
        self.remembered = task.run.remembered("budgets")
        self.bias = Engine(task.model, task.sample_batches, recent=3)
        self.loss = Engine(task.model, task.text[:_TEXT], token_loss, recent=3)
        names, member = member_matrix(memberships(task.sample))
        self.member = member[[name != f"axis:{CONTROL}" for name in names]]
        self.base = self._measured(frozenset())

    def __call__(self, pruning: Pruning) -> float:
        found = self._measured(pruning)
        plan, loss = self.plan, found[0] - self.base[0]
        return energy(
            known(plan.energy or "robust"), np.log(found[1:] / self.base[1:]), loss, float(self.base[0]),
            kappa=plan.kappa, exchange=plan.exchange, epsilon=plan.epsilon, budget=plan.budget,
        )  # fmt: skip

    def _measured(self, pruning: Pruning) -> np.ndarray:
        """Return the loss, then each cluster's divergence."""

        def compute() -> list[float]:
            bias, loss = (engine.values([pruning])[0] for engine in (self.bias, self.loss))
            return [float(loss.mean()), *(self.member @ bias + FLOOR).tolist()]

        return np.array(self.remembered(digest(*sorted(pruning)), compute))


def _counts(state: frozenset[Block], layers: int, count: int) -> list[int]:
    return [count * sum(layer == place for place, _ in state) for layer in range(layers)]
