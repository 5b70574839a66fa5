"""Rankings of heads turned into a repair: how many go is fixed, or chosen on select within the budget."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fairhub.errors import UserError
from fairhub.measure import Repair
from fairhub.methods.choosing import choose
from fairhub.methods.task import Outcome, Plan, Task
from fairhub.surgery import Pruning, Unit

SHARES = tuple(step / 50 for step in range(1, 11))
"""FASP's grid of alpha, the share of heads removed: 0.02 to 0.2."""


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
    chosen, tried = choose(task, replace(plan, heal=False), list(candidates), lambda units, _: Repair(units))
    if plan.units is not None:
        chosen = min(tried, key=lambda t: t.point.bias)
    choices = [t.entry(t is chosen) | {"gamma": candidates[t.pruning]} for t in tried]
    repair = chosen and Repair(chosen.pruning)
    return Outcome(repair or Repair(), None, {}, reliability, choices)
