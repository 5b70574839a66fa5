"""Proves on a loaded model that its heads and neurons are where they were found, before anything is measured.

Single outputs of the projections before attention and MLP are changed in a few rows of one small batch. What then
changes in the input of the output projection says which head, or neuron, they belong to: a query of one head moves the
whole of that head's slice and nothing else. No name and no config is believed.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from fairhub.errors import UserError, plain
from fairhub.files.reading import one_line
from fairhub.model.architecture import decoder_layers, layout_of, sites
from fairhub.model.facts import home
from fairhub.model.finding import projections, sizes
from fairhub.model.streaming.layers import streamed_of
from fairhub.model.streaming.steps import in_step
from fairhub.model.units import Site

_TOKENS = 8
_LAYERS = 2
"""That are tried, from the first: all are built alike, and a forward ends where it was read."""
_ASKED = 24
"""Outputs of a projection that are changed, spread over it."""
_HANDED_OVER = 0.3
"""Of the spread of logits: how far rounding to 16 bits may take them where earlier tokens are handed over."""
_ROUNDING = {torch.float32: 1e-6, torch.float64: 1e-12}
"""Of the largest change, below which a column did not change."""
_SHARE, _WHOLE, _ONE = 0.9, 0.6, 0.98
"""Of the squared change that lies in one head; of its columns that change; of the squared change in one neuron."""


def check(model: PreTrainedModel) -> None:
    """Refuse a model whose units cannot be removed as they were found.

    Raises:
        UserError: Which of these fails: layers have weights of their own; a token is not seen before its place; keys
            and values that are handed over stand for the tokens before; a head is a slice of columns of the width that
            was found; a neuron is made by the rows that were found; removing columns is masking inputs.
    """
    places = sites(model)
    if streamed_of(model) is None and any(place.module.weight.device.type == "meta" for place in places):
        return  # left on a disk: a repair refuses it, and what only reads it needs no units
    _own_weights(model, places)
    with torch.inference_mode():
        _causal(model)
        _past(model)
        for place in (place for place in places if place.layer < _LAYERS):
            (_heads if place.kind == "head" else _neurons)(model, place)
            _removal(model, place)


@torch.inference_mode()
def refuse_overflow(model: PreTrainedModel) -> None:
    """Refuse a model that float16 has no room for: some are trained in bfloat16, and go beyond 65,504 inside.

    Raises:
        UserError: The output of a layer is not finite; the first such layer is named.
    """
    beyond: list[int] = []

    def look(number: int) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Tensor | tuple[Tensor, ...]) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            beyond.extend([] if bool(hidden.isfinite().all()) else [number])

        return hook

    handles = [layer.register_forward_hook(look(number)) for number, layer in enumerate(decoder_layers(model))]
    try:
        model(input_ids=_ids(model), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    if beyond:
        raise UserError(
            f"activations must be finite numbers; in float16 those of layer {beyond[0]} of {type(model).__name__} "
            f"({plain(model.config.model_type)}) are not; use bfloat16 or float32"
        )


def responses(model: PreTrainedModel, made: nn.Module, read: nn.Module, outputs: Sequence[int]) -> Tensor:
    """Return how much the inputs of one projection change when single outputs of another do, [outputs, inputs].

    At the last token, absolute, float32 on the CPU; each output is changed by three of its standard deviations at every
    token, up and down in turn.
    """
    ids = _ids(model).expand(1 + len(outputs), -1)
    seen: list[Tensor] = []

    def move(module: nn.Module, args: Any, output: Tensor) -> Tensor:
        moved = output.clone().view(len(ids), _TOKENS, -1)
        size = 3 * moved[0].float().std().clamp_min(1e-3)
        signs = torch.tensor([1.0, -1.0], device=output.device).repeat(_TOKENS // 2)
        for row, place in enumerate(outputs, 1):
            moved[row, :, place] += (size * signs).to(moved.dtype)
        return moved.view_as(output)

    def keep(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        seen.append(args[0].view(len(ids), _TOKENS, -1)[:, -1].float().cpu())
        raise _Enough

    hooks = [made.register_forward_hook(move), read.register_forward_pre_hook(keep)]
    try:
        model(input_ids=ids, use_cache=False)
    except _Enough:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return (seen[0][1:] - seen[0][0]).abs() if seen else torch.zeros(len(outputs), sizes(read)[0])


class _Enough(Exception):
    """What was to be seen was seen: the rest of the forward is left."""


def _own_weights(model: PreTrainedModel, places: Sequence[Site]) -> None:
    weights = [place.module.weight for place in places]
    if len({id(weight) if weight.device.type == "meta" else weight.data_ptr() for weight in weights}) < len(places):
        raise _refused(model, "every layer has weights of its own", "two share one matrix")


def _causal(model: PreTrainedModel) -> None:
    ids = _ids(model)
    other = ids.clone()
    other[0, -1] = ids[0, 0]

    def answered(one: Tensor) -> Tensor:
        logits: Tensor = model(input_ids=one, use_cache=False).logits[0, :-1]
        return logits.float()

    said = list(in_step(model)(answered, [ids, other]))
    if float((said[0] - said[1]).abs().max()) > 0.01 * float(said[0].std()):
        raise _refused(model, "a causal model does not see later tokens", "it does")


def _past(model: PreTrainedModel) -> None:
    """What texts share is computed once and handed over: a model that does not look at it answers to another text."""
    ids, half, past = _ids(model), _TOKENS // 2, DynamicCache()

    def answered(given: Sequence[Tensor]) -> Tensor:
        more = {"past_key_values": past, "use_cache": True} if len(given) > 1 else {"use_cache": False}
        logits: Tensor = [model(input_ids=one, **more).logits[0, -1].float() for one in given][-1]
        return logits

    with one_line(lambda said: str(_refused(model, "keys and values of earlier tokens are handed over", said))):
        whole, parts = in_step(model)(answered, [[ids], [ids[:, :half], ids[:, half:]]])
    if float((whole - parts).square().mean().sqrt()) > _HANDED_OVER * float(whole.std()):
        raise _refused(model, "a model sees earlier tokens by their keys and values alone", "it does not")


def _heads(model: PreTrainedModel, place: Site) -> None:
    """Some outputs must each move one head's slice, all of it, and together more than one head."""
    layer = decoder_layers(model)[place.layer]
    layout = layout_of(model)
    inside = layout.attention.split(".")[0]
    makers = [name for name in projections(layer) if name.startswith(f"{inside}.") and name != layout.attention]
    heads, against = set[int](), 0
    for name in makers:
        module = layer.get_submodule(name)
        moved = responses(model, module, place.module, _spread(sizes(module)[1]))
        whole, parts = _slices(moved, place)
        heads |= set(whole)
        against += parts - len(whole)
    if len(heads) < min(2, place.count) or against > 0:
        raise _refused(
            model, f"layer {place.layer} has {place.count} heads of {place.width} columns, side by side",
            "what makes queries does not move one such slice at a time",
        )  # fmt: skip


def of_heads(moved: Tensor, place: Site) -> set[int]:
    """Return the heads of which one output moved the whole slice, and nothing else."""
    return set(_slices(moved, place)[0])


def _slices(moved: Tensor, place: Site) -> tuple[list[int], int]:
    """Return the heads that single outputs moved whole, and how many outputs moved a part of one.

    A value moves one column of a head; a query all of them. What moves several columns and not all is of another width.
    """
    slices = moved.view(len(moved), place.count, place.width)
    energy = slices.square().sum(-1)
    share, head = (energy / energy.sum(1, keepdim=True).clamp_min(1e-30)).max(1)
    columns = slices[torch.arange(len(moved)), head]
    least = _ROUNDING.get(place.module.weight.dtype, 1e-3)
    count = (columns > least * columns.max(1, keepdim=True).values).sum(1)
    inside = share > _SHARE
    whole = inside & (count > _WHOLE * place.width)
    part = inside & ~whole & (count > 1)
    return head[whole].tolist(), int(part.sum())


def _neurons(model: PreTrainedModel, place: Site) -> None:
    """Every output that moves anything must move the one neuron that it is a block's row of."""
    layer = decoder_layers(model)[place.layer]
    for name in layout_of(model).mlp_inputs:
        module = layer.get_submodule(name)
        asked = _spread(sizes(module)[1])
        moved = responses(model, module, place.module, asked).square()
        total = moved.sum(1)
        share = moved[torch.arange(len(asked)), torch.tensor(asked) % place.count] / total.clamp_min(1e-30)
        if not (total > 0).any() or bool((share[total > 0] < _ONE).any()):
            raise _refused(
                model, f"row i of {name} in layer {place.layer} makes neuron i of {place.count}", "it makes others"
            )


def _removal(model: PreTrainedModel, place: Site) -> None:
    """Zeroed columns must give what masked inputs give."""
    if (streamed := streamed_of(model)) is not None:
        streamed.hold(place.layer)
    columns = place.columns([place.count - 1]).to(place.weight.device)
    inputs = torch.randn(3, place.count * place.width, generator=torch.Generator().manual_seed(0)).to(place.weight)
    masked = inputs.clone()
    masked[:, columns] = 0
    expected, kept = place.module(masked), place.weight[:, columns].clone()
    place.weight[:, columns] = 0
    try:
        found = place.module(inputs)
    finally:  # the model may be somebody's own, in memory
        place.weight[:, columns] = kept
    size = float(expected.float().std()) + 1e-6
    if float((found.float() - expected.float()).abs().max()) > 0.02 * size:
        raise _refused(model, f"columns of layer {place.layer} are its inputs", "removing them is not masking them")


def _spread(count: int) -> list[int]:
    """Return places spread over so many, the first and the last among them."""
    return sorted({round(step * (count - 1) / (_ASKED - 1)) for step in range(_ASKED)})


def _ids(model: PreTrainedModel) -> Tensor:
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, Tensor)
    rows = weight.shape[0]
    return (torch.arange(3, 3 + _TOKENS) * 7).remainder(rows)[None].to(home(model))


def _refused(model: PreTrainedModel, rule: str, arrived: str) -> UserError:
    return UserError(
        f"{rule}; in {type(model).__name__} ({plain(model.config.model_type)}) {arrived}; its units cannot be removed: "
        "choose another model"
    )
