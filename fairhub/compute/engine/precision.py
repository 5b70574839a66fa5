"""Precision: products of matrices made faster where a choice, not a proof, hangs on them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def fast_matmul() -> Iterator[None]:
    """Let float32 products run in bfloat16 with float32 sums where that is faster: to choose, never to prove.

    On a GPU, and on a CPU with matrix tiles (AMX). One with bfloat16 dot products alone (AVX512-BF16) took 1.4 times as
    long for a whole forward, and twice as long for products of bfloat16, as it does in float32: measured on two cores.
    """
    if not (torch.cuda.is_available() or torch.cpu._is_amx_tile_supported()):
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
