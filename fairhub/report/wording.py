"""Numbers as words: the same rounding and the same brackets wherever a figure is quoted."""

import math
from collections.abc import Mapping
from typing import Any

from fairhub.defaults import HEALS
from fairhub.report.record import Figure, Report
from fairhub.stats.statistics import Change, Interval

SHRUNK = "neurons a layer"
"""The setting of a report that says what width came out of cutting neurons out."""


def erases(healing: Mapping[str, Any] | None) -> bool:
    """Whether weights were edited by two-sided erasure, whose dial is its strength; a healing has others."""
    return healing is not None and "strength" in healing


def everywhere(healing: Mapping[str, Any] | None) -> bool:
    """Whether an erasure took what a group's name changes everywhere too."""
    return erases(healing) and bool(dict(healing or {}).get("also"))


def edited(healing: Mapping[str, Any] | None) -> str:
    """What was done to weights that stayed: nothing, healed, or erased."""
    if not healing:
        return ""
    if not erases(healing):
        return "healed"
    return "attention outputs edited" + (", for every reader" if everywhere(healing) else "")


def added(report: Report) -> str:
    """What was added to a method that only removes, as it is published: a guard, a refit without one, or nothing."""
    if not report.healing or erases(report.healing) or report.method in HEALS:
        return ""
    return "guard" if report.healing.get("guard") else "refit"


def named(report: Report) -> str:
    """The method of a run as a person reads it, with what was added to it: attention_pruning + guard."""
    return " + ".join(filter(None, [report.method, added(report)]))


def number(value: float) -> str:
    """Three significant digits, thousands whole: 0.0270, 23.5, 12,345."""
    if value == 0 or abs(value) >= 999.5:
        return f"{value:,.0f}"
    return f"{value:#.3g}".removesuffix(".")


def odds(square: float) -> str:
    """A judgement gap, given as its square in nats squared: 0.36 nats (odds 1.4 to 1)."""
    root = math.sqrt(max(square, 0.0))
    return f"{root:.2f} nats (odds {math.exp(root):.2f} to 1)"


def ratio(nats: float) -> str:
    """A signed gap, given in nats, as odds to its own side: 1.43 to 1."""
    return f"{math.exp(abs(nats)):.2f} to 1"


def share(part: float) -> str:
    """A probability, two significant digits: 0.41 %, 12 %."""
    return f"{100 * part:.2g} %" if part >= 1e-5 else "under 0.001 %"


def percent(share: float) -> str:
    """A share as a signed percentage, one decimal below 10 %: -34 %, +1.8 %."""
    hundredths = 100 * share
    return f"{hundredths:+.{1 if abs(hundredths) < 9.95 else 0}f} %"


def span(part: Interval) -> str:
    """A value and its 95 % interval: 0.0412 [0.038, 0.045]."""
    return f"{number(part.value)} [{number(part.low)}, {number(part.high)}]"


def shift(change: Change | None) -> str:
    """A change and its 95 % interval, relative where the base allows, else in the figure's unit."""
    if change is None:
        return "-"
    if change.share is None:
        return f"{change.value:+.3g} [{change.low:+.3g}, {change.high:+.3g}]"
    return f"{percent(change.share.value)} [{percent(change.share.low)}, {percent(change.share.high)}]"


def shift_of(figure: Figure) -> str:
    """What became of a figure: as `shift` says it, and for what has a limit as a share of its base where it can be."""
    if figure.limit is None or figure.lost is None:
        return shift(figure.change)
    sign = 1 if figure.better == "lower" else -1
    low, high = sorted((sign * figure.lost.low, sign * figure.lost.high))
    return f"{percent(sign * figure.lost.value)} [{percent(low)}, {percent(high)}]"


def points(part: Interval) -> str:
    """A difference of shares and its 95 % interval, in percentage points: -28 points [-39, -16]."""
    return f"{100 * part.value:+.0f} points [{100 * part.low:+.0f}, {100 * part.high:+.0f}]"


def level(figure: Figure, part: Interval | None) -> str:
    """Before or after of a figure as its table shows it."""
    if part is None:
        return "-"
    if part == Interval(0, 0, 0):
        return "0"
    return points(part) if figure.metric.points else span(part)


def chance(p: float) -> str:
    """A p-value to three decimals."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def direction(figure: Figure) -> str:
    """Unit and which way is better: nats, lower is better."""
    better = "less is not fairer" if figure.reacts else f"{figure.better} is better"
    return ", ".join(part for part in (figure.unit, better) if part)


def amount(count: int, thing: str) -> str:
    """A count and its noun: 1 head, 12 heads."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
