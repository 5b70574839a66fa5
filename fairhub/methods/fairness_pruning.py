"""Fairness Pruning (Martra 2025): MLP neurons that answer a pair's two texts differently and matter little."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from fairhub.compute.engine import fast_matmul
from fairhub.edit.healing import Strength
from fairhub.inputs.probes import Probe, unit_hash
from fairhub.methods import variants
from fairhub.methods.budgets import budgets
from fairhub.methods.effects import effects
from fairhub.methods.hybrid import Scope, budgeted, count_of, hybrid, top
from fairhub.methods.importance import Importance, importance, known_importance
from fairhub.methods.method import Method
from fairhub.methods.neuron_bias import Definition, known_definition, neuron_bias
from fairhub.methods.outcome import Outcome
from fairhub.methods.rebuild import rebuild
from fairhub.model.architecture import mlp_width, text_config
from fairhub.search.task import Plan, Task
from fairhub.stats.statistics import rank_correlation, spearman_brown


@dataclass(frozen=True)
class Recipe:
    """What the article leaves to choose, with its choices as defaults."""

    bias: str = "diff_then_pool"
    """A definition of `neuron_bias`, or `effect`: what first-order removal takes off the divergence, where it does; so
    neurons that carry the difference are not mixed with those that dampen it."""
    importance: Importance = "ppm"
    weight: float = 0.5
    """Of bias against unimportance. (optiPfair 0.4.2 takes 0.8.)"""
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


def fairness_pruning(task: Task, plan: Plan) -> Outcome:
    """Score every neuron on the search pairs, remove the highest of every layer, without a look at what it costs.

    The article selects on one pair; here it is the mean over all search pairs, so that nothing else is different.
    """
    recipe = parsed(plan.variant)
    width, hidden = mlp_width(task.model), text_config(task.model).hidden_size
    count = recipe.removed(width, hidden)
    bias, reliability = _bias(task, recipe)
    matter = importance(task.model, recipe.importance, task.text)
    scores = hybrid(bias, matter, recipe.weight, recipe.scope)
    if plan.per_layer:
        counts, trace = budgets(task, plan, scores, count)
        pruning = budgeted(scores, counts)
    else:
        pruning, trace = top(scores, count, recipe.scope), {}
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
    if name == "bias":
        return value if value == "effect" else known_definition(value)
    if name == "importance":
        return known_importance(value)
    if name == "heal":
        return variants.one_of(name, value, ("yes", "no")) == "yes"
    if name == "scope":
        return variants.one_of(name, value, get_args(Scope))
    return variants.number(name, value, int if name == "count" else float)


def _bias(task: Task, recipe: Recipe) -> tuple[np.ndarray, dict[str, float]]:
    """Return every neuron's bias over the search pairs, [layers, neurons], and how far halves of them agree."""
    by_effect = recipe.bias == "effect"
    probes = task.screen if by_effect else task.search
    found = _effects(task) if by_effect else _answers(task, known_definition(recipe.bias))
    signs = oriented(probes) if recipe.bias == "signed" else {"": np.ones(len(probes))}
    every = np.ones(len(probes), dtype=bool)
    half = np.array([unit_hash(probe.template) < 0.5 for probe in probes])
    return _pooled(found, signs, every), _agreement([_pooled(found, signs, side) for side in (half, ~half)])


def oriented(probes: Sequence[Probe]) -> dict[str, np.ndarray]:
    """Return for every two groups compared the sign of each probe, [probes]: +1 or -1 by who comes first, 0 for others.

    With the sign a neuron that answers a group more strongly in one template and less in the next cancels out.
    """
    signs: dict[str, np.ndarray] = {}
    for place, probe in enumerate(probes):
        name = "|".join([probe.axis, *sorted((probe.group_a, probe.group_b))])
        row = signs.setdefault(name, np.zeros(len(probes)))
        row[place] = 1 if probe.group_a <= probe.group_b else -1
    return signs


def _pooled(found: np.ndarray, signs: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Return the mean over comparisons of groups of the size of their pairs' mean; below zero counts as none."""
    parts = []
    for name, sign in signs.items():
        mine = np.flatnonzero(rows & (sign != 0))
        if len(mine):
            mean = np.tensordot(sign[mine], found[mine], axes=1) / len(mine)
            parts.append(np.abs(mean) if name else mean.clip(min=0))
    return np.mean(parts, axis=0) if parts else np.zeros(found.shape[1:])


def _agreement(halves: list[np.ndarray]) -> dict[str, float]:
    if any(np.ptp(half) == 0 for half in halves):
        return {}
    between = rank_correlation(halves[0].ravel(), halves[1].ravel())
    return {"template_neurons": between, "template_neurons_whole": spearman_brown(between)}


def _answers(task: Task, definition: Definition) -> np.ndarray:
    """Return how differently each neuron answers each search pair, [probes, layers, neurons]."""

    def compute(probes: Sequence[Probe]) -> dict[str, np.ndarray]:
        batches = task.batched(probes)
        bar = task.progress("scoring every neuron", sum(batch.tokens for batch in batches))
        with fast_matmul():
            return {"bias": neuron_bias(task.model, batches, definition, bar)}

    return task.by_probe(f"neuron_bias_{definition}", task.search, compute)["bias"]


def _effects(task: Task) -> np.ndarray:
    """Return what the removal of each neuron takes off each probe's divergence, [probes, layers, neurons]."""
    scores = effects(task, task.screen, "scoring every neuron")
    neurons = [i for i, unit in enumerate(scores.units) if unit.kind == "neuron"]
    return -scores.effect[:, neurons].reshape(len(scores.base), -1, mlp_width(task.model))


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
)
