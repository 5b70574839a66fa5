"""What was measured so far: masks with their labels, as forecasts are made, and as examples to train on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairhub.inputs.probes import Probe
from fairhub.measure.scores import member_matrix, memberships
from fairhub.model.units import Pruning, Unit
from fairhub.search.surrogate.labels import Label
from fairhub.search.surrogate.masks import Role, bits, role_of
from fairhub.search.surrogate.network import Examples
from fairhub.search.surrogate.objective import Forecast

_DAMAGED = 0.5  # nats: a rise of log-perplexity at which a mask counts half
_BASE = 5.0  # weight of the base model, whose label is exact


@dataclass(frozen=True, eq=False)
class Scale:
    """What labels are compared with: the base model's label, and which probes make up which cluster."""

    base: Label
    names: tuple[str, ...]
    member: np.ndarray
    """[1 + clusters, probes] 1 where a probe belongs; the first row is all of them."""

    def measured(self, labels: Sequence[Label]) -> Forecast:
        """Return labels as changes against the base model."""
        base = self.base
        bias = np.array([label.bias for label in labels]).reshape(len(labels), len(base.bias))
        ratios = np.log((bias @ self.member.T) / (self.member @ base.bias))
        loss = np.array([label.loss.mean() for label in labels]) - base.loss.mean()
        return Forecast(ratios[:, 0], ratios[:, 1:], loss)

    def half(self, labels: Sequence[Label], probes: np.ndarray, chunks: np.ndarray) -> Forecast:
        """Return the same by these probes and chunks of text alone, without clusters."""
        base = self.base
        bias = np.array([label.bias[probes].mean() for label in labels]) / base.bias[probes].mean()
        loss = np.array([label.loss[chunks].mean() for label in labels]) - base.loss[chunks].mean()
        return Forecast(np.log(bias), np.empty((len(labels), 0)), loss)


def scale_of(base: Label, probes: Sequence[Probe]) -> Scale:
    """Return the scale of labels on these probes; clusters are those of the robust energy, where there are several."""
    names, member = member_matrix(memberships(probes))
    return Scale(base, tuple(names), np.vstack([np.ones(len(probes)), member]))


class Labelled:
    """Masks and labels; sampled ones are for training, validation or test, winners always for training."""

    def __init__(self, heads: Sequence[Unit], scale: Scale) -> None:
        """Begin with the base model alone."""
        self.heads, self.scale = heads, scale
        self.labels: dict[Pruning, Label] = {}
        self.roles: dict[Pruning, Role] = {}

    def add(self, mask: Pruning, label: Label, sampled: bool) -> None:
        """Keep a mask's label; a mask known already keeps its role."""
        self.labels[mask] = label
        self.roles.setdefault(mask, role_of(mask) if sampled else "train")

    def rises(self) -> dict[Pruning, float]:
        """Return how far log-perplexity rose under each mask, nats."""
        return dict(zip(self.labels, self.measured().loss.tolist(), strict=True))

    def measured(self, role: Role | None = None) -> Forecast:
        """Return the changes that were measured, of one role or of all."""
        return self.scale.measured([self.labels[mask] for mask in self.masks(role)])

    def masks(self, role: Role | None = None) -> list[Pruning]:
        """Return the masks of one role, or of all, in the order they were measured."""
        return [mask for mask in self.labels if role in (None, self.roles[mask])]

    def examples(self, what: str, role: Role) -> Examples:
        """Return examples for the `bias` or the `loss` network; the base model stands among those to train on.

        Damaged masks count less: one whose perplexity exploded would otherwise outweigh all others in a squared
        error, though no repair comes near it.
        """
        masks = self.masks(role)
        found = self.scale.measured([self.scale.base, *(self.labels[mask] for mask in masks)])
        y = np.column_stack([found.bias, found.clusters]) if what == "bias" else found.loss[:, None]
        weight = 1 / (1 + (found.loss / _DAMAGED) ** 2)
        weight[0] = _BASE
        whole = Examples(bits([frozenset(), *masks], self.heads), y, weight)
        return whole if role == "train" else whole.part(np.arange(1, len(y)))
