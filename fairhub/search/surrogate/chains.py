"""Thousands of annealing chains side by side on the surrogates: NeuFair's annealer, a step of all chains at once.

Flips, acceptance, cooling and the first temperature are those of `fairhub.search.annealing` (Dasu et al. 2024;
Ben-Ameur 2004), drawn for all chains together; each objective has its own temperature, as energies differ in scale.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairhub.search.annealing import Schedule, first_temperature
from fairhub.search.surrogate.landscape import Landscape
from fairhub.search.surrogate.walkers import Walkers

_CLIMBS = 1000  # uphill moves of an objective from which its first temperature is solved
_WARM = 80  # steps at T0, over the second half of which acceptance is counted
_PARTNERS = 24  # heads that swaps are tried with on the way downhill
_STEP = 1e-6  # float32 tells no smaller steps apart
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


def anneal_chains(
    land: Landscape, schedule: Schedule, chains: int, seed: int, starts: Sequence[np.ndarray] = ()
) -> Annealed:
    """Anneal `chains` chains for every objective, then follow the best states downhill.

    Logarithmic cooling never freezes (after 1,000 steps T is a seventh of T0), so the best states that chains visit
    lie on slopes; the descent at the end, over all single flips and the best swaps, stops at local optima of the
    surrogates. It is ours, not NeuFair's. `restarts` and `seconds` of the schedule are not used.

    Args:
        land: Energies of masks.
        schedule: Steps, band, acceptance and cooling.
        chains: Chains an objective.
        seed: Of all draws.
        starts: For each objective masks [masks, bits] that every other chain starts from, as cool as all end: at T0 it
            would forget them. Without, all are drawn.
    """
    walkers = Walkers(land, schedule.k_min, schedule.k_max, chains, np.random.default_rng([seed, 2024]), starts)
    initial = _first_temperatures(walkers, schedule, chains)
    held = initial[walkers.objective]
    acceptance = _acceptance(walkers, held)
    walkers.restart()
    last = schedule.temperature(1.0, schedule.steps)
    course = np.empty((5, len(initial), schedule.steps))
    for step in range(schedule.steps):
        cooled = schedule.temperature(1.0, step)
        taken = walkers.step(held * np.where(walkers.begun, last, cooled))[2]
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
    """Take the best flip within the band, or where no flip helps the best swap, until none is better."""
    low, high = max(schedule.k_min, 0), min(schedule.k_max, land.bits)

    def lowest(near: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        energy = land.energies(land.lifted(near), np.full(len(near), objective))
        size = near.sum(1)
        within = np.where((size < low) | (size > high), math.inf, energy)
        return near[within.argmin()], float(within.min()), energy

    energy = lowest(state[None])[1]
    while True:
        better, value, flipped = lowest(state ^ np.eye(land.bits, dtype=bool))
        if not value < energy - _STEP:
            if not (near := _swaps(state, flipped)).size:
                return state, energy
            better, value, _ = lowest(near)
        if not value < energy - _STEP:
            return state, energy
        state, energy = better, value


def _swaps(state: np.ndarray, flipped: np.ndarray) -> np.ndarray:
    """Return masks that have one head back and one of the most promising others gone, [masks, bits].

    Args:
        state: [bits].
        flipped: [bits] energy after each flip.
    """
    gone = np.flatnonzero(state)
    others = np.flatnonzero(~state)
    others = others[np.argsort(flipped[others], kind="stable")[:_PARTNERS]]
    near = np.repeat(state[None], len(gone) * len(others), axis=0)
    rows = np.arange(len(near))
    near[rows, np.repeat(gone, len(others))] = False
    near[rows, np.tile(others, len(gone))] = True
    return near
