"""The strongest guard that a budget allows, found in few measurements: each costs a forward over all select text."""

import math
from collections.abc import Callable, Mapping, Sequence

_POWER = 1.5  # how a price grows with the guard until two are known; those seen grew with powers of 1.3 to 2.8
_FURTHEST = 4.0  # no guess is further from what is known than this factor
_GUESSES = 4  # after as many, what is left is halved


def strongest(burden: Callable[[int], float], near: int, guards: Sequence[float]) -> int | None:
    """Return the place of the last guard whose burden is at most 1, None where there is none.

    The burden grows with the guard. The next guard asked is the last below where a power of the guard through two known
    burdens reaches 1 (the rule of false position, in logarithms), and the one above the last known to be allowed where
    that is known already.

    Args:
        burden: Measures the guard at a place.
        near: The place to begin at.
        guards: Strengths above 0, each stronger than the one before.
    """
    assert all(guard > 0 for guard in guards), guards
    known: dict[int, float] = {}
    low, high, at = -1, len(guards), near
    while high - low > 1:
        known[at] = burden(at)
        low, high = (at, high) if known[at] <= 1 else (low, at)
        guess = (low + high) // 2 if len(known) >= _GUESSES else _below_crossing(known, guards)
        at = min(max(guess, low + 1), high - 1)
    return low if low >= 0 else None


def _below_crossing(known: Mapping[int, float], guards: Sequence[float]) -> int:
    """Return the place of the last guard that is expected to have a burden of at most 1; -1 where none is."""
    points = [(math.log(guards[place]), math.log(max(price, 0.05))) for place, price in known.items()]
    points.sort(key=lambda point: abs(point[1]))  # the two whose burdens are nearest to 1
    (strength, price), *others = points
    power = _POWER
    if others:
        (other, paid), *_ = others
        power = max((price - paid) / (strength - other), 0.5)
    reach = math.log(_FURTHEST)
    crossing = strength + min(max(-price / power, -reach), reach)
    return sum(math.log(guard) <= crossing + 1e-9 for guard in guards) - 1
