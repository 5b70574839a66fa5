"""Peak memory of scoring heads exactly, against weights and one batch's activations.

    python benchmarks/memory.py [--model NAME] [--probes N] [--heads N] [--json]

Both are peaks of this process (of the GPU's memory where there is one): first of one forward of the largest batch, then
of the engine, of whose peak the cache that it was told it may use is taken off. Python and torch are in both.
"""

import resource
from collections.abc import Sequence
from typing import Any

import torch
from common import options, tell
from scoring import probes

from fairhub.compute.engine import Engine, next_token
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.probes import Probe
from fairhub.model.architecture import decoder_layers, text_config, units
from fairhub.model.loading import Loaded, load

REACH = 1.2


def main() -> None:
    """Measure both, print one object."""
    parser = options(__doc__)
    parser.add_argument("--probes", type=int, default=96)
    parser.add_argument("--heads", type=int, default=6)
    asked = parser.parse_args()
    found = measure(load(asked.model), probes(asked.probes), asked.heads)
    tell(found, asked.json, lambda f: (
        f"scoring peaks at {f['ratio']:.2f} of weights and one batch, its cache aside (reach {REACH:g}): "
        f"{f['detail']['engine_bytes'] / 1e9:.2f} GB against {f['detail']['forward_bytes'] / 1e9:.2f} GB"
    ))  # fmt: skip


def measure(loaded: Loaded, asked: Sequence[Probe], heads: int) -> dict[str, Any]:
    """Return the benchmark's object: name, ratio, reach, reached, detail."""
    model = loaded.model
    batches = probe_batches(loaded.tokenizer, asked)
    largest = max(batches, key=lambda batch: batch.tokens)
    with torch.inference_mode(), next_token(model, largest.last):
        model(largest.ids, use_cache=False)
    one = _peak()
    every = [unit for unit in units(model) if unit.kind == "head"]
    Engine(model, batches).values([frozenset({unit}) for unit in every[:: max(1, len(every) // heads)]])
    layers, hidden = len(decoder_layers(model)), text_config(model).hidden_size
    cache = min(1 << 30, layers * sum(batch.tokens for batch in batches) * hidden * model.dtype.itemsize)
    ratio = max(_peak() - cache, one) / one
    return {
        "name": "peak memory of scoring, of weights and one batch", "ratio": ratio, "reach": REACH,
        "reached": ratio <= REACH,
        "detail": {
            "model": loaded.id, "forward_bytes": one, "engine_bytes": _peak(), "cache_bytes": cache,
            "weights_bytes": sum(p.numel() * p.element_size() for p in model.parameters()),
        },
    }  # fmt: skip


def _peak() -> int:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
