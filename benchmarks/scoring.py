"""Exact ablation of every head: the engine against one plain forward per head, on the same probes.

    python benchmarks/scoring.py [--model NAME] [--probes N] [--heads N] [--json]

The plain way is what a user would write: every text tokenised in the order given, padded batches of `--rows`
texts with an attention mask, logits of every position. It is timed on some heads of every depth, and its mean
time a head is multiplied by the number of heads; the engine is timed on all heads, its cache included.
"""

import argparse
import json
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairhub.compute.engine import Engine
from fairhub.edit.masking import masked
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.probes import CONTROL, Probe, stratified, templates
from fairhub.model.architecture import units
from fairhub.model.loading import Loaded, load
from fairhub.model.units import Unit

REACH = 8.0
TOLERANCE = 1e-5


def main() -> None:
    """Time both ways, compare their values, print one object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="Hub id or folder; the embedded default when left out")
    parser.add_argument("--probes", type=int, default=48)
    parser.add_argument("--heads", type=int, default=12, help="how many heads the plain way is timed on")
    parser.add_argument("--rows", type=int, default=16, help="texts a batch of the plain way")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(load(asked.model), probes(asked.probes), asked.heads, asked.rows)
    if asked.json:
        print(json.dumps(found))
    else:
        detail = found["detail"]
        print(
            f"every head ablated {found['ratio']:.1f}x as fast as one plain forward a head (reach {found['reach']:g}): "
            f"{detail['engine_seconds']:.1f} s against {detail['plain_seconds']:.1f} s for {detail['heads']} heads, "
            f"values {'equal' if detail['equal'] else 'NOT EQUAL'} within {TOLERANCE:g}"
        )


def probes(count: int) -> list[Probe]:
    """Return the first `count` demographic probes of search, as a repair takes them."""
    return stratified((p for p in templates() if p.split == "search" and p.axis != CONTROL), count)


def measure(loaded: Loaded, asked: Sequence[Probe], heads: int, rows: int) -> dict[str, Any]:
    """Return the benchmark's object: name, ratio, reach, reached, detail."""
    every = [unit for unit in units(loaded.model) if unit.kind == "head"]
    steps = max(len(every) / heads, 1)
    chosen = [every[min(int((i + 0.5) * steps), len(every) - 1)] for i in range(min(heads, len(every)))]

    plain(loaded, asked[:4], chosen[0], rows)  # warm, so that neither side pays for the first call
    began = time.perf_counter()
    expected = np.stack([plain(loaded, asked, unit, rows) for unit in chosen])
    plain_seconds = (time.perf_counter() - began) / len(chosen) * len(every)

    began = time.perf_counter()
    engine = Engine(loaded.model, probe_batches(loaded.tokenizer, asked))
    values = engine.values([frozenset({unit}) for unit in every])
    engine_seconds = time.perf_counter() - began

    same = values[[every.index(unit) for unit in chosen]]
    equal = bool(np.allclose(same, expected, rtol=TOLERANCE, atol=TOLERANCE))
    ratio = plain_seconds / engine_seconds
    return {
        "name": "exact ablation of every head",
        "ratio": ratio,
        "reach": REACH,
        "reached": equal and ratio >= REACH,
        "detail": {
            "model": loaded.id,
            "probes": len(asked),
            "templates": len({p.template for p in asked}),
            "heads": len(every),
            "heads_timed_plain": len(chosen),
            "plain_seconds": plain_seconds,
            "engine_seconds": engine_seconds,
            "forward_equivalents_a_head": engine.forwards / len(every),
            "equal": equal,
            "largest_difference": float(np.abs(same - expected).max()),
            "device": str(loaded.model.get_input_embeddings().weight.device),
            "threads": torch.get_num_threads(),
        },
    }


@torch.inference_mode()
def plain(loaded: Loaded, asked: Sequence[Probe], unit: Unit, rows: int) -> np.ndarray:
    """Return every probe's divergence without one head, the way one would write it first."""
    model, tokenizer = loaded.model, loaded.tokenizer
    texts = [text for p in asked for text in (p.text_a, p.text_b)]
    last: list[Tensor] = []
    with masked(model, frozenset({unit})):
        for start in range(0, len(texts), rows):
            encoded = [tokenizer(text).input_ids for text in texts[start : start + rows]]
            length = max(map(len, encoded))
            ids = torch.tensor([row + [0] * (length - len(row)) for row in encoded])
            mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in encoded])
            logits = model(input_ids=ids, attention_mask=mask).logits
            last += [logits[place, len(row) - 1] for place, row in enumerate(encoded)]
    log_p = torch.stack(last).double().log_softmax(-1)
    a, b = log_p[::2], log_p[1::2]
    middle = torch.logaddexp(a, b) - math.log(2)
    return (0.5 * ((a.exp() * (a - middle)).sum(-1) + (b.exp() * (b - middle)).sum(-1))).numpy()


if __name__ == "__main__":
    main()
