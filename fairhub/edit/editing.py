"""Removing units for good: columns set to zero, and neurons that are zero everywhere cut out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import LongTensor, Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from fairhub.errors import UserError
from fairhub.model.architecture import Mlp, located, mlp_width, mlps, refuse_width, set_mlp_width_, sites
from fairhub.model.finding import text_config
from fairhub.model.streaming.layers import replace_, rests
from fairhub.model.units import Pruning, Site, oriented

_MULTIPLES = (256, 64, 32, 16, 8, 4, 2, 1)
"""Widths are kept multiples of the first of these that the present one is: 256 is a block of llama.cpp's k-quants, and
64 leaves room for fast kernels and for splits over devices."""
_OF_BEFORE = 8
"""What recipes meant that name no multiple."""


@dataclass(frozen=True)
class Width:
    """How many neurons each layer has once those that are gone everywhere are cut out."""

    present: int
    """Before."""
    width: int
    """After: that of the fullest layer, rounded up to a multiple."""
    multiple: int
    padding: int
    """Neurons of all layers together that are kept as zeros, to fill layers up to the width."""

    def __str__(self) -> str:
        """Say what came out and what it costs."""
        cut = f"{self.width:,} of {self.present:,}" if self.width < self.present else f"all {self.present:,} stay"
        return f"{cut}, a multiple of {self.multiple}; {self.padding:,} of all layers together are zeros that fill up"


@torch.no_grad()
def zero_(model: PreTrainedModel, pruning: Pruning) -> None:
    """Remove units by setting their columns of the output projections to zero, in place.

    Shapes do not change, so stock transformers loads the saved model; biases and shared keys and values
    stay as they are. Logits are those under `masked`, bit for bit in fp32 on a CPU.

    Raises:
        UserError: The model does not have one of the units, its architecture is unknown, or its weights
            are offloaded.
    """
    touched = located(sites(model), pruning)
    for site in touched:
        if not rests(site.module):
            _refuse_offloaded(site)
    for site, indices in touched.items():
        weight = site.weight
        weight[:, site.columns(indices)] = 0
        replace_(site.module, oriented(site.module, weight))


@torch.no_grad()
def shrink_(model: PreTrainedModel, multiple: int | None = None) -> int:
    """Cut out MLP neurons whose output columns are zero, in place, and say so in the config.

    Stock code has one MLP width for all layers. So every layer gets the width of the one that keeps most,
    rounded up to a multiple, and the others keep some zeroed neurons as padding. Heads are never cut out:
    most architectures tie their number to the hidden size.

    Args:
        model: A causal language model of a known architecture.
        multiple: The new width is a multiple of this (unless it is the present one); None takes 256 or 64 where the
            present width is one of that, else the largest power of two that divides it.

    Returns:
        The number of neurons that each layer now has.

    Raises:
        UserError: The architecture is unknown, a layer is not built as it should be, the weights are
            offloaded, or `multiple` is below 1.
    """
    if multiple is not None and multiple < 1:
        raise UserError(f"multiple must be at least 1; got {multiple}; 8 suits most kernels")
    refuse_width(model)
    found = mlps(model)
    for mlp in found:
        _refuse_offloaded(mlp.output)
    alive = [(mlp.output.weight != 0).any(dim=0) for mlp in found]
    most = max((int(row.sum()) for row in alive), default=0)
    present = mlp_width(model)
    width = _rounded(most, present, multiple or _multiple_of(present))
    if width < present:
        for mlp, row in zip(found, alive, strict=True):
            _keep_neurons_(mlp, _first(row, width))
        set_mlp_width_(model, width)
    return width


def asked_multiple(plan: Mapping[str, Any]) -> int | None:
    """Return the multiple that a run's recorded plan shrinks to; None takes it from the model."""
    multiple: int | None = plan.get("multiple", _OF_BEFORE)
    return multiple


def width_after(model: PreTrainedModel, pruning: Pruning, multiple: int | None = None) -> Width:
    """Return the width that shrinking a model after a pruning will give it; arguments are those of `shrink_`.

    Raises:
        UserError: The model does not have one of the units, its architecture is unknown, or its neurons are in experts.
    """
    layers, present = len(mlps(model)), mlp_width(model)
    multiple = multiple or _multiple_of(present)
    touched = located(sites(model), pruning)
    removed = [len(indices) for site, indices in touched.items() if site.kind == "neuron"]
    fewest = min(removed) if len(removed) == layers else 0
    width = _rounded(present - fewest, present, multiple)
    return Width(present, width, multiple, layers * width - (layers * present - sum(removed)))


def parameters_gone(model: PreTrainedModel, pruning: Pruning, *, shrunk: bool, multiple: int | None = None) -> int:
    """Return how many parameters a pruning takes from a model: set to zero, or cut out where it is then shrunk.

    A zeroed unit is its columns of the output projection; a neuron that is cut out is its rows of the others as well.

    Raises:
        UserError: The model does not have one of the units, or its architecture is unknown.
    """
    touched = located(sites(model), pruning)
    hidden = text_config(model).hidden_size
    total = sum(hidden * site.width * len(indices) for site, indices in touched.items())
    if not shrunk:
        return total
    after = width_after(model, pruning, multiple)
    inputs = [
        part for mlp in mlps(model) for module in mlp.inputs for part in (module.weight, module.bias)
        if part is not None
    ]  # fmt: skip
    return total + (after.present - after.width) * sum(part.numel() for part in inputs) // after.present


def _multiple_of(width: int) -> int:
    return next(multiple for multiple in _MULTIPLES if width % multiple == 0)


def _rounded(most: int, present: int, multiple: int) -> int:
    """Return the width of all layers where the fullest keeps `most` neurons."""
    return min(multiple * max(1, math.ceil(most / multiple)), present)


def _first(alive: Tensor, width: int) -> LongTensor:
    """Return `width` neurons in their order: every living one, then the earliest dead ones as padding."""
    order = torch.argsort(alive.int(), descending=True, stable=True)
    return order[:width].sort().values  # type: ignore[return-value]


def _keep_neurons_(mlp: Mlp, kept: LongTensor) -> None:
    blocks = torch.cat([kept + block * mlp.output.count for block in range(mlp.fused)])
    for module in mlp.inputs:
        _keep_outputs_(module, blocks)
    _keep_inputs_(mlp.output.module, kept)


def _keep_outputs_(module: nn.Linear | Conv1D, kept: Tensor) -> None:
    module.weight = _part(module.weight, kept, dim=1 if isinstance(module, Conv1D) else 0)
    if module.bias is not None:
        module.bias = _part(module.bias, kept, dim=0)
    setattr(module, "nf" if isinstance(module, Conv1D) else "out_features", len(kept))


def _keep_inputs_(module: nn.Linear | Conv1D, kept: Tensor) -> None:
    module.weight = _part(module.weight, kept, dim=0 if isinstance(module, Conv1D) else 1)
    setattr(module, "nx" if isinstance(module, Conv1D) else "in_features", len(kept))


def _part(parameter: Tensor, kept: Tensor, dim: int) -> nn.Parameter:
    return nn.Parameter(parameter.index_select(dim, kept.to(parameter.device)), parameter.requires_grad)


def _refuse_offloaded(site: Site) -> None:
    if site.module.weight.device.type == "meta":
        raise UserError(
            f"editing needs the weights in memory; those of layer {site.layer} are offloaded; "
            "load the model on one device, without device_map"
        )
