"""Limits on figures, as they were typed: which figure, from which side, and how far it may go."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from fairhub.errors import UserError, plain
from fairhub.report.metrics import AGAINST_REPAIR, METRICS, Metric, declared, metric_of
from fairhub.report.record import SPLITS

Side = Literal["over", "under"]
PROVED = SPLITS[2:]
"""The splits that an audit measures on."""
ALL = "all"
_OF_REPAIRS = frozenset({"kl", "specificity", "distinct_2"})
"""What only a repair has: it compares with the base, or reads continuations."""
_MOST = 1000
"""Letters of a limit."""


@dataclass(frozen=True)
class Limit:
    """How far one figure of an audit may go; it holds at the bound itself."""

    metric: str
    side: Side
    """Beyond which side of the bound it is broken."""
    bound: float
    """In the figure's unit; of the base's figure where there is one to compare with (0.9 is 90 % of it)."""
    axis: str = ALL
    split: str = ""
    """held_out or external; empty takes held_out, and of a public benchmark the split that it belongs to."""

    @property
    def place(self) -> str:
        """The figure as it is typed: judgement@race@external."""
        return "@".join([self.metric, *(part for part in (self.axis, self.split) if part not in (ALL, ""))])

    @property
    def typed(self) -> str:
        """The option that asks for it."""
        return f"--fail-{self.side} {self.place}={self.bound:g}"

    @property
    def declared(self) -> Metric:
        """What is known of its metric before anything was measured."""
        return metric_of(self.metric, self.axis)


def limits_of(
    over: Sequence[str], under: Sequence[str], axes: Collection[str] = (), dimensions: Collection[str] = ()
) -> tuple[Limit, ...]:
    """Return the limits that were typed as NAME=NUMBER, where NAME may be followed by @axis and @split.

    Args:
        over: Those that a figure must not exceed.
        under: Those that it must not fall below.
        axes: The axes there can be; empty where a user's own probes may bring others.
        dimensions: What people can be judged by, as in `judgement.bad`; empty where that is not known.

    Raises:
        UserError: One is none: no name that an audit measures, no finite number, a side on which the figure only gets
            better, or given twice.
    """
    found = [_limit(text, side, axes, dimensions) for side, texts in _sides(over, under) for text in texts]
    places = [(limit.place, limit.side) for limit in found]
    if twice := next((place for place in places if places.count(place) > 1), None):
        raise UserError(f"a limit is given once; got --fail-{twice[1]} {twice[0]} twice; leave one out")
    return tuple(found)


def names() -> list[str]:
    """Return the metrics that a limit can be set on, in the order of declaration."""
    return list(dict.fromkeys(metric.name for metric in METRICS if _measurable(metric)))


def _sides(over: Sequence[str], under: Sequence[str]) -> tuple[tuple[Side, Sequence[str]], ...]:
    return ("over", over), ("under", under)


def _limit(text: str, side: Side, axes: Collection[str], dimensions: Collection[str]) -> Limit:
    option = f"--fail-{side}"
    place, sign, number = text[:_MOST].rpartition("=")
    if not sign or not place:
        raise UserError(f"a limit is NAME=NUMBER, as judgement=0.001; got {plain(text, 80)!r}; mend {option}")
    name, *rest = (part.strip() for part in place.split("@"))
    splits = [part for part in rest if part in SPLITS]
    named = [part for part in rest if part not in SPLITS]
    if len(splits) > 1 or len(named) > 1 or "" in rest:
        raise UserError(f"a limit names one axis and one split at most; got {plain(place, 80)!r}; mend {option}")
    axis, split = (named or [ALL])[0], (splits or [""])[0]
    limit = Limit(name, side, _number(number, option), axis, split)
    _refuse_unknown(limit, axes, dimensions, option)
    return limit


def _number(text: str, option: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"a limit is a finite number; got {plain(text, 80)!r}; mend {option}")
    return number


def _refuse_unknown(limit: Limit, axes: Collection[str], dimensions: Collection[str], option: str) -> None:
    metric = declared(limit.metric, limit.axis)
    if metric is None or not _measurable(metric) or (metric.part and dimensions and metric.part not in dimensions):
        parts = f"; judgement.DIMENSION is one of {', '.join(dimensions)}" if dimensions else ""
        raise UserError(
            f"a limit is on a figure of an audit: {', '.join(names())}{parts}; got {plain(limit.metric, 80)!r}; "
            f"mend {option}"
        )
    if limit.split not in ("", *PROVED):
        raise UserError(f"an audit measures on {' and '.join(PROVED)}; got {limit.split!r}; mend {option}")
    if axes and limit.axis not in (ALL, *axes):
        raise UserError(f"an axis must be one of {', '.join(axes)}; got {plain(limit.axis, 80)!r}; mend {option}")
    if limit.side == _BETTER[metric.better] and metric.role != "reaction":
        other = {"over": "under", "under": "over"}[limit.side]
        raise UserError(
            f"a gate fails on what got worse; {limit.place} is better when {metric.better}; use --fail-{other}"
        )


_BETTER = {"lower": "under", "higher": "over"}
"""The side of a bound on which a figure is the better."""


def _measurable(metric: Metric) -> bool:
    """Whether an audit has one figure of it for a place, with an interval."""
    several = metric.signed or metric.ranged or AGAINST_REPAIR in metric.name
    return not (several or metric.points or metric.name in _OF_REPAIRS)
