"""Precision: products of matrices made faster where a choice, not a proof, hangs on them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def fast_matmul() -> Iterator[None]:
    """Let float32 products run in bfloat16 with float32 sums where a processor can: to choose, never to prove."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
