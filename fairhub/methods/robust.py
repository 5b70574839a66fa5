"""Annealing under a guard: units that every axis, frame and context wants gone, annealed, healed under a guard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fairhub.compute.engine import Engine, fast_matmul, token_loss
from fairhub.edit.healing import Moments, Strength, patched, refit
from fairhub.edit.repair import Repair
from fairhub.inputs.probes import CONTROL
from fairhub.measure.scores import Scores, interleaved, member_matrix, memberships, reliability, worth
from fairhub.methods.choosing import choose
from fairhub.methods.controls import ablations
from fairhub.methods.effects import effects
from fairhub.methods.keeping import stays
from fairhub.methods.method import Method
from fairhub.methods.outcome import Outcome
from fairhub.methods.rebuild import moments_of, prices_of
from fairhub.model.units import Pruning, Unit
from fairhub.run.folder import digest
from fairhub.search.annealing import Schedule, Trace, anneal
from fairhub.search.energies import FLOOR, energy
from fairhub.search.energies import known as known_energy
from fairhub.search.task import Plan, Task

Prices = Mapping[Unit, float]


def robust(task: Task, plan: Plan) -> Outcome:
    """Choose units, heal under a guard, and spend the budget on select.

    Units are scored first-order, priced by what healing cannot give back, and annealed: first on first-order effects,
    then on the real model, not yet guarded: a guard that could do it all alone would leave nothing to tell units by.
    Sizes and guard strengths are then tried on select.
    """
    scores, control = effects(task, task.screen), effects(task, task.control)
    known = moments_of(task)
    prices = prices_of(task, known)
    ranking = worth(scores, prices, control, plan.specific)
    pool = interleaved(ranking, plan.heads, plan.neurons)
    if len(pool) < 2 or scores.base.mean() < FLOOR:  # nothing that every cluster wants gone, or no bias at all
        return Outcome(Repair(), None, {}, reliability(scores, task.screen), [])
    rate = _loss_rate(task, known, prices, pool)
    first = _anneal_first_order(scores, prices, rate, pool, plan)
    with fast_matmul():
        real = _anneal_real(task, prices, rate, first.best, pool, plan) if plan.real_steps else first

    def build(pruning: Pruning, strength: Strength | None) -> Repair:
        return Repair(pruning, refit(task.model, known, pruning, strength) if strength else {})

    sizes = _nested(real.best, ranking)
    chosen, tried = choose(task, plan, sizes[:2], build, smaller=sizes[2:], stays=stays(task, plan))
    outcome = Outcome(
        Repair(),
        None,
        real.as_dict(),
        reliability(scores, task.screen),
        [t.entry(t is chosen) for t in tried],
    )
    if chosen is None:
        return outcome
    made = replace(outcome, repair=build(chosen.pruning, chosen.strength), strength=chosen.strength)
    if not plan.alternatives:
        return made
    return replace(made, ablations=ablations(task.model, known, prices, chosen.pruning, chosen.strength, plan.seed))


@dataclass(frozen=True)
class Rate:
    """What prices mean in loss."""

    loss: float
    """Nats a token that a unit of price costs."""
    base: float
    """Loss of the base model, nats a token."""


def _loss_rate(task: Task, known: Moments, prices: Prices, pool: Sequence[Unit]) -> Rate:
    """Measure once a model, on the first half of the pool, healed, what prices mean in loss.

    Repairs that share a model share it, on the pool of the first: how much it differs between pools was not measured.
    """
    some, text = frozenset(pool[: max(1, len(pool) // 2)]), task.text[:6]

    def compute() -> dict[str, float]:
        before = float(task.base_loss("rate", text).mean())
        engine = Engine(task.model, text, token_loss, cache_bytes=0)
        with fast_matmul(), patched(task.model, refit(task.model, known, some, Strength(guard=0))):
            after = float(engine.values([some]).mean())
        return {"loss": max(after - before, 1e-4) / max(_sum(prices, some), 1e-12), "base": before}

    found = task.of_model.arrays("rate", compute)
    return Rate(float(found["loss"]), float(found["base"]))


def _anneal_first_order(scores: Scores, prices: Prices, rate: Rate, pool: Sequence[Unit], plan: Plan) -> Trace[Unit]:
    """Anneal on additive first-order effects: thousands of steps a second."""
    place = {unit: i for i, unit in enumerate(scores.units)}
    columns = scores.relative()[:, [place[unit] for unit in pool]].T
    effects = dict(zip(pool, columns, strict=True))

    def value(pruning: frozenset[Unit]) -> float:
        left = 1 + sum((effects[unit] for unit in sorted(pruning)), np.zeros(columns.shape[1]))
        return _energy(np.log(np.clip(left, 0.05, None)), rate.loss * _sum(prices, pruning), rate.base, plan)

    most = min(plan.most, len(pool))
    schedule = Schedule(steps=plan.steps, k_min=1, k_max=most, uphill=40)
    return anneal(value, list(pool), schedule, seed=plan.seed, start=frozenset(pool[: max(1, most // 2)]))


def _anneal_real(
    task: Task, prices: Prices, rate: Rate, start: Pruning, pool: Sequence[Unit], plan: Plan
) -> Trace[Unit]:
    """Anneal on the real model; every energy asked is remembered by the run, so that a killed search replays."""
    remembered = task.run.remembered("energies")
    engine = Engine(task.model, task.sample_batches, recent=3)
    names, member = member_matrix(memberships(task.sample))
    control = names.index(f"axis:{CONTROL}") if f"axis:{CONTROL}" in names else None

    def ratios(pruning: frozenset[Unit]) -> np.ndarray:
        key = digest(*sorted(pruning))
        return np.array(remembered(key, lambda: (member @ engine.values([pruning])[0]).tolist())) + FLOOR

    base = ratios(frozenset())

    def value(pruning: frozenset[Unit]) -> float:
        change = np.log(ratios(pruning) / base)
        dull = 0.0 if control is None else plan.specific * max(0.0, -float(change[control]))
        people = change if control is None else np.delete(change, control)
        return _energy(people, rate.loss * _sum(prices, pruning), rate.base, plan) + dull

    course = task.course("annealing on the real model", plan.real_steps)
    schedule = Schedule(  # so few steps must begin cool: they mend what the first-order annealing found
        steps=plan.real_steps, k_min=1, k_max=min(plan.most, len(pool)), acceptance=0.3, uphill=5, seconds=plan.seconds
    )  # fmt: skip
    return anneal(value, list(pool), schedule, seed=plan.seed, start=start, on_step=course, clock=remembered.clock)


def _energy(log_ratios: np.ndarray, loss: float, base_loss: float, plan: Plan) -> float:
    return energy(
        known_energy(plan.energy or "robust"), log_ratios, loss, base_loss,
        kappa=plan.kappa, exchange=plan.exchange, epsilon=plan.epsilon, budget=plan.budget,
    )  # fmt: skip


def _sum(prices: Prices, pruning: Pruning) -> float:
    return sum(prices[unit] for unit in sorted(pruning))


def _nested(pruning: Pruning, ranking: Sequence[Unit]) -> list[Pruning]:
    """Return the pruning, the better half of it by the ranking, half of that, down to one unit."""
    ordered = [unit for unit in ranking if unit in pruning]
    sizes = [len(ordered)]
    while sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // 2))
    return [frozenset(ordered[:size]) for size in sizes]


ROBUST = Method(
    "robust",
    robust,
    "robust, annealing under a guard",
    "Every attention head and MLP neuron is scored by what it does to the bias of many frames, axes and contexts. "
    "Those that all of them want gone form a pool; simulated annealing searches it, on first-order estimates and "
    "then on the model itself. How much is taken is decided on select prompts, within the utility budget.",
    ("dasu2025attention",),
    anneals=True,
    heals=True,
    heavy=True,
    others=True,
)
