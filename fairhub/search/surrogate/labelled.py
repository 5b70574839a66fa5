"""What was measured so far: masks with their labels, as forecasts are made, and as examples to train on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fairhub.inputs.probes import Probe
from fairhub.measure.scores import member_matrix, memberships
from fairhub.model.units import Pruning, Unit
from fairhub.search.energies import pooled
from fairhub.search.surrogate.forecaster import Examples
from fairhub.search.surrogate.labels import Label
from fairhub.search.surrogate.masks import Role, bits, role_of
from fairhub.search.surrogate.objective import TARGETS, Forecast, Target

_BASE = 5.0  # weight of the base model, whose label is exact
_DAMAGED = 0.2  # nats: a rise of log-perplexity at which a mask's loss counts half


@dataclass(frozen=True, eq=False)
class Shift:
    """What many probes and long text say of each head that the few of a label do not, first-order at the base model.

    A label's own part of chance is the same at every mask that holds a head, to first order: taken off and replaced by
    what ten times as many items say, it leaves of the label what is of higher order (a control variate, as several
    fidelities are joined).
    """

    heads: tuple[Unit, ...]
    by: Forecast
    """[heads] of each figure: slopes on the many less slopes on the few."""

    def of(self, masks: Sequence[Pruning]) -> Forecast:
        """Return what is added to the figures of masks, [masks] each."""
        x = bits(masks, self.heads)
        return Forecast(*(x @ getattr(self.by, name) for name in TARGETS))


@dataclass(frozen=True, eq=False)
class Scale:
    """What labels are compared with: the base model's label, and which probes make up which cluster."""

    base: Label
    names: tuple[str, ...]
    member: np.ndarray
    """[1 + clusters, probes] 1 where a probe belongs; the first row is all of them."""
    kappa: float = 1.0
    """Standard errors over clusters that the robust energy adds to their mean."""
    shift: Shift | None = None
    """What is added to every label; None adds nothing."""

    @property
    def plain(self) -> "Scale":
        """The same with nothing added."""
        return replace(self, shift=None)

    def measured(self, labels: Sequence[Label]) -> Forecast:
        """Return labels as changes against the base model, what is added included."""
        base = self.base
        bias = np.array([label.bias for label in labels]).reshape(len(labels), len(base.bias))
        ratios = self._ratios(bias)
        loss = np.array([label.loss.mean() for label in labels]) - base.loss.mean()
        found = Forecast(ratios[:, 0], pooled(self._clusters(ratios), self.kappa), loss)
        return found.plus(self.shift.of([label.mask for label in labels])) if self.shift else found

    def slopes(self, label: Label) -> Forecast:
        """Return how a label's changes change for each head removed, [heads] each, first-order at its mask."""
        assert label.slopes is not None
        bias, loss = np.split(label.slopes.astype(float), [len(label.bias)])
        rows = (self.member @ bias) / (self.member @ label.bias)[:, None]
        shares = _pooling(self._clusters(self._ratios(label.bias[None]))[0], self.kappa)
        found = Forecast(rows[0], shares @ self._clusters(rows.T).T, loss.mean(0))
        return found.plus(self.shift.by) if self.shift else found

    def half(self, labels: Sequence[Label], probes: np.ndarray, chunks: np.ndarray) -> Forecast:
        """Return the changes by these probes and chunks of text alone, without clusters."""
        base = self.base
        bias = np.log(np.array([label.bias[probes].mean() for label in labels]) / base.bias[probes].mean())
        loss = np.array([label.loss[chunks].mean() for label in labels]) - base.loss[chunks].mean()
        return Forecast(bias, bias, loss)

    def _ratios(self, bias: np.ndarray) -> np.ndarray:
        return np.asarray(np.log((bias @ self.member.T) / (self.member @ self.base.bias)))

    def _clusters(self, rows: np.ndarray) -> np.ndarray:
        """Return the columns of the clusters; of one cluster or none, the column of all probes."""
        return rows[:, 1:] if len(self.names) > 1 else rows[:, :1]


def scale_of(base: Label, probes: Sequence[Probe], kappa: float = 1.0) -> Scale:
    """Return the scale of labels on these probes; clusters are those of the robust energy, where there are several."""
    names, member = member_matrix(memberships(probes))
    return Scale(base, tuple(names), np.vstack([np.ones(len(probes)), member]), kappa)


def shifted(scale: Scale, heads: Sequence[Unit], wide: Scale) -> Scale:
    """Return a scale whose labels are corrected by what the base model's slopes are on more probes and text.

    Args:
        scale: Of the labels.
        heads: In the order of slopes.
        wide: Of the many probes.
    """
    return replace(scale, shift=Shift(tuple(heads), wide.slopes(wide.base).less(scale.plain.slopes(scale.base))))


def _pooling(ratios: np.ndarray, kappa: float) -> np.ndarray:
    """Return the derivatives of what `pooled` makes of some log ratios, [clusters]."""
    count, spread = len(ratios), ratios.std(ddof=1) if len(ratios) > 1 else 0.0
    away = (ratios - ratios.mean()) / ((count - 1) * spread) if spread > 1e-9 else np.zeros(count)
    return np.asarray(1 / count + kappa * away / count**0.5)


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

    def measured(self, role: Role | None = None) -> Forecast:
        """Return the changes that were measured, of one role or of all."""
        return self.scale.measured([self.labels[mask] for mask in self.masks(role)])

    def masks(self, role: Role | None = None) -> list[Pruning]:
        """Return the masks of one role, or of all, in the order they were measured."""
        return [mask for mask in self.labels if role in (None, self.roles[mask])]

    def examples(self, target: Target, role: Role) -> Examples:
        """Return examples for one surrogate; the base model stands first among those to train on.

        What breaks the model counts less for the loss: a few heads do, and would outweigh all others in a squared
        error, though no repair comes near them.
        """
        masks, base = self.masks(role), [self.scale.base] * (role == "train")
        labels = [*base, *(self.labels[mask] for mask in masks)]
        x = bits([*[frozenset[Unit]()] * len(base), *masks], self.heads)
        found = self.scale.measured(labels)
        slopes = np.full(x.shape, np.nan)
        for row, label in enumerate(labels):
            if label.slopes is not None:
                slopes[row] = getattr(self.scale.slopes(label), target)
        weight = np.where(x.any(1), 1.0, _BASE)
        if target == "loss":
            weight = weight / (1 + (found.loss / _DAMAGED) ** 2)
        return Examples(x, getattr(found, target), weight, slopes)
