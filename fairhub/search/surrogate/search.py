"""The search of Attention Pruning: sample, train, anneal on the surrogates, measure the winners, learn, again."""

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fairhub.model.architecture import units
from fairhub.model.units import Pruning, Unit
from fairhub.run.processes import alone
from fairhub.search.annealing import Schedule
from fairhub.search.surrogate.chains import Annealed, anneal_chains
from fairhub.search.surrogate.direct import direct, greedy
from fairhub.search.surrogate.fidelity import judged
from fairhub.search.surrogate.finalists import Finalists, confirm, shortlist
from fairhub.search.surrogate.forecaster import Kind
from fairhub.search.surrogate.labelled import Labelled, scale_of, shifted
from fairhub.search.surrogate.labels import TIMES, Label, Meter, fresh_meter, heads_of, wide_meter, widths
from fairhub.search.surrogate.landscape import Landscape
from fairhub.search.surrogate.masks import band_of, bits, mask_of
from fairhub.search.surrogate.neighbours import promised
from fairhub.search.surrogate.objective import Forecast, Objective, Target, asked, sweep
from fairhub.search.surrogate.prior import curvature
from fairhub.search.surrogate.sampling import BUDGETS, Wanted, sample
from fairhub.search.surrogate.training import Surrogates, train

if TYPE_CHECKING:  # recipes import the surrogates, not the other way round
    from fairhub.search.task import Plan, Task

PROBES = 24
"""Search probes that a mask is measured on."""
SHARES = {"data": 0.45, "rounds": 0.75, "finalists": 0.9, "ablations": 1.0}
"""When each part of a search ends, of the seconds allowed."""
_GAIN = 0.01  # of the spread of an energy over the sampled masks: less is no improvement
_WIDE = 0.1  # what slopes on many probes may take of the seconds
_FEWEST = 8  # masks without which nothing is trained
_IDLE = 2  # rounds in a row in which no energy fell: what did not help has taught something
_TIMED = 4096  # masks that a surrogate evaluation is timed on
_STARTS = 8  # best measured masks of an objective that chains start from
TRIED = 4  # masks measured in a round at least, over all objectives; and as many neighbours


@dataclass(frozen=True, eq=False)
class Winner:
    """A mask that the surrogates found: its energy on them, and on the real model."""

    mask: Pruning
    objective: Objective
    round: int
    forecast: float
    measured: float = math.nan

    def row(self) -> dict[str, object]:
        """Return its line of the report."""
        return {
            "round": self.round, "energy": self.objective.name, "heads": len(self.mask),
            "surrogate": self.forecast, "measured": self.measured,
        }  # fmt: skip


class Search:
    """The search of one task; `run` does it all.

    Every measurement, training and annealing is remembered by the run together with the seconds it took, and the
    budget (`plan.seconds`) is spent in those recorded seconds: a killed search, resumed, ends where it would have.
    """

    def __init__(self, task: "Task", plan: "Plan", meter: Meter | None = None) -> None:
        """Measure the base model and its slopes; `known` holds no mask yet.

        Args:
            task: What may be looked at.
            plan: The dials.
            meter: What masks are measured with; None takes `PROBES` search probes.
        """
        self.task, self.plan = task, plan
        self.heads = heads_of(units(task.model))
        self.band = band_of(len(self.heads))
        self.meter = meter or Meter(task, PROBES)
        self.fresh = fresh_meter(task, self.meter)
        self.finalists = Finalists([], Forecast(np.empty(0), np.empty(0), np.empty(0)), False)
        base = self.meter(frozenset(), slopes=True)
        self.scale = scale_of(base, self.meter.probes, plan.kappa)
        self.base_loss = float(base.loss.mean())
        self._computed = 0.0
        self.features = curvature(self._widened(base))
        self.known = Labelled(self.heads, self.scale)
        self.objectives = sweep(plan, len(self.scale.names))
        self.winners: list[Winner] = []
        self.sampled = 0
        self.other: list[dict[str, object]] = []
        """What other searches found for as many measurements."""
        self._note, self._lowest = task.run.notes("trace"), math.inf
        self._kinds: dict[Target, Kind] | None = None
        self._learned = 0

    def _widened(self, base: Label) -> Label:
        """Correct the scale of labels by many probes and long text, where time allows twice a label's at least."""
        times = TIMES if self.plan.seconds is None else min(TIMES, int(_WIDE * self.plan.seconds / base.seconds))
        if times < 2:
            return base
        meter = wide_meter(self.meter, *widths(len(base.bias), len(base.loss), self.meter.length, times))
        wide = meter(frozenset(), slopes=True)
        self._computed += meter.spent
        self.scale = shifted(self.scale, self.heads, scale_of(wide, meter.probes, self.plan.kappa))
        return wide

    @property
    def trained(self) -> bool:
        """Whether the time allowed reached for more than a few masks; without, there are no surrogates."""
        return self.sampled >= _FEWEST

    @property
    def spent(self) -> float:
        """Seconds of measuring, training and annealing so far."""
        return self.meter.spent + self.fresh.spent + self._computed

    def run(self) -> None:
        """Look for masks, measure the best anew, then try the same without surrogates."""
        self.look()
        if self.trained:
            self._confirm()
            self._try_others()

    def look(self) -> None:
        """Sample, then learn from winners in rounds."""
        bar = self.task.progress("measuring head masks", self.plan.masks)

        def told(count: int) -> None:
            self._tell(next(reversed(self.known.labels)))
            bar(count)

        wanted = Wanted(self.plan.masks, self.band, math.log1p(self.plan.budget), self.plan.seed)
        sample(self.meter, self.known, self.features, wanted, lambda: self._goes_on("data"), told)
        self.sampled = len(self.known.labels)
        if self.trained:
            self._rounds(0)

    def look_on(self, plan: "Plan") -> None:
        """Look for more masks by another plan, such as a smaller budget, from all that is known."""
        self.plan, self.objectives = plan, sweep(plan, len(self.scale.names))
        self._rounds(self._learned + 1)

    def _rounds(self, first: int) -> None:
        idle = 0
        for number in range(first, first + self.plan.rounds + 1):
            self._learn(number)
            if number == first + self.plan.rounds or idle == _IDLE or not self._goes_on("rounds"):
                break
            idle = 0 if self._measure_winners(number) else idle + 1

    def energies(self, objective: Objective, masks: list[Pruning]) -> np.ndarray:
        """Return the energies of masks as the real model has them."""
        labels = [self.known.labels.get(mask) or self.meter(mask) for mask in masks]
        return objective.values(self.scale.measured(labels), self.base_loss, self.plan)

    def fidelity(self) -> dict[str, dict[str, float]]:
        """Return how well the surrogates forecast test masks."""
        return judged(self.surrogates, self.known, self.base_loss, self.plan)

    def speedup(self) -> float:
        """Return how many surrogate evaluations one measurement on the real model takes."""
        rows = np.random.default_rng(0).random((_TIMED, len(self.heads))) < 0.05

        def compute() -> dict[str, float]:
            began = time.perf_counter()
            self.land.forecast(self.land.lifted(rows))
            return {"seconds": (time.perf_counter() - began) / _TIMED}

        seconds = float(self.task.run.arrays("surrogate_speed", lambda: alone(compute))["seconds"])
        return float(np.median([label.seconds for label in self.known.labels.values()])) / seconds

    def _tell(self, mask: Pruning) -> None:
        """Note a mask just measured, for who watches the run as it goes on."""
        energy = float(self.energies(self.objectives[asked(self.plan, self.objectives)], [mask])[0])
        self._lowest = min(self._lowest, energy)
        self._note({"energy": energy, "best": self._lowest, "size": len(mask)})

    def _goes_on(self, part: str) -> bool:
        return self.plan.seconds is None or self.spent < SHARES[part] * self.plan.seconds

    def _learn(self, number: int) -> None:
        """Train the surrogates on what is known and anneal on them; their kinds are chosen once, on the sample."""
        self._learned, seed = number, self.plan.seed + number
        run = self.task.run
        self.surrogates: Surrogates = train(run, f"surrogate_{number}", self.known, self.features, seed, self._kinds)
        self._kinds = self.surrogates.kinds
        self.land = Landscape(self.surrogates, self.base_loss, self.objectives, self.plan)
        schedule = Schedule(steps=self.plan.chain_steps, k_min=self.band.k_min, k_max=self.band.k_max)

        def compute() -> dict[str, np.ndarray]:
            began = time.monotonic()
            found = anneal_chains(self.land, schedule, self.plan.chains, seed, self._starts())
            return vars(found) | {"seconds": np.array(time.monotonic() - began)}

        stored = self.task.run.arrays(f"annealed_{number}", lambda: alone(compute))
        self._computed += self.surrogates.seconds + float(stored.pop("seconds"))
        self.annealed = Annealed(**stored)

    def _starts(self) -> list[np.ndarray]:
        """Return the best masks measured so far for each objective, [masks, bits] each."""
        masks = list(self.known.labels)
        rows = bits(masks, self.heads) > 0
        return [rows[np.argsort(self.energies(o, masks), kind="stable")[:_STARTS]] for o in self.objectives]

    def _measure_winners(self, number: int) -> bool:
        """Measure what annealing found for each objective, and what slopes promise of the neighbours of masks.

        Returns whether any energy fell below all known before.
        """
        improved = False
        for at, objective in enumerate(self.objectives):
            before = self.energies(objective, list(self.known.labels))
            for mask, forecast in self._unknown(at, -(-TRIED // len(self.objectives))):
                if self._goes_on("rounds"):
                    improved |= self._measure_winner(Winner(mask, objective, number, forecast), before)
        near = promised(self.known, self.objectives, self.base_loss, self.plan, self.band, TRIED)
        for at, mask, forecast in near:
            if self._goes_on("rounds"):
                before = self.energies(self.objectives[at], list(self.known.labels))
                improved |= self._measure_winner(Winner(mask, self.objectives[at], number, forecast), before)
        return improved

    def _measure_winner(self, found: Winner, before: np.ndarray) -> bool:
        """Measure a mask that was found, and learn from it; return whether its energy fell below those before."""
        self.known.add(found.mask, self.meter(found.mask, slopes=True), sampled=False)
        self._tell(found.mask)
        measured = float(self.energies(found.objective, [found.mask])[0])
        self.winners.append(replace(found, measured=measured))
        return bool(measured < before.min() - _GAIN * before[: self.sampled].std())

    def _confirm(self) -> None:
        """Measure the best masks on fresh probes and text."""
        masks = shortlist(self.known, self.objectives, self.base_loss, self.plan)
        self.finalists = confirm(self.known, self.fresh, masks, lambda: self._goes_on("finalists"))

    def _unknown(self, objective: int, most: int) -> list[tuple[Pruning, float]]:
        """Return the best masks found for an objective that were not measured yet, and their forecast energies.

        Those that are forecast to cost more than `BUDGETS` budgets are left out: no repair may choose them.
        """
        cost = self.land.forecast(self.land.lifted(self.annealed.states)).loss
        dear = cost > BUDGETS * math.log1p(self.plan.budget)
        rows = np.flatnonzero((self.annealed.objective == objective) & ~dear)
        found = [(mask_of(self.annealed.states[row], self.heads), float(self.annealed.energy[row])) for row in rows]
        return [(mask, energy) for mask, energy in found if mask not in self.known.labels][:most]

    def _try_others(self) -> None:
        """Spend as many measurements as the winners took without surrogates: the ablations."""
        objective = self.objectives[asked(self.plan, self.objectives)]
        sampled = self.energies(objective, list(self.known.labels)[: self.sampled])
        self.other = [{"by": "random masks", "measured": self.sampled, "best": float(sampled.min())}]
        if self.winners:
            best = float(self.energies(objective, [winner.mask for winner in self.winners]).min())
            self.other.append({"by": "surrogates", "measured": len(self.winners), "best": best})

        def energy(mask: Pruning) -> float:
            return float(self.energies(objective, [mask])[0])

        seed, ways = self.plan.seed, 3
        count = self._affordable(len(self.winners), ways)
        found = {
            "annealing the real model": direct(energy, self.heads, self.band, count, seed, walk=False),
            "random walk on the real model": direct(energy, self.heads, self.band, count, seed, walk=True),
            "greedy by first-order scores": greedy(energy, self.ranked(objective), self.band, count),
        }
        for name, lowest in found.items():
            if lowest is not None:
                self.other.append({"by": name, "measured": count, "best": lowest})

    def ranked(self, objective: Objective) -> list[Unit]:
        """Return the heads by what first-order scores promise of removing each alone, most promising first."""
        alone_ = objective.values(self.scale.slopes(self.scale.base), self.base_loss, self.plan)
        return [self.heads[place] for place in np.argsort(alone_, kind="stable")]

    def _affordable(self, wanted: int, times: int) -> int:
        """Return how many measurements, `times` over, the seconds left allow; at most `wanted`."""
        if self.plan.seconds is None:
            return wanted
        each = self.meter.spent / max(1 + len(self.known.labels), 1)
        return min(wanted, int((self.plan.seconds - self.spent) / max(each, 1e-9) / times))
