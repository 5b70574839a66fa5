"""Attention Pruning (Dasu et al. 2025): heads chosen by annealing surrogate networks, winners measured for real."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from fairhub.annealing import pareto
from fairhub.healing import Strength, price, refit
from fairhub.measure import Repair
from fairhub.methods.choosing import choose_from
from fairhub.methods.controls import ablations
from fairhub.methods.rebuild import moments_of
from fairhub.methods.task import Outcome, Plan, Task
from fairhub.surgery import Pruning
from fairhub.surrogate.objective import Objective, asked
from fairhub.surrogate.search import Search

_RISES = (1.0, 2.0, 4.0)
"""Rises of perplexity in search, in budgets, up to which the mask with the least bias is tried on select. Healing gives
back part of a rise, so masks beyond the budget are tried healed."""
_UNHEALED = 1.5  # budgets up to which a mask is tried as it is


def attention_pruning(task: Task, plan: Plan) -> Outcome:
    """Search head masks with surrogates, try winners on select, healed and not.

    The paper's system neither heals nor guards: candidates are pruned only, and where the plan allows healed plainly.
    What the paper leaves open (counts, networks, bounds) is set in `fairhub.surrogate` and in the plan.
    """
    found = Search(task, plan)
    found.run()
    known = moments_of(task)

    def build(pruning: Pruning, strength: Strength | None) -> Repair:
        return Repair(pruning, refit(task.model, known, pruning, strength) if strength else {})

    chosen, tried = choose_from(task, plan, _candidates(found, plan), build)
    judged = found.fidelity() if found.trained else {}
    outcome = Outcome(
        Repair(), None, _trace(found, judged, chosen.pruning if chosen else None),
        {f"labels_{name}": values["ceiling"] for name, values in judged.items() if "ceiling" in values},
        [t.entry(t is chosen) for t in tried],
    )  # fmt: skip
    if chosen is None:
        return outcome
    others = ablations(task.model, known, price(task.model, known), chosen.pruning, chosen.strength, plan.seed)
    return replace(outcome, repair=build(chosen.pruning, chosen.strength), strength=chosen.strength, ablations=others)


def _candidates(found: Search, plan: Plan) -> list[tuple[Pruning, Strength | None]]:
    """Return what select is asked: points of the measured Pareto front, and the best mask by the plan's energy."""
    masks = list(found.known.labels)
    if not masks:
        return []
    measured = found.known.measured()
    points = dict(zip(masks, zip(measured.bias.tolist(), measured.loss.tolist(), strict=True), strict=True))
    front = pareto(points)
    chosen: dict[Pruning, None] = {}
    for budgets in _RISES if plan.heal else _RISES[:1]:
        within = [mask for mask in front if points[mask][1] <= math.log1p(plan.budget * budgets)]
        chosen |= dict.fromkeys(within[-1:])  # the front is sorted by loss: the last has the least bias
    wanted = found.energies(found.objectives[asked(plan, found.objectives)], masks)
    chosen[masks[int(np.argmin(wanted))]] = None
    some = [mask for mask in chosen if points[mask][0] < 0]
    cheap = [m for m in some if points[m][1] <= math.log1p(plan.budget * _UNHEALED)] if plan.heal else some
    return [(mask, None) for mask in cheap] + [(mask, Strength(guard=0)) for mask in some if plan.heal]


def _trace(found: Search, judged: dict[str, dict[str, float]], chosen: Pruning | None) -> dict[str, Any]:
    """Return the course of the annealing that found the chosen mask, and how far the surrogates can be trusted."""
    if not found.trained:
        return {}
    own = [winner.objective for winner in found.winners if winner.mask == chosen]
    number = found.objectives.index(own[0]) if own else asked(found.plan, found.objectives)
    names = ("energy", "best", "accepted", "size", "temperature")
    course = dict(zip(names, found.annealed.course[:, number].tolist(), strict=True))
    energy = judged.get("energy", {})
    return course | {
        "annealed": found.objectives[number].name,
        "initial_temperature": float(found.annealed.temperature[number]),
        "acceptance_at_start": float(found.annealed.acceptance[number]),
        "surrogate": {
            "spearman": energy.get("spearman"), "r2": energy.get("r2"), "ceiling": energy.get("ceiling"),
            "masks": len(found.known.labels), "speedup": found.speedup(),
            "test_masks": len(found.known.masks("test")),
            "bias_network": found.pair.bias.kind, "loss_network": found.pair.loss.kind,
        },
        "fidelity": judged,
        "winners": {"rows": [winner.row() for winner in found.winners]},
        "searches": {"energy": _asked(found).name, "rows": found.other},
    }  # fmt: skip


def _asked(found: Search) -> Objective:
    return found.objectives[asked(found.plan, found.objectives)]
