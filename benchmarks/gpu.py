"""Scoring on a GPU: the share of the card's own bfloat16 product rate that exact head ablation reaches.

    python benchmarks/gpu.py [--model NAME] [--probes N] [--heads N] [--json]

Without --model it is a model of Llama-3.2-1B's shape with random weights: time does not depend on them. How many
prunings share a forward is found by trying each once. Without a GPU nothing is measured.
"""

import time
from typing import Any

import torch
from common import options, skipped, tell
from one_shot import shape
from scoring import probes
from transformers import LlamaForCausalLM

from fairhub.compute.engine import Engine
from fairhub.cost.hardware import shape_of
from fairhub.inputs.batches import probe_batches
from fairhub.model.architecture import units
from fairhub.model.loading import Loaded, load

NAME = "GPU: share of the card's bf16 product rate while scoring"
REACH = 0.5


def main() -> None:
    """Measure both rates, print one object."""
    parser = options(__doc__)
    parser.add_argument("--probes", type=int, default=96)
    parser.add_argument("--heads", type=int, default=64)
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        found = skipped(NAME, REACH, "no GPU here")
    else:
        loaded = load(asked.model, device="cuda", dtype=torch.bfloat16) if asked.model else random_weights()
        found = measure(loaded, asked.probes, asked.heads)
    tell(found, asked.json, lambda f: (
        f"not measured: {f['detail']['why']}" if f["value"] is None
        else f"scoring reaches {f['value']:.0%} of the card's product rate (reach {REACH:.0%})"
    ))  # fmt: skip


def random_weights() -> Loaded:
    """Return a model of Llama-3.2-1B's shape on the GPU, with the default's tokenizer."""
    with torch.device("cuda"):
        model = LlamaForCausalLM(shape()).to(torch.bfloat16).eval().requires_grad_(False)
    return Loaded(model, load().tokenizer, "a 1B shape with random weights", "local")


def measure(loaded: Loaded, count: int, heads: int) -> dict[str, Any]:
    """Return the benchmark's object: name, value, reach, reached, detail."""
    rate = _product_rate()
    batches = probe_batches(loaded.tokenizer, probes(count), device="cuda")
    tokens, rows = (sum(part) for part in zip(*((batch.tokens, len(batch.ids)) for batch in batches), strict=True))
    every = [unit for unit in units(loaded.model) if unit.kind == "head"]
    prunings = [frozenset({unit}) for unit in every[:: max(1, len(every) // heads)]]
    shape = shape_of(loaded.model, 2)
    shares = {}
    for candidates in (1, 2, 4, 8, 16):
        engine = Engine(loaded.model, batches, candidates=candidates)
        engine.values(prunings[:candidates])
        before = engine.forwards
        ends = 2 * shape.head * rows * len(prunings)  # logits of the last position, whichever layer a pruning starts at
        torch.cuda.synchronize()
        began = time.perf_counter()
        engine.values(prunings)
        torch.cuda.synchronize()
        operations = 2 * shape.layers * tokens * (engine.forwards - before) + ends
        shares[candidates] = operations / (time.perf_counter() - began) / rate
    best = max(shares, key=lambda candidates: shares[candidates])
    return {
        "name": NAME, "value": shares[best], "reach": REACH, "reached": shares[best] >= REACH,
        "detail": {
            "model": loaded.id, "card": torch.cuda.get_device_name(), "product_rate": rate, "candidates": best,
            "shares": {str(number): share for number, share in shares.items()},
        },
    }  # fmt: skip


def _product_rate(size: int = 8192, times: int = 20) -> float:
    """Return the card's operations a second in a product of two bfloat16 matrices."""
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    a @ b
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        a @ b
    torch.cuda.synchronize()
    return 2 * size**3 * times / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
