"""Surrogate evaluation of head masks: all surrogates in one product, against one plain forward of the model.

    python benchmarks/surrogate.py [--model NAME] [--masks N] [--forwards N] [--json]

The plain forward reads one mask's bias and log-perplexity off the real model: the search probes that a mask is
measured on, and its chunks of neutral text, each text once, without any cache. The surrogates are of the size that
attention_pruning trains for this model; their weights are random, as time does not depend on them. Both are timed on
the same number of threads.
"""

import random
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import options, tell

from fairhub.compute.engine import Engine, token_loss
from fairhub.inputs.gathering import gather
from fairhub.inputs.sizes import Sizes
from fairhub.methods import Plan
from fairhub.model.architecture import units
from fairhub.model.loading import Loaded, load
from fairhub.pipeline import task_of
from fairhub.run.folder import Run
from fairhub.search.surrogate.closed import TURNS
from fairhub.search.surrogate.doubt import Doubt
from fairhub.search.surrogate.forecaster import Surrogate
from fairhub.search.surrogate.labels import Meter, heads_of
from fairhub.search.surrogate.landscape import Landscape
from fairhub.search.surrogate.masks import band_of, draw
from fairhub.search.surrogate.network import MEMBERS, WIDTH
from fairhub.search.surrogate.objective import sweep
from fairhub.search.surrogate.search import PROBES
from fairhub.search.surrogate.training import Surrogates

REACH = 10_000.0


def main() -> None:
    """Time both, print one object."""
    parser = options(__doc__)
    parser.add_argument("--masks", type=int, default=4096, help="masks in a surrogate evaluation")
    parser.add_argument("--forwards", type=int, default=3, help="masks that the real model is timed on")
    parser.add_argument("--text", type=Path, help="neutral text; the default of a repair when left out")
    asked = parser.parse_args()
    found = measure(load(asked.model), asked.masks, asked.forwards, asked.text)
    tell(found, asked.json, lambda f: (
        f"a surrogate evaluation is {f['ratio']:,.0f}x as fast as one plain forward (reach {REACH:,.0f}): "
        f"{1e6 * f['detail']['surrogate_seconds']:.2f} us against {f['detail']['plain_seconds']:.2f} s a mask"
    ))  # fmt: skip


def measure(loaded: Loaded, masks: int, forwards: int, text: Path | None) -> dict[str, Any]:
    """Return the benchmark's object: name, ratio, reach, reached, detail."""
    with tempfile.TemporaryDirectory() as folder:
        data = gather((), (), None, text, loaded.tokenizer, Sizes())
        task = task_of(loaded, data, Run(Path(folder) / "run", {}, False))
        meter = Meter(task, PROBES)
    heads = heads_of(units(loaded.model))
    plain = _plain(loaded, meter, heads, forwards)
    land = _landscape(len(heads))
    rows = np.random.default_rng(0).random((masks, len(heads))) < 0.05
    objective = np.sort(np.arange(masks) % len(land.objectives))
    land.energies(land.lifted(rows), objective)  # warm
    times = []
    for _ in range(5):
        began = time.perf_counter()
        land.energies(land.lifted(rows), objective)
        times.append((time.perf_counter() - began) / masks)
    ratio = plain / float(np.median(times))
    return {
        "name": "surrogate evaluation of head masks",
        "ratio": ratio,
        "reach": REACH,
        "reached": ratio >= REACH,
        "detail": {
            "model": loaded.id,
            "heads": len(heads),
            "masks": masks,
            "plain_seconds": plain,
            "surrogate_seconds": float(np.median(times)),
            "probes": len(meter.probes),
            "tokens": sum(batch.tokens for batch in (*meter.batches, *meter.text)),
            "networks": 3 * MEMBERS,
            "device": str(loaded.model.get_input_embeddings().weight.device),
            "threads": torch.get_num_threads(),
        },
    }


def _plain(loaded: Loaded, meter: Meter, heads: list[Any], forwards: int) -> float:
    """Return the median seconds that the real model takes for one mask."""
    rng = random.Random(0)
    engines = [Engine(loaded.model, meter.batches, cache_bytes=0)]
    engines.append(Engine(loaded.model, meter.text, token_loss, cache_bytes=0))
    times = []
    for _ in range(forwards + 1):  # the first is warm-up
        mask = draw(heads, band_of(len(heads)), rng)
        began = time.perf_counter()
        for engine in engines:
            engine.values([mask])
        times.append(time.perf_counter() - began)
    return float(np.median(times[1:]))


def _landscape(heads: int) -> Landscape:
    """Return surrogates as large as those of a search, with random weights."""
    rng = np.random.default_rng(0)
    shapes = ((heads,), (heads, TURNS), (TURNS,), (MEMBERS, heads, WIDTH), (MEMBERS, WIDTH), (MEMBERS, WIDTH))

    def surrogate() -> Surrogate:
        return Surrogate("residual", *(0.1 * rng.normal(size=shape) for shape in shapes))

    doubt = Doubt(rng.normal(size=(heads, heads)), np.full(3, 0.01))
    plan = Plan()
    return Landscape(Surrogates(surrogate(), surrogate(), surrogate(), doubt, 0.0), 3.5, sweep(plan, 26), plan)


if __name__ == "__main__":
    main()
