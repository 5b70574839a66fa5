"""Choosing on select: candidates tried one by one, the largest fall in bias within the budget taken.

A budget is a promise about text that is not looked at, and it holds for the whole search: the chance that any candidate
that is truly too dear passes is at most `RISK` (Learn then Test, Angelopoulos et al. 2021). Candidates come in
sequences: the guards of one pruning, from weak to strong. `RISK` is split evenly over all sequences that may be tried
(Bonferroni), counted before the first is measured. Within one there is no correction (fixed-sequence testing): costs
grow along it, so that no candidate passes unless the first that is too dear does. A candidate without guards is a
sequence of one.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from fairhub.compute.engine import Engine, Readout, divergence, fast_matmul, token_loss
from fairhub.edit.healing import Strength, patched
from fairhub.edit.repair import Repair
from fairhub.inputs.batches import Batch
from fairhub.inputs.probes import CONTROL, Probe
from fairhub.methods.guards import strongest
from fairhub.methods.saying import Said, Sayings
from fairhub.model.units import Pruning
from fairhub.run.folder import digest
from fairhub.search.task import Plan, Task
from fairhub.stats import statistics

RISK = 0.1
"""How often a search may break the promise of its budget: the usual level of risk control."""


@dataclass(frozen=True)
class Cost:
    """What a candidate does to perplexity on select: a relative change and the ends of its 95 % interval."""

    value: float
    low: float
    high: float
    risk: float = RISK
    """How often its bound may lie too low: the share of `RISK` that its sequence has."""
    freedom: float = math.inf
    """Degrees of freedom of the interval: documents of text less one."""

    @property
    def bound(self) -> float:
        """What it surely costs at most on other text: the one-sided upper bound at level 1 - `risk`."""
        out = stats.t.ppf(1 - self.risk, self.freedom) / stats.t.ppf(0.975, self.freedom)
        return self.value + (self.high - self.value) * float(out)

    def burden(self, budget: float) -> float:
        """Return what share of the allowed it costs: at most 1 where perplexity surely rises by less than the budget.

        Not the value itself: the dearest candidate that seems to fit is too dear as often as not.
        """
        return self.bound / budget

    def affordable(self, budget: float) -> bool:
        """Whether perplexity surely rises by less than the budget."""
        return self.burden(budget) <= 1


@dataclass(frozen=True)
class Gain:
    """What a candidate does to divergence on select: relative changes."""

    bias: float
    bias_high: float
    """Upper (weak) end of the 95 % interval."""
    control: float
    """On control probes."""

    @property
    def merit(self) -> float:
        """Low is good: the change in bias, less half of the change of control probes where they fell."""
        return self.bias - 0.5 * min(self.control, 0.0)


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate and where it came out."""

    pruning: Pruning
    strength: Strength | None
    cost: Cost
    gain: Gain | None
    """None where the candidate was too dear to be asked."""
    texts: Said = ()
    """How it goes on with what the task shows."""

    def entry(self, chosen: bool) -> dict[str, Any]:
        """Return the line of the report's `choices`; what was not measured is left out."""
        gain = {} if self.gain is None else {
            "bias_relative": self.gain.bias, "bias_high": self.gain.bias_high, "control_relative": self.gain.control,
        }  # fmt: skip
        return {
            "units": len(self.pruning), "guard": self.strength.guard if self.strength else None, **gain,
            "perplexity_relative": self.cost.value, "perplexity_high": self.cost.high,
            "perplexity_bound": self.cost.bound, "chosen": chosen,
            **({"texts": list(self.texts)} if self.texts else {}),
        }  # fmt: skip


_FIRST = 20.0
"""The guard that is tried first, in budgets: what fitted 2 and 5 % on the default model, and only a guess."""

Build = Callable[[Pruning, Strength | None], Repair]
Stays = Callable[[Tried, Callable[[], Repair]], bool]
"""Whether a candidate leaves what must stay (`keeping.stays`); it is built only where a user set limits."""


def choose(
    task: Task, plan: Plan, sizes: Sequence[Pruning], build: Build, *, smaller: Sequence[Pruning] = (),
    bare: bool = False, stays: Stays = lambda *_: True,
) -> tuple[Tried | None, list[Tried]]:  # fmt: skip
    """Look for the strongest affordable guard of each size of pruning; choose the best.

    While nothing is affordable, the `smaller` sizes are tried too, one after the other. With `bare`, sizes for which
    no guard is good enough are tried without healing.

    A candidate is allowed when its rise in perplexity is affordable and the weak end of its fall in bias is a fall.
    Best is the largest fall in bias, less half of what control probes lost: duller is not fairer. None allowed:
    nothing is chosen. One too dear is left as soon as that is clear, and its bias is not asked. `stays` is asked of
    the best, then the next best, whether what must stay does.
    """
    sequences = len(sizes) + len(smaller) + (len(sizes) if plan.heal and bare else 0)
    bench = _Bench(task, plan.budget, RISK / max(sequences, 1))
    tried: list[Tried] = []
    near = sum(guard <= _FIRST * plan.budget for guard in plan.guards[1:])

    def burden(pruning: Pruning, guard: int) -> float:
        strength = Strength(guard=plan.guards[guard])
        tried.append(bench.tried(build(pruning, strength), strength))
        return tried[-1].cost.burden(plan.budget)

    for number, pruning in enumerate([*sizes, *smaller]):
        if number >= len(sizes) and any(t.cost.affordable(plan.budget) for t in tried):
            break
        if plan.heal:
            near = strongest(partial(burden, pruning), near, plan.guards) or 0
        else:
            tried.append(bench.tried(build(pruning, None), None))
    if plan.heal and bare and not _allowed(tried, plan.budget):
        tried += [bench.tried(build(pruning, None), None) for pruning in sizes]
    return _best(tried, plan.budget, build, stays), tried


def choose_from(
    task: Task, plan: Plan, sequences: Sequence[Sequence[Pruning]], build: Build, *, at_any_price: bool = False,
    stays: Stays = lambda *_: True,
) -> tuple[Tried | None, list[Tried]]:  # fmt: skip
    """Measure prunings on select, nothing refitted, and choose one by the rule of `choose`.

    They must have been picked without a look at the text of select, or the promise of the budget would not hold.

    Args:
        task: What may be looked at.
        plan: The dials.
        sequences: Each from weak to strong; what follows one that is not affordable is not asked.
        build: Makes what is measured.
        at_any_price: The one with the lowest bias is chosen, whatever it costs; all are asked.
        stays: As in `choose`.
    """
    bench = _Bench(task, None if at_any_price else plan.budget, RISK / max(len(sequences), 1))
    tried: list[Tried] = []
    for sequence in sequences:
        for pruning in sequence:
            tried.append(bench.tried(build(pruning, None), None))
            if not (at_any_price or tried[-1].cost.affordable(plan.budget)):
                break
    if at_any_price:
        return min(tried, key=lambda t: t.gain.bias if t.gain else 0.0), tried
    return _best(tried, plan.budget, build, stays), tried


def _best(tried: Sequence[Tried], budget: float, build: Build, stays: Stays) -> Tried | None:
    """Return the best candidate that leaves what must stay."""
    return next((t for t in _allowed(tried, budget) if stays(t, partial(build, t.pruning, t.strength))), None)


def _allowed(tried: Sequence[Tried], budget: float) -> list[Tried]:
    """Return the candidates that are affordable and surely lower bias, the best first."""
    found = [(t.gain.merit, t) for t in tried if t.gain and t.cost.affordable(budget) and t.gain.bias_high < 0]
    return [t for _, t in sorted(found, key=lambda pair: pair[0])]


class _Bench:
    """Measures candidates on select; what was measured is remembered by the run."""

    def __init__(self, task: Task, budget: float | None, risk: float) -> None:
        self.task = task
        self.budget, self.risk = budget, risk
        self.people = [i for i, p in enumerate(task.select) if p.axis != CONTROL]
        self.control = [i for i, p in enumerate(task.select) if p.axis == CONTROL]
        self.bar, self.note = task.progress("choosing on select", 8), task.run.notes("choices")
        self.said = Sayings(task)
        self.base = self._base()

    def tried(self, repair: Repair, strength: Strength | None) -> Tried:
        name = digest(*sorted(repair.pruning), strength)
        found = self._measured(name, repair)
        gain = self._gain(found["bias"]) if "bias" in found else None
        texts = self.said.of(name, lambda: repair) if gain else ()
        tried = Tried(repair.pruning, strength, self._cost(found["loss"]), gain, texts)
        self.note(tried.entry(False))
        return tried

    def _gain(self, after: np.ndarray) -> Gain:
        before = self.base["bias"]
        clusters = [self.task.select[i].template for i in self.people]
        bias = statistics.change(before[self.people], after[self.people], clusters)
        control = after[self.control].mean() / before[self.control].mean() - 1 if self.control else 0.0
        return Gain(bias.relative or 0.0, bias.relative_high or 0.0, float(control))  # no base: nothing gained

    def _cost(self, loss: np.ndarray) -> Cost:
        """Return the cost on the chunks measured so far, which are of several documents."""
        documents = self.task.select_documents[: len(loss)]
        cost = statistics.change(self.base["loss"][: len(loss)], loss, documents, transform=np.exp)
        ends = cost.relative or 0.0, cost.relative_low or 0.0, cost.relative_high or 0.0
        return Cost(*ends, risk=self.risk, freedom=len(set(documents)) - 1)

    def _base(self) -> dict[str, np.ndarray]:
        def compute(probes: Sequence[Probe]) -> dict[str, np.ndarray]:
            with fast_matmul():
                return {"bias": values_of(self.task, self.task.batched(probes), divergence, Repair())}

        loss = self.task.base_loss("select", self.task.select_text)
        found = {"loss": loss, **self.task.by_probe("select_base", self.task.select, compute)}
        self.bar(1)
        return found

    def _measured(self, name: str, repair: Repair) -> dict[str, np.ndarray]:
        """Return the loss of every chunk and the bias of every probe; less of it for a candidate too dear."""

        def compute() -> dict[str, np.ndarray]:
            with fast_matmul(), patched(self.task.model, repair.patch):
                loss = np.empty(0)
                for part in _parts(self.task.select_text):
                    if self.budget is not None and len(loss) and self._cost(loss).low > self.budget:
                        return {"loss": loss}
                    loss = np.append(loss, values_of(self.task, part, token_loss, repair))
                if self.budget is not None and not self._cost(loss).affordable(self.budget):
                    return {"loss": loss}
                return {"loss": loss, "bias": values_of(self.task, self.task.select_batches, divergence, repair)}

        found = self.base if repair.empty else self.task.run.arrays(f"select_{name}", compute)
        self.bar(1)
        return found


def values_of(task: Task, batches: Sequence[Batch], readout: Readout, repair: Repair) -> np.ndarray:
    """Return what a pruning makes of every item, [items]; a patch is the caller's to put in."""
    return Engine(task.model, batches, readout, cache_bytes=0).values([repair.pruning])[0]


def _parts(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """Yield a third of the text, then the rest, each with items counted from its own start."""
    first = max(1, len(batches) // 3)
    for part in (batches[:first], batches[first:]):
        start = min((item for batch in part for item in batch.items), default=0)
        if part:
            yield [replace(batch, items=tuple(item - start for item in batch.items)) for batch in part]
