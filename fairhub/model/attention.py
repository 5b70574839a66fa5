"""The weights of each attention head: its query, key, value and output slices, whatever the architecture calls them."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from fairhub.errors import UserError
from fairhub.model.architecture import attention_inputs, decoder_layers, sites, text_config
from fairhub.model.units import oriented


@torch.no_grad()
def head_norms(model: PreTrainedModel) -> list[Tensor]:
    """Return the L2 norm of every head's q, k, v and o slices together, [heads] float64 for each layer.

    Where query heads share keys and values (GQA), each counts the shared slices as its own. Biases do not count.

    Raises:
        UserError: The architecture is unknown, or a projection is not where it should be.
    """
    shared = getattr(text_config(model), "num_key_value_heads", None)
    found = []
    for site in (site for site in sites(model) if site.kind == "head"):
        parts = _projections(model, site.layer, site.count * site.width)
        total = site.weight.double().square().sum(0).view(site.count, site.width).sum(1).cpu()
        for part in parts:
            squares = part.double().square().sum(1).cpu()
            heads = len(squares) // site.width
            if len(squares) % site.width or heads not in (site.count, shared):
                raise UserError(
                    f"heads of layer {site.layer} have {len(squares)} rows of weights; choose another model"
                )
            total += squares.view(heads, site.width).sum(1).repeat_interleave(site.count // heads)
        found.append(total.sqrt())
    return found


def _projections(model: PreTrainedModel, layer: int, rows: int) -> list[Tensor]:
    """Return the query, key and value weights of a layer, each [heads * width, hidden]."""
    paths, interleaved = attention_inputs(model)
    weights = [_weight(decoder_layers(model)[layer].get_submodule(path)) for path in paths]
    if len(weights) == 3:
        return weights
    (fused,) = weights
    if interleaved:  # a head's query, key and value stand together
        width = rows // text_config(model).num_attention_heads
        return [part.flatten(0, 1) for part in fused.unflatten(0, (-1, 3, width)).unbind(1)]
    return list(fused.split([rows, (len(fused) - rows) // 2, (len(fused) - rows) // 2]))


def _weight(module: nn.Module) -> Tensor:
    """Return a projection's weight as [out, in]."""
    assert isinstance(module, nn.Linear | Conv1D)
    return oriented(module, module.weight)
