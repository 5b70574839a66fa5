"""The ablations: the same energy lowered without surrogates: annealing the real model, a random walk, and greedily."""

from collections.abc import Callable, Sequence

from fairhub.model.units import Pruning, Unit
from fairhub.search.annealing import Schedule, anneal
from fairhub.search.surrogate.masks import Band

_UPHILL = 3  # uphill moves to collect for T0: each costs about two measurements
Measured = Callable[[Pruning], float]


class _Spent(Exception):
    """The measurements allowed are used up."""


def direct(energy: Measured, heads: Sequence[Unit], band: Band, count: int, seed: int, walk: bool) -> float | None:
    """Anneal the real model, or walk at random; return the lowest energy met in `count` measurements (None for 0).

    Args:
        energy: Measures a mask on the real model.
        heads: The bits.
        band: Counts allowed.
        count: Measurements allowed.
        seed: Of the moves.
        walk: Accept every move.
    """
    met: list[float] = []

    def counted(mask: Pruning) -> float:
        if len(met) >= count:
            raise _Spent
        met.append(energy(mask))  # the annealer asks each state once
        return met[-1]

    schedule = Schedule(steps=max(1, 2 * count), k_min=band.k_min, k_max=band.k_max, uphill=_UPHILL, walk=walk)
    try:
        anneal(counted, list(heads), schedule, seed=seed)
    except _Spent:
        pass
    return min(met, default=None)


def greedy(energy: Measured, ranked: Sequence[Unit], band: Band, count: int) -> float | None:
    """Take heads in the order of a ranking, each kept where the energy falls; return the lowest met (None for 0).

    Args:
        energy: Measures a mask on the real model.
        ranked: Heads, most promising first.
        band: Counts allowed.
        count: Measurements allowed.
    """
    kept: Pruning = frozenset()
    lowest: float | None = None
    for head in ranked[:count]:
        if len(kept) == band.k_max:
            break
        value = energy(kept | {head})
        if lowest is None or value < lowest:
            kept, lowest = kept | {head}, value
    return lowest
