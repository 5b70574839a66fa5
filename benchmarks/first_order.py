"""First-order scores of every head and neuron, against one forward over the same probes.

python benchmarks/first_order.py [--model NAME] [--probes N] [--json]
"""

import time
from collections.abc import Sequence
from typing import Any

from common import options, tell
from scoring import probes

from fairhub.compute.engine import Engine
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.probes import Probe
from fairhub.measure.scores import first_order
from fairhub.model.architecture import units
from fairhub.model.loading import Loaded, load

REACH = 4.0


def main() -> None:
    """Time both, print one object."""
    parser = options(__doc__)
    parser.add_argument("--probes", type=int, default=48)
    asked = parser.parse_args()
    found = measure(load(asked.model), probes(asked.probes))
    tell(found, asked.json, lambda f: (
        f"scoring {f['detail']['units']:,} units takes {f['ratio']:.2f} forwards (reach {REACH:g}): "
        f"{f['detail']['score_seconds']:.1f} s against {f['detail']['forward_seconds']:.1f} s"
    ))  # fmt: skip


def measure(loaded: Loaded, asked: Sequence[Probe]) -> dict[str, Any]:
    """Return the benchmark's object: name, ratio, reach, reached, detail."""
    batches = probe_batches(loaded.tokenizer, asked, tokens=1536)
    engine = Engine(loaded.model, batches, cache_bytes=0)
    engine.values([frozenset()])  # warm
    began = time.perf_counter()
    engine.values([frozenset()])
    forward_seconds = time.perf_counter() - began
    began = time.perf_counter()
    first_order(loaded.model, batches, asked)
    score_seconds = time.perf_counter() - began
    ratio = score_seconds / forward_seconds
    return {
        "name": "first-order score of all heads and neurons, forwards", "ratio": ratio, "reach": REACH,
        "reached": ratio <= REACH,
        "detail": {
            "model": loaded.id, "probes": len(asked), "units": len(units(loaded.model)),
            "forward_seconds": forward_seconds, "score_seconds": score_seconds,
        },
    }  # fmt: skip


if __name__ == "__main__":
    main()
