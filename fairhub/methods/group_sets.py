"""Which neurons, heads and weights matter for the texts about one group and not for the other's (Ma et al. 2025)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fairhub.compute.greedy import continuations
from fairhub.inputs.probes import Probe
from fairhub.inputs.sequences import common_beginning, common_end
from fairhub.inputs.tokens import encode
from fairhub.methods.group_scores import Rows, rows_of, snip_units, snip_weights, wanda_units, wanda_weights
from fairhub.methods.name_attention import iteratively
from fairhub.methods.set_difference import agreed, generalised, set_difference, votes
from fairhub.model.facts import home
from fairhub.model.units import Pruning, Unit
from fairhub.run.folder import digest
from fairhub.search.task import Task

_TEXTS = 32  # texts about one group that an item is scored on, at most: the code has 32 names a group
_HEADS = 8  # texts of each group that attention is looked at, which is computed once a head


@dataclass(frozen=True)
class Recipe:
    """What may be chosen; the defaults are the paper's method on structured units."""

    unit: str = "neuron"
    """neuron; head; both; or weight, the code's own choice, which no recipe.json can hold: only `transfer` takes it."""
    score: str = "wanda"
    """wanda, or snip."""
    q: float = 0.15
    """Share of each matrix that counts as mattering for the group."""
    p: float = 0.15
    """The same for what it is set against."""
    against: str = "group"
    """group: the other group's scores; text: those of neutral text."""
    side: str = "first"
    """Whose set is zeroed: that of the first group by alphabet (of black and white: black), or of the second."""
    agree: float = 1.0
    """Share of the training items in whose set difference a unit must be: 1 is the intersection."""
    heads: int = 12
    """Heads removed one after the other by their attention to the name (the code: 40 of 1,024)."""
    answer: int = 8
    """Tokens of the model's own answer that are appended."""


Sides = tuple[tuple[str, ...], tuple[str, ...]]
"""Texts about the first group by alphabet, and about the second."""


@dataclass(frozen=True, eq=False)
class _Item:
    """One training item: texts about each group."""

    first: Rows
    second: Rows


def neurons(task: Task, recipe: Recipe) -> Pruning:
    """Return the neurons of the generalised set difference, layer by layer."""
    return voted(votes_of(task, recipe), len(texts_of(task)), recipe.agree)


def votes_of(task: Task, recipe: Recipe) -> dict[int, Tensor]:
    """Return in the set difference of how many items each neuron is, [neurons] by layer."""
    texts = texts_of(task)
    bar = task.progress("scoring groups", len(texts))
    items = []
    for sides in texts.values():
        items.append(_unit_scores(task, sides, recipe))
        bar(1)
    return {
        layer: votes([set_difference(i["one", layer], i["other", layer], recipe.q, recipe.p) for i in items])
        for layer in sorted({layer for item in items for _, layer in item})
    }


def voted(found: Mapping[int, Tensor], items: int, agree: float) -> Pruning:
    """Return the neurons for which at least this share of the items voted."""
    return frozenset(
        Unit(layer, "neuron", int(index))
        for layer, row in found.items() for index in agreed(row, items, agree).nonzero()[:, 0]
    )  # fmt: skip


def _unit_scores(task: Task, texts: Sides, recipe: Recipe) -> dict[tuple[str, int], Tensor]:
    """Return the scores of an item's neurons for each side, [neurons] by side and layer: measured once a model."""
    score = {"wanda": wanda_units, "snip": snip_units}[recipe.score]

    def compute() -> Mapping[str, Any]:
        sides = _sides(task, _item(task, texts, recipe), recipe)
        return {
            f"{side}/{layer}": values for side, rows in sides
            for (layer, kind), values in score(task.model, rows).items() if kind == "neuron"
        }  # fmt: skip

    name = digest(*texts, recipe.score, recipe.against, recipe.side, recipe.answer)
    found = task.of_model.arrays(f"group_scores_{name}", compute)
    parts = ((key.split("/"), torch.from_numpy(values)) for key, values in found.items())
    return {(side, int(layer)): values for (side, layer), values in parts}


def heads(task: Task, recipe: Recipe) -> tuple[Unit, ...]:
    """Return the heads that attend most to what the texts differ in, removed one after the other, first to go first."""
    if recipe.heads < 1:
        return ()
    probes = task.sample[:_HEADS]
    texts, places = [], []
    for probe in probes:
        a, b = (encode(task.tokenizer, text) for text in (probe.text_a, probe.text_b))
        start, end = common_beginning(a, b), common_end(a, b)
        for ids in (a, b):
            texts.append(ids)
            places.append(range(min(start, len(ids) - 1), max(len(ids) - end, start + 1)))
    answers = _answers(task, [t for p in probes for t in (p.text_a, p.text_b)], recipe.answer)
    rows = rows_of(texts, answers, home(task.model))

    def compute() -> dict[str, np.ndarray]:
        gone = iteratively(task.model, rows, places, recipe.heads)
        return {"heads": np.array([(unit.layer, unit.index) for unit in gone])}

    name = digest(rows.ids.tolist(), recipe.heads)
    found = task.of_model.arrays(f"heads_by_attention_{name}", compute)["heads"]
    return tuple(Unit(int(layer), "head", int(index)) for layer, index in found)


def weights(task: Task, recipe: Recipe) -> dict[str, Tensor]:
    """Return which single weights of each matrix go, [out, in], by the module's name."""
    score = {"wanda": wanda_weights, "snip": snip_weights}[recipe.score]
    differences: dict[str, list[Tensor]] = {}
    for texts in texts_of(task).values():
        first, second = (score(task.model, rows) for _, rows in _sides(task, _item(task, texts, recipe), recipe))
        for name in first:
            differences.setdefault(name, []).append(set_difference(first[name], second[name], recipe.q, recipe.p))
    return {name: generalised(found, recipe.agree) for name, found in differences.items()}


def _sides(task: Task, item: _Item, recipe: Recipe) -> list[tuple[str, Rows]]:
    """Return the rows whose set is taken, and those it is set against."""
    one, other = (item.first, item.second) if recipe.side == "first" else (item.second, item.first)
    if recipe.against == "text":
        ids = task.text[0].ids
        full = torch.full((len(ids),), ids.shape[1], device=ids.device)
        other = Rows(ids, full, torch.ones_like(full))
    return [("one", one), ("other", other)]


def texts_of(task: Task) -> dict[str, Sides]:
    """Return the texts about each group, by item."""
    frames: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for probe in task.screen:
        sides = frames.setdefault(probe.frame, ({}, {}))
        for text, side in zip(_oriented(probe), sides, strict=True):
            side.setdefault(text)
    return {name: (tuple(first)[:_TEXTS], tuple(second)[:_TEXTS]) for name, (first, second) in sorted(frames.items())}


def _item(task: Task, texts: Sides, recipe: Recipe) -> _Item:
    """Return the texts about each group with the model's own answers."""
    return _Item(*(_rows(task, some, recipe.answer) for some in texts))


def _rows(task: Task, texts: Sequence[str], answer: int) -> Rows:
    ids = [encode(task.tokenizer, text) for text in texts]
    return rows_of(ids, _answers(task, texts, answer), home(task.model))


def _answers(task: Task, texts: Sequence[str], tokens: int) -> list[tuple[int, ...]]:
    """Return what the model itself answers, greedily; at least one token."""
    end = (task.tokenizer.eos_token_id or 0,)
    written = continuations(task.model, task.tokenizer, texts, tokens)
    return [tuple(task.tokenizer(text, add_special_tokens=False).input_ids) or end for text in written]


def _oriented(probe: Probe) -> tuple[str, str]:
    """Return a probe's texts, that about the first group by alphabet first."""
    texts = (probe.text_a, probe.text_b)
    return texts if probe.group_a <= probe.group_b else (texts[1], texts[0])
