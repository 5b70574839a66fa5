"""The recipes that choose a repair on search and select; `robust` is the default. None of them sees held_out or external."""

import math
import random as random_
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from fairhub import statistics
from fairhub.annealing import Schedule, Trace, anneal
from fairhub.engine import Batch, Engine
from fairhub.healing import Moments, Strength, moments, patched, price, refit
from fairhub.measure import Progress, Repair, divergences, utility
from fairhub.probes import CONTROL, Probe
from fairhub.runs import Run, digest
from fairhub.scores import Scores, first_order, interleaved, reliability, worth
from fairhub.surgery import Pruning, Unit, units

GUARDS = (0.01, 0.02, 0.04, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4)
"""Strengths of the guard that are tried on select."""


@dataclass(frozen=True)
class Plan:
    """The dials of a recipe, fixed before it starts."""

    budget: float = 0.02
    """How much perplexity may rise, relative, at the upper end of its 95 % interval on select."""
    heal: bool = True
    """Refit the columns that stay."""
    kappa: float = 1.0
    """How many standard errors over clusters are added to the mean of the energy."""
    exchange: float = 10.0
    """What a nat of loss a token costs in the energy, in log units of divergence."""
    heads: int = 12
    """Heads in the pool."""
    neurons: int = 200
    """Neurons in the pool."""
    steps: int = 3000
    """Annealing steps on first-order effects."""
    real_steps: int = 24
    """Annealing steps on the real model."""
    seconds: float | None = None
    """Bound on the annealing on the real model; None leaves it to the steps."""
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Task:
    """What a recipe may look at: the model, the search and select probes, neutral text, and where it may keep notes."""

    model: PreTrainedModel
    search: Sequence[Probe]
    search_batches: Sequence[Batch]
    screen: Sequence[Probe]
    """The search probes that units are scored on (a stratified part)."""
    screen_batches: Sequence[Batch]
    sample: Sequence[Probe]
    """The search probes that annealing on the real model asks at every step."""
    sample_batches: Sequence[Batch]
    control_batches: Sequence[Batch]
    select: Sequence[Probe]
    """Demographic and control probes of the select split."""
    select_batches: Sequence[Batch]
    text: Sequence[Batch]
    """Neutral text that healing is fitted on."""
    select_text: Sequence[Batch]
    run: Run
    progress: Callable[[str, int], Progress]
    """Opens a progress bar: what is done and how many tokens or steps it takes."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a recipe chose, and how."""

    repair: Repair
    strength: Strength | None
    """How the chosen repair was healed; None where it was not."""
    trace: dict[str, Any]
    reliability: dict[str, float]
    choices: list[dict[str, Any]]
    ablations: dict[str, Repair] = field(default_factory=dict)
    """The repair's parts alone, and as many units chosen otherwise: what the report compares with."""


def robust(task: Task, plan: Plan) -> Outcome:
    """Choose the units whose removal every axis, frame and context welcomes, heal, and spend the budget on select.

    Units are scored first-order, priced by what healing cannot give back, and annealed: first on first-order effects,
    then on the real model, already guarded. Guard strengths are then tried on select, and the strongest effect within
    the budget is chosen.
    """
    scores = _scores(task)
    known = _moments(task)
    prices = price(task.model, known)
    pool = interleaved(worth(scores, prices), plan.heads, plan.neurons)
    rate = _loss_rate(task, known, prices, pool)
    first = _anneal_first_order(scores, prices, rate, pool, plan)
    strength = Strength(guard=0.1) if plan.heal else None
    with fast_matmul(), patched(task.model, refit(task.model, known, frozenset(), strength) if strength else {}):
        real = _anneal_real(task, scores, prices, rate, first.best, pool, plan)
    sizes = _nested(real.best, worth(scores, prices))
    return _choose(task, plan, known, prices, sizes, real, reliability(scores, task.screen))


@contextmanager
def fast_matmul() -> Iterator[None]:
    """Let float32 products run in bfloat16 with float32 sums where the processor can; for choosing, never for proving."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _scores(task: Task) -> Scores:
    tokens = sum(batch.tokens for batch in task.screen_batches)

    def compute() -> dict[str, np.ndarray]:
        with fast_matmul():
            scores = first_order(
                task.model, task.screen_batches, task.screen, task.progress("scoring every unit", tokens)
            )
        return {"effect": scores.effect, "base": scores.base}

    found = task.run.arrays("scores", compute)
    clusters = tuple((f"axis:{p.axis}", f"frame:{p.frame}", f"context:{p.context}") for p in task.screen)
    return Scores(units(task.model), found["effect"], found["base"], clusters)


def _moments(task: Task) -> Moments:
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

    stored = task.run.arrays("moments", compute)
    kept: dict[str, dict[Any, torch.Tensor]] = {"text": {}, "bias": {}, "control": {}}
    for name, moment in stored.items():
        part, layer, kind = name.split("/")
        kept[part][int(layer), kind] = torch.from_numpy(moment)
    return Moments(**kept)


def _loss_rate(task: Task, known: Moments, prices: dict[Unit, float], pool: Sequence[Unit]) -> float:
    """Return how many nats of loss a unit of price costs: measured once, on all neurons of the pool, healed."""
    neurons = frozenset(unit for unit in pool if unit.kind == "neuron")
    if not neurons:
        return 0.0
    paid = sum(prices[unit] for unit in neurons)

    def compute() -> dict[str, float]:
        with fast_matmul():
            repair = Repair(neurons, refit(task.model, known, neurons, Strength(guard=0)))
            loss = utility(task.model, task.select_text[:4], [repair]).loss
        return {"rate": max(float(loss[1].mean() - loss[0].mean()), 1e-4) / max(paid, 1e-12)}

    return float(task.run.arrays("rate", compute)["rate"])


def _anneal_first_order(
    scores: Scores, prices: dict[Unit, float], rate: float, pool: Sequence[Unit], plan: Plan
) -> Trace[Unit]:
    """Anneal on additive first-order effects: thousands of steps a second."""
    place = {unit: i for i, unit in enumerate(scores.units)}
    effects = {unit: column for unit, column in zip(pool, scores.relative()[:, [place[u] for u in pool]].T, strict=True)}

    def energy(pruning: frozenset[Unit]) -> float:
        left = 1 + sum((effects[unit] for unit in sorted(pruning)), np.zeros(1))
        return _energy(np.log(np.clip(left, 0.05, None)), rate * sum(prices[u] for u in sorted(pruning)), plan)

    schedule = Schedule(steps=plan.steps, k_min=1, k_max=len(pool), uphill=40)
    return anneal(energy, list(pool), schedule, seed=plan.seed, start=frozenset(pool[: max(1, len(pool) // 2)]))


def _anneal_real(
    task: Task, scores: Scores, prices: dict[Unit, float], rate: float, start: Pruning, pool: Sequence[Unit], plan: Plan
) -> Trace[Unit]:
    """Anneal the units that matter most on the real model; the others stay as first-order annealing left them."""
    remembered = task.run.remembered("energies")
    engine = Engine(task.model, task.sample_batches)
    clusters = [(f"axis:{p.axis}", f"frame:{p.frame}", f"context:{p.context}") for p in task.sample]
    names = sorted({name for row in clusters for name in row})
    member = np.array([[name in row for row in clusters] for name in names], dtype=float)
    floor = 1e-6
    base = np.array(remembered("base", lambda: (member @ engine.values([frozenset()])[0]).tolist())) + floor
    robust = dict(zip(scores.units, np.abs(scores.robust(0.0)), strict=True))
    movable = sorted(pool, key=lambda unit: -robust[unit])[:40]
    fixed = start - set(movable)

    def energy(moved: frozenset[Unit]) -> float:
        pruning = fixed | moved
        paid = rate * sum(prices[unit] for unit in sorted(pruning))
        key = digest(*sorted(pruning))
        found = remembered(key, lambda: (member @ engine.values([pruning])[0]).tolist())
        return _energy(np.log((np.array(found) + floor) / base), paid, plan)

    bar = task.progress("annealing on the real model", plan.real_steps)
    schedule = Schedule(
        steps=plan.real_steps, k_min=0 if fixed else 1, k_max=len(movable), uphill=5, seconds=plan.seconds
    )
    trace = anneal(
        energy, movable, schedule, seed=plan.seed, start=frozenset(start & set(movable)), on_step=lambda step: bar(1)
    )
    return replace(trace, best=frozenset(fixed | trace.best))


def _energy(log_ratios: np.ndarray, loss: float, plan: Plan) -> float:
    """Mean over clusters of the log ratio of divergences, plus kappa standard errors, plus the price in loss."""
    spread = log_ratios.std(ddof=1) / len(log_ratios) ** 0.5 if len(log_ratios) > 1 else 0.0
    return float(log_ratios.mean() + plan.kappa * spread + plan.exchange * loss)


def _nested(pruning: Pruning, ranking: Sequence[Unit]) -> list[Pruning]:
    """Return the pruning and its better parts: all, half and a quarter, by the ranking."""
    ordered = [unit for unit in ranking if unit in pruning] + sorted(pruning - set(ranking))
    sizes = sorted({len(ordered), -(-len(ordered) // 2), -(-len(ordered) // 4)}, reverse=True)
    return [frozenset(ordered[:size]) for size in sizes]


def _choose(
    task: Task, plan: Plan, known: Moments, prices: dict[Unit, float], sizes: Sequence[Pruning], real: Trace[Unit],
    agreement: dict[str, float],
) -> Outcome:  # fmt: skip
    """Try sizes and guards on select; take the largest fall in bias whose price, at its upper end, is in the budget."""
    bench = Bench(task, plan)

    def repair(pruning: Pruning, strength: Strength | None) -> Repair:
        return Repair(pruning, refit(task.model, known, pruning, strength) if strength else {})

    tried: list[tuple[Pruning, Strength | None, Point]] = []
    for number, pruning in enumerate(sizes):
        for strength in ([Strength(guard=g) for g in GUARDS] if plan.heal else [None]):
            if number and strength and abs(math.log(strength.guard / _best_guard(tried, plan.budget))) > 0.5:
                continue  # smaller prunings only near the guard that the whole one could afford
            tried.append((pruning, strength, bench.point(repair(pruning, strength))))
            if strength and tried[-1][2].cost > 8 * plan.budget:
                break  # stronger guards only cost more
    allowed = [t for t in tried if t[2].cost_high <= plan.budget and t[2].bias_high < 0]
    chosen = min(allowed, key=lambda t: t[2].bias, default=None)
    choices = [_choice(pruning, strength, point, (pruning, strength, point) is chosen) for pruning, strength, point in tried]
    for entry, t in zip(choices, tried, strict=True):
        entry["chosen"] = t is chosen
    trace = real.as_dict()
    if chosen is None:
        return Outcome(Repair(), None, trace, agreement, choices)
    pruning, strength, _ = chosen
    return Outcome(
        repair(pruning, strength), strength, trace, agreement, choices,
        _ablations(task.model, known, prices, pruning, strength, plan.seed),
    )  # fmt: skip


def _best_guard(tried: Sequence[tuple[Pruning, Strength | None, "Point"]], budget: float) -> float:
    affordable = [s.guard for _, s, point in tried if s and point.cost_high <= budget]
    return max(affordable, default=GUARDS[0])


def _choice(pruning: Pruning, strength: Strength | None, point: "Point", chosen: bool) -> dict[str, Any]:
    return {
        "units": len(pruning), "guard": strength.guard if strength else None, "bias_relative": point.bias,
        "bias_high": point.bias_high, "control_relative": point.control, "perplexity_relative": point.cost,
        "perplexity_high": point.cost_high, "chosen": chosen,
    }  # fmt: skip


@dataclass(frozen=True)
class Point:
    """Where a candidate lies on select: relative changes."""

    bias: float
    bias_high: float
    """Upper (weak) end of the 95 % interval."""
    control: float
    cost: float
    """Relative change of perplexity."""
    cost_high: float


class Bench:
    """Measures candidates on select, each once, remembered by the run."""

    def __init__(self, task: Task, plan: Plan) -> None:
        self.task, self.plan = task, plan
        self.people = [i for i, p in enumerate(task.select) if p.axis != CONTROL]
        self.control = [i for i, p in enumerate(task.select) if p.axis == CONTROL]
        self.base: np.ndarray | None = None
        self.count = 0
        self.bar = task.progress("choosing on select", len(GUARDS) + 4)

    def point(self, repair: Repair) -> Point:
        """Return where this candidate lies; the order of candidates is part of the run's settings."""
        with fast_matmul():
            base = self.task.run.arrays("select_base", lambda: {"bias": self._bias(Repair())})["bias"]
            found = self.task.run.arrays(
                f"select_{self.count}_{digest(*sorted(repair.pruning))}", lambda: self._measured(repair)
            )
        self.count += 1
        self.bar(1)
        clusters = [self.task.select[i].template for i in self.people]
        bias = statistics.change(base[self.people], found["bias"][self.people], clusters)
        control = found["bias"][self.control].mean() / base[self.control].mean() - 1 if self.control else 0.0
        before, after = found["loss"]
        cost = statistics.change(before, after, range(len(before)), transform=np.exp)
        return Point(
            _known(bias.relative), _known(bias.relative_high), float(control), _known(cost.relative),
            _known(cost.relative_high),
        )  # fmt: skip

    def _measured(self, repair: Repair) -> dict[str, np.ndarray]:
        return {"bias": self._bias(repair), "loss": utility(self.task.model, self.task.select_text, [repair]).loss}

    def _bias(self, repair: Repair) -> np.ndarray:
        return divergences(self.task.model, self.task.select_batches, [repair])[0]


def _known(value: float | None) -> float:
    """A relative change that has no base to be relative to is no gain."""
    return 0.0 if value is None else value


def _ablations(
    model: PreTrainedModel, known: Moments, prices: dict[Unit, float], pruning: Pruning, strength: Strength | None, seed: int
) -> dict[str, Repair]:
    """Return what the report compares the repair with: as many units by other choices, and the repair's parts alone."""
    plain = Strength(guard=0) if strength else None

    def healed(units_: Pruning) -> Repair:
        return Repair(units_, refit(model, known, units_, plain) if plain else {})

    found = {f"random {n}": healed(_random(model, pruning, seed * 3 + n)) for n in range(3)}
    found["importance"] = healed(_cheapest(prices, pruning))
    if strength:
        found["pruning alone"] = healed(pruning)
        found["guard alone"] = Repair(frozenset(), refit(model, known, frozenset(), strength))
    return found


def _random(model: PreTrainedModel, like: Pruning, seed: int) -> Pruning:
    """Return as many heads and neurons as `like` has, drawn at random."""
    rng = random_.Random(seed)
    return frozenset(
        unit
        for kind in ("head", "neuron")
        for unit in rng.sample([u for u in units(model) if u.kind == kind], sum(u.kind == kind for u in like))
    )


def _cheapest(prices: dict[Unit, float], like: Pruning) -> Pruning:
    """Return as many heads and neurons as `like` has, the least important for neutral text."""
    ranked = sorted(prices, key=lambda unit: prices[unit])
    count = {kind: sum(u.kind == kind for u in like) for kind in ("head", "neuron")}
    return frozenset(interleaved(ranked, count["head"], count["neuron"]))


METHODS: dict[str, Callable[[Task, Plan], Outcome]] = {"robust": robust}
"""Every recipe by its name on the command line."""
