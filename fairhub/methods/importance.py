"""How important every MLP neuron is, from its weights alone or with what it does on text."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.errors import UserError, one_of
from fairhub.inputs.batches import Batch
from fairhub.measure.activations import Component, watched
from fairhub.model.architecture import Mlp, mlps
from fairhub.model.streaming.layers import weight_of
from fairhub.model.streaming.steps import in_step
from fairhub.model.units import oriented

Importance = Literal["ppm", "max_abs", "vow", "pon", "l2", "data_driven"]
"""Names of optiPfair (Martra 2025): peak-to-peak magnitude; the article's formula, largest absolute weight; variance
of weights; product of L1 norms; L2 norm; peak-to-peak of all three matrices times the norm of the activation."""


def importance(model: PreTrainedModel, kind: Importance = "ppm", text: Sequence[Batch] = ()) -> np.ndarray:
    """Return the importance of every neuron, [layers, neurons] float32; comparable within a layer.

    Gate and up are added (`pon`: multiplied); an MLP without a gate has up alone.

    Args:
        model: A causal language model of a known architecture.
        kind: How importance is measured.
        text: Batches without padding, for `data_driven`: CFSP's norm over all their tokens. (optiPfair adds the norms
            of batches, so that its result depends on their size; with one batch both agree.)

    Raises:
        UserError: The architecture is unknown, or `data_driven` has no text.
    """
    if kind == "data_driven":
        return _data_driven(model, text)
    reduce = _REDUCE[kind]
    rows = []
    for mlp in mlps(model):
        parts = torch.stack([reduce(weight) for weight in _rows(mlp)])
        rows.append((parts.prod(0) if kind == "pon" else parts.sum(0)).cpu().numpy())
    return np.stack(rows)


def known_importance(name: str) -> Importance:
    """Return the importance of that name, or refuse it."""
    return one_of("an importance", name, get_args(Importance))


def _peak_to_peak(weight: Tensor) -> Tensor:
    return weight.max(1).values + weight.min(1).values.abs()


_REDUCE: dict[str, Callable[[Tensor], Tensor]] = {
    "ppm": _peak_to_peak,
    "max_abs": lambda weight: weight.abs().max(1).values,
    "vow": lambda weight: weight.var(1),
    "pon": lambda weight: weight.norm(p=1, dim=1),
    "l2": lambda weight: weight.norm(p=2, dim=1),
}


def _rows(mlp: Mlp) -> list[Tensor]:
    """Return the matrices that make the neurons, each [neurons, hidden] float32: gate before up."""
    found: list[Tensor] = []
    for module in mlp.inputs:
        weight = weight_of(module).detach().float()
        found += oriented(module, weight).chunk(mlp.fused)
    return found


def _data_driven(model: PreTrainedModel, text: Sequence[Batch]) -> np.ndarray:
    """Return the sum of the three peak-to-peaks, each over its layer's largest, times the norm of the activation."""
    if not text:
        raise UserError("importance from data needs text; none was given; choose an importance from weights")
    squares: dict[int, Tensor] = {}
    neurons: tuple[Component, ...] = ("down_proj_input",)

    def add(name: Component, layer: int, value: Tensor) -> None:
        squares[layer] = squares.get(layer, torch.zeros(())) + value.float().pow(2).sum((0, 1)).cpu()

    def read(batch: Batch) -> None:
        with torch.inference_mode(), watched(model, len(batch.ids), add, neurons):
            model.base_model(batch.ids, use_cache=False)

    list(in_step(model)(read, text))
    rows = []
    for layer, mlp in enumerate(mlps(model)):
        parts = [_peak_to_peak(weight) for weight in (*_rows(mlp), mlp.output.weight.detach().float().T)]
        structure = sum(part / (part.max() + 1e-8) for part in parts)
        rows.append((structure.cpu() * squares[layer].sqrt()).numpy())  # type: ignore[union-attr]
    return np.stack(rows)
