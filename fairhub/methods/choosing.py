"""Choosing on select: candidates tried one by one, the largest fall in bias within the budget taken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairhub import statistics
from fairhub.engine import Engine, token_loss
from fairhub.healing import Strength, patched
from fairhub.measure import Repair
from fairhub.methods.task import Plan, Task, fast_matmul
from fairhub.probes import CONTROL
from fairhub.runs import digest
from fairhub.surgery import Pruning

GUARDS = (0.05, 0.1, 0.17, 0.25, 0.35, 0.5, 0.7)
"""Strengths of the guard that are tried, weak to strong."""


@dataclass(frozen=True)
class Point:
    """Where a candidate lies on select: relative changes."""

    bias: float
    bias_high: float
    """Upper (weak) end of the 95 % interval."""
    control: float
    """On control probes."""
    cost: float
    """Of perplexity."""
    cost_high: float

    @property
    def merit(self) -> float:
        """Low is good: the change in bias, less half of the change of control probes where they fell."""
        return self.bias - 0.5 * min(self.control, 0.0)


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate and where it came out."""

    pruning: Pruning
    strength: Strength | None
    point: Point

    def entry(self, chosen: bool) -> dict[str, Any]:
        """Return the line of the report's `choices`."""
        return {
            "units": len(self.pruning), "guard": self.strength.guard if self.strength else None,
            "bias_relative": self.point.bias, "bias_high": self.point.bias_high,
            "control_relative": self.point.control, "perplexity_relative": self.point.cost,
            "perplexity_high": self.point.cost_high, "chosen": chosen,
        }  # fmt: skip


Build = Callable[[Pruning, Strength | None], Repair]


def choose(task: Task, plan: Plan, sizes: Sequence[Pruning], build: Build) -> tuple[Tried | None, list[Tried]]:
    """Look for the strongest affordable guard of each size of pruning; choose the best.

    A candidate is allowed when its rise in perplexity is affordable and the weak end of its fall in bias is a fall.
    Best is the largest fall in bias, less half of what control probes lost: duller is not fairer. None allowed:
    nothing is chosen.
    """
    bench = _Bench(task)
    tried: list[Tried] = []

    def attempt(pruning: Pruning, strength: Strength | None) -> Tried:
        tried.append(Tried(pruning, strength, bench.point(build(pruning, strength))))
        return tried[-1]

    for pruning in sizes:
        if not plan.heal:
            attempt(pruning, None)
            continue
        low, high = -1, len(GUARDS)  # the strongest affordable guard, by bisection: the price grows with the guard
        while high - low > 1:
            middle = (low + high) // 2
            affordable = _affordable(attempt(pruning, Strength(guard=GUARDS[middle])).point, plan.budget)
            low, high = (middle, high) if affordable else (low, middle)
    return _best(tried, plan.budget), tried


def choose_from(
    task: Task, plan: Plan, candidates: Sequence[tuple[Pruning, Strength | None]], build: Build
) -> tuple[Tried | None, list[Tried]]:
    """Measure these candidates on select and choose one by the rule of `choose`."""
    bench = _Bench(task)
    tried = [Tried(pruning, strength, bench.point(build(pruning, strength))) for pruning, strength in candidates]
    return _best(tried, plan.budget), tried


def _best(tried: Sequence[Tried], budget: float) -> Tried | None:
    allowed = [t for t in tried if _affordable(t.point, budget) and t.point.bias_high < 0]
    return min(allowed, key=lambda t: t.point.merit, default=None)


def _affordable(point: Point, budget: float) -> bool:
    """Whether perplexity rises by no more than the budget, and surely by no more than one and a half times it."""
    return point.cost <= budget and point.cost_high <= 1.5 * budget


class _Bench:
    """Measures candidates on select; what was measured is remembered by the run."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.people = [i for i, p in enumerate(task.select) if p.axis != CONTROL]
        self.control = [i for i, p in enumerate(task.select) if p.axis == CONTROL]
        self.count = 0
        self.bar = task.progress("choosing on select", 10)
        self.base = self._measured("base", Repair())

    def point(self, repair: Repair) -> Point:
        self.count += 1  # candidates come in an order that follows from the run's settings
        found = self._measured(f"{self.count}_{digest(*sorted(repair.pruning))}", repair)
        clusters = [self.task.select[i].template for i in self.people]
        before, after = self.base["bias"], found["bias"]
        bias = statistics.change(before[self.people], after[self.people], clusters)
        control = after[self.control].mean() / before[self.control].mean() - 1 if self.control else 0.0
        chunks = range(len(found["loss"]))
        cost = statistics.change(self.base["loss"], found["loss"], chunks, transform=np.exp)
        shares = (bias.relative, bias.relative_high, cost.relative, cost.relative_high)
        known = [0.0 if share is None else share for share in shares]  # nothing to be relative to is no gain
        return Point(known[0], known[1], float(control), known[2], known[3])

    def _measured(self, name: str, repair: Repair) -> dict[str, np.ndarray]:
        def compute() -> dict[str, np.ndarray]:
            model, task = self.task.model, self.task
            with fast_matmul(), patched(model, repair.patch):
                engines = {
                    "bias": Engine(model, task.select_batches, cache_bytes=0),
                    "loss": Engine(model, task.select_text, token_loss, cache_bytes=0),
                }
                return {what: engine.values([repair.pruning])[0] for what, engine in engines.items()}

        found = self.task.run.arrays(f"select_{name}", compute)
        self.bar(1)
        return found
