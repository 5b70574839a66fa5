"""First-order scores of every head and neuron, against one forward over the same probes.

python benchmarks/first_order.py [--model NAME] [--probes N] [--json]
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from common import PAIRS, options, ratio, seconds, tell
from scoring import probes

from fairhub.compute.engine import next_token
from fairhub.inputs.batches import Batch, probe_batches
from fairhub.inputs.probes import Probe
from fairhub.measure.scores import first_order
from fairhub.model.architecture import units
from fairhub.model.loading import Loaded, load

REACH = 4.0


def main() -> None:
    """Time both, print one object."""
    parser = options(__doc__)
    parser.add_argument("--probes", type=int, default=24)
    asked = parser.parse_args()
    found = measure(load(asked.model), probes(asked.probes))
    tell(found, asked.json, lambda f: (
        f"scoring {f['detail']['units']:,} units takes {f['ratio']:.2f} forwards (reach {REACH:g}): "
        f"{f['detail']['score_seconds']:.1f} s against {f['detail']['forward_seconds']:.1f} s"
    ))  # fmt: skip


def measure(loaded: Loaded, asked: Sequence[Probe], pairs: int = PAIRS) -> dict[str, Any]:
    """Return the benchmark's object: name, ratio, low, high, reach, reached, detail."""
    batches = probe_batches(loaded.tokenizer, asked, tokens=1536)
    _forward(loaded, batches)  # warm
    timed = [
        (seconds(lambda: first_order(loaded.model, batches, asked)), seconds(lambda: _forward(loaded, batches)))
        for _ in range(pairs)
    ]
    score_seconds, forward_seconds = (float(np.median(side)) for side in zip(*timed, strict=True))
    found = ratio(timed)
    return {
        "name": "first-order score of all heads and neurons, forwards", **found, "reach": REACH,
        "reached": found["ratio"] <= REACH,
        "detail": {
            "model": loaded.id, "probes": len(asked), "units": len(units(loaded.model)),
            "forward_seconds": forward_seconds, "score_seconds": score_seconds,
        },
    }  # fmt: skip


@torch.inference_mode()
def _forward(loaded: Loaded, batches: Sequence[Batch]) -> None:
    for batch in batches:
        with next_token(loaded.model, batch.last):
            loaded.model(batch.ids, use_cache=False)


if __name__ == "__main__":
    main()
