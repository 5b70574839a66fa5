"""Exact ablation of heads on two processes, against one, a thread each: torchrun on CPUs, a GPU each where there are.

python benchmarks/processes.py [--model NAME] [--probes N] [--heads N] [--json]
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from common import options, skipped, tell
from scoring import probes

from fairhub.compute.engine import Engine
from fairhub.inputs.batches import probe_batches
from fairhub.model.architecture import units
from fairhub.model.loading import load
from fairhub.run.processes import leave, main, state

NAME = "exact ablation on two processes, against one"
REACH = 1.6


def run() -> None:
    """Launch both, print one object; launched, time the work."""
    parser = options(__doc__)
    parser.add_argument("--probes", type=int, default=24)
    parser.add_argument("--heads", type=int, default=24)
    parser.add_argument("--worker", action="store_true", help="what a launched process is told")
    asked = parser.parse_args()
    if asked.worker:
        _work(asked.model, asked.probes, asked.heads)
        return
    found = measure(asked.model, asked.probes, asked.heads)
    tell(found, asked.json, lambda f: f"two processes are {f['ratio'] or 0:.2f}x as fast as one (reach {REACH:g})")


def measure(model: str | None, count: int, heads: int) -> dict[str, Any]:
    """Return the benchmark's object: name, ratio, reach, reached, detail."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores < 2 or torch.cuda.device_count() == 1:
        return skipped(NAME, REACH, "two processes need two cores or two GPUs") | {"ratio": None}
    one, two = (_launched(processes, model, count, heads) for processes in (1, 2))
    ratio, equal = one["seconds"] / two["seconds"], one["values"] == two["values"]
    return {
        "name": NAME, "ratio": ratio, "reach": REACH, "reached": equal and ratio >= REACH,
        "detail": {"one_seconds": one["seconds"], "two_seconds": two["seconds"], "equal": equal, "cores": cores},
    }  # fmt: skip


def _launched(processes: int, model: str | None, count: int, heads: int) -> dict[str, Any]:
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes), __file__, "--worker"]
    words += ["--probes", str(count), "--heads", str(heads), *(["--model", model] if model else [])]
    place = f"{Path(__file__).parents[1]}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": place}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def _work(model: str | None, count: int, heads: int) -> None:
    device = str(state().device) if torch.cuda.is_available() else "cpu"
    loaded = load(model, device=device)
    batches = [batch.to(device) for batch in probe_batches(loaded.tokenizer, probes(count), tokens=768)]
    every = [unit for unit in units(loaded.model) if unit.kind == "head"]
    prunings = [frozenset({unit}) for unit in every[:: max(1, len(every) // heads)]]
    few = [batch.to(device) for batch in probe_batches(loaded.tokenizer, probes(4))]
    Engine(loaded.model, few, cache_bytes=0).values([frozenset()] * state().num_processes)  # warm
    began = time.perf_counter()
    values = Engine(loaded.model, batches).values(prunings)
    seconds = time.perf_counter() - began
    if main():
        print(json.dumps({"seconds": seconds, "values": values.tolist()}))
    leave()


if __name__ == "__main__":
    run()
