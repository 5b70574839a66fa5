"""Machines: this one by a measured forward, the Hub's by what their cards can do."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from transformers import PreTrainedModel

from fairhub.cost.work import Work
from fairhub.edit.healing import solver
from fairhub.inputs.batches import Batch
from fairhub.model.architecture import decoder_layers


@dataclass(frozen=True)
class Shape:
    """What of a model its speed depends on."""

    layers: int
    """Parameters of all decoder layers."""
    head: int
    """Parameters of the output embedding."""
    depth: int
    """Number of layers."""
    bytes: int
    """Of all weights."""


def shape_of(model: PreTrainedModel, itemsize: int) -> Shape:
    """Return the shape of a model, which may be without weights."""
    layers = decoder_layers(model)
    inside = sum(p.numel() for layer in layers for p in layer.parameters())
    head = model.get_output_embeddings().weight.numel()
    return Shape(inside, int(head), len(layers), model.num_parameters() * itemsize)


class Machine(Protocol):
    """Says how long work takes, and what fits."""

    @property
    def name(self) -> str:
        """As the table shows it."""
        ...

    @property
    def memory(self) -> int:
        """Bytes where it computes."""
        ...

    @property
    def host(self) -> int:
        """Bytes of the machine's own memory."""
        ...

    def seconds(self, work: Work) -> float:
        """Return the seconds that the work takes."""
        ...


@dataclass(frozen=True)
class Measured:
    """This machine: a forward takes a fixed time and a time for each token."""

    name: str
    memory: int
    host: int
    call: float
    """Seconds that a forward takes, however few tokens it has."""
    token: float
    """Seconds a token through all layers."""
    logit: float
    """Seconds a token to every word of the vocabulary."""
    rate: float
    """Operations a second of the layers' products."""
    exact: float
    """Operations a second in float64, where healing solves."""

    def seconds(self, work: Work) -> float:
        """Return the seconds that the work takes here."""
        return (
            work.calls * self.call + work.passes * self.token + work.logits * self.logit
            + work.products / self.rate + work.solves / self.exact
        )  # fmt: skip


@dataclass(frozen=True)
class Card:
    """A GPU of the Hub, by its data sheet."""

    name: str
    memory: int
    """Bytes."""
    matmul: float
    """Operations a second of dense matrix products, in bfloat16 (on the T4, which has none, in float32)."""
    bandwidth: float
    """Bytes a second from its memory."""
    exact: float
    """Operations a second in float64, in which healing solves."""
    host: int
    """Bytes of memory of the machine it sits in."""
    price: float
    """Dollars an hour, as the Hub's documentation names it; look it up before you rely on it."""


CARDS = (
    Card("t4-small", 16 << 30, 8.1e12, 320e9, 0.25e12, 15 << 30, 0.40),
    Card("l4x1", 24 << 30, 121e12, 300e9, 0.47e12, 30 << 30, 0.80),
    Card("a10g-large", 24 << 30, 125e12, 600e9, 0.49e12, 46 << 30, 1.50),
    Card("a100-large", 80 << 30, 312e12, 2039e9, 9.7e12, 142 << 30, 2.50),
    Card("h200", 141 << 30, 989e12, 4800e9, 34e12, 256 << 30, 5.00),
)
"""Data sheets of NVIDIA; prices of the Hub's documentation."""
SHARE = 0.4
"""Of a card's product rate that is taken as reached. Assumed, not measured: no card was at hand."""
LAUNCH = 150e-6
"""Seconds a layer takes at least: about fifteen kernels that the CPU starts one by one."""


@dataclass(frozen=True)
class Calculated:
    """A card of the Hub with a model on it: calculated, not measured."""

    card: Card
    shape: Shape

    @property
    def name(self) -> str:
        """The flavor's name."""
        return self.card.name

    @property
    def memory(self) -> int:
        """Bytes of the card."""
        return self.card.memory

    @property
    def host(self) -> int:
        """Bytes beside the card."""
        return self.card.host

    def seconds(self, work: Work) -> float:
        """Return the seconds that the work should take there."""
        floor = max(self.shape.depth * LAUNCH, self.shape.bytes / self.card.bandwidth)
        operations = 2 * (work.passes * self.shape.layers + work.logits * self.shape.head) + work.products
        return max(work.calls * floor, operations / (SHARE * self.card.matmul)) + work.solves / (
            SHARE * self.card.exact
        )


def here(model: PreTrainedModel, probes: Batch, text: Batch, name: str, memory: int, host: int) -> Measured:
    """Measure one forward of each kind and return what this machine does with this model."""
    layers = shape_of(model, 1).layers
    short = _seconds(lambda: model.base_model(probes.ids[:1, :8], use_cache=False))
    body = _seconds(lambda: model.base_model(probes.ids, use_cache=False))
    full = _seconds(lambda: model(text.ids, use_cache=False))
    token = max(body - short, 1e-9) / probes.tokens
    rate = 2 * layers / token
    logit = max(full - short - text.tokens * token, 0.0) / text.tokens
    return Measured(name, memory, host, short, token, logit, rate, exact_rate(probes.ids.device))


def exact_rate(device: torch.device, size: int = 768) -> float:
    """Measure float64 operations a second, solving as healing does, where it does."""
    ones = torch.ones(size, size, dtype=torch.float64, device=solver(device))
    matrix = 0.01 * ones + torch.eye(size, dtype=torch.float64, device=ones.device)
    return 2 * size**3 * (1 / 3 + 1) / _seconds(lambda: torch.linalg.solve(matrix, matrix))


@torch.inference_mode()
def _seconds(call: Callable[[], object], times: int = 2) -> float:
    """Return the least seconds of a few calls, the first of which warms up."""
    taken = []
    for _ in range(times + 1):
        _wait()
        began = time.perf_counter()
        call()
        _wait()
        taken.append(time.perf_counter() - began)
    return min(taken[1:])


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
