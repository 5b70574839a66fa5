"""What the scripts share: their options, and how a result is printed."""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

PAIRS = 5
"""Times that each of two ways is timed, in turn: what else a machine does then falls on both."""


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
