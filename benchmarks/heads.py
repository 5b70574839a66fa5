"""Heads alone, nothing refitted: a search, the best within each budget by select, proved beside random heads.

    python benchmarks/heads.py [--model NAME] [--seconds N] [--more N] [--budgets SHARE,SHARE] [--out FOLDER]
                               [--json]

The search of `attention_pruning` runs for the largest budget, and goes on from what it knows for each smaller one. For
each budget the finalists are measured on search probes that the search never asked, then on select, where the largest
fall in the divergence of single pairs that surely lies within the budget is taken, as a repair takes it. These, and
three times as many heads drawn at random, are then measured on held_out, which chose nothing. What was measured stays
in the folder, so that a run that was cut short goes on.
"""

import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import options, tell

from fairhub.edit.repair import Repair
from fairhub.inputs.data import Data
from fairhub.inputs.probes import CONTROL
from fairhub.methods.choosing import choose_from
from fairhub.model.loading import Loaded, load
from fairhub.model.units import Pruning, Unit
from fairhub.pipeline import task_of
from fairhub.proof.prover import Prover
from fairhub.request import Request, data_of
from fairhub.run.folder import Run
from fairhub.search.surrogate.finalists import confirm, shortlist
from fairhub.search.surrogate.search import SHARES, Search
from fairhub.search.task import Plan, Task
from fairhub.stats import statistics
from fairhub.stats.statistics import Change

REACH = {0.02: -0.2, 0.05: -0.3}
"""What the divergence of held-out pairs is to fall by, by how much perplexity may rise."""
_DRAWN = 3


def main() -> None:
    """Search, choose, prove, print one object."""
    parser = options(__doc__)
    parser.add_argument("--seconds", type=float, default=1200.0, help="bound on the search")
    parser.add_argument("--more", type=float, default=300.0, help="seconds more for each smaller budget")
    parser.add_argument("--budgets", default="0.02,0.05", help="rises of perplexity that are allowed")
    parser.add_argument("--out", type=Path, default=Path("runs/heads"), help="where measurements are kept")
    asked = parser.parse_args()
    budgets = sorted(float(share) for share in asked.budgets.split(","))
    plan = Plan(budget=budgets[-1], seconds=asked.seconds, heal=False)
    found = measure(load(asked.model), plan, budgets, asked.out, asked.more)
    tell(found, asked.json, lambda f: "\n".join(map(str, f["detail"]["rows"])))


def measure(loaded: Loaded, plan: Plan, budgets: Sequence[float], out: Path, more: float = 300.0) -> dict[str, Any]:
    """Return the benchmark's object: name, value, reach, reached, detail."""
    data = data_of(Request("attention_pruning", plan=plan), loaded.tokenizer)
    task = task_of(loaded, data, Run(out, {"seconds": plan.seconds, "budgets": list(budgets)}, resume=out.exists()))
    found = Search(task, plan)
    found.look()
    rows, chosen = [], dict[float, Pruning]()
    for budget in reversed(budgets):
        narrower = replace(plan, budget=budget, seconds=(found.spent + more) / SHARES["rounds"])
        if budget < plan.budget:
            found.look_on(narrower)
        row, mask = _chosen(task, found, narrower)
        rows.append(row)
        if mask:
            chosen[budget] = mask
    for row in reversed(rows):
        row |= proved(loaded, data, task, found.heads, chosen, row["budget"]) if row["budget"] in chosen else {}
        print(row, file=sys.stderr, flush=True)
    reached = all(_reached(row) for row in rows if row["budget"] in REACH)
    return {
        "name": "divergence of held-out pairs at the largest budget, heads alone",
        "value": rows[0].get("divergence", [0.0])[0], "reach": REACH.get(budgets[-1]), "reached": reached,
        "detail": {"masks": len(found.known.labels), "seconds": found.spent, "rows": rows},
    }  # fmt: skip


def _chosen(task: Task, found: Search, plan: Plan) -> tuple[dict[str, Any], Pruning | None]:
    """Return the front of a budget on select, and the mask that is taken."""
    masks = shortlist(found.known, found.objectives, found.base_loss, plan)
    front = confirm(found.known, found.fresh, masks, lambda: True).along(plan.budget)
    best, tried = choose_from(task, plan, [front], lambda units, _: Repair(units)) if front else (None, [])
    row = {"budget": plan.budget, "select": [one.entry(one is best) for one in tried]}
    return row, best.pruning if best else None


def proved(
    loaded: Loaded, data: Data, task: Task, heads: Sequence[Unit], chosen: Mapping[float, Pruning], budget: float
) -> dict[str, Any]:
    """Return what the heads taken for a budget do on held_out, and as many at random, relative, with intervals."""
    mask = chosen[budget]
    rng = random.Random(f"heads {budget}")
    repairs = [Repair(), Repair(mask), *(Repair(frozenset(rng.sample(list(heads), len(mask)))) for _ in range(_DRAWN))]
    prover = Prover(loaded, data)
    probes = [probe for probe in data.proof[0] if probe.axis != CONTROL]
    templates = [probe.template for probe in probes]

    def compute() -> dict[str, np.ndarray]:
        part = prover.utility(repairs[2:], data.sizes.control_chunks).loss
        bias, loss = prover.divergences(probes, repairs), prover.utility(repairs[1:2]).loss
        return {"bias": bias, "loss": loss, "random loss": part}

    values = task.run.arrays(f"held_out_{budget:g}", compute)
    base, own, *others = values["bias"]
    drawn = np.mean(others, axis=0)
    documents, (before, *after) = data.documents["held_out"], [*values["loss"], *values["random loss"][1:]]
    costs = [statistics.change(before[: len(one)], one, documents[: len(one)], transform=np.exp) for one in after]
    return {
        "heads": sorted(f"{unit.layer}.{unit.index}" for unit in mask),
        "divergence": _told(statistics.change(base, own, templates)), "perplexity": _told(costs[0]),
        "random heads": [_told(statistics.change(base, other, templates)) for other in others],
        "their perplexity": [_told(cost) for cost in costs[1:]],
        "against them": _told(statistics.change(drawn, own, templates)),
    }  # fmt: skip


def _reached(row: Mapping[str, Any]) -> bool:
    """Whether the fall is as large as wanted, surely one, and surely below random heads'."""
    if "divergence" not in row:
        return False
    value, _, high = row["divergence"]
    return value <= REACH[row["budget"]] and high < 0 and row["against them"][2] < 0


def _told(change: Change) -> list[float]:
    return [round(end or 0.0, 4) for end in (change.relative, change.relative_low, change.relative_high)]


if __name__ == "__main__":
    main()
