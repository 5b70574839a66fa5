"""What whole heads would take of the harm, and at what price, beside the part of each that is erased."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedModel

from fairhub.erasure.edit import Erasure, Placed, terms
from fairhub.erasure.items import Item
from fairhub.erasure.solve import Term
from fairhub.erasure.sweep import Reads
from fairhub.healing import Key, Patch
from fairhub.processes import spread
from fairhub.surgery import Site, Unit, sites


@dataclass(frozen=True)
class Prices:
    """First-order, from the terms that the edit was solved for: squares of changes, summed over layers."""

    erased: float
    """Share of the harm that the edit takes."""
    heads: int
    """The fewest whole heads, the best of their price first, that would take as much; or all that take any."""
    taken: float
    """Share of the harm that those take."""
    times: float
    """What those change of what must stay, as a multiple of what the edit changes of it."""
    best: Unit | None
    """The head that takes most for its price."""

    def __str__(self) -> str:
        """Say it in one sentence."""
        if self.best is None:
            return f"the edit takes {100 * self.erased:.0f} % of the harm; no whole head takes any"
        return (
            f"the edit takes {100 * self.erased:.0f} % of the harm; {self.heads} whole heads, from {self.best} on, "
            f"would take {100 * self.taken:.0f} % and change what must stay {self.times:.0f} times as much"
        )


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

    def weighed(site: Site) -> tuple[float, float, float, list[tuple[float, float, Unit]]]:
        weight = site.weight.detach().double().cpu().numpy()
        harm, keep = terms(seen[site.layer, site.kind], known, erasure)
        change = patch[site.layer, site.kind].double().numpy() - weight
        whole = _squares(harm, weight)
        rows = []
        for index in range(site.count):
            gone = np.zeros_like(weight)
            columns = site.columns([index]).numpy()
            gone[:, columns] = -weight[:, columns]
            taken = whole - _squares(harm, weight + gone)
            rows.append((taken, _squares(keep, gone), Unit(site.layer, site.kind, index)))
        return whole, whole - _squares(harm, weight + change), _squares(keep, change), rows

    places = [site for site in sites(model) if (site.layer, site.kind) in patch]
    found = spread(places, weighed)
    whole, erased, cost = (sum(row[n] for row in found) for n in range(3))  # type: ignore[misc]
    return _compared(max(whole, 1e-300), erased, max(cost, 1e-300), [row for part in found for row in part[3]])


def _compared(whole: float, erased: float, cost: float, rows: Sequence[tuple[float, float, Unit]]) -> Prices:
    ranked = sorted((row for row in rows if row[0] > 0), key=lambda row: (-row[0] / max(row[1], 1e-300), row[2]))
    taken = paid = 0.0
    heads = 0
    for gain, price, _ in ranked:
        if taken >= erased:
            break
        taken, paid, heads = taken + gain, paid + price, heads + 1
    return Prices(erased / whole, heads, taken / whole, paid / cost, ranked[0][2] if ranked else None)


def _squares(terms_: Sequence[Term], change: np.ndarray) -> float:
    """Return the sum of tr(left change right change')."""
    return sum(float(((t.left @ change) * (change @ t.right)).sum()) for t in terms_)
