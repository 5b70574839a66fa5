"""Energies to search without a model: rugged ones, counted ones, and how often a chain climbs them."""

import itertools
import math
import random

POOL = [f"unit{i}" for i in range(10)]


def rugged(pool, seed):
    """Energies with a term for each unit and each pair: no unit's worth can be known alone."""
    rng = random.Random(seed)
    single = {unit: rng.gauss(0, 1) for unit in pool}
    pairs = {pair: rng.gauss(0, 1) for pair in itertools.combinations(pool, 2)}

    def energy(state):
        inside = [unit for unit in pool if unit in state]
        return sum(single[u] for u in inside) + sum(pairs[p] for p in itertools.combinations(inside, 2))

    return energy


def subsets(pool, low, high):
    return [frozenset(s) for k in range(low, high + 1) for s in itertools.combinations(pool, k)]


class Counted:
    """An energy that lists what it was asked, and fails from the n-th question on."""

    def __init__(self, energy, limit=math.inf, known=None):
        self.energy, self.limit, self.known, self.asked = energy, limit, dict(known or {}), []

    def __call__(self, state):
        if state not in self.known:
            if len(self.asked) >= self.limit:
                raise RuntimeError("killed")
            self.asked.append(state)
            self.known[state] = self.energy(state)
        return self.known[state]


def uphill_acceptance(energy, low, high, temperature, proposals=40_000, pool=POOL):
    """Monte Carlo, written apart: the share of uphill proposals that a chain at this temperature takes."""
    rng, state, met, taken = random.Random(99), set(pool[:low]), 0, 0
    memo = {s: energy(s) for s in subsets(pool, low, high)}
    for _ in range(proposals):
        around = [state ^ {unit} for unit in pool if low <= len(state ^ {unit}) <= high]
        new = rng.choice(around)
        rise = memo[frozenset(new)] - memo[frozenset(state)]
        met += rise > 0
        if rise <= 0 or rng.random() < math.exp(-rise / temperature):
            taken += rise > 0
            state = new
    return taken / met
