"""What the scripts share: their options, shapes of known models, and how a result is printed."""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig

PAIRS = 5
"""Times that each of two ways is timed, in turn: what else a machine does then falls on both."""


# hidden, layers, heads, key-value heads, neurons, vocabulary, whether both embeddings are one: as their configs say
SHAPES = {
    "small": (256, 6, 8, 4, 1024, 49152, True),
    "1B": (2048, 16, 32, 8, 8192, 128256, True),
    "1.7B": (2048, 24, 32, 32, 8192, 49152, True),
    "3B": (3072, 28, 24, 8, 8192, 128256, True),
    "8B": (4096, 32, 32, 8, 14336, 128256, False),
    "14B": (5120, 48, 40, 8, 13824, 152064, False),
    "32B": (5120, 64, 40, 8, 27648, 152064, False),
    "70B": (8192, 80, 64, 8, 28672, 128256, False),
}
"""Of Llama 3.2 1B and 3B, SmolLM2 1.7B, Llama 3 8B and 70B, Qwen2.5 14B and 32B; the small one is nobody's."""


def llama(name: str, **more: Any) -> LlamaConfig:
    """Return the configuration of a Llama of one of these shapes."""
    hidden, layers, heads, pairs, neurons, vocabulary, tied = SHAPES[name]
    return LlamaConfig(
        hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=pairs,
        intermediate_size=neurons, vocab_size=vocabulary, tie_word_embeddings=tied, **more,
    )  # fmt: skip


def options(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every script has."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--model", help="Hub id or folder; the embedded default when left out")
    parser.add_argument("--json", action="store_true", help="print one object")
    return parser


def tell(found: dict[str, Any], as_json: bool, sentence: Callable[[dict[str, Any]], str]) -> None:
    """Print the object, or a sentence made of it."""
    print(json.dumps(found) if as_json else sentence(found))


def seconds(work: Callable[[], object]) -> float:
    """Return how long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ratio(pairs: list[tuple[float, float]]) -> dict[str, Any]:
    """Return the median ratio of (numerator, denominator) seconds of some pairs, and the least and largest one."""
    found = [top / bottom for top, bottom in pairs]
    return {"ratio": float(np.median(found)), "low": min(found), "high": max(found)}


def matmul_rate(size: int = 2048, times: int = 5) -> float:
    """Return the machine's own rate of float32 products of square matrices, GFLOP/s: the best of some."""
    a, b = torch.randn(2, size, size)
    a @ b  # warm
    return 2e-9 * size**3 / min(seconds(lambda: a @ b) for _ in range(times))


def skipped(name: str, reach: float, why: str) -> dict[str, Any]:
    """Return the object of what cannot be measured here: neither reached nor missed."""
    return {"name": name, "value": None, "reach": reach, "reached": None, "detail": {"why": why}}
