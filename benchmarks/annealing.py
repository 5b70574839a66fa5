"""One annealing move on the real model, against one plain forward of the same probes.

    python benchmarks/annealing.py [--model NAME] [--probes N] [--steps N] [--json]

The annealer is the one of a repair, with its moves, temperatures and memory of states. Its pool has heads and neurons
of every depth, not only late ones, which would be cheaper. What the engine caches is in its time.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from common import options, tell
from scoring import TOLERANCE, plain, probes

from fairhub.compute.engine import Engine
from fairhub.edit.masking import masked
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.probes import Probe
from fairhub.methods import Plan
from fairhub.model.architecture import units
from fairhub.model.loading import Loaded, load
from fairhub.model.units import Pruning, Unit
from fairhub.search.annealing import Schedule, anneal

REACH = 0.35


def main() -> None:
    """Time both, print one object."""
    parser = options(__doc__)
    parser.add_argument("--probes", type=int, default=24)
    parser.add_argument("--steps", type=int, default=12)
    asked = parser.parse_args()
    found = measure(load(asked.model), probes(asked.probes), asked.steps)
    tell(found, asked.json, lambda f: (
        f"an annealing move takes {f['ratio']:.2f} of a plain forward (reach {REACH:g}): "
        f"{f['detail']['move_seconds']:.2f} s against {f['detail']['plain_seconds']:.2f} s"
    ))  # fmt: skip


def measure(loaded: Loaded, asked: Sequence[Probe], steps: int, rows: int = 16) -> dict[str, Any]:
    """Return the benchmark's object: name, ratio, reach, reached, detail."""
    plan = Plan()
    pool = [*_spread(loaded, "head", plan.heads), *_spread(loaded, "neuron", plan.neurons)]
    start = frozenset(pool[:: max(1, len(pool) // 8)])
    plain(loaded, asked[:4], pool[0], rows)  # warm
    began = time.perf_counter()
    expected = [_plain(loaded, asked, pruning, rows) for pruning in (start, frozenset(pool[:3]))]
    plain_seconds = (time.perf_counter() - began) / len(expected)

    engine = Engine(loaded.model, probe_batches(loaded.tokenizer, asked, tokens=768), recent=3)
    schedule = Schedule(steps=steps, k_min=1, k_max=min(plan.most, len(pool)), acceptance=0.3, uphill=5)
    began = time.perf_counter()
    trace = anneal(lambda state: float(engine.values([state])[0].mean()), pool, schedule, start=start)
    move_seconds = (time.perf_counter() - began) / len(trace.visited)
    forwards = engine.forwards / len(trace.visited)

    same = [engine.values([pruning])[0] for pruning in (start, frozenset(pool[:3]))]
    equal = bool(np.allclose(same, expected, rtol=TOLERANCE, atol=TOLERANCE))
    ratio = move_seconds / plain_seconds
    return {
        "name": "one annealing move on the real model, of a plain forward", "ratio": ratio, "reach": REACH,
        "reached": equal and ratio <= REACH,
        "detail": {
            "model": loaded.id, "probes": len(asked), "states": len(trace.visited), "pool": len(pool),
            "plain_seconds": plain_seconds, "move_seconds": move_seconds, "forward_equivalents_a_move": forwards,
            "equal": equal,
        },
    }  # fmt: skip


def _spread(loaded: Loaded, kind: str, count: int) -> list[Unit]:
    every = [unit for unit in units(loaded.model) if unit.kind == kind]
    return [every[i] for i in sorted(set(np.linspace(0, len(every) - 1, min(count, len(every))).astype(int).tolist()))]


def _plain(loaded: Loaded, asked: Sequence[Probe], pruning: Pruning, rows: int) -> np.ndarray:
    first = min(pruning)
    with masked(loaded.model, pruning - {first}):
        return plain(loaded, asked, first, rows)


if __name__ == "__main__":
    main()
