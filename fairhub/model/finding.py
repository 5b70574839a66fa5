"""Finds where a model keeps its heads and neurons, from its modules and the sizes of its config.

Nothing hangs on the name of an architecture: what is found is proved on the loaded model (`fairhub.model.checking`)
before anything is measured.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from fairhub.errors import UserError, plain

_ATTENTION = re.compile(r"attn|attention", re.IGNORECASE)
WIDTHS = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "d_ff", "ffn_intermediate_size")
"""Config fields that give the number of neurons of a layer."""
_QUERY, _KEY, _VALUE = (rf"(^|\.){part}(_proj|_lin)?$" for part in ("(q|query)", "(k|key)", "(v|value)"))


@dataclass(frozen=True)
class Layout:
    """Where the parts of a model are; paths of projections start at a decoder layer."""

    layers: str
    """Path of the list of decoder layers, from the model."""
    attention: str
    """The attention output projection: its input is the query heads side by side."""
    mlp: str = ""
    """The MLP output projection: its input is the neurons side by side; empty where neurons are in experts."""
    mlp_inputs: tuple[str, ...] = ()
    """The projections that make the neurons; two in a gated MLP."""
    mlp_width: str = ""
    """The config field with the number of neurons; empty where none has it."""
    fused: int = 1
    """How many blocks of neurons each input projection makes: 2 where gate and up are one matrix."""
    qkv: tuple[str, ...] = ()
    """The projections that make queries, keys and values; one where they are one matrix; empty where they are made
    otherwise."""
    norm: str = ""
    """The norm whose output the layer's attention reads; empty where it reads the stream itself."""


def text_config(model: PreTrainedModel) -> PreTrainedConfig:
    """Return the config of the text decoder: the model's own, unless it can also see."""
    return model.config.get_text_config(decoder=True)


def found(model: PreTrainedModel) -> Layout:
    """Return where the heads and neurons of a causal language model are.

    Raises:
        UserError: Its layers, the attention of a layer or its output projection cannot be told, or layers differ.
    """
    if model.get_output_embeddings() is None:
        raise UserError(
            f"a causal language model ends in logits; {_name(model)} does not; load it with AutoModelForCausalLM"
        )
    path, layers = _layers(model)
    layouts = {_of_layer(model, path, layer) for layer in layers}
    if len(layouts) > 1:
        raise UserError(
            f"the layers of a model must be built alike; those of {_name(model)} are of {len(layouts)} kinds; "
            "choose a model with attention in every layer"
        )
    return layouts.pop()


def _layers(model: PreTrainedModel) -> tuple[str, nn.ModuleList]:
    """Return the decoder layers of the text model: the list with as many members as its config has layers."""
    config = text_config(model)
    count = config.num_hidden_layers
    owners = {name: part for name, part in model.named_modules() if isinstance(part, PreTrainedModel)}
    lists = [
        (name, part) for name, part in model.named_modules()
        if isinstance(part, nn.ModuleList) and len(part) == count and not isinstance(part[0], nn.Linear)
        and _owner(owners, name).config.get_text_config(decoder=True) is config and any(_attention(part[0]))
    ]  # fmt: skip
    guessed = lists if hasattr(config, "num_attention_heads") else []
    candidates = [(name, part) for name, part in lists if _called_attention(part[0])] or guessed
    if len(candidates) != 1:
        have = ", ".join(name for name, _ in candidates) or "none"
        raise UserError(
            f"a causal language model has one list of {count} decoder layers with attention; {_name(model)} has "
            f"{have}; load it with AutoModelForCausalLM"
        )
    return candidates[0]


def _owner(owners: dict[str, PreTrainedModel], name: str) -> PreTrainedModel:
    """Return the innermost model that a module is part of."""
    parts = name.split(".")
    return next(owners[prefix] for end in range(len(parts), -1, -1) if (prefix := ".".join(parts[:end])) in owners)


def _of_layer(model: PreTrainedModel, path: str, layer: nn.Module) -> Layout:
    config = text_config(model)
    attention, heads = list(_attention(layer)), config.num_attention_heads
    shapes = {name: sizes(layer.get_submodule(name)) for name in attention}
    ends = [name for name, (columns, rows) in shapes.items() if rows == config.hidden_size and columns % heads == 0]
    if not ends:
        raise UserError(
            f"attention ends in a plain matrix of {heads} heads and {config.hidden_size} outputs; {_name(model)} has "
            f"{', '.join(f'{name} {shapes[name]}' for name in attention)}; choose another model"
        )
    out = ends[-1]
    others = [name for name in projections(layer) if name not in attention]
    mlp, inputs, fused = _mlp(layer, others, config.hidden_size)
    width = sizes(layer.get_submodule(mlp))[0] if mlp else 0
    return Layout(
        path, out, mlp, inputs, next((f for f in WIDTHS if _field(config, f) == width), ""), fused,
        _qkv([name for name in attention if name != out]), _norm(layer, out),
    )  # fmt: skip


def _mlp(layer: nn.Module, names: list[str], hidden: int) -> tuple[str, tuple[str, ...], int]:
    """Return the projection that reads the neurons, those that make them, and how many blocks each of these makes.

    Nothing where a layer has experts: their neurons are not those of one matrix.
    """
    if any(part.dim() > 2 for part in layer.parameters()) or not names:
        return "", (), 1
    out = names[-1]
    width, rows = sizes(layer.get_submodule(out))
    made = {name: sizes(layer.get_submodule(name)) for name in names[:-1]}
    inputs = tuple(name for name, (read, given) in made.items() if read == hidden and given in (width, 2 * width))
    blocks = {made[name][1] // width for name in inputs}
    if rows != hidden or len(inputs) != len(made) or len(blocks) != 1:
        return "", (), 1
    return out, inputs, blocks.pop()


def _qkv(names: list[str]) -> tuple[str, ...]:
    """Return the projections of queries, keys and values, in this order; the one that makes all; else nothing."""
    by_part = [[name for name in names if re.search(part, name)] for part in (_QUERY, _KEY, _VALUE)]
    if all(len(part) == 1 for part in by_part):
        return tuple(part[0] for part in by_part)
    return (names[0],) if len(names) == 1 else ()


def _norm(layer: nn.Module, attention: str) -> str:
    """Return the first norm of a layer, where it stands before the attention; a later one is of its output."""
    before = [name for name, part in layer.named_children() if "norm" in f"{name} {type(part).__name__}".lower()
              or re.fullmatch(r"ln_?\w*", name)]  # fmt: skip
    return before[0] if before and not before[0].startswith("post_") else ""


def _attention(layer: nn.Module) -> Iterator[str]:
    """Yield the projections of a layer's attention: of the part that is called so, else of the first with several.

    That the first part is attention where none is called so is a guess, which the self-check holds against what it
    does: queries that move whole heads, and nothing else.
    """
    several = [name for name, part in layer.named_children() if len(list(projections(part))) > 1]
    for name in _called_attention(layer) or several[:1]:
        yield from (f"{name}.{inside}" for inside in projections(layer.get_submodule(name)))


def _called_attention(layer: nn.Module) -> list[str]:
    """Return the parts of a layer with matrices that are called attention, by their own name or their class's."""
    return [
        name for name, part in layer.named_children()
        if (_ATTENTION.search(name) or _ATTENTION.search(type(part).__name__)) and any(projections(part))
    ]  # fmt: skip


def projections(part: nn.Module) -> Iterator[str]:
    """Yield the names of the matrices inside a module, in the order they were made in; not those of lists (experts)."""
    for name, inside in part.named_modules():
        if isinstance(inside, nn.Linear | Conv1D) and not re.search(r"(^|\.)\d+(\.|$)", name):
            yield name


def sizes(module: nn.Module) -> tuple[int, int]:
    """Return the numbers of inputs and outputs of a matrix."""
    rows, columns = module.weight.shape  # type: ignore[misc]
    return (rows, columns) if isinstance(module, Conv1D) else (columns, rows)


def _field(config: PreTrainedConfig, name: str) -> int | None:
    value = getattr(config, name, None)
    if value is None and hasattr(config, name):
        return 4 * config.hidden_size  # GPT's way to say so
    return value if isinstance(value, int) else None


def _name(model: PreTrainedModel) -> str:
    return f"{type(model).__name__} ({plain(model.config.model_type)})"
