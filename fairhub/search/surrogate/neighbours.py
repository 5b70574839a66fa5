"""What slopes at each measured mask promise of its neighbours: a head more, less or another, first-order right there.

Two heads that only work together show in no mask that was measured, and surrogates of all masks shrink what single ones
say; the slopes at a mask that holds one of the two name the other outright.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fairhub.model.units import Pruning
from fairhub.search.surrogate.labelled import Labelled
from fairhub.search.surrogate.masks import Band, bits
from fairhub.search.surrogate.objective import TARGETS, Forecast, Objective

if TYPE_CHECKING:  # recipes import the surrogates, not the other way round
    from fairhub.search.task import Plan


def promised(
    known: Labelled, objectives: Sequence[Objective], base_loss: float, plan: "Plan", band: Band, most: int
) -> list[tuple[int, Pruning, float]]:
    """Return neighbours of measured masks that were not measured, those that promise most first.

    What a neighbour promises is how far it would fall below all that was measured, in spreads of that energy over it;
    those that would not fall are left out.

    Args:
        known: Masks with labels; those without slopes have no neighbours here.
        objectives: What is lowered.
        base_loss: Of the base model, nats a token.
        plan: Budget and exchange of the energies.
        band: Counts allowed.
        most: How many are wanted, each another mask.

    Returns:
        The number of the objective, the mask and its promised energy.
    """
    every = known.masks()
    sloped = [mask for mask in every if known.labels[mask].slopes is not None]
    if not sloped:
        return []
    moves, forecast = _neighbours(known, sloped, band)
    measured = known.measured()
    found: list[tuple[float, int, int, float]] = []
    for number, objective in enumerate(objectives):
        now = objective.values(measured, base_loss, plan)
        energy = objective.values(forecast, base_loss, plan)
        fall = (now.min() - energy) / max(float(now.std()), 1e-9)
        rows = np.flatnonzero(fall > 0)
        best = rows[np.argsort(-fall[rows], kind="stable")[: most + len(every)]]  # some of them are measured already
        found += [(-float(fall[row]), number, int(row), float(energy[row])) for row in best]
    chosen: dict[Pruning, tuple[int, Pruning, float]] = {}
    for _, number, row, energy_ in sorted(found):
        mask = sloped[moves[row, 0]] ^ {known.heads[head] for head in moves[row, 1:] if head >= 0}
        if mask not in known.labels:
            chosen.setdefault(mask, (number, mask, energy_))
        if len(chosen) == most:
            break
    return list(chosen.values())


def _neighbours(known: Labelled, masks: Sequence[Pruning], band: Band) -> tuple[np.ndarray, Forecast]:
    """Return the moves that lead to neighbours within the band, and what slopes forecast of each.

    A move is [mask, head that is flipped, head that comes back or -1], [moves, 3]: a mask that is full takes another
    head for each of its own.
    """
    x = bits(masks, known.heads) > 0
    size = x.sum(1)
    sign = np.where(x, -1.0, 1.0)  # a head that comes back takes its slope away again
    grown = size[:, None] + sign
    row, head = np.nonzero((band.k_min <= grown) & (grown <= band.k_max))
    moves = [np.column_stack([row, head, np.full(len(row), -1)])]
    for full in np.flatnonzero(size >= band.k_max):
        out, into = np.flatnonzero(x[full]), np.flatnonzero(~x[full])
        pairs = np.column_stack([np.tile(into, len(out)), np.repeat(out, len(into))])
        moves.append(np.column_stack([np.full(len(pairs), full), pairs]))
    every = np.concatenate(moves)
    row, head, back = every.T
    labels = [known.labels[mask] for mask in masks]
    values, slopes = known.scale.measured(labels), [known.scale.slopes(label) for label in labels]
    parts = []
    for name in TARGETS:
        steps = sign * np.array([getattr(one, name) for one in slopes])
        parts.append(getattr(values, name)[row] + steps[row, head] + np.where(back < 0, 0.0, steps[row, back]))
    return every, Forecast(*parts)
