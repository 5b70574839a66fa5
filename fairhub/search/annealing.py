"""Simulated annealing over subsets of a pool of units; knows nothing of models.

Follows NeuFair (Dasu et al. 2024, "NeuFair: Neural Network Fairness Repair with Dropout", arXiv 2407.04268):
one-flip moves inside a band of counts, Metropolis acceptance, logarithmic cooling; the first temperature is
that of Ben-Ameur (2004, "Computing the Initial Temperature of Simulated Annealing").
"""

import math
import random
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

from fairhub.errors import UserError

T = TypeVar("T", bound=Hashable)
Cooling = Literal["logarithmic", "exponential", "geometric"]
Energy = Callable[[frozenset[T]], float]
Climb = tuple[float, float]  # the energies before and after an uphill move, both finite

FLOOR = 1e-4  # of T0; NeuFair's floor is absolute, which would tie it to one scale of energies
PATIENCE = 10  # moves of the first walk for each uphill one wanted; half of them climb unless all is flat


@dataclass(frozen=True)
class Schedule:
    """How long, how hot and within which band of counts to search. Contradictions raise UserError."""

    steps: int
    """Moves proposed in each run, accepted or not."""
    k_min: int = 1
    """Fewest units in a state."""
    k_max: int = 64
    """Most units in a state; the pool's size where that is smaller."""
    acceptance: float = 0.75
    """Share of uphill moves to accept at T0."""
    cooling: Cooling = "logarithmic"
    """T_i of step i: T0/ln(2+i) (so T0/ln 2 first), T0*max(exp(-9e-5*i), 1e-4) or T0*max(0.99**i, 1e-4)."""
    restarts: int = 1
    """Runs in all: each after the first starts from the best state so far, as hot as the first did."""
    uphill: int = 20
    """Uphill moves to collect for T0; a random walk needs about twice as many energies."""
    seconds: float | None = None
    """Time after which no further step begins (the walk for T0 counts, but is never cut short)."""
    walk: bool = False
    """Accept every move: the random-walk ablation, which needs no T0."""

    def __post_init__(self) -> None:
        """Refuse what cannot be searched."""
        rules = {
            "steps must be at least 1": self.steps >= 1,
            "k_min must be at least 0": self.k_min >= 0,
            "k_max must be above k_min, as a move changes the count by one": self.k_max > self.k_min,
            "acceptance must lie strictly between 0 and 1": 0 < self.acceptance < 1,
            f"cooling must be one of {', '.join(get_args(Cooling))}": self.cooling in get_args(Cooling),
            "restarts must be at least 1": self.restarts >= 1,
            "uphill must be at least 1": self.uphill >= 1,
            "seconds must be positive or None": self.seconds is None or self.seconds > 0,
        }
        for rule in (rule for rule, holds in rules.items() if not holds):
            field = rule.split()[0]
            raise UserError(f"{rule}; got {getattr(self, field)!r} in {self}; change {field}")

    def temperature(self, initial: float, step: int) -> float:
        """The temperature of a run's step (from 0), given T0."""
        if self.cooling == "logarithmic":
            return initial / math.log(2 + step)
        decay = math.exp(-9e-5 * step) if self.cooling == "exponential" else 0.99**step
        return initial * max(decay, FLOOR)


@dataclass(frozen=True)
class Step:
    """One proposed move; energy and size are those of the state after it was taken or refused."""

    energy: float
    best: float
    accepted: bool
    temperature: float
    size: int
    flipped: Hashable
    restart: int

    def as_dict(self) -> dict[str, object]:
        """The step as strict JSON, None for what is infinite."""
        return {name: _finite(getattr(self, name)) for name in COLUMNS}


COLUMNS = ("energy", "best", "accepted", "temperature", "size")
"""What a trace tells of each step."""


@dataclass(frozen=True)
class Trace(Generic[T]):
    """All that a search did and found.

    `best` is the lowest of all states `visited` (in the order asked, the walk for T0 included), the earliest
    of equals. `acceptance_at_start` is the plain mean of exp(-dE/T0) over the uphill moves collected (1 if
    none); T0 itself solves for Ben-Ameur's mean, weighted as a chain at T0 would meet these moves.
    `initial_temperature` is 0 where nothing climbed, infinite for a random walk.
    """

    steps: tuple[Step, ...]
    best: frozenset[T]
    best_energy: float
    initial_energy: float
    initial_temperature: float
    acceptance_at_start: float
    visited: Mapping[frozenset[T], float]

    def as_dict(self) -> dict[str, object]:
        """The course of the search as strict JSON: a list a column, None for what is infinite."""
        told: dict[str, object] = {c: [_finite(getattr(step, c)) for step in self.steps] for c in COLUMNS}
        return told | {c: _finite(getattr(self, c)) for c in ("initial_temperature", "acceptance_at_start")}


class _Landscape(Generic[T]):
    """The states within the band and their energies, each asked once."""

    def __init__(self, energy: Energy[T], pool: Sequence[T], schedule: Schedule, rng: random.Random) -> None:
        self.energy, self.pool, self.rng = energy, pool, rng
        self.k_min, self.k_max = schedule.k_min, min(schedule.k_max, len(pool))
        self.visited: dict[frozenset[T], float] = {}
        self.best: frozenset[T] = frozenset()
        if len(set(pool)) < len(pool):
            raise UserError("pool must hold each unit once; some occur twice; remove the repeats")
        if self.k_min >= self.k_max:
            raise UserError(f"pool must exceed k_min={self.k_min} units; got {len(pool)}; change either")

    def ask(self, state: frozenset[T]) -> float:
        """The energy of a state; +inf forbids it."""
        if state not in self.visited:
            value = float(self.energy(state))
            if math.isnan(value) or value == -math.inf:
                raise UserError(f"energy must be a number or +inf; got {value} for {set(state)}; mend it")
            if not self.visited or value < self.visited[self.best]:
                self.best = state
            self.visited[state] = value
        return self.visited[state]

    def first(self, start: frozenset[T] | None) -> frozenset[T]:
        """The caller's start if it is a state; else one uniform in its count, then among its subsets."""
        if start is None:
            return frozenset(self.rng.sample(self.pool, self.rng.randint(self.k_min, self.k_max)))
        if strangers := set(start) - set(self.pool):
            raise UserError(f"start must be drawn from the pool; it also holds {strangers}; remove them")
        if not self.k_min <= len(start) <= self.k_max:
            band = f"{self.k_min} to {self.k_max}"
            raise UserError(f"start must hold {band} units; got {len(start)}; change start or the band")
        return start

    def flip(self, state: frozenset[T]) -> T:
        """The unit to flip next: uniform among those that keep the count within the band."""
        while True:
            unit = self.rng.choice(self.pool)
            if self.k_min <= len(state) + (-1 if unit in state else 1) <= self.k_max:
                return unit

    def climbs(self, state: frozenset[T], wanted: int) -> list[Climb]:
        """The uphill moves met by a random walk from a state; fewer than wanted where little climbs."""
        found: list[Climb] = []
        for _ in range(PATIENCE * wanted):
            candidate = state ^ {self.flip(state)}
            before, after = self.ask(state), self.ask(candidate)
            if before < after < math.inf:  # +inf is never accepted, so it says nothing about T0
                found.append((before, after))
            if len(found) == wanted:
                break
            state = candidate if after < math.inf else state
        return found


def anneal(
    energy: Energy[T],
    pool: Sequence[T],
    schedule: Schedule,
    *,
    seed: int = 0,
    start: frozenset[T] | None = None,
    on_step: Callable[[Step], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trace[T]:
    """Search the subsets of a pool for one of low energy.

    Each state is asked once, as energies are slow; +inf forbids a state. Units are hashable and distinct.
    Without `start` the first state is uniform in its count, then uniform among the subsets of that count.

    The trace depends on nothing but (energy, pool with its order, schedule, seed, start); `seconds` only
    cuts it short, to a prefix. So a killed search is resumed by calling again with an energy that remembers:
    the replay is identical and asks nothing twice. What `energy` or `on_step` raises passes through.

    Raises:
        UserError: the pool is too small or repeats a unit, start is no state, an energy is NaN or -inf.
    """
    began = clock()
    rng = random.Random(f"fairhub.annealing {seed}")  # text is hashed: -1 and 1 differ, and so do modules
    land = _Landscape(energy, pool, schedule, rng)
    state = land.first(start)
    initial_energy = land.ask(state)
    climbs = [] if schedule.walk else land.climbs(state, schedule.uphill)
    initial = math.inf if schedule.walk else first_temperature(climbs, schedule.acceptance)
    steps: list[Step] = []
    for index in range(schedule.restarts * schedule.steps):
        if schedule.seconds is not None and clock() - began >= schedule.seconds:
            break
        restart, i = divmod(index, schedule.steps)
        state = land.best if restart and i == 0 else state
        unit, temperature = land.flip(state), schedule.temperature(initial, i)
        accepted = _accepts(land.ask(state), land.ask(state ^ {unit}), temperature, rng)
        state = state ^ {unit} if accepted else state
        energies = land.ask(state), land.ask(land.best)
        steps.append(Step(*energies, accepted, temperature, len(state), unit, restart))
        if on_step is not None:
            on_step(steps[-1])
    chances = [math.exp((low - high) / initial) for low, high in climbs] or [1.0]
    best, chance = land.best, sum(chances) / len(chances)
    return Trace(tuple(steps), best, land.ask(best), initial_energy, initial, chance, land.visited)


def pareto(points: Mapping[frozenset[T], tuple[float, float]]) -> list[frozenset[T]]:
    """The states no other state beats: none is as low in both objectives and lower in one.

    Sorted by the second objective; equal points are all kept, in the order given. NaN raises UserError.
    """
    if any(math.isnan(value) for point in points.values() for value in point):
        raise UserError("objectives must be numbers; got NaN; leave out what was not measured")
    front: list[frozenset[T]] = []
    for state in sorted(points, key=lambda state: points[state][::-1]):
        if not front or points[state][0] < points[front[-1]][0] or points[state] == points[front[-1]]:
            front.append(state)
    return front


def _accepts(before: float, after: float, temperature: float, rng: random.Random) -> bool:
    """Metropolis: downhill always, uphill with chance exp(-dE/T); +inf never."""
    if after <= before or after == math.inf:
        return after < math.inf
    return temperature > 0 and rng.random() < math.exp((before - after) / temperature)


def first_temperature(climbs: Sequence[Climb], acceptance: float) -> float:
    """The T that solves sum exp(-high/T) / sum exp(-low/T) = acceptance; 0 without climbs.

    Ben-Ameur's equation, by bisection: his iteration needs a first guess on the scale of the energies.
    """
    if not climbs:
        return 0.0
    ground = min(low for low, _ in climbs)  # keeps exp within range; cancels
    scales = [(high - low) / -math.log(acceptance) for low, high in climbs]
    cold, hot = min(scales), max(scales)  # at these every climb is accepted too seldom, or often enough
    for _ in range(60):  # halvings: beyond the precision of a float
        middle = math.sqrt(cold) * math.sqrt(hot)
        met = sum(math.exp((ground - low) / middle) for low, _ in climbs)
        taken = sum(math.exp((ground - high) / middle) for _, high in climbs)
        cold, hot = (middle, hot) if taken < acceptance * met else (cold, middle)
    return hot


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
