"""Published figures, held against those measured again here on the same items."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from fairhub.publish.reproduction.checks import Check, Verdict, check, worst
from fairhub.publish.reproduction.tolerances import Tolerances
from fairhub.report import Figure
from fairhub.stats.statistics import Change, Interval

_SAME = 1e-6
"""Relative: sums that another build of a library ends otherwise."""
_NOTHING = 1e-7
"""Below this, a figure is rounding alone."""
_LEVELS, _ENDS = ("value", "low", "high"), ("relative", "relative_low", "relative_high")
Place = tuple[object, ...]


def compared(
    published: Iterable[Figure], found: Iterable[Figure], prefix: str, part: bool, most: Tolerances
) -> Iterator[Check]:
    """Compare every figure that was published with the one found here; none may lack, and none stand there twice.

    Args:
        published: Of the record.
        found: Measured here.
        prefix: Of their names in the table.
        part: Whether only a part was measured here, so that the record has more.
        most: How far they may lie apart.
    """
    there: dict[Place, list[Figure]] = {}
    for figure in published:
        there.setdefault(_place(figure), []).append(figure)
    here = {_place(figure): figure for figure in found}
    for place, figures in there.items():
        name = prefix + figures[0].label
        if len(figures) > 1:
            yield check(name, f"{len(figures)} times", "once", "different")
        elif place in here:
            yield check(name, _said(figures[0]), _said(here[place]), verdict(figures[0], here[place], most))
        elif not part:
            yield check(name, _said(figures[0]), "not measured", "different")
    for place in here.keys() - there.keys():
        yield check(prefix + here[place].label, "not published", _said(here[place]), "different")


def verdict(published: Figure, found: Figure, most: Tolerances) -> Verdict:
    """Say whether two figures of the same items are the same, up to how machines round."""
    if _facts(published) != _facts(found):
        return "different"
    size = max(abs(part.value) for part in (found.before, found.after) if part is not None)
    pairs = [
        (published.before, found.before, most.before),
        (published.after, found.after, most.after),
        (published.change, found.change, most.after),
    ]
    if any((one is None) != (two is None) for one, two, _ in pairs):
        return "different"
    known = [_apart(one, two, size, limit) for one, two, limit in pairs if one is not None and two is not None]
    return worst([_near(published.freedom or 0, found.freedom or 0, found.freedom or 0, most.before), *known])


def _apart(one: Interval | Change, two: Interval | Change, size: float, most: float) -> Verdict:
    half = max(size, (two.high - two.low) / 2)
    found = [_near(getattr(one, name), getattr(two, name), half, most) for name in _LEVELS]
    if isinstance(one, Change) and isinstance(two, Change):
        found.append(_near(one.p, two.p, 10.0, most))  # a few of the draws that stand for chance turn
        shares = [(getattr(one, name), getattr(two, name)) for name in _ENDS]
        if any((a is None) != (b is None) for a, b in shares):
            return "different"
        known = [(a, b) for a, b in shares if a is not None and b is not None]
        widest = max([1.0, *(abs(b) for _, b in known)])
        found += [_near(a, b, widest, most) for a, b in known]
    return worst(found)


def _near(one: float, two: float, size: float, most: float) -> Verdict:
    away = abs(one - two)
    if away <= _SAME * max(abs(two), _SAME):
        return "same"
    return "within tolerance" if away <= max(most * size, _NOTHING) else "different"


def _place(figure: Figure) -> Place:
    return figure.name, figure.split, figure.axis, figure.context, figure.groups


def _facts(figure: Figure) -> Figure:
    """Return what of a figure nobody measures: direction, unit, counts, limit."""
    nothing = Interval(0.0, 0.0, 0.0)
    return replace(figure, before=nothing, after=nothing, change=None, freedom=None)


def _said(figure: Figure) -> str:
    change = figure.change
    if change is not None and change.relative is not None:
        return f"{change.relative:+.2%}"
    return f"{(figure.after or figure.before).value:.4g}"
