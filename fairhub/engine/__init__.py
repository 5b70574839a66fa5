"""The engine: values of many prunings of one model, with what they share computed once."""

from fairhub.engine.batches import Batch, encode, probe_batches, text_batches
from fairhub.engine.engine import Engine
from fairhub.engine.precision import fast_matmul
from fairhub.engine.readouts import Readout, divergence, finite, next_token, token_loss

__all__ = [
    "Batch", "Engine", "Readout", "divergence", "encode", "fast_matmul", "finite", "next_token", "probe_batches",
    "text_batches", "token_loss",
]  # fmt: skip
