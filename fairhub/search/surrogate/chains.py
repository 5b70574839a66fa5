"""Thousands of annealing chains side by side on the surrogates: NeuFair's annealer, a step of all chains at once.

Moves, acceptance, cooling and the first temperature are those of `fairhub.search.annealing` (Dasu et al. 2024;
Ben-Ameur 2004), drawn for all chains together; each objective has its own temperature, as energies differ in scale.
"""

import math
from dataclasses import dataclass

import numpy as np

from fairhub.search.annealing import Schedule, first_temperature
from fairhub.search.surrogate.landscape import Landscape
from fairhub.search.surrogate.walkers import Walkers

_CLIMBS = 1000  # uphill moves of an objective from which its first temperature is solved
_WARM = 80  # steps at T0, over the second half of which acceptance is counted
_FINALISTS = 12  # best states of an objective that are followed downhill


@dataclass(frozen=True, eq=False)
class Annealed:
    """What the chains found."""

    states: np.ndarray
    """[finalists, bits] bool: distinct local optima by objective, best first."""
    objective: np.ndarray
    """[finalists] number of the objective each was found for."""
    energy: np.ndarray
    """[finalists] on the surrogates."""
    temperature: np.ndarray
    """[objectives] T0."""
    acceptance: np.ndarray
    """[objectives] share of uphill moves that the chains took while they were held at T0."""
    course: np.ndarray
    """[5, objectives, steps]: median energy of the chains, best so far, share that moved, mean size, temperature."""


def anneal_chains(land: Landscape, schedule: Schedule, chains: int, seed: int) -> Annealed:
    """Anneal `chains` chains for every objective, then follow the best states downhill.

    Logarithmic cooling never freezes (after 1,000 steps T is a seventh of T0), so the best states that chains visit
    lie on slopes; the descent at the end, over all single flips, stops at local optima of the surrogates. It is ours,
    not NeuFair's. `restarts` and `seconds` of the schedule are not used.
    """
    walkers = Walkers(land, schedule.k_min, schedule.k_max, chains, np.random.default_rng([seed, 2024]))
    initial = _first_temperatures(walkers, schedule, chains)
    held = initial[walkers.objective]
    acceptance = _acceptance(walkers, held)
    course = np.empty((5, len(initial), schedule.steps))
    for step in range(schedule.steps):
        cooled = schedule.temperature(1.0, step)
        taken = walkers.step(held * cooled)[2]
        course[:, :, step] = *_told(walkers, taken, len(initial)), initial * cooled
    return Annealed(*_descended(land, walkers, schedule), initial, acceptance, course)


def _first_temperatures(walkers: Walkers, schedule: Schedule, chains: int) -> np.ndarray:
    """Walk, accepting everything, until every objective has met its uphill moves; solve for T0 by Ben-Ameur."""
    endless = np.full(len(walkers.objective), math.inf)
    count = len(walkers.land.objectives)
    climbs: list[list[tuple[float, float]]] = [[] for _ in range(count)]
    for _ in range(max(20, 4 * _CLIMBS // chains)):  # about half of the moves climb
        before, proposed, _ = walkers.step(endless)
        for number in np.flatnonzero([len(found) < _CLIMBS for found in climbs]):
            up = np.flatnonzero((walkers.objective == number) & (proposed > before))
            climbs[number] += zip(before[up].tolist(), proposed[up].tolist(), strict=True)
    return np.array([first_temperature(found[:_CLIMBS], schedule.acceptance) for found in climbs])


def _acceptance(walkers: Walkers, temperature: np.ndarray) -> np.ndarray:
    count = len(walkers.land.objectives)
    met, taken = np.zeros(count), np.zeros(count)
    for step in range(_WARM):
        before, proposed, accepted = walkers.step(temperature)
        if step >= _WARM // 2:
            up = proposed > before
            met += np.bincount(walkers.objective[up], minlength=count)
            taken += np.bincount(walkers.objective[up & accepted], minlength=count)
    return np.asarray(np.divide(taken, met, out=np.ones(count), where=met > 0))


def _told(walkers: Walkers, taken: np.ndarray, count: int) -> tuple[np.ndarray, ...]:
    energy, best, moved, size = (
        part.reshape(count, -1) for part in (walkers.energy, walkers.best_energy, taken, walkers.size)
    )
    return np.median(energy, 1), best.min(1), moved.mean(1), size.mean(1)


def _descended(land: Landscape, walkers: Walkers, schedule: Schedule) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct local optima below the chains' best states: states, objectives and energies."""
    states, objective, energy = [], [], []
    for number in range(len(land.objectives)):
        rows = np.flatnonzero(walkers.objective == number)
        rows = rows[np.argsort(walkers.best_energy[rows], kind="stable")]
        first = np.sort(np.unique(walkers.best[rows], axis=0, return_index=True)[1])[:_FINALISTS]
        low = [_downhill(land, state, number, schedule) for state in walkers.best[rows[first]]]
        kept = {state.tobytes(): (value, state) for state, value in low}
        for value, state in sorted(kept.values(), key=lambda found: (found[0], found[1].tobytes())):
            states.append(state)
            objective.append(number)
            energy.append(value)
    return np.array(states), np.array(objective), np.array(energy)


def _downhill(land: Landscape, state: np.ndarray, objective: int, schedule: Schedule) -> tuple[np.ndarray, float]:
    """Take the best single flip within the band until none is better."""
    state = state.copy()
    numbers = np.full(land.bits + 1, objective)
    while True:
        near = np.vstack([state, state ^ np.eye(land.bits, dtype=bool)])
        energy = land.energies(land.lifted(near), numbers)
        size = near.sum(1)
        energy[(size < schedule.k_min) | (size > schedule.k_max)] = math.inf
        lowest = int(energy.argmin())
        if lowest == 0 or not energy[lowest] < energy[0] - 1e-6:  # float32 tells no smaller steps apart
            return state, float(energy[0])
        state = near[lowest]
