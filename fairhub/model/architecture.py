"""Heads, neurons and the projections that they live in, of a loaded model: checked to be plain matrices."""

from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from fairhub.errors import UserError
from fairhub.model.finding import Layout, sizes, text_config
from fairhub.model.finding import found as found_layout
from fairhub.model.units import Pruning, Site, Unit


@dataclass(frozen=True, eq=False)
class Mlp:
    """The projections of one MLP, checked: neuron i is input i of `output` and output i of each block."""

    inputs: tuple[nn.Linear | Conv1D, ...]
    """The projections that make the neurons."""
    fused: int
    """Blocks of neurons in each of them."""
    output: Site
    """The projection that reads the neurons."""


def decoder_layers(model: PreTrainedModel) -> nn.ModuleList:
    """Return the decoder layers of a causal language model, first to last.

    Raises:
        UserError: They cannot be told, or are not built alike.
    """
    layers = model.get_submodule(layout_of(model).layers)
    expected = text_config(model).num_hidden_layers
    if not isinstance(layers, nn.ModuleList) or len(layers) != expected:
        raise UserError(
            f"a {model.config.model_type} model must have {expected} decoder layers; {type(model).__name__} has "
            f"{_describe(layers)}; load the original checkpoint"
        )
    return layers


def sites(model: PreTrainedModel) -> tuple[Site, ...]:
    """Return every output projection of the model, by layer, that of the heads before that of the neurons.

    Where a layer has experts, its neurons are not those of one matrix, and it has a projection of heads alone.

    Raises:
        UserError: They cannot be told, or a layer is not built as it should be (quantised, wrapped, resized): no model
            is ever masked in part.
    """
    layout, config = layout_of(model), text_config(model)
    layers, heads = decoder_layers(model), config.num_attention_heads
    columns = sizes(layers[0].get_submodule(layout.attention))[0]
    neurons = sizes(layers[0].get_submodule(layout.mlp))[0] if layout.mlp else 0
    found = []
    for index, layer in enumerate(layers):
        attention = _projection(model, layer, layout.attention, columns, config.hidden_size)
        found.append(Site(index, "head", attention, heads, columns // heads))
        if layout.mlp:
            mlp = _projection(model, layer, layout.mlp, neurons, config.hidden_size)
            found.append(Site(index, "neuron", mlp, neurons, 1))
    return tuple(found)


def units(model: PreTrainedModel) -> tuple[Unit, ...]:
    """Return every unit of the model, in order."""
    return tuple(Unit(site.layer, site.kind, index) for site in sites(model) for index in range(site.count))


def mlps(model: PreTrainedModel) -> tuple[Mlp, ...]:
    """Return the MLP of every layer with the projections that make its neurons.

    Raises:
        UserError: As for `sites`, or neurons are in experts.
    """
    layout, hidden = _with_neurons(model), text_config(model).hidden_size
    outputs = [site for site in sites(model) if site.kind == "neuron"]
    found = []
    for layer, output in zip(decoder_layers(model), outputs, strict=True):
        width = layout.fused * output.count
        inputs = [_projection(model, layer, path, hidden, width) for path in layout.mlp_inputs]
        found.append(Mlp(tuple(inputs), layout.fused, output))
    return tuple(found)


def input_norms(model: PreTrainedModel) -> tuple[nn.Module, ...]:
    """Return the norm of every layer whose output the layer's attention reads.

    Raises:
        UserError: They cannot be told, or attention reads the stream itself.
    """
    path = layout_of(model).norm
    if not path:
        raise UserError(
            f"what attention reads is measured behind a norm; a layer of {model.config.model_type} has none before it; "
            "choose another model"
        )
    return tuple(layer.get_submodule(path) for layer in decoder_layers(model))


def mlp_width(model: PreTrainedModel) -> int:
    """Return the number of neurons of each layer.

    Raises:
        UserError: Neurons are in experts.
    """
    return sizes(decoder_layers(model)[0].get_submodule(_with_neurons(model).mlp))[0]


def set_mlp_width_(model: PreTrainedModel, width: int) -> None:
    """Write the number of neurons of each layer into the config, where stock code will read it."""
    setattr(text_config(model), layout_of(model).mlp_width, width)


def refuse_width(model: PreTrainedModel) -> None:
    """Refuse to cut neurons out of a model whose config has no field for their number.

    Raises:
        UserError: It has none.
    """
    if not _with_neurons(model).mlp_width:
        raise UserError(
            f"neurons are cut out where the config says how many there are; that of {model.config.model_type} does "
            "not; leave --shrink out"
        )


def _with_neurons(model: PreTrainedModel) -> Layout:
    layout = layout_of(model)
    if not layout.mlp:
        raise UserError(
            f"neurons are those of one matrix a layer; {model.config.model_type} has experts; choose a method of heads"
        )
    return layout


def located(places: tuple[Site, ...], pruning: Pruning) -> dict[Site, list[int]]:
    """Return those of a model's sites that a pruning touches, each with the indices of its removed units.

    Raises:
        UserError: The model does not have one of the units.
    """
    where = {(site.layer, site.kind): site for site in places}
    touched: dict[Site, list[int]] = {}
    for unit in sorted(pruning):
        site = where.get((unit.layer, unit.kind))
        if site is None or not 0 <= unit.index < site.count:
            has = (
                f"{len({site.layer for site in places})} layers"
                if site is None
                else f"{site.count} {unit.kind}s in that layer"
            )
            raise UserError(
                f"a pruning may only name units that the model has; got {unit}, but there are {has}; "
                "count from 0, and use a pruning made for this model"
            )
        touched.setdefault(site, []).append(unit.index)
    return touched


def layout_of(model: PreTrainedModel) -> Layout:
    """Return where a model keeps its heads and neurons, looked for once a model.

    Raises:
        UserError: It cannot be told.
    """
    known = model.__dict__.get(_MARK)
    if known is None:
        known = model.__dict__[_MARK] = found_layout(model)
    assert isinstance(known, Layout)
    return known


_MARK = "_fairhub_layout"


def _submodule(root: nn.Module, path: str) -> nn.Module | None:
    try:
        return root.get_submodule(path)
    except AttributeError:
        return None


def _projection(
    model: PreTrainedModel, layer: nn.Module, path: str, in_features: int, out_features: int
) -> nn.Linear | Conv1D:
    """Return a layer's projection, refused unless it is a plain matrix of exactly this shape."""
    module = _submodule(layer, path)
    if isinstance(module, nn.Linear | Conv1D) and _is_plain(module):
        shape = (in_features, out_features) if isinstance(module, Conv1D) else (out_features, in_features)
        if tuple(module.weight.shape) == shape:
            return module
    raise UserError(
        f"every layer of a {model.config.model_type} model must have a plain {path} with {in_features} "
        f"inputs and {out_features} outputs; one has {_describe(module)}; "
        "load the original checkpoint: not quantised, wrapped or split by columns over devices"
    )


def _is_plain(module: nn.Linear | Conv1D) -> bool:
    """Tell an ordinary matrix from one that only looks like it.

    Quantised layers of bitsandbytes and adapters of peft are subclasses of nn.Linear; torchao's and
    tensor-parallel weights are subclasses of Parameter. Hence exact types, and those of the architecture itself (Falcon
    has its own nn.Linear), which `checking` tries.
    """
    own = type(module).__module__.startswith("transformers.models.")
    ordinary = (own or type(module) in (nn.Linear, Conv1D)) and type(module.weight) is nn.Parameter
    return ordinary and module.weight.is_floating_point()


def _describe(module: nn.Module | None) -> str:
    if module is None:
        return "none"
    if isinstance(module, nn.ModuleList):
        return f"{len(module)}"
    weight = getattr(module, "weight", None)
    return type(module).__name__ + ("" if weight is None else f" {tuple(weight.shape)} {weight.dtype}")
