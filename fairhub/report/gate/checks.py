"""Whether the figures of an audit keep within limits: by what was measured, and how sure that is."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fairhub.errors import plain
from fairhub.report.gate.limits import ALL, PROVED, Limit
from fairhub.report.record import Figure, find
from fairhub.stats.statistics import Interval


@dataclass(frozen=True)
class Check:
    """A limit and what was measured of it.

    The measured value is compared with the bound, not an end of its interval: a limit says where a model has to be,
    and one that only holds where a figure is surely beyond it would pass any model that was measured on little.
    """

    limit: Limit
    split: str
    """What it was measured on; empty where it was not."""
    measured: Interval | None
    """In the figure's unit, or as a share of the base's figure; None where it was not measured. With a base, its
    interval holds every ratio of a value in the one interval to a value in the other, which is wider than 95 % asks."""
    unit: str
    lacking: str = ""
    """Why nothing was measured."""

    @property
    def held(self) -> bool:
        """Whether it holds; what was not measured cannot be shown to."""
        return self.measured is not None and not self._beyond(self.measured.value)

    @property
    def surely(self) -> bool:
        """Whether the whole interval lies on the side of the bound that the value lies on."""
        if self.measured is None:
            return False
        low, high = self._beyond(self.measured.low), self._beyond(self.measured.high)
        return low == high == (not self.held)

    @property
    def said(self) -> str:
        """One line: the limit, what was measured, on what, and whether the interval agrees."""
        word = "holds" if self.held else "broken"
        told = self.lacking if self.measured is None else self._level(self.measured)
        return plain(f"{word}: {self.limit.typed}: {told}", 400)

    def _level(self, measured: Interval) -> str:
        low, high = (f"{end:.4g}" if math.isfinite(end) else "no end" for end in (measured.low, measured.high))
        place = self.split if self.limit.axis == ALL else f"{self.split}, {self.limit.axis}"
        level = f"{measured.value:.4g} [{low}, {high}] {self.unit}".rstrip()
        side = f"not {self.limit.side}" if self.held else self.limit.side
        sure = "by the whole interval" if self.surely else "but its interval reaches to the other side"
        return f"{self.limit.metric} on {place} is {level}, {side} the limit {sure}"

    def _beyond(self, value: float) -> bool:
        return value > self.limit.bound if self.limit.side == "over" else value < self.limit.bound


@dataclass(frozen=True)
class Gate:
    """Every limit of a gate, checked on one model."""

    model: str
    against: str | None
    """The base model that values are ratios to; None where they stand alone."""
    checks: tuple[Check, ...]

    @property
    def held(self) -> bool:
        """Whether every limit holds."""
        return all(check.held for check in self.checks)

    @property
    def broken(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if not check.held)

    def record(self) -> dict[str, Any]:
        """Return it as JSON holds it; an end of an interval that is none is null."""
        rows = [
            asdict(check.limit) | {"split": check.split or check.limit.split, "held": check.held}
            | {"surely": check.surely, "unit": check.unit, "said": check.said} | _numbers(check.measured)
            for check in self.checks
        ]  # fmt: skip
        return {"held": self.held, "model": self.model, "against": self.against, "limits": rows}


def gate_of(
    limits: Iterable[Limit], figures: Sequence[Figure], model: str, base: tuple[str, Sequence[Figure]] | None = None
) -> Gate:
    """Return the gate of these limits.

    Args:
        limits: What was asked.
        figures: Of an audit of the model.
        model: Its id.
        base: The id of the base model and its figures, where values are ratios to them.
    """
    against, theirs = base or (None, None)
    return Gate(model, against, tuple(_check(limit, figures, theirs, against or "") for limit in limits))


def _check(limit: Limit, figures: Sequence[Figure], theirs: Sequence[Figure] | None, against: str) -> Check:
    figure = _figure(limit, figures)
    if figure is None:
        return Check(limit, "", None, "", _lacking(limit, figures))
    if theirs is None:
        return Check(limit, figure.split, figure.before, figure.unit)
    base = find(theirs, figure.name, figure.split, figure.axis)
    if base is None:
        return Check(limit, "", None, "", f"of {against}, {_lacking(limit, theirs)}")
    share = _share(figure.before, base.before)
    if share is None:
        level = f"{base.before.value:.4g} {base.unit}".rstrip()
        why = f"{limit.metric} of {against} is {level} on {base.split}, and a share needs more than 0"
        return Check(limit, "", None, "", f"{why}; set a limit without --against")
    return Check(limit, figure.split, share, f"of that of {against}")


def _figure(limit: Limit, figures: Sequence[Figure]) -> Figure | None:
    """Return the figure that a limit is on; each of a public benchmark is measured on one split alone."""
    splits = (limit.split,) if limit.split else PROVED if limit.declared.public else PROVED[:1]
    found = (find(figures, limit.metric, split, limit.axis) for split in splits)
    return next((figure for figure in found if figure is not None), None)


def _lacking(limit: Limit, figures: Iterable[Figure]) -> str:
    where = [f"{f.axis} on {f.split}" for f in figures if (f.name, f.context, f.groups) == (limit.metric, ALL, None)]
    on = limit.split or ("any split" if limit.declared.public else PROVED[0])
    axis = "" if limit.axis == ALL else f", {limit.axis}"
    return f"{limit.metric} was not measured on {on}{axis}; it was: {', '.join(dict.fromkeys(where)) or 'nowhere'}"


def _share(mine: Interval, base: Interval) -> Interval | None:
    """Return a figure as a share of the base's; an interval of the base that reaches 0 leaves it without ends.

    Two audits are two intervals and no pairs of items, so that the ends are those of the widest ratio.
    """
    if base.value <= 0 or not math.isfinite(mine.value / base.value):
        return None
    if base.low <= 0:
        return Interval(mine.value / base.value, -math.inf, math.inf)
    ratios = [end / of for end in (mine.low, mine.high) for of in (base.low, base.high)]
    return Interval(mine.value / base.value, min(ratios), max(ratios))


def _numbers(part: Interval | None) -> dict[str, float | None]:
    ends = {"value": None, "low": None, "high": None} if part is None else asdict(part)
    return {name: end if end is not None and math.isfinite(end) else None for name, end in ends.items()}
