"""The engine: values of many prunings of one model, with what they share computed once."""

from fairhub.compute.engine.engine import Engine
from fairhub.compute.engine.precision import fast_matmul
from fairhub.compute.engine.readouts import (
    Readout,
    divergence,
    finite,
    jensen_shannon,
    log_probabilities,
    logits_at,
    next_token,
    token_loss,
)
from fairhub.compute.engine.slopes import Slopes, joined, separable, slopes_of

__all__ = [
    "Engine", "Readout", "Slopes", "divergence", "fast_matmul", "finite", "jensen_shannon", "joined",
    "log_probabilities", "logits_at", "next_token", "separable", "slopes_of", "token_loss",
]  # fmt: skip
