"""Breaking Down Bias (Ma et al. 2025): what matters for the texts about one group and not for those about the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from fairhub.compute.engine import fast_matmul
from fairhub.compute.greedy import continuations
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs.probes import Probe
from fairhub.inputs.sequences import common_beginning, common_end
from fairhub.inputs.tokens import encode
from fairhub.methods import variants
from fairhub.methods.group_scores import Rows, rows_of, snip_units, snip_weights, wanda_units, wanda_weights
from fairhub.methods.method import Method
from fairhub.methods.name_attention import iteratively
from fairhub.methods.outcome import Outcome
from fairhub.methods.rebuild import rebuild
from fairhub.methods.set_difference import generalised, set_difference
from fairhub.model.facts import home
from fairhub.model.units import Pruning, Unit
from fairhub.run.folder import digest
from fairhub.search.task import Plan, Task

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


def breaking_down_bias(task: Task, plan: Plan) -> Outcome:
    """Take what matters most for one group less what matters for the other, in every training item, and remove it.

    An item is a frame of probes: of name prompts, one question. Nothing is healed and no price is looked at, as
    published.
    """
    recipe = parsed(plan.variant)
    if recipe.unit == "weight":
        masks = weights(task, recipe)
        gone = sum(int(mask.sum()) for mask in masks.values())
        trace = {"weights": gone, "share": gone / max(sum(mask.numel() for mask in masks.values()), 1)}
        return Outcome(Repair(zeros=masks), None, trace, {}, [])
    pruning: Pruning = frozenset()
    with fast_matmul():
        if recipe.unit in ("neuron", "both"):
            pruning |= neurons(task, recipe)
        if recipe.unit in ("head", "both"):
            pruning |= heads(task, recipe)
    if not pruning:
        return Outcome(Repair(), None, {}, {}, [])
    made = rebuild(task, pruning, None, plan.seed, others=plan.alternatives)
    return replace(made, trace={"items": len({p.frame for p in task.screen})})


def parsed(variant: str) -> Recipe:
    """Return the recipe with what a user changed, such as "unit=head, heads=20".

    Raises:
        UserError: A name is unknown, or a value is not one of its kind.
    """
    recipe = variants.read(Recipe, variant, _value)
    if not 0 < recipe.agree <= 1:
        raise UserError(
            f"agree is the share of items that must agree, above 0 and at most 1; got {recipe.agree:g}; mend --variant"
        )
    return recipe


def publishable(variant: str) -> None:
    """Refuse what a run cannot record.

    Raises:
        UserError: Single weights are asked for.
    """
    if parsed(variant).unit == "weight":
        raise UserError("a repair records units, not single weights; got unit=weight; use it in fairhub transfer")


def neurons(task: Task, recipe: Recipe) -> Pruning:
    """Return the neurons of the generalised set difference, layer by layer."""
    bar = task.progress("scoring groups", len({probe.frame for probe in task.screen}))
    items = []
    for texts in _texts(task).values():
        items.append(_unit_scores(task, texts, recipe))
        bar(1)
    layers = sorted({layer for item in items for _, layer in item})
    return frozenset(
        Unit(layer, "neuron", int(index))
        for layer in layers
        for index in _chosen([(item["one", layer], item["other", layer]) for item in items], recipe).nonzero()[:, 0]
    )


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


def heads(task: Task, recipe: Recipe) -> Pruning:
    """Return the heads that attend most to what the texts differ in, removed one after the other."""
    if recipe.heads < 1:
        return frozenset()
    probes = task.sample[:_HEADS]
    texts, places = [], []
    for probe in probes:
        a, b = (encode(task.tokenizer, text) for text in (probe.text_a, probe.text_b))
        start, end = common_beginning(a, b), common_end(a, b)
        for ids in (a, b):
            texts.append(ids)
            places.append(range(min(start, len(ids) - 1), max(len(ids) - end, start + 1)))
    answers = _answers(task, [t for p in probes for t in (p.text_a, p.text_b)], recipe.answer)
    return iteratively(task.model, rows_of(texts, answers, home(task.model)), places, recipe.heads)


def weights(task: Task, recipe: Recipe) -> dict[str, Tensor]:
    """Return which single weights of each matrix go, [out, in], by the module's name."""
    score = {"wanda": wanda_weights, "snip": snip_weights}[recipe.score]
    votes: dict[str, list[Tensor]] = {}
    for texts in _texts(task).values():
        first, second = (score(task.model, rows) for _, rows in _sides(task, _item(task, texts, recipe), recipe))
        for name in first:
            votes.setdefault(name, []).append(set_difference(first[name], second[name], recipe.q, recipe.p))
    return {name: generalised(found, recipe.agree) for name, found in votes.items()}


def _value(name: str, text: str) -> Any:
    choices = {
        "unit": ("neuron", "head", "both", "weight"), "score": ("wanda", "snip"), "against": ("group", "text"),
        "side": ("first", "second"),
    }.get(name)  # fmt: skip
    if choices:
        return variants.one_of(name, text, choices)
    return variants.number(name, text, int if name in ("heads", "answer") else float)


def _chosen(items: Sequence[tuple[Tensor, Tensor]], recipe: Recipe) -> Tensor:
    return generalised([set_difference(one, other, recipe.q, recipe.p) for one, other in items], recipe.agree)


def _sides(task: Task, item: _Item, recipe: Recipe) -> list[tuple[str, Rows]]:
    """Return the rows whose set is taken, and those it is set against."""
    one, other = (item.first, item.second) if recipe.side == "first" else (item.second, item.first)
    if recipe.against == "text":
        ids = task.text[0].ids
        full = torch.full((len(ids),), ids.shape[1], device=ids.device)
        other = Rows(ids, full, torch.ones_like(full))
    return [("one", one), ("other", other)]


def _texts(task: Task) -> dict[str, Sides]:
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


BREAKING_DOWN_BIAS = Method(
    "breaking_down_bias",
    breaking_down_bias,
    "Breaking Down Bias (Ma et al. 2025)",
    "Neurons and heads are scored for one use case, and those that matter for one group and not for the other "
    "are removed. The paper itself finds that this carries over poorly to other use cases.",
    ("ma2025breaking",),
    heavy=True,
    others=True,
    variants=publishable,
)
