"""Attention Pruning (Dasu et al. 2025): heads chosen by annealing surrogate networks, winners measured for real."""

from dataclasses import replace
from typing import Any

from fairhub.edit.healing import Strength, refit
from fairhub.edit.repair import Repair
from fairhub.methods.choosing import choose, choose_from
from fairhub.methods.controls import ablations
from fairhub.methods.keeping import stays
from fairhub.methods.method import Method
from fairhub.methods.outcome import Outcome
from fairhub.methods.rebuild import moments_of, prices_of
from fairhub.model.units import Pruning
from fairhub.search.surrogate.objective import Objective, asked
from fairhub.search.surrogate.search import Search
from fairhub.search.task import Plan, Task


def attention_pruning(task: Task, plan: Plan) -> Outcome:
    """Search head masks with surrogates and try the winners on select, as they are: the paper only removes heads.

    The search lowers the energy that the plan asks for, and a sweep of all where it asks for none.

    A plan that heals tries them under a guard, and as they are where none helps; the report then says what the removal
    does alone and what the guard does alone. What the paper leaves open (counts, networks, bounds) is set in
    `fairhub.search.surrogate` and in the plan.
    """
    found = Search(task, plan)
    found.run()
    known = moments_of(task, ("head",))

    def build(pruning: Pruning, strength: Strength | None) -> Repair:
        return Repair(pruning, refit(task.model, known, pruning, strength) if strength else {})

    masks, may = found.finalists.along(plan.budget), stays(task, plan)
    if plan.heal:
        ends = list(dict.fromkeys([*masks[-1:], *masks[:1]]))
        chosen, tried = choose(task, plan, ends, build, bare=True, stays=may)
    else:
        chosen, tried = choose_from(task, plan, [masks] if masks else [], build, stays=may)
    judged = found.fidelity() if found.trained else {}
    outcome = Outcome(
        Repair(), None, _trace(found, judged, chosen.pruning if chosen else None),
        {f"labels_{name}": values["ceiling"] for name, values in judged.items() if "ceiling" in values},
        [t.entry(t is chosen) for t in tried],
    )  # fmt: skip
    if chosen is None:
        return outcome
    made = replace(outcome, repair=build(chosen.pruning, chosen.strength), strength=chosen.strength)
    if not plan.alternatives:
        return made
    prices = prices_of(task, known)
    return replace(made, ablations=ablations(task.model, known, prices, chosen.pruning, chosen.strength, plan.seed))


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
            **{f"{target}_network": kind for target, kind in found.surrogates.kinds.items()},
        },
        "fidelity": judged,
        "finalists": {"measured": len(found.finalists.masks), "on_fresh_probes": found.finalists.confirmed},
        "winners": {"rows": [winner.row() for winner in found.winners]},
        "searches": {"energy": _asked(found).name, "rows": found.other},
    }  # fmt: skip


def _asked(found: Search) -> Objective:
    return found.objectives[asked(found.plan, found.objectives)]


ATTENTION_PRUNING = Method(
    "attention_pruning",
    attention_pruning,
    "Attention Pruning (Dasu et al. 2025)",
    "Surrogate networks learn bias and perplexity from sampled sets of attention heads; simulated annealing "
    "searches the surrogates, and its winners are measured again on the model.",
    ("dasu2025attention",),
    anneals=True,
    heals=True,
    heavy=True,
    others=True,
)
