"""Forecasts how often weights that rest in their files are read, where only some layers stay in memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from fairhub.cost.room import divided, layer_bytes
from fairhub.cost.work import Work
from fairhub.model.streaming.steps import waiting

RATE = 2e9
"""Bytes a second that files are read with. Assumed: what an ordinary solid-state disk does."""


@dataclass(frozen=True)
class Resting:
    """What of a model stays, and how often the rest is read."""

    layers: int
    stay: int
    bytes: int
    """Of the layers that rest in files."""
    sweeps: int
    """How often all of these are read."""

    @property
    def seconds(self) -> float:
        """How long reading alone takes; computing goes on meanwhile."""
        return self.sweeps * self.bytes / RATE

    def __str__(self) -> str:
        """Say it in one sentence."""
        if self.stay == self.layers:
            return f"all {self.layers} layers stay"
        return (
            f"{self.stay} of {self.layers} layers stay, the others are read about {self.sweeps} times "
            f"({self.sweeps * self.bytes / 2**30:,.0f} GB, {spoken(self.seconds)} at {RATE / 1e9:g} GB/s)"
        )


def resting(shape: PreTrainedModel, kind: torch.dtype, shown: str, memory: int, works: Sequence[Work]) -> Resting:
    """Return what stays of a model within a budget, and how often what rests in files is read for some work.

    Args:
        shape: The model, without weights.
        kind: What it is computed in.
        shown: What it is called.
        memory: The budget, bytes.
        works: What is computed.

    Raises:
        UserError: Two layers and a forward need more.
    """
    sizes, found = layer_bytes(shape, kind), divided(shape, kind, shown, memory)
    if found is None or found.stay == len(sizes):
        return Resting(len(sizes), len(sizes), 0, 0)
    token = waiting(shape, 1) * kind.itemsize // shape.dtype.itemsize
    sweeps = sum(_sweeps(work, found.room, token, len(sizes)) for work in works)
    return Resting(len(sizes), found.stay, sum(sizes[found.stay :]), sweeps)


def _sweeps(work: Work, room: int, token: int, layers: int) -> int:
    """Return how often one stage comes by all layers: forwards that fit into the room go in step.

    What is kept for a way back is of all layers, and each is read twice.
    """
    if not work.tokens:
        return 0
    size = work.tokens / max(work.calls, 1)
    down = work.tokens - min(work.backward, work.tokens)
    ahead = math.ceil(down / max(size, room / token)) if down else 0
    back = math.ceil(work.backward / max(size, room / (token * layers))) if work.backward else 0
    return max(ahead, work.least) + 2 * back


def spoken(seconds: float) -> str:
    """Return a time in whole minutes, or in hours."""
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{max(1, round(seconds / 60))} min"
