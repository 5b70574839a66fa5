"""Searches of head masks for the same seconds, seed by seed: surrogates, random masks, greedy, annealing the model.

    python benchmarks/searches.py [--model NAME] [--seeds N] [--masks N] [--probes N] [--chunks N] [--rounds N]
                                  [--energy NAME] [--budget SHARE] [--out FOLDER] [--json]

A smaller setting than that of a repair, so that ten seeds end: fewer search probes, without a chat around them, and
less neutral text, nothing else. The search with surrogates comes first: it samples `--masks` masks with slopes, learns,
and measures winners until no energy falls. What it took, training and annealing included, in units of a plain
measurement, is how many masks each other way may measure. A search has found the best mask that it measured. Random
masks are drawn for the budget as the search draws its own. Every mask stays measured in the folder with the seconds it
took, so that a run that was cut short goes on.
"""

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import options, tell

from fairhub.inputs.gathering import gather
from fairhub.inputs.sizes import Sizes
from fairhub.model.loading import Loaded, load
from fairhub.model.units import Pruning
from fairhub.pipeline import task_of
from fairhub.run.folder import Run
from fairhub.search.surrogate.direct import direct, greedy
from fairhub.search.surrogate.labelled import Labelled
from fairhub.search.surrogate.labels import Meter
from fairhub.search.surrogate.sampling import Wanted, sample
from fairhub.search.surrogate.search import Search
from fairhub.search.task import Plan, Task

REACH = 0.8
"""Of the seeds, in which the surrogates' best is to be below that of every other way."""
_OTHERS = ("random masks", "greedy", "annealing")
_TIMED = 5  # masks that a plain measurement is timed on


def main() -> None:
    """Search, print one object."""
    parser = options(__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--masks", type=int, default=24, help="masks that are sampled for the surrogates")
    parser.add_argument("--probes", type=int, default=8, help="search probes that a mask is measured on")
    parser.add_argument("--chunks", type=int, default=2, help="chunks of 64 tokens of neutral text")
    parser.add_argument("--rounds", type=int, default=4, help="times that winners are measured and learned from")
    parser.add_argument("--energy", default="robust", help="robust, weighted or step")
    parser.add_argument("--budget", type=float, default=0.05, help="rise of perplexity that is allowed")
    parser.add_argument("--out", type=Path, default=Path("runs/searches"), help="where measurements are kept")
    asked = parser.parse_args()
    plan = Plan(budget=asked.budget, energy=asked.energy, masks=asked.masks, rounds=asked.rounds)
    found = measure(load(asked.model), plan, asked.seeds, asked.probes, asked.chunks, asked.out)
    tell(found, asked.json, lambda f: "\n".join(map(str, f["detail"]["rows"])))


def measure(loaded: Loaded, plan: Plan, seeds: int, probes: int, chunks: int, out: Path) -> dict[str, Any]:
    """Return the benchmark's object: name, value, reach, reached, detail."""
    data = gather((), (), None, None, loaded.tokenizer, Sizes())
    asked = {"probes": probes, "chunks": chunks}

    def run(name: str) -> Run:
        return Run(out / name, asked, resume=(out / name).exists())

    shared, rows = task_of(loaded, data, run("labels")), []
    for seed in range(seeds):
        task = replace(shared, run=run(f"seed_{seed}"))
        rows.append(compared(task, plan, Meter(shared, probes, chunks), seed))
        print(rows[-1], file=sys.stderr, flush=True)
    won = [row for row in rows if row["surrogates"] < min(row[name] for name in _OTHERS)]
    return {
        "name": "share of seeds in which the surrogates' best mask beats that of random masks, greedy and annealing",
        "value": len(won) / seeds, "reach": REACH, "reached": len(won) >= REACH * seeds,
        "detail": {"energy": plan.energy, "budget": plan.budget, "probes": probes, "chunks": chunks, "rows": rows},
    }  # fmt: skip


def compared(task: Task, plan: Plan, meter: Meter, seed: int) -> dict[str, Any]:
    """Return the lowest energy that each way finds in the same seconds, and how many masks it measured for it."""
    found = Search(task, replace(plan, seed=seed), meter)
    found.look()
    objective, masks = found.objectives[0], list(found.known.labels)
    energies = found.energies(objective, masks)
    best = masks[int(energies.argmin())]

    def energy(mask: Pruning) -> float:
        return float(found.energies(objective, [mask])[0])

    spent = found.spent
    flat = float(np.median([meter(mask).seconds for mask in masks[:_TIMED]]))
    count = int(spent / flat)
    least = direct(energy, found.heads, found.band, count, seed, walk=False)
    taken = greedy(energy, found.ranked(objective), found.band, count)
    return {
        "seed": seed, "surrogates": float(energies.min()), "heads": len(best),
        "rise": float(found.scale.measured([found.known.labels[best]]).loss[0]),
        "sampled best": float(energies[: found.sampled].min()), "masks": len(masks), "seconds": round(spent, 1),
        "others measure": count, "random masks": float(_random(found, count, seed).min()),
        "greedy": _of(taken), "annealing": _of(least),
    }  # fmt: skip


def _random(found: Search, count: int, seed: int) -> np.ndarray:
    """Return the energies of so many masks drawn for the budget, measured without slopes, [masks]."""
    known = Labelled(found.heads, found.scale)
    wanted = Wanted(count, found.band, math.log1p(found.plan.budget), 1000 + seed)
    sample(lambda mask, slopes: found.meter(mask), known, found.features, wanted, lambda: True, lambda _: None)
    return found.objectives[0].values(known.measured(), found.base_loss, found.plan)


def _of(lowest: float | None) -> float:
    return math.inf if lowest is None else lowest


if __name__ == "__main__":
    main()
