"""Units that can be removed, prunings, and the output projections in which units live."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import LongTensor, Tensor, nn
from transformers.pytorch_utils import Conv1D

from fairhub.model.streaming.layers import weight_of

Kind: TypeAlias = Literal["head", "neuron"]
KINDS: tuple[Kind, ...] = ("head", "neuron")


@dataclass(frozen=True, order=True)
class Unit:
    """One attention (query) head or one MLP neuron; ordered by layer, then heads before neurons."""

    layer: int
    """Decoder layer, from 0."""
    kind: Kind
    """What it is."""
    index: int
    """Which head or neuron of the layer, from 0."""

    def __str__(self) -> str:
        """Read as people say it: `head 6 of layer 1`."""
        return f"{self.kind} {self.index} of layer {self.layer}"


Pruning: TypeAlias = frozenset[Unit]
"""The units that are removed. The empty pruning is the base model."""


@dataclass(frozen=True, eq=False)
class Site:
    """One output projection, whose input is `count` units side by side, each `width` columns wide."""

    layer: int
    """Decoder layer, from 0."""
    kind: Kind
    """What its units are."""
    module: nn.Linear | Conv1D
    """The projection back into the residual stream."""
    count: int
    """Number of units."""
    width: int
    """Input columns of each unit: the head dimension, or 1 for a neuron."""

    @property
    def weight(self) -> Tensor:
        """The weight as [out, in] = [hidden, count * width]: a view, or a copy of what rests in its file."""
        return oriented(self.module, weight_of(self.module))

    def columns(self, indices: Iterable[int]) -> LongTensor:
        """Return the input columns of these units, unit after unit, [len(indices) * width] on the CPU."""
        firsts = torch.tensor(list(indices), dtype=torch.long) * self.width
        return (firsts[:, None] + torch.arange(self.width)).flatten()  # type: ignore[return-value]


def oriented(module: nn.Linear | Conv1D, values: Tensor) -> Tensor:
    """Return values laid out as a projection's weight (the weight itself, its gradient) as [out, in]: a view.

    `Conv1D` stores [in, out].
    """
    return values.T if isinstance(module, Conv1D) else values
