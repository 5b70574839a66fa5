"""Breaking Down Bias (Ma et al. 2025): what matters for the texts about one group and not for those about the other."""

from dataclasses import replace
from typing import Any

from fairhub.compute.engine import fast_matmul
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.methods import variants
from fairhub.methods.dials import Setting, front
from fairhub.methods.group_sets import Recipe, heads, neurons, texts_of, voted, votes_of, weights
from fairhub.methods.method import Method
from fairhub.methods.outcome import Outcome
from fairhub.methods.own_figures import of_names
from fairhub.methods.rebuild import rebuild
from fairhub.model.units import Pruning
from fairhub.report.wording import amount
from fairhub.search.task import Plan, Task

_AGREE = (1.0, 0.75, 0.5, 0.25)
_HEADS_TRIED = (1, 3, 6, 12)
"""The front: neurons by the share of items that agree, first as published, and heads by how many go."""


def breaking_down_bias(task: Task, plan: Plan) -> Outcome:
    """Take what matters most for one group less what matters for the other, in the training items, and remove it.

    An item is a frame of probes: of name prompts, one question. As published a neuron must be in the set of every item;
    where that leaves nothing, or too little, a smaller share of items is tried, and heads: the best setting within the
    budget on select is taken. A variant that a user asks for is the only setting, and is taken whatever it costs.
    Nothing is healed.
    """
    recipe = parsed(plan.variant)
    if recipe.unit == "weight":
        masks = weights(task, recipe)
        gone = sum(int(mask.sum()) for mask in masks.values())
        trace = {"weights": gone, "share": gone / max(sum(mask.numel() for mask in masks.values()), 1)}
        return Outcome(Repair(zeros=masks), None, trace, {}, [])
    with fast_matmul():
        sequences = _asked(task, recipe) if plan.variant else _front(task)
    found = front(task, plan, sequences, at_any_price=bool(plan.variant))
    trace = found.told(of_names(task, found) if plan.alternatives else None) | {"items": len(texts_of(task))}
    made = Outcome(Repair(), None, {}, {}, [])
    if found.chosen and found.chosen.pruning:
        made = rebuild(task, found.chosen.pruning, None, plan.seed, others=plan.alternatives)
    return replace(made, trace=trace, choices=found.choices)


def _asked(task: Task, recipe: Recipe) -> list[list[Setting]]:
    """Return the one setting that a user asked for."""
    pruning: Pruning = frozenset()
    if recipe.unit in ("neuron", "both"):
        pruning |= neurons(task, recipe)
    if recipe.unit in ("head", "both"):
        pruning |= frozenset(heads(task, recipe))
    kinds = {"neuron": "neurons", "head": "heads", "both": "neurons and heads"}[recipe.unit]
    return [[Setting(f"{kinds} as asked for", pruning)]]


def _front(task: Task) -> list[list[Setting]]:
    """Return the settings of the front: votes and attention are computed once for all."""
    found, items = votes_of(task, Recipe()), len(texts_of(task))
    by_share = [
        Setting(f"neurons in the set of {_share(share)}", voted(found, items, share)) for share in _AGREE
    ]  # fmt: skip
    gone = heads(task, Recipe(heads=max(_HEADS_TRIED)))
    attending = [
        Setting(f"{amount(count, 'head')} that attend most to the name", frozenset(gone[:count]))
        for count in _HEADS_TRIED if count <= len(gone)
    ]  # fmt: skip
    return [by_share, attending]


def _share(share: float) -> str:
    return "every item, as published" if share == 1 else f"{100 * share:g} % of the items (agree={share:g})"


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


def _value(name: str, text: str) -> Any:
    choices = {
        "unit": ("neuron", "head", "both", "weight"), "score": ("wanda", "snip"), "against": ("group", "text"),
        "side": ("first", "second"),
    }.get(name)  # fmt: skip
    if choices:
        return variants.one_of(name, text, choices)
    return variants.number(name, text, int if name in ("heads", "answer") else float)


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
    published="agree=1",
)
