"""Removing units for good: columns set to zero, and neurons that are zero everywhere cut out."""

import math

import torch
from torch import LongTensor, Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from fairhub.errors import UserError
from fairhub.model.architecture import Mlp, located, mlp_width, mlps, refuse_width, set_mlp_width_, sites
from fairhub.model.units import Pruning, Site


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
        _refuse_offloaded(site)
    for site, indices in touched.items():
        site.weight[:, site.columns(indices)] = 0


@torch.no_grad()
def shrink_(model: PreTrainedModel, multiple: int = 8) -> int:
    """Cut out MLP neurons whose output columns are zero, in place, and say so in the config.

    Stock code has one MLP width for all layers. So every layer gets the width of the one that keeps most,
    rounded up to a multiple, and the others keep some zeroed neurons as padding. Heads are never cut out:
    most architectures tie their number to the hidden size.

    Args:
        model: A causal language model of a known architecture.
        multiple: The new width is a multiple of this (unless it is the present one), for fast kernels.

    Returns:
        The number of neurons that each layer now has.

    Raises:
        UserError: The architecture is unknown, a layer is not built as it should be, the weights are
            offloaded, or `multiple` is below 1.
    """
    if multiple < 1:
        raise UserError(f"multiple must be at least 1; got {multiple}; 8 suits most kernels")
    refuse_width(model)
    found = mlps(model)
    for mlp in found:
        _refuse_offloaded(mlp.output)
    alive = [(mlp.output.weight != 0).any(dim=0) for mlp in found]
    most = max((int(row.sum()) for row in alive), default=0)
    present = mlp_width(model)
    width = _rounded(most, present, multiple)
    if width < present:
        for mlp, row in zip(found, alive, strict=True):
            _keep_neurons_(mlp, _first(row, width))
        set_mlp_width_(model, width)
    return width


def parameters_gone(model: PreTrainedModel, pruning: Pruning, *, shrunk: bool, multiple: int = 8) -> int:
    """Return how many parameters a pruning takes from a model: set to zero, or cut out where it is then shrunk.

    A zeroed unit is its columns of the output projection; a neuron that is cut out is its rows of the others as well.

    Raises:
        UserError: The model does not have one of the units, or its architecture is unknown.
    """
    touched = located(sites(model), pruning)
    total = sum(site.weight.shape[0] * site.width * len(indices) for site, indices in touched.items())
    if not shrunk:
        return total
    found, present = mlps(model), mlp_width(model)
    removed = {site.layer: len(indices) for site, indices in touched.items() if site.kind == "neuron"}
    cut = present - _rounded(present - min(removed.get(layer, 0) for layer in range(len(found))), present, multiple)
    inputs = [
        part for mlp in found for module in mlp.inputs for part in (module.weight, module.bias) if part is not None
    ]
    return total + cut * sum(part.numel() for part in inputs) // present


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
    if site.weight.device.type == "meta":
        raise UserError(
            f"editing needs the weights in memory; those of layer {site.layer} are offloaded; "
            "load the model on one device, without device_map"
        )
