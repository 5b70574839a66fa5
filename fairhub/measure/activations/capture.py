"""Capture: what the parts of every layer give out, for all rows of a batch, in one forward."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from fairhub.inputs.batches import Batch
from fairhub.model.architecture import input_norms, mlps, sites
from fairhub.model.streaming.steps import hook_after, hook_before

Component: TypeAlias = Literal[
    "input_norm", "attention_output", "gate_proj", "up_proj", "down_proj_input", "down_proj", "mlp_output"
]
"""A part of a layer, by its name in a gated MLP: elsewhere `up_proj` is c_fc, dense_h_to_4h or fc1, `down_proj` c_proj,
dense_4h_to_h or fc2. `down_proj_input` holds the neurons themselves; `mlp_output` is the same tensor as `down_proj`,
under its other name."""
COMPONENTS: tuple[Component, ...] = get_args(Component)
Visit = Callable[[Component, int, Tensor], None]


@dataclass(frozen=True, eq=False)
class Activations:
    """What one forward of a batch gave out."""

    values: Mapping[tuple[Component, int], Tensor]
    """[rows, positions, features] by component and layer, in the model's dtype, on the CPU."""
    batch: Batch
    mask: Tensor
    """[rows, positions] whether a token stands there: what padding gave out means nothing."""

    @property
    def components(self) -> tuple[Component, ...]:
        """The components there are, in the order of the forward."""
        return tuple(name for name in COMPONENTS if (name, 0) in self.values)

    @property
    def layers(self) -> int:
        """How many layers the model has."""
        return 1 + max(layer for _, layer in self.values)


def components_of(model: PreTrainedModel) -> tuple[Component, ...]:
    """Return the components a model has: all of them, or all but the gate where its MLP has none."""
    first = mlps(model)[0]
    gated = len(first.inputs) * first.fused > 1
    return tuple(name for name in COMPONENTS if gated or name != "gate_proj")


@torch.inference_mode()
def capture(model: PreTrainedModel, batch: Batch, components: Collection[Component] = COMPONENTS) -> Activations:
    """Return what these components give out for every row of a batch.

    Rows are padded on the right, where a causal model cannot look, so each row is what it would be alone.

    Raises:
        UserError: The architecture is unknown.
    """
    values: dict[tuple[Component, int], Tensor] = {}

    def keep(name: Component, layer: int, value: Tensor) -> None:
        values[name, layer] = value.cpu()

    with watched(model, len(batch.ids), keep, components):
        model.base_model(batch.ids, use_cache=False)
    places = torch.arange(batch.ids.shape[1], device=batch.last.device)
    return Activations(values, batch, (places <= batch.last[:, None]).cpu())


@contextmanager
def watched(
    model: PreTrainedModel, rows: int, visit: Visit, components: Collection[Component] = COMPONENTS
) -> Iterator[None]:
    """Show the components' activations, [rows, positions, features], to `visit` in every forward inside the block.

    Nothing is kept, so a visitor that adds up needs no more memory than the forward. `visit` gets the component, the
    layer and the tensor; a tensor it changes is changed in the model.

    Raises:
        UserError: The architecture is unknown.
    """
    with ExitStack() as hooks:
        for handle in _hooks(model, _shaped(visit, rows, frozenset(components))):
            hooks.callback(handle.remove)
        yield


def _hooks(model: PreTrainedModel, visit: Visit) -> Iterator[RemovableHandle]:
    for layer, norm in enumerate(input_norms(model)):
        yield hook_after(norm, _after(visit, layer, "input_norm"))
    for site in sites(model):
        if site.kind == "head":
            yield hook_after(site.module, _after(visit, site.layer, "attention_output"))
    for layer, mlp in enumerate(mlps(model)):
        names: tuple[Component, ...] = ("gate_proj", "up_proj") if len(mlp.inputs) * mlp.fused > 1 else ("up_proj",)
        each = len(names) // len(mlp.inputs)  # 2 where one matrix makes gate and up
        for place, module in enumerate(mlp.inputs):
            yield hook_after(module, _after(visit, layer, *names[place * each : (place + 1) * each]))
        yield hook_before(mlp.output.module, _before(visit, layer, "down_proj_input"))
        yield hook_after(mlp.output.module, _after(visit, layer, "down_proj"))
        yield hook_after(mlp.output.module, _after(visit, layer, "mlp_output"))


def _after(visit: Visit, layer: int, *names: Component) -> Callable[..., None]:
    def hook(module: torch.nn.Module, args: Any, output: Any) -> None:
        value = output[0] if isinstance(output, tuple) else output
        for name, part in zip(names, value.chunk(len(names), dim=-1), strict=True):
            visit(name, layer, part)

    return hook


def _before(visit: Visit, layer: int, name: Component) -> Callable[..., None]:
    def hook(module: torch.nn.Module, args: tuple[Tensor, ...]) -> None:
        visit(name, layer, args[0])

    return hook


def _shaped(visit: Visit, rows: int, wanted: frozenset[Component]) -> Visit:
    def shaped(name: Component, layer: int, value: Tensor) -> None:
        if name in wanted:
            visit(name, layer, value.reshape(rows, -1, value.shape[-1]))  # OPT flattens rows and positions

    return shaped
