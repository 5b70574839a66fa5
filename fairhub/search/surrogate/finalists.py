"""Finalists: the best masks of a search, measured again on probes and text that it never asked."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fairhub.model.units import Pruning
from fairhub.search.annealing import pareto
from fairhub.search.surrogate.labelled import Labelled, Scale, scale_of
from fairhub.search.surrogate.labels import Label, Meter
from fairhub.search.surrogate.objective import RISES, Forecast, Objective

if TYPE_CHECKING:  # recipes import the surrogates, not the other way round
    from fairhub.search.task import Plan

EACH = 3
"""Masks kept for each rise and each energy."""


@dataclass(frozen=True, eq=False)
class Finalists:
    """The best masks and all that was measured of them."""

    masks: list[Pruning]
    measured: Forecast
    """On fresh probes and text where time allowed, else on those of the search."""
    confirmed: bool

    def best_within(self, rise: float) -> Pruning | None:
        """Return the mask with the least bias on the Pareto front whose log-perplexity rose by no more (nats)."""
        points = zip(self.measured.bias.tolist(), self.measured.loss.tolist(), strict=True)
        placed = dict(zip(self.masks, points, strict=True))
        within = [mask for mask in pareto(placed) if placed[mask][1] <= rise]
        return within[-1] if within and placed[within[-1]][0] < 0 else None  # sorted by loss, so the last is lowest

    def along(self, budget: float) -> list[Pruning]:
        """Return the masks with the least bias up to each rise of a budget of perplexity, cheap to dear."""
        some = [self.best_within(math.log1p(budget * budgets)) for budgets in RISES]
        return list(dict.fromkeys(mask for mask in some if mask))


def shortlist(known: Labelled, objectives: Sequence[Objective], base_loss: float, plan: "Plan") -> list[Pruning]:
    """Return the masks worth a second look: least bias up to each rise, and the best by other energies."""
    masks, measured = list(known.labels), known.measured()
    chosen: dict[Pruning, None] = {}
    for budgets in RISES:
        order = [
            i for i in np.argsort(measured.bias, kind="stable") if measured.loss[i] <= math.log1p(plan.budget * budgets)
        ]
        chosen |= dict.fromkeys(masks[i] for i in order[:EACH] if measured.bias[i] < 0)
    for objective in objectives:
        if objective.energy == "robust" or objective.epsilon == plan.epsilon:
            order = np.argsort(objective.values(measured, base_loss, plan), kind="stable").tolist()
            chosen |= dict.fromkeys(masks[i] for i in order[:EACH] if measured.bias[i] < 0)
    return list(chosen)


def confirm(known: Labelled, fresh: Meter, masks: Sequence[Pruning], go_on: Callable[[], bool]) -> Finalists:
    """Measure masks anew, on the fresh meter's probes and text: what the search found by chance does not show there.

    The best of hundreds of masks on two dozen probes and a few hundred tokens is partly luck, so that the search's own
    labels no longer count. Where time is short, what was not measured again is left out, and where none was, the
    search's own labels must do.
    """
    again: dict[Pruning, Label] = {}
    base = None
    for mask in masks:
        if not go_on():
            break
        base = base or fresh(frozenset())
        again[mask] = fresh(mask)
    if base is None:
        return Finalists(list(masks), known.scale.measured([known.labels[mask] for mask in masks]), False)
    scale: Scale = scale_of(base, fresh.probes, known.scale.kappa)
    return Finalists(list(again), scale.measured(list(again.values())), True)
