"""Is one repair better than another by more than chance? In pairs over the same probes where they are at hand."""

import math
from dataclasses import dataclass

import numpy as np

from fairhub.proof.items import Items
from fairhub.report import Figure
from fairhub.report.metrics import metric_of
from fairhub.report.record import REACTS
from fairhub.stats.statistics import Interval, interval_of


@dataclass(frozen=True)
class Difference:
    """One run's relative change minus the reference's."""

    name: str
    """The run."""
    reference: str
    """The run it is compared with."""
    figure: str
    """divergence or perplexity."""
    split: str
    value: float
    """Difference of relative changes: -0.1 is 10 points less, better for perplexity, less reaction for divergence."""
    low: float
    high: float
    paired: bool
    """Whether both were drawn over the same items; if not, the interval is wider than it need be."""
    carries: bool = True
    """Whether it rests on as many clusters as a word about it needs."""

    @property
    def outcome(self) -> str:
        """Better or worse than the reference only where the whole interval says so; of reaction less or more."""
        if not self.carries or self.low <= 0 <= self.high:
            return "not shown"
        fell, rose = REACTS if metric_of(self.figure).role == "reaction" else ("better", "worse")
        return fell if self.high < 0 else rose


def difference(
    name: str, reference: str, figures: tuple[Figure | None, Figure | None], items: tuple[Items | None, Items | None]
) -> Difference | None:
    """Return how the relative changes of a figure differ between two runs; None where one has none."""
    one, other = figures
    if one is None or other is None or one.change is None or other.change is None:
        return None
    first, second = items
    if first is not None and second is not None and _same(first, second):
        part, paired = _paired(one.name, first, second), True
    elif one.change.share is not None and other.change.share is not None:
        part, paired = _unpaired(one.change.share, other.change.share), False
    else:
        return None
    return Difference(
        name, reference, one.name, one.split, part.value, part.low, part.high, paired, one.carries and other.carries
    )


def _same(one: Items, other: Items) -> bool:
    """Whether two runs measured the same items: their base models then measured the same, up to rounding."""
    return one.clusters == other.clusters and np.allclose(one.before, other.before, rtol=1e-3, atol=1e-7)


def _paired(figure: str, one: Items, other: Items) -> Interval:
    """Draw clusters once for both runs, so that what makes probes easy or hard for both cancels."""

    def relative(after: np.ndarray, weight: np.ndarray) -> float:
        new, old = (float(np.average(values, weights=weight)) for values in (after, one.before))
        return math.expm1(new - old) if figure == "perplexity" else new / old - 1

    return interval_of(lambda weight: relative(one.after, weight) - relative(other.after, weight), one.clusters)


def _unpaired(one: Interval, other: Interval) -> Interval:
    """Interval of a difference from two intervals, as if their items were not the same (Newcombe 1998, method 10)."""
    value = one.value - other.value
    down = math.hypot(one.value - one.low, other.high - other.value)
    up = math.hypot(one.high - one.value, other.value - other.low)
    return Interval(value, value - down, value + up)
