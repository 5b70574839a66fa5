"""Rankings of heads turned into a repair: how many go is fixed, or chosen on select within the budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairhub.compute.engine import Engine, fast_matmul, token_loss
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs.probes import CONTROL, stratified
from fairhub.methods.dials import Setting, front
from fairhub.methods.outcome import Outcome
from fairhub.model.units import Pruning, Unit
from fairhub.report.wording import amount, percent
from fairhub.run.folder import digest
from fairhub.search.task import Plan, Task

SHARES = tuple(step / 50 for step in range(1, 11))
"""FASP's grid of alpha, the share of heads removed: 0.02 to 0.2."""
_FEWER = (1, 2, 3)
"""Counts below that grid, which is coarse for a model of hundreds of heads and a budget of a few percent."""

KEPT, LAST, PROBES, BATCHES = 2, 3, 48, 2
"""Rankings that are measured on all of select, with so many of their counts; pairs of select and batches of text on
which all are looked at first."""


def counts(heads: int, plan: Plan) -> list[int]:
    """Return how many of the model's heads to try removing: `plan.units`, or FASP's grid up to `plan.most`.

    Below the grid a few heads are tried too.
    """
    if plan.units is not None:
        return [plan.units]
    grid = {max(1, int(heads * share)) for share in SHARES if int(heads * share) <= plan.most}
    return sorted(grid | {count for count in _FEWER if count < max(1, int(heads * SHARES[0]))})


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
    looked = _looked(task, plan, candidates)
    sequences = [
        [_setting(frozenset(rankings[gamma][:count]), gamma) for count in counts(heads, plan) if count <= most][-LAST:]
        for gamma, most in looked.kept.items()
    ]
    found = front(task, plan, sequences, at_any_price=plan.units is not None)
    trace = found.told() | ({"looked": {"rows": looked.rows}} if looked.rows else {})
    made = Repair(found.chosen.pruning if found.chosen else frozenset())
    return Outcome(made, None, trace, reliability, found.choices)


def _setting(pruning: Pruning, gamma: float) -> Setting:
    protected = f", {100 * gamma:g} % protected" if gamma else ""
    return Setting(f"{amount(len(pruning), 'head')}{protected}", pruning)


@dataclass(frozen=True)
class _Looked:
    """What a look at few pairs left of many candidates, and what it saw of all."""

    kept: dict[float, int]
    """By gamma, how many heads of its ranking are measured at most; the most promising first."""
    rows: list[dict[str, Any]]
    """For the report, a row a candidate; none where there was no need to look."""


def _looked(task: Task, plan: Plan, candidates: Mapping[Pruning, float]) -> _Looked:
    """Look at few pairs, and keep the rankings whose candidates seem affordable and leave the least bias.

    Where a number of heads was asked for, whatever it costs, the cost is not looked at.

    The text is that of search: on the text of select the budget's promise is tested, which a look would spoil.
    """
    if len(set(candidates.values())) == 1 and plan.units is not None:
        return _Looked({gamma: len(pruning) for pruning, gamma in candidates.items()}, [])
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
    bias = found["bias"][1:] / found["bias"][0] - 1
    rows = [
        {"setting": _setting(pruning, gamma).words, "bias": percent(gain), "perplexity": percent(paid)}
        for (pruning, gamma), gain, paid in zip(candidates.items(), bias.tolist(), cost.tolist(), strict=True)
    ]
    budget = plan.budget if plan.units is None else np.inf
    dear = np.maximum(cost - budget, 0.0)  # what is over the budget comes last, the dearest at the very end
    kept: dict[float, int] = {}
    for pruning, gamma in (list(candidates.items())[i] for i in np.lexsort((bias, dear))):
        if len(kept) < KEPT:
            kept.setdefault(gamma, len(pruning))
    return _Looked(kept, rows)
