"""Fairness Pruning in one shot on a model of Llama-3.2-1B's shape: seconds to score, remove and cut out neurons.

    python benchmarks/one_shot.py [--device cpu|cuda] [--json]

The weights are random (time does not depend on them), the pair is the article's, 0.2 % of every layer goes, and the
removed neurons are cut out (8192 -> 8176). Loading and saving are not timed. The article did it in 15 s on a T4.
"""

import argparse
import json
import time
from typing import Any

import torch
from common import llama
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from fairhub.edit.editing import shrink_, zero_
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.probes import Probe
from fairhub.methods.fairness_pruning import Recipe
from fairhub.methods.hybrid import hybrid, top
from fairhub.methods.importance import importance
from fairhub.methods.neuron_bias import neuron_bias
from fairhub.model.loading import load
from fairhub.studies.diagnose.diagnosis import PAIR

REACH = 15.0


def main() -> None:
    """Time the recipe, print one object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(shape(), load().tokenizer, asked.device)
    if asked.json:
        print(json.dumps(found))
    else:
        detail = found["detail"]
        print(
            f"one shot on {detail['parameters']:,} parameters took {found['value']:.1f} s on {detail['device']} "
            f"(reach {REACH:g} s on a GPU): width {detail['width']}, {detail['removed']:,} parameters gone"
        )


def shape() -> LlamaConfig:
    """Return the configuration of Llama-3.2-1B, by its published numbers."""
    return llama("1B")


def measure(config: LlamaConfig, tokenizer: PreTrainedTokenizerBase, device: str) -> dict[str, Any]:
    """Return the benchmark's object: name, value (seconds), reach, reached (on a GPU), detail."""
    kind = torch.float32 if device == "cpu" else torch.float16
    with torch.device(device):
        torch.manual_seed(0)
        model = LlamaForCausalLM(config).to(kind).eval().requires_grad_(False)
    before = model.num_parameters()
    pair = Probe(*PAIR, "race", "", "article", "", "", "", "", "", "", "search")
    batches = probe_batches(tokenizer, [pair], device=torch.device(device))
    count = Recipe().removed(config.intermediate_size, config.hidden_size)
    began = time.perf_counter()
    scores = hybrid(neuron_bias(model, batches, "diff_then_pool").mean(0), importance(model), Recipe().weight)
    zero_(model, top(scores, count))
    width = shrink_(model, multiple=8)  # as few as theirs
    if device != "cpu":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    return {
        "name": "one-shot Fairness Pruning of a 1B shape, seconds", "value": seconds, "reach": REACH,
        "reached": seconds <= REACH if device != "cpu" else None,
        "detail": {
            "device": device, "dtype": str(kind).removeprefix("torch."), "threads": torch.get_num_threads(),
            "parameters": before, "removed": before - model.num_parameters(), "width": width,
        },
    }  # fmt: skip


if __name__ == "__main__":
    main()
