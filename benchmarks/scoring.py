"""Exact ablation of every head: the engine against one plain forward per head, on the same probes.

    python benchmarks/scoring.py [--model NAME] [--probes N] [--heads N] [--pairs N] [--json]

The plain way is what a user would write: every text tokenised in the order given, padded batches of `--rows`
texts with an attention mask, logits of every position. Heads are dealt into pairs of timings: in each the engine scores
all of its share, its cache included, and the plain way some of them, its mean time a head taken for the others.
"""

import argparse
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from common import PAIRS, ratio, seconds
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
    parser.add_argument("--probes", type=int, default=24)
    parser.add_argument("--heads", type=int, default=2, help="how many heads of a pair the plain way is timed on")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--rows", type=int, default=16, help="texts a batch of the plain way")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(load(asked.model), probes(asked.probes), asked.heads, asked.rows, asked.pairs)
    if asked.json:
        print(json.dumps(found))
    else:
        detail = found["detail"]
        print(
            f"every head ablated {found['ratio']:.1f}x as fast as one plain forward a head ({found['low']:.1f} to "
            f"{found['high']:.1f} in {detail['pairs']} pairs; reach {found['reach']:g}): "
            f"{detail['engine_seconds']:.1f} s against {detail['plain_seconds']:.1f} s for {detail['heads']} heads, "
            f"values {'equal' if detail['equal'] else 'NOT EQUAL'} within {TOLERANCE:g}"
        )


def probes(count: int) -> list[Probe]:
    """Return the first `count` demographic probes of search, as a repair takes them."""
    return stratified((p for p in templates() if p.split == "search" and p.axis != CONTROL), count)


def measure(loaded: Loaded, asked: Sequence[Probe], heads: int, rows: int, pairs: int = PAIRS) -> dict[str, Any]:
    """Return the benchmark's object: name, ratio, low, high, reach, reached, detail."""
    every = [unit for unit in units(loaded.model) if unit.kind == "head"]
    plain(loaded, asked[:4], every[0], rows)  # warm, so that neither side pays for the first call
    timed = [_pair(loaded, asked, every[place::pairs], heads, rows) for place in range(min(pairs, len(every)))]
    away = max(one["away"] for one in timed)
    found = ratio([(one["plain"], one["engine"]) for one in timed])
    return {
        "name": "exact ablation of every head",
        **found,
        "reach": REACH,
        "reached": away <= TOLERANCE and found["ratio"] >= REACH,
        "detail": {
            "model": loaded.id,
            "probes": len(asked),
            "templates": len({p.template for p in asked}),
            "heads": len(every),
            "heads_timed_plain": heads * len(timed),
            "pairs": len(timed),
            "plain_seconds": sum(one["plain"] for one in timed),
            "engine_seconds": sum(one["engine"] for one in timed),
            "forward_equivalents_a_head": sum(one["forwards"] for one in timed) / len(every),
            "equal": away <= TOLERANCE,
            "largest_difference": away,
            "device": str(loaded.model.get_input_embeddings().weight.device),
            "threads": torch.get_num_threads(),
        },
    }


def _pair(loaded: Loaded, asked: Sequence[Probe], share: Sequence[Unit], heads: int, rows: int) -> dict[str, float]:
    """Return seconds of both ways for all heads of a share, and how far apart their values are."""
    chosen = [share[at] for at in sorted({*np.linspace(0, len(share) - 1, heads + 2).astype(int)[1:-1].tolist()})]
    expected: list[np.ndarray] = []
    took = seconds(lambda: expected.extend(plain(loaded, asked, unit, rows) for unit in chosen))
    values: list[np.ndarray] = []
    forwards: list[float] = []

    def score() -> None:
        engine = Engine(loaded.model, probe_batches(loaded.tokenizer, asked))
        values.extend(engine.values([frozenset({unit}) for unit in share]))
        forwards.append(engine.forwards)

    engine_seconds = seconds(score)
    away = max(np.abs(values[share.index(unit)] - one).max() for unit, one in zip(chosen, expected, strict=True))
    return {
        "plain": took / len(chosen) * len(share), "engine": engine_seconds,
        "away": float(away), "forwards": forwards[0],
    }  # fmt: skip


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
