"""Writes a known bias into a tiny model of any listed architecture: terms reach the last position by one head alone.

The residual stream is cut in three: what demographic terms say, what control terms say, and the rest. A term's
embedding lies in its own part only, with a mean and a norm that all terms share, so that no layer norm tells terms
apart. Queries, keys, MLPs and the values of every other head read the rest only, and nothing but the embedding writes
into the parts of the terms. Terms of one group say the same there, and judgement words lean to one side of what comes
out, so that groups are judged apart whatever the template and the word. Value rows that read a term, and output columns
that pass them on, make the one path. Where query heads share keys and values, the siblings of the planted head see the
term too, but have no output for it.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from fairhub.model.architecture import decoder_layers, mlps, sites, text_config
from fairhub.model.units import Site, Unit

STRENGTH = 0.4
"""Size of the weights that pass a term on: a perturbation, so that its first-order effect is its effect."""
LEAN = 1.0
"""How far the output embedding of a judgement word lies to its side, in norms of a word's."""
WHO, OTHER, TERMS, REST = slice(0, 12), slice(12, 24), slice(0, 24), slice(24, 32)


@torch.no_grad()
def plant_(
    model: PreTrainedModel, paths: dict[Unit, Sequence[Sequence[int]]], judging: tuple[Sequence[int], Sequence[int]]
) -> None:
    """Let the last position learn of each unit's tokens through that unit alone; at most two units, of one layer.

    Args:
        model: Changed in place.
        paths: For each unit the tokens that it tells of, those that say the same in one list.
        judging: The tokens of negative and of positive judgement words.
    """
    parts = dict(zip(paths, (WHO, OTHER), strict=False))
    _embed_(model, {(part.start, part.stop): paths[unit] for unit, part in parts.items()})
    for mlp in mlps(model):
        for module in mlp.inputs:
            (module.weight if isinstance(module, nn.Linear) else module.weight.T)[:, TERMS] = 0
        _spare_terms_(mlp.output)
    for site in (site for site in sites(model) if site.kind == "head"):
        _isolate_(model, site)
        for unit, part in parts.items():
            if unit.layer == site.layer:
                _connect_(model, site, unit, part)
    _lean_(model, next(iter(paths.items())), *judging)


@torch.no_grad()
def cut_(model: PreTrainedModel, unit: Unit) -> None:
    """Take the planted path out of a unit, and leave the unit its work."""
    for site in sites(model):
        if (site.layer, site.kind) == (unit.layer, unit.kind):
            _output(site)[:, unit.index, : 2 * _share(site)] = 0


def _embed_(model: PreTrainedModel, tokens: dict[tuple[int, int], Sequence[Sequence[int]]]) -> None:
    """Give plain words an embedding in the rest, terms one of as many pluses as minuses in their own part."""
    words = model.get_input_embeddings()
    words.weight.zero_()
    words.weight[:, REST].normal_()
    for (start, stop), classes in tokens.items():
        codes = _codes(stop - start)
        rows = [row for rows in classes for row in rows]
        which = torch.tensor([number for number, rows in enumerate(classes) for _ in rows])
        words.weight[rows, REST] = 0
        words.weight[rows, start:stop] = 1.5 * codes[which % len(codes)]
    for module in model.modules():
        if isinstance(module, nn.Embedding) and module is not words:
            module.weight[:, TERMS] = 0  # positions
    if model.config.model_type.startswith("gemma"):
        words.weight /= text_config(model).hidden_size ** 0.5  # Gemma multiplies by it


def _lean_(
    model: PreTrainedModel, told: tuple[Unit, Sequence[Sequence[int]]], negative: Sequence[int], positive: Sequence[int]
) -> None:
    """Let negative words be likelier on one side of what comes out, positive ones on the other.

    The side is that along which the unit parts most what it tells of, so that groups are surely judged apart.
    """
    output, (unit, classes) = model.get_output_embeddings().weight, told
    site = next(site for site in sites(model) if (site.layer, site.kind) == (unit.layer, unit.kind))
    heard = _heard(model, site, unit)[:, WHO]
    said = _output(site)[REST, unit.index, : _share(site)]
    codes = model.get_input_embeddings().weight[[rows[0] for rows in classes if rows], WHO]
    side = torch.linalg.svd(said @ heard @ (codes - codes.mean(0)).T)[0][:, 0]
    side = side * LEAN * output[:, REST].norm(dim=1).mean()
    output[negative, REST] += side
    output[positive, REST] -= side


def _codes(width: int) -> Tensor:
    """Every row of as many +1 as -1, in a random order."""
    pluses = torch.tensor(list(itertools.combinations(range(width), width // 2)))
    codes = torch.full((len(pluses), width), -1.0).scatter_(1, pluses, 1.0)
    return codes[torch.randperm(len(codes))]


def _isolate_(model: PreTrainedModel, site: Site) -> None:
    """Let an attention see the rest only; no output has a place for terms."""
    for weight in _queries_keys_values(model, site):
        weight[..., TERMS] = 0
    _output(site)[:, :, : 2 * _share(site)] = 0
    _spare_terms_(site)


def _connect_(model: PreTrainedModel, site: Site, unit: Unit, part: slice) -> None:
    """Let one head pass on what one part of the embedding says."""
    _queries_keys_values(model, site)[0][unit.index] = 0  # looks everywhere alike, but for a bias
    first = 0 if part == WHO else _share(site)
    rows = _heard(model, site, unit, first)
    rows.zero_()
    rows[:, part] = 0.5 * torch.randn(len(rows), part.stop - part.start)
    path = _output(site)[REST, unit.index, first : first + _share(site)]
    path.copy_(STRENGTH * torch.randn(path.shape))


def _heard(model: PreTrainedModel, site: Site, unit: Unit, first: int = 0) -> Tensor:
    """The value rows of a head that may tell of one kind of term, [share, hidden]: a view."""
    values = _queries_keys_values(model, site)[2]
    return values[unit.index * len(values) // site.count, first : first + _share(site)]


def _spare_terms_(site: Site) -> None:
    site.weight[TERMS] = 0
    if site.module.bias is not None:
        site.module.bias[TERMS] = 0


def _share(site: Site) -> int:
    """How many of a head's values may tell of one kind of term."""
    return 3 * site.width // 8


def _output(site: Site) -> Tensor:
    """The output projection, [hidden, heads, width]: a view."""
    return site.weight.unflatten(1, (site.count, site.width))


def _queries_keys_values(model: PreTrainedModel, site: Site) -> tuple[Tensor, Tensor, Tensor]:
    """The weights that make queries, keys and values, each [heads, width, hidden]: views, wherever they are kept."""
    modules = {name.split(".")[-1]: part for name, part in decoder_layers(model)[site.layer].named_modules()}
    heads, width = site.count, site.width
    if "query_key_value" in modules:  # query, key and value of a head lie side by side
        of_head = modules["query_key_value"].weight.unflatten(0, (heads, 3, width))
        return of_head[:, 0], of_head[:, 1], of_head[:, 2]
    if "c_attn" in modules:
        q, k, v = modules["c_attn"].weight.T.chunk(3)
    elif "qkv_proj" in modules:
        shared = width * text_config(model).num_key_value_heads
        q, k, v = modules["qkv_proj"].weight.split([heads * width, shared, shared])
    else:
        q, k, v = (modules[f"{name}_proj"].weight for name in "qkv")
    return q.unflatten(0, (-1, width)), k.unflatten(0, (-1, width)), v.unflatten(0, (-1, width))
