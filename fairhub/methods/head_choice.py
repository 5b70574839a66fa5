"""Rankings of heads turned into a repair: how many go is fixed, or chosen on select within the budget."""

from collections.abc import Mapping, Sequence

import numpy as np

from fairhub.compute.engine import Engine, fast_matmul, token_loss
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs.probes import CONTROL, stratified
from fairhub.methods.choosing import choose_from
from fairhub.methods.keeping import stays
from fairhub.methods.outcome import Outcome
from fairhub.model.units import Pruning, Unit
from fairhub.run.folder import digest
from fairhub.search.task import Plan, Task

SHARES = tuple(step / 50 for step in range(1, 11))
"""FASP's grid of alpha, the share of heads removed: 0.02 to 0.2."""


KEPT, PROBES, BATCHES = 5, 48, 2
"""Candidates measured on all of select; pairs of select and batches of text on which more are looked at first."""


def counts(heads: int, plan: Plan) -> list[int]:
    """Return how many of the model's heads to try removing: `plan.units`, or FASP's grid up to `plan.most`."""
    if plan.units is not None:
        return [plan.units]
    return sorted({max(1, int(heads * share)) for share in SHARES if int(heads * share) <= plan.most})


def pick(
    task: Task, plan: Plan, rankings: Mapping[float, Sequence[Unit]], heads: int, reliability: dict[str, float]
) -> Outcome:
    """Choose among the first k heads of each ranking on select; never healed, as the papers do not.

    With `plan.units` the candidate with the lowest bias on select is taken, whatever it costs: a comparison at equal
    k. Without, only candidates within the budget whose bias surely falls, as in the default recipe.

    Args:
        task: What may be looked at.
        plan: The dials.
        rankings: By gamma (or 0 where there is none), the heads that may go, first to go first.
        heads: How many heads the model has.
        reliability: For the report.

    Raises:
        UserError: More heads are to go than any ranking has.
    """
    candidates: dict[Pruning, float] = {}
    for gamma, ranking in rankings.items():
        for count in counts(heads, plan):
            if count <= len(ranking):
                candidates.setdefault(frozenset(ranking[:count]), gamma)
    if plan.units is not None and (plan.units < 1 or plan.units >= heads or not candidates):
        raise UserError(f"units must leave heads standing; got {plan.units} of {heads}; ask for fewer with --units")
    looked = _screened(task, plan, list(candidates))
    asked = [(units, None) for units in looked]
    price = plan.units is not None
    chosen, tried = choose_from(
        task, plan, asked, lambda units, _: Repair(units), at_any_price=price, stays=stays(task, plan)
    )
    choices = [t.entry(t is chosen) | {"gamma": candidates[t.pruning]} for t in tried]
    repair = chosen and Repair(chosen.pruning)
    return Outcome(repair or Repair(), None, {}, reliability, choices)


def _screened(task: Task, plan: Plan, candidates: Sequence[Pruning]) -> list[Pruning]:
    """Return at most `KEPT` candidates, by a look at few pairs: those that seem affordable, least bias first.

    Where a number of heads was asked for, whatever it costs, the cost is not looked at.

    The text is that of search: on the text of select the budget's promise is tested, which a look would spoil.
    """
    if len(candidates) <= KEPT:
        return list(candidates)
    probes = stratified((p for p in task.select if p.axis != CONTROL), PROBES)
    asked = [frozenset(), *candidates]

    def measured() -> dict[str, np.ndarray]:
        bar = task.progress("looking at part of select", 2 * len(asked))
        with fast_matmul():
            bias = Engine(task.model, task.batched(probes))
            loss = Engine(task.model, task.text[:BATCHES], token_loss)
            return {name: e.values(asked, bar).mean(1) for name, e in (("bias", bias), ("loss", loss))}

    found = task.run.arrays(f"heads_look_at_{digest(*(sorted(c) for c in candidates))}", measured)
    cost = np.expm1(found["loss"] - found["loss"][0])[1:]
    budget = plan.budget if plan.units is None else np.inf
    dear = np.maximum(cost - budget, 0.0)  # what is over the budget comes last, the dearest at the very end
    order = sorted(range(len(candidates)), key=lambda i: (dear[i], found["bias"][1 + i]))
    return [candidates[i] for i in order[:KEPT]]
