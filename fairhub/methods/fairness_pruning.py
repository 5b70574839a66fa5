"""Fairness Pruning (Martra 2025): MLP neurons that answer a pair's two texts differently and matter little."""

import re
from dataclasses import dataclass, replace
from typing import Any, get_args

from fairhub.edit.healing import Strength
from fairhub.edit.repair import Repair
from fairhub.errors import UserError, plain
from fairhub.methods import variants
from fairhub.methods.budgets import budgets
from fairhub.methods.dials import Setting, front
from fairhub.methods.hybrid import Scope, budgeted, count_of, hybrid, top
from fairhub.methods.importance import Importance, importance, known_importance
from fairhub.methods.method import Method
from fairhub.methods.neuron_bias import known_definition
from fairhub.methods.neuron_scores import scored
from fairhub.methods.outcome import Outcome
from fairhub.methods.own_figures import of_activations
from fairhub.methods.rebuild import rebuild
from fairhub.model.architecture import mlp_width, text_config
from fairhub.model.units import Pruning
from fairhub.search.task import Plan, Task

_QUARTERS = ("first", "second", "third", "last")


@dataclass(frozen=True)
class Recipe:
    """What the article leaves to choose, with its choices as defaults."""

    bias: str = "diff_then_pool"
    """A definition of `neuron_bias`, or `effect`: what first-order removal takes off the divergence, where it does; so
    neurons that carry the difference are not mixed with those that dampen it."""
    importance: Importance = "ppm"
    weight: float = 0.5
    """Of bias against unimportance. (optiPfair 0.4.2 takes 0.8.)"""
    layers: str = "all"
    """Whose neurons go: `all`, a quarter (`first`, `second`, `third`, `last`), or as in 20-29."""
    scope: Scope = "layer"
    percent: float | None = None
    """Of every layer's neurons; 0.2 where neither this nor a count or an expansion is said, but at least one."""
    count: int | None = None
    expansion: float | None = None
    """Width that stays, in percent of the residual stream."""
    heal: bool = False
    """Refit the columns that stay, which the article does not."""

    def removed(self, width: int, hidden: int) -> int:
        """Return how many of a layer's neurons go."""
        if (self.percent, self.count, self.expansion) == (None, None, None):
            return count_of(width, hidden, count=max(1, int(0.002 * width)))
        return count_of(width, hidden, percent=self.percent, count=self.count, expansion=self.expansion)

    def words(self, count: int, width: int, inside: range, layers: int) -> str:
        """Return this setting as a report says it."""
        where = "every layer" if len(inside) == layers else f"layers {inside[0]} to {inside[-1]}"
        each = "each on average" if self.scope == "global" else "each"
        return f"{where}, {count:,} of {width:,} neurons {each}, bias weighs {self.weight:g}"

    def inside(self, layers: int) -> range:
        """Return the layers whose neurons may go.

        Raises:
            UserError: The model has no such layers.
        """
        if self.layers == "all":
            return range(layers)
        if self.layers in _QUARTERS:
            number = _QUARTERS.index(self.layers)
            first = layers * number // 4
            return range(first, max(first + 1, layers * (number + 1) // 4))
        first, last = _span(self.layers)
        if not first <= last < layers:
            raise UserError(f"layers of this model are 0 to {layers - 1}; got {self.layers}; mend --variant")
        return range(first, last + 1)


_FRONT = (
    ("all", 0.5, (0.2,)), ("second", 0.5, (1.0, 5.0)), ("third", 0.5, (1.0, 5.0)), ("third", 0.8, (1.0, 5.0)),
    ("last", 0.5, (0.2, 1.0)),
)  # fmt: skip
"""The front: whose neurons go, what bias weighs, and more and more percent of each such layer's neurons.

The first is the article's. On search prompts of the default model whatever touches the first quarter of its layers
costs 5 % of perplexity or more, as does a weight of 0.8 before the third; the middle costs next to nothing.
"""
_OF_EVERY_LAYER = (("all", 0.5, (0.2, 1.0, 5.0)),)
"""The front where neurons are cut out: every layer must lose some."""


def fairness_pruning(task: Task, plan: Plan) -> Outcome:
    """Score every neuron on the search pairs; of the settings of the front take the best within the budget on select.

    A variant that a user asks for is the only setting, and is taken whatever it costs, as published. The article
    selects on one pair; here it is the mean over all search pairs, so that nothing else is different.
    """
    recipe = parsed(plan.variant)
    width, hidden = mlp_width(task.model), text_config(task.model).hidden_size
    bias, reliability = scored(task, recipe.bias)
    matter = importance(task.model, recipe.importance, task.text)
    if plan.per_layer:
        scores = hybrid(bias, matter, recipe.weight, recipe.scope)
        counts, trace = budgets(task, plan, scores, recipe.removed(width, hidden), recipe.inside(len(scores)))
        return _made(task, plan, recipe, budgeted(scores, counts), trace, reliability)

    def setting(recipe: Recipe) -> Setting:
        count, inside = recipe.removed(width, hidden), recipe.inside(len(bias))
        units = top(hybrid(bias, matter, recipe.weight, recipe.scope), count, recipe.scope, inside)
        return Setting(recipe.words(count, width, inside, len(bias)), units)

    sequences = [[recipe]] if plan.variant else [
        [replace(recipe, layers=layers, weight=weight, count=max(1, int(part / 100 * width))) for part in percents]
        for layers, weight, percents in (_OF_EVERY_LAYER if plan.shrink else _FRONT)
    ]  # fmt: skip
    found = front(task, plan, [[setting(one) for one in some] for some in sequences], at_any_price=bool(plan.variant))
    trace = found.told(of_activations(task, found) if plan.alternatives else None)
    made = _made(task, plan, recipe, found.chosen.pruning if found.chosen else frozenset(), trace, reliability)
    return replace(made, choices=found.choices)


def _made(
    task: Task, plan: Plan, recipe: Recipe, pruning: Pruning, trace: dict[str, Any], reliability: dict[str, float]
) -> Outcome:
    if not pruning:
        return Outcome(Repair(), None, trace, reliability, [])
    strength = Strength(guard=0) if recipe.heal else None
    made = rebuild(task, pruning, strength, plan.seed, others=plan.alternatives)
    return replace(made, trace=trace, reliability=reliability)


def parsed(variant: str) -> Recipe:
    """Return the recipe with what a user changed, such as "weight=0.8, importance=l2".

    Raises:
        UserError: A name is unknown, or a value is not one of its kind.
    """
    return variants.read(Recipe, variant, _value)


def _value(name: str, value: str) -> Any:
    if name == "layers":
        if value not in ("all", *_QUARTERS):
            _span(value)
        return value
    if name == "bias":
        return value if value == "effect" else known_definition(value)
    if name == "importance":
        return known_importance(value)
    if name == "heal":
        return variants.one_of(name, value, ("yes", "no")) == "yes"
    if name == "scope":
        return variants.one_of(name, value, get_args(Scope))
    return variants.number(name, value, int if name == "count" else float)


def _span(text: str) -> tuple[int, int]:
    """Return the first and the last of layers written as 20-29, or refuse what is none."""
    found = re.fullmatch(r"(\d{1,4})-(\d{1,4})", text)
    if found is None:
        raise UserError(
            f"layers must be all, a quarter (first to last) or as in 20-29; got {plain(text)!r}; mend --variant"
        )
    return int(found[1]), int(found[2])


FAIRNESS_PRUNING = Method(
    "fairness_pruning",
    fairness_pruning,
    "Fairness Pruning (optiPfair, Martra 2025)",
    "MLP neurons whose activations differ most between the two texts of a minimal pair, and which matter least "
    "otherwise, are removed.",
    ("martra2025optipfair",),
    heavy=True,
    others=True,
    variants=parsed,
    published="weight=0.5",
)
