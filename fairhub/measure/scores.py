"""Scores: what every unit does to the bias, first-order, probe by probe; how sure that is, and across what."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedModel

from fairhub.compute.engine import joined, slopes_of
from fairhub.inputs.batches import Batch
from fairhub.inputs.probes import CONTROL, Probe, unit_hash
from fairhub.model.architecture import units
from fairhub.model.units import Unit
from fairhub.stats.statistics import rank_correlation, spearman_brown


@dataclass(frozen=True, eq=False)
class Scores:
    """First-order effects of removing each unit on the divergence of each probe."""

    units: tuple[Unit, ...]
    effect: np.ndarray
    """[probes, units] change of a probe's divergence in nats if the unit went, float32."""
    base: np.ndarray
    """[probes] divergence of the base model, nats."""
    clusters: tuple[tuple[str, ...], ...]
    """For each probe, the clusters it belongs to: its axis, its frame and its context."""

    def relative(self, rows: Sequence[int] | None = None) -> np.ndarray:
        """Return [clusters, units]: the relative change of each cluster's mean divergence, over these probes (all)."""
        rows = list(range(len(self.base)) if rows is None else rows)
        member = member_matrix([self.clusters[i] for i in rows])[1].astype(np.float32)
        return (member @ self.effect[rows]) / (member @ self.base[rows]).clip(1e-9)[:, None]

    def robust(self, sureness: float = 2.0) -> np.ndarray:
        """Return [units]: mean over clusters of the relative change plus `sureness` standard errors; low is good.

        A unit scores well only where axes, frames and contexts agree that it carries bias.
        """
        relative = self.relative()
        return relative.mean(0) + sureness * relative.std(0, ddof=1) / len(relative) ** 0.5


def first_order(
    model: PreTrainedModel,
    batches: Sequence[Batch],
    probes: Sequence[Probe],
    progress: Callable[[int], None] | None = None,
) -> Scores:
    """Score every unit by the gradient of each probe's divergence with respect to its gate.

    One forward and one backward over the probes, whatever the number of units (Michel et al. 2019; Molchanov et al.
    2017). A first-order screen only: exact effects decide.
    """
    found = joined(batches, slopes_of(model, batches, progress=progress))
    return Scores(units(model), found.slopes, found.values, memberships(probes))


def memberships(probes: Sequence[Probe]) -> tuple[tuple[str, ...], ...]:
    """Return the clusters of each probe: its axis, and for demographic probes its frame and its context."""
    return tuple(
        (f"axis:{p.axis}",) if p.axis == CONTROL else (f"axis:{p.axis}", f"frame:{p.frame}", f"context:{p.context}")
        for p in probes
    )


def member_matrix(clusters: Sequence[Sequence[str]]) -> tuple[list[str], np.ndarray]:
    """Return the names of all clusters, sorted, and [clusters, items] 1 where an item belongs, from those of each."""
    names = sorted({name for row in clusters for name in row})
    return names, np.array([[name in row for row in clusters] for name in names], dtype=float)


def reliability(scores: Scores, probes: Sequence[Probe]) -> dict[str, float]:
    """Return the rank correlation of the units' mean relative effects between disjoint halves.

    Halves by template, by frame and by axis; each with its heads and neurons apart, since there are far more neurons.
    The entry that ends in `whole` is what that agreement says of scores from all probes (Spearman-Brown): the ceiling
    of what any search on these scores can carry over.
    """
    found = {}
    heads = np.array([unit.kind == "head" for unit in scores.units])
    for name, key in _HALVES.items():
        # alternately by hash rank, so that both halves are never empty
        order = {k: i % 2 for i, k in enumerate(sorted({key(p) for p in probes}, key=unit_hash))}
        side = [order[key(p)] for p in probes]
        if len(set(side)) < 2:
            continue
        halves = [scores.relative([i for i, at in enumerate(side) if at == half]).mean(0) for half in (0, 1)]
        for kind, mask in (("heads", heads), ("neurons", ~heads)):
            if mask.any() and all(np.ptp(half[mask]) > 0 for half in halves):  # equal scores rank nothing
                found[f"{name}_{kind}"] = between = rank_correlation(halves[0][mask], halves[1][mask])
                found[f"{name}_{kind}_whole"] = spearman_brown(between)
    return found


_HALVES: Mapping[str, Callable[[Probe], str]] = {
    "template": lambda p: p.template,
    "frame": lambda p: p.frame,
    "axis": lambda p: p.axis,
}


def worth(
    scores: Scores, prices: Mapping[Unit, float], control: Scores, specific: float = 0.7, floor: float = 0.02
) -> list[Unit]:
    """Return the units whose removal every cluster welcomes, best first: robust, specific gain over the price.

    Of the gain, `specific` times what the unit does to control probes is taken off. The price, after healing, is
    relative to the median price of the unit's kind, plus `floor`, so that a free unit with hardly any effect does
    not come first.
    """
    dull = control.effect.sum(0) / max(control.base.sum(), 1e-9)
    gain = dict(zip(scores.units, scores.robust() - specific * np.minimum(dull, 0), strict=True))
    kinds = {unit.kind for unit in scores.units}
    median = {kind: float(np.median([p for u, p in prices.items() if u.kind == kind])) for kind in kinds}
    welcome = [unit for unit in scores.units if gain[unit] < 0]
    return sorted(welcome, key=lambda u: gain[u] / (prices[u] / max(median[u.kind], 1e-12) + floor))


def interleaved(units: Iterable[Unit], heads: int, neurons: int) -> list[Unit]:
    """Return the first so many heads and neurons of a ranking, in its order."""
    left = {"head": heads, "neuron": neurons}
    chosen = []
    for unit in units:
        if left[unit.kind] > 0:
            left[unit.kind] -= 1
            chosen.append(unit)
    return chosen
