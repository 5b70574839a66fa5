"""Where heads and neurons live in each architecture: the only place that knows the names of modules."""

from dataclasses import dataclass, replace

from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from fairhub.errors import UserError
from fairhub.model.units import Pruning, Site, Unit


@dataclass(frozen=True)
class Layout:
    """The names an architecture gives to its parts; paths of projections start at a decoder layer."""

    layers: str
    """Path of the list of decoder layers, from the model."""
    attention: str
    """The attention output projection: its input is the query heads side by side."""
    mlp: str
    """The MLP output projection: its input is the neurons side by side."""
    mlp_inputs: tuple[str, ...]
    """The projections that make the neurons; two in a gated MLP."""
    mlp_width: str = "intermediate_size"
    """The config field with the number of neurons; None there means four times the hidden size."""
    fused: int = 1
    """How many blocks of neurons each input projection makes: 2 where gate and up are one matrix."""
    qkv: tuple[str, ...] = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
    """The projections that make queries, keys and values; one where they are one matrix."""
    interleaved: bool = False
    """Whether in one matrix the rows of a head stand together, and not all queries before all keys."""
    norm: str = "input_layernorm"
    """The norm whose output the layer's attention reads."""


@dataclass(frozen=True, eq=False)
class Mlp:
    """The projections of one MLP, checked: neuron i is input i of `output` and output i of each block."""

    inputs: tuple[nn.Linear | Conv1D, ...]
    """The projections that make the neurons."""
    fused: int
    """Blocks of neurons in each of them."""
    output: Site
    """The projection that reads the neurons."""


_LLAMA = Layout("model.layers", "self_attn.o_proj", "mlp.down_proj", ("mlp.gate_proj", "mlp.up_proj"))
_LAYOUTS = {
    "gemma2": _LLAMA,
    # The checkpoint that also sees: units are those of its text decoder.
    "gemma3": replace(_LLAMA, layers="model.language_model.layers"),
    "gemma3_text": _LLAMA,
    "gpt2": Layout(
        "transformer.h", "attn.c_proj", "mlp.c_proj", ("mlp.c_fc",), "n_inner", qkv=("attn.c_attn",), norm="ln_1"
    ),
    "gpt_neo": Layout(
        "transformer.h",
        "attn.attention.out_proj",
        "mlp.c_proj",
        ("mlp.c_fc",),
        qkv=tuple(f"attn.attention.{part}_proj" for part in "qkv"),
        norm="ln_1",
    ),
    "gpt_neox": Layout(
        "gpt_neox.layers",
        "attention.dense",
        "mlp.dense_4h_to_h",
        ("mlp.dense_h_to_4h",),
        qkv=("attention.query_key_value",),
        interleaved=True,
    ),
    "gptj": Layout(
        "transformer.h",
        "attn.out_proj",
        "mlp.fc_out",
        ("mlp.fc_in",),
        "n_inner",
        qkv=tuple(f"attn.{part}_proj" for part in "qkv"),
        norm="ln_1",
    ),
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "opt": Layout(
        "model.decoder.layers", "self_attn.out_proj", "fc2", ("fc1",), "ffn_dim", norm="self_attn_layer_norm"
    ),
    "phi3": replace(_LLAMA, mlp_inputs=("mlp.gate_up_proj",), fused=2, qkv=("self_attn.qkv_proj",)),
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
}


def decoder_layers(model: PreTrainedModel) -> nn.ModuleList:
    """Return the decoder layers of a causal language model, first to last.

    Raises:
        UserError: The architecture is not one we know, or the model is not its causal language model.
    """
    layout = _layout(model)
    layers = _submodule(model, layout.layers)
    expected = text_config(model).num_hidden_layers
    if not isinstance(layers, nn.ModuleList) or len(layers) != expected:
        raise UserError(
            f"a {model.config.model_type} model must have {expected} decoder layers at {layout.layers}; "
            f"{type(model).__name__} has {_describe(layers)}; load it with AutoModelForCausalLM"
        )
    return layers


def sites(model: PreTrainedModel) -> tuple[Site, ...]:
    """Return every output projection of the model, by layer, that of the heads before that of the neurons.

    Raises:
        UserError: The architecture is not one we know, or a layer is not built as it should be
            (quantised, wrapped, resized): no model is ever masked in part.
    """
    layout, config = _layout(model), text_config(model)
    heads, neurons = config.num_attention_heads, mlp_width(model)
    head_width = getattr(config, "head_dim", None) or config.hidden_size // heads
    found = []
    for index, layer in enumerate(decoder_layers(model)):
        attention = _projection(model, layer, layout.attention, heads * head_width, config.hidden_size)
        mlp = _projection(model, layer, layout.mlp, neurons, config.hidden_size)
        found += [Site(index, "head", attention, heads, head_width), Site(index, "neuron", mlp, neurons, 1)]
    return tuple(found)


def units(model: PreTrainedModel) -> tuple[Unit, ...]:
    """Return every unit of the model, in order."""
    return tuple(Unit(site.layer, site.kind, index) for site in sites(model) for index in range(site.count))


def mlps(model: PreTrainedModel) -> tuple[Mlp, ...]:
    """Return the MLP of every layer with the projections that make its neurons.

    Raises:
        UserError: As for `sites`.
    """
    layout, hidden = _layout(model), text_config(model).hidden_size
    outputs = [site for site in sites(model) if site.kind == "neuron"]
    found = []
    for layer, output in zip(decoder_layers(model), outputs, strict=True):
        width = layout.fused * output.count
        inputs = [_projection(model, layer, path, hidden, width) for path in layout.mlp_inputs]
        found.append(Mlp(tuple(inputs), layout.fused, output))
    return tuple(found)


def attention_inputs(model: PreTrainedModel) -> tuple[tuple[str, ...], bool]:
    """Return the paths, from a decoder layer, of what makes queries, keys and values, and whether heads interleave."""
    return _layout(model).qkv, _layout(model).interleaved


def input_norms(model: PreTrainedModel) -> tuple[nn.Module, ...]:
    """Return the norm of every layer whose output the layer's attention reads.

    Raises:
        UserError: The architecture is unknown, or a layer lacks its norm.
    """
    path = _layout(model).norm
    found = [_submodule(layer, path) for layer in decoder_layers(model)]
    if None in found:
        raise UserError(
            f"every layer of a {model.config.model_type} model must have {path}; one has none; load the original"
        )
    return tuple(norm for norm in found if norm is not None)


def mlp_width(model: PreTrainedModel) -> int:
    """Return the number of neurons that the config gives to each layer."""
    config = text_config(model)
    width = getattr(config, _layout(model).mlp_width)
    return 4 * config.hidden_size if width is None else width


def set_mlp_width_(model: PreTrainedModel, width: int) -> None:
    """Write the number of neurons of each layer into the config, where stock code will read it."""
    setattr(text_config(model), _layout(model).mlp_width, width)


def text_config(model: PreTrainedModel) -> PreTrainedConfig:
    """Return the config of the text decoder: the model's own, unless it can also see."""
    return model.config.get_text_config(decoder=True)


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
            has = f"{len(places) // 2} layers" if site is None else f"{site.count} {unit.kind}s in that layer"
            raise UserError(
                f"a pruning may only name units that the model has; got {unit}, but there are {has}; "
                "count from 0, and use a pruning made for this model"
            )
        touched.setdefault(site, []).append(unit.index)
    return touched


def layout_of(model_type: str) -> Layout:
    """Return the layout of an architecture, by the `model_type` of its config.

    Raises:
        UserError: The architecture is not one we know.
    """
    if model_type not in _LAYOUTS:
        raise UserError(
            f"the architecture must be one whose heads and neurons we know; got {model_type!r}; "
            f"use one of {', '.join(_LAYOUTS)}"
        )
    return _LAYOUTS[model_type]


def _layout(model: PreTrainedModel) -> Layout:
    return layout_of(model.config.model_type)


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
    tensor-parallel weights are subclasses of Parameter. Hence exact types.
    """
    ordinary = type(module) in (nn.Linear, Conv1D) and type(module.weight) is nn.Parameter
    return ordinary and module.weight.is_floating_point()


def _describe(module: nn.Module | None) -> str:
    if module is None:
        return "none"
    if isinstance(module, nn.ModuleList):
        return f"{len(module)}"
    weight = getattr(module, "weight", None)
    return type(module).__name__ + ("" if weight is None else f" {tuple(weight.shape)} {weight.dtype}")
