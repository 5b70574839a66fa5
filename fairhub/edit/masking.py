"""Removing units for a while: hooks on the inputs of output projections, gone when the `with` block ends."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from fairhub.model.architecture import decoder_layers, located, sites
from fairhub.model.streaming.steps import hook_before
from fairhub.model.units import KINDS, Kind, Pruning, Site

Hook = Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...] | None]


@contextmanager
def masked(model: PreTrainedModel, *prunings: Pruning) -> Iterator[None]:
    """Remove units from every forward inside the `with` block; the model itself is not changed.

    Args:
        model: A causal language model of a known architecture.
        prunings: One pruning holds for every row of a batch. K prunings cut the batch into K equal
            blocks of consecutive rows, and each block is computed under its own pruning.

    Raises:
        UserError: The model does not have one of the units, or its architecture is unknown.
    """
    assert prunings, "masked needs a pruning; the empty one is frozenset()"
    places = sites(model)
    touched: dict[nn.Module, Tensor] = {}
    for block, pruning in enumerate(prunings):
        for site, indices in located(places, pruning).items():
            blank = torch.zeros(len(prunings), 1, site.count * site.width, dtype=torch.bool)
            removed = touched.setdefault(site.module, blank)
            removed[block, :, site.columns(indices)] = True
    hooks = {module: _remover(removed) for module, removed in touched.items()}
    if len(prunings) > 1:
        hooks |= dict.fromkeys(decoder_layers(model), _row_check(len(prunings)))
    with _hooked(hooks):
        yield


@contextmanager
def gated(
    model: PreTrainedModel, rows: int | None = None, kinds: Sequence[Kind] = KINDS
) -> Iterator[dict[tuple[int, Kind], Tensor]]:
    """Multiply every unit by a gate of one inside the `with` block, to learn what the unit does.

    Args:
        model: A causal language model of a known architecture.
        rows: None for one gate per unit; else the batch has so many rows and each row has gates of its
            own, so that one backward pass tells what every unit does to every row.
        kinds: The kinds of units that get gates.

    The gradient of a loss with respect to a gate is minus the first-order change of the loss when the
    unit is removed (Molchanov et al. 2017, "Pruning convolutional neural networks for resource efficient
    inference"; Michel et al. 2019, "Are sixteen heads really better than one?").

    Yields:
        The gates, by layer and kind: leaf tensors of ones, [units of that kind] or [rows, units of that
        kind], float32, requiring gradients. They may be changed in place under `torch.no_grad()`; 0 removes the unit.

    Raises:
        UserError: The architecture is unknown.
    """
    gates: dict[tuple[int, Kind], Tensor] = {}
    hooks: dict[nn.Module, Hook] = {}
    for site in (site for site in sites(model) if site.kind in kinds):
        shape = (site.count,) if rows is None else (rows, site.count)
        gate = torch.ones(shape, device=_home(site), requires_grad=True)
        gates[site.layer, site.kind] = gate
        hooks[site.module] = _multiplier(gate, site.width)
    with _hooked(hooks):
        yield gates


@contextmanager
def _hooked(hooks: dict[nn.Module, Hook]) -> Iterator[None]:
    handles: list[RemovableHandle] = []
    try:
        for module, hook in hooks.items():
            handles.append(hook_before(module, hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _remover(removed: Tensor) -> Hook:
    """Return a hook that zeroes the removed columns, [blocks, 1, columns], in each block of rows."""

    def hook(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nonlocal removed
        removed = removed.to(args[0].device)  # once a device, not once a forward
        # Filled, not multiplied: 0 * inf would be nan. Rows and positions are one axis, because OPT
        # flattens them before its MLP; blocks stay whole either way, as rows are the slower of the two.
        blocks = args[0].reshape(len(removed), -1, removed.shape[-1])
        return (blocks.masked_fill(removed, 0).reshape(args[0].shape), *args[1:])

    return hook


def _multiplier(gate: Tensor, width: int) -> Hook:
    def hook(module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        columns = gate.to(args[0].device, args[0].dtype).repeat_interleave(width, dim=-1)
        if columns.dim() == 1:
            return (args[0] * columns, *args[1:])
        rows = args[0].reshape(len(columns), -1, columns.shape[-1])  # OPT flattens rows and positions
        return ((rows * columns[:, None]).reshape(args[0].shape), *args[1:])

    return hook


def _row_check(blocks: int) -> Hook:
    def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        rows = len(args[0])
        assert rows % blocks == 0, f"a batch of {rows} rows cannot be cut into {blocks} equal blocks"

    return hook


def _home(site: Site) -> torch.device:
    """Return the device of the weight, or the CPU while that weight is elsewhere."""
    device = site.module.weight.device
    return torch.device("cpu") if device.type == "meta" else device
