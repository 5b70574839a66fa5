"""What whole heads carry of the harm, and what each would break of what must stay, beside the part that is erased."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from fairhub.edit.healing import Key, Patch
from fairhub.methods.erasure.edit import Erasure, Placed, harm, terms
from fairhub.methods.erasure.items import Item
from fairhub.methods.erasure.reads import Reads
from fairhub.methods.erasure.solve import Term
from fairhub.methods.erasure.without import without
from fairhub.model.architecture import sites
from fairhub.model.units import Site, Unit
from fairhub.run.processes import spread
from fairhub.stats.statistics import rank_correlation

FAMILIES = ("text", "meaning", "recall", "merit", "incidental", "control", "earlier tokens")
"""What must stay, as the terms of an edit have it."""
_SHOWN = 12
_ROUNDING = 1e-7
"""Of all harm, below which what a head takes is rounding: texts are computed in batches of several shapes."""
Squares = dict[str, float]


@dataclass(frozen=True)
class Head:
    """A whole head, first-order: what its removal takes of the harm and changes of what must stay, in squares."""

    unit: Unit
    taken: float
    costs: Squares
    """By family."""

    @property
    def price(self) -> float:
        """What it changes of all that must stay."""
        return sum(self.costs.values())


@dataclass(frozen=True, eq=False)
class Prices:
    """First-order, from the terms that the edit was solved for: squares of changes, summed over layers."""

    whole: float
    """The harm of the base model."""
    erased: float
    """What the edit takes of it."""
    costs: Squares
    """What the edit changes of each family."""
    ranked: tuple[Head, ...]
    """Heads that take any harm, the best of their price first."""
    reliability: Mapping[str, float]
    """Rank correlation of what heads take, between halves of the texts and between common and other terms."""

    @property
    def chosen(self) -> tuple[Head, ...]:
        """The fewest whole heads, the best of their price first, that would take as much as the edit; or all."""
        sums = np.cumsum([head.taken for head in self.ranked])
        return self.ranked[: 1 + int(np.searchsorted(sums, self.erased * (1 - 1e-9)))]

    @property
    def share(self) -> float:
        """Share of the harm that these take."""
        return sum(head.taken for head in self.chosen) / self.whole

    @property
    def times(self) -> float:
        """What these change of what must stay, as a multiple of what the edit changes of it."""
        return sum(head.price for head in self.chosen) / max(sum(self.costs.values()), 1e-300)

    def __str__(self) -> str:
        """Say it in one sentence."""
        erased = f"the edit takes {100 * self.erased / self.whole:.0f} % of the harm"
        if not self.ranked:
            return f"{erased}; no whole head takes any"
        return (
            f"{erased}; {len(self.chosen)} whole heads, from {self.ranked[0].unit} on, would take "
            f"{100 * self.share:.0f} % and change what must stay {self.times:.0f} times as much"
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return the heads that take most, with what each changes of a family as a multiple of the whole edit's."""
        most = sorted(self.ranked, key=lambda head: (-head.taken, head.unit))[:_SHOWN]
        return [
            {"head": str(head.unit), "harm": head.taken / self.whole}
            | {name: head.costs.get(name, 0.0) / cost for name, cost in self.costs.items() if cost > 0}
            for head in most
        ]


def prices(
    model: PreTrainedModel, seen: Mapping[Key, Reads], items: Sequence[Item], erasure: Erasure, patch: Patch
) -> Prices:
    """Return what whole heads would do beside an edit, by the same squares.

    Args:
        model: The base model that the sweep saw.
        seen: What the sweep saw of it.
        items: Of the sweep.
        erasure: Of the edit.
        patch: The edit.
    """
    known = Placed(items)

    def weighed(site: Site) -> tuple[float, float, Squares, list[Head]]:
        weight = site.weight.detach().double().cpu().numpy()
        erased, keep = terms(seen[site.layer, site.kind], known, erasure)
        change = patch[site.layer, site.kind].double().numpy() - weight
        whole = _squares(erased, weight)
        heads = [
            Head(Unit(site.layer, site.kind, index), taken, costs)
            for index, (taken, costs) in enumerate(
                zip(takings(site, weight, erased), costs_of(site, weight, keep), strict=True)
            )
        ]
        return whole, whole - _squares(erased, weight + change), _by_family(keep, change), heads

    places = [site for site in sites(model) if (site.layer, site.kind) in patch]
    found = spread(places, weighed)
    costs = {name: sum(row[2].get(name, 0.0) for row in found) for name in FAMILIES}
    least = _ROUNDING * sum(row[0] for row in found)
    heads = [head for row in found for head in row[3] if head.taken > least]
    ranked = sorted(heads, key=lambda head: (-head.taken / max(head.price, 1e-300), head.unit))
    whole, erased = max(sum(row[0] for row in found), 1e-300), sum(row[1] for row in found)
    return Prices(whole, erased, costs, tuple(ranked), _reliability(places, seen, items, erasure))


def _reliability(
    places: Sequence[Site], seen: Mapping[Key, Reads], items: Sequence[Item], erasure: Erasure
) -> dict[str, float]:
    """Return how alike heads are ranked by what they take of the harm of one part of the judged texts and of another.

    Both parts of a split share frames and words; common and other terms share no term.
    """
    splits: dict[str, Callable[[Item], bool]] = {
        "what heads take of the harm, halves of the texts": lambda item: item.cell % 2 == 0,
        "what heads take of the harm, common and other terms": lambda item: item.wide,
    }
    found = {}
    for name, first in splits.items():
        sides = [_taken(places, *without(seen, items, _others(first, side)), erasure) for side in (True, False)]
        if all(side.any() for side in sides):
            found[name] = rank_correlation(*sides)
    return found


def _others(first: Callable[[Item], bool], side: bool) -> Callable[[Item], bool]:
    """Return whether an item judges, and is of the other part."""
    return lambda item: item.kind == "judged" and first(item) != side


def _taken(places: Sequence[Site], seen: Mapping[Key, Reads], items: Sequence[Item], erasure: Erasure) -> np.ndarray:
    """Return what the removal of every head takes of the harm, [heads]; 0 where that is rounding."""
    known = Placed(items)

    def of_site(site: Site) -> tuple[float, list[float]]:
        weight = site.weight.detach().double().cpu().numpy()
        erased = harm(seen[site.layer, site.kind], known, erasure)
        return _squares(erased, weight), takings(site, weight, erased)

    found = spread(places, of_site)
    taken = np.array([value for _, values in found for value in values])
    return np.where(np.abs(taken) > _ROUNDING * sum(whole for whole, _ in found), taken, 0.0)


def takings(site: Site, weight: np.ndarray, erased: Sequence[Term]) -> list[float]:
    """Return what the removal of every head of a projection takes of the harm.

    Of H(W) - H(W + G) where G is -W in the head's columns and 0 elsewhere: 2 <W, left W right> - <W, left W right_c>
    over these columns, right_c between them alone.
    """
    crossed = sum((t.left @ weight @ t.right for t in erased), np.zeros_like(weight))
    found = []
    for columns in _columns(site):
        mine = weight[:, columns]
        found.append(2 * float((mine * crossed[:, columns]).sum()) - sum(_removed(t, mine, columns) for t in erased))
    return found


def costs_of(site: Site, weight: np.ndarray, keep: Sequence[Term]) -> list[Squares]:
    """Return what the removal of every head of a projection changes of what must stay, by family."""
    families = dict.fromkeys(term.family for term in keep)
    return [
        {name: sum(_removed(t, weight[:, columns], columns) for t in keep if t.family == name) for name in families}
        for columns in _columns(site)
    ]


def _removed(term: Term, mine: np.ndarray, columns: np.ndarray) -> float:
    """Return a term's square of the removal of these columns of a weight, [out, columns]."""
    return float(((term.left @ mine) * (mine @ term.right[np.ix_(columns, columns)])).sum())


def _columns(site: Site) -> list[np.ndarray]:
    """Return the columns of every head of a projection."""
    return [site.columns([index]).numpy() for index in range(site.count)]


def _by_family(keep: Sequence[Term], change: np.ndarray) -> Squares:
    families = dict.fromkeys(term.family for term in keep)
    return {name: _squares([term for term in keep if term.family == name], change) for name in families}


def _squares(terms_: Sequence[Term], change: np.ndarray) -> float:
    """Return the sum of tr(left change right change')."""
    return sum(float(((t.left @ change) * (change @ t.right)).sum()) for t in terms_)
