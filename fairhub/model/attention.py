"""The weights of each attention head: its query, key, value and output slices, whatever the architecture calls them."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from fairhub.errors import UserError
from fairhub.model.architecture import decoder_layers, layout_of, sites, text_config
from fairhub.model.checking import of_heads, responses
from fairhub.model.finding import sizes
from fairhub.model.streaming.layers import weight_of
from fairhub.model.units import oriented


@torch.no_grad()
def head_norms(model: PreTrainedModel) -> list[Tensor]:
    """Return the L2 norm of every head's q, k, v and o slices together, [heads] float64 for each layer.

    Where query heads share keys and values (GQA), each counts the shared slices as its own. Biases do not count.

    Raises:
        UserError: The architecture is unknown, or a projection is not where it should be.
    """
    found = []
    for site in (site for site in sites(model) if site.kind == "head"):
        parts = _projections(model, site.layer, site.count * site.width)
        total = site.weight.double().square().sum(0).view(site.count, site.width).sum(1).cpu()
        for part in parts:
            squares = part.double().square().sum(1).cpu()
            heads = len(squares) // site.width
            if len(squares) % site.width or not heads or site.count % heads:
                raise UserError(
                    f"heads of layer {site.layer} have {len(squares)} rows of weights; choose another model"
                )
            total += squares.view(heads, site.width).sum(1).repeat_interleave(site.count // heads)
        found.append(total.sqrt())
    return found


def _projections(model: PreTrainedModel, layer: int, rows: int) -> list[Tensor]:
    """Return the query, key and value weights of a layer, each [heads * width, hidden].

    Raises:
        UserError: They cannot be told apart.
    """
    paths, place = layout_of(model).qkv, decoder_layers(model)[layer]
    weights = [_weight(place.get_submodule(path)) for path in paths]
    if len(weights) == 3:
        return weights
    order = _order(model, layer, rows) if len(weights) == 1 else None
    if order is None:
        raise UserError(
            f"heads are told apart by their queries, keys and values; those of {model.config.model_type} cannot be; "
            "choose another method"
        )
    (fused,) = weights
    if order == "by head":  # a head's query, key and value stand together
        width = rows // text_config(model).num_attention_heads
        return [part.flatten(0, 1) for part in fused.unflatten(0, (-1, 3, width)).unbind(1)]
    return list(fused.split([rows, (len(fused) - rows) // 2, (len(fused) - rows) // 2]))


def _order(model: PreTrainedModel, layer: int, rows: int) -> str | None:
    """Return how one matrix has its rows: all queries first, or head by head; told by which heads they move.

    The first query of the last head, where either order would have it, must move that head and no other.
    """
    site = next(site for site in sites(model) if (site.layer, site.kind) == (layer, "head"))
    made = decoder_layers(model)[layer].get_submodule(layout_of(model).qkv[0])
    last, heads = site.count - 1, {}
    for order, step in (("queries first", site.width), ("by head", 3 * site.width)):
        if (last + 1) * step <= sizes(made)[1]:
            with torch.inference_mode():
                heads[order] = of_heads(responses(model, made, site.module, [step, last * step]), site)
    fit = [order for order, moved in heads.items() if moved == {1, last}]
    return fit[0] if len(fit) == 1 else None


def _weight(module: nn.Module) -> Tensor:
    """Return a projection's weight as [out, in]."""
    assert isinstance(module, nn.Linear | Conv1D)
    return oriented(module, weight_of(module))
