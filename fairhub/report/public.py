"""Public benchmarks in words: better, worse or no detectable change, beyond the chance of a whole table."""

from collections.abc import Iterable, Sequence

from fairhub.report.markup import table
from fairhub.report.record import Figure
from fairhub.report.wording import chance, direction, level, number, percent, shift
from fairhub.stats.resampling import smallest_shown
from fairhub.stats.statistics import holm

LEVEL = 0.05
_HEAD = (
    "Benchmark", "Better", "Split", "Axis", "Before", "After", "Change", "p (Holm)", "Could show",
    "Items / clusters", "Reading",
)  # fmt: skip
NONE = "no detectable change"


def readings(figures: Sequence[Figure]) -> list[tuple[str, float | None]]:
    """Return what each figure of a table says, and its p adjusted for all of them (Holm); None in an audit."""
    adjusted = iter(holm([figure.change.p for figure in figures if figure.change is not None]))
    found: list[tuple[str, float | None]] = []
    for figure in figures:
        p = next(adjusted) if figure.change is not None else None
        moved = figure.outcome in ("better", "worse") and p is not None and p < LEVEL
        found.append((figure.outcome if moved else NONE if p is not None else "not compared", p))
    return found


def public_table(figures: Iterable[Figure]) -> str:
    """One row a figure: before, after, change, how sure, what so many items could have shown, and what it says."""
    figures = list(figures)
    rows = [_row(figure, said, p) for figure, (said, p) in zip(figures, readings(figures), strict=True)]
    idle = _HEAD.index("Axis") if all(figure.axis == "all" for figure in figures) else None
    return table(*_without(idle, _HEAD, rows))


def moved(figure: Figure) -> str:
    """A change in the figure's own unit, with its interval, and relative to before where that can be said."""
    if figure.change is None:
        return "-"
    change = figure.change
    own = f"{change.value:+.3g} [{change.low:+.3g}, {change.high:+.3g}]"
    return own if change.relative is None else f"{own} ({percent(change.relative)})"


def _row(figure: Figure, said: str, p: float | None) -> tuple[str, ...]:
    arrow = {"lower": "↓", "higher": "↑"}[figure.better]
    return (
        f"{figure.name} ({direction(figure)})",
        arrow,
        figure.split,
        figure.axis,
        level(figure, figure.before),
        level(figure, figure.after),
        shift(figure.change),
        chance(p) if p is not None else "-",
        f"±{number(smallest_shown(figure.change))}" if figure.change else "-",
        f"{figure.items:,} / {figure.clusters:,}",
        said,
    )


def _without(
    idle: int | None, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Leave out a column that tells no rows apart."""
    kept = [i for i in range(len(head)) if i != idle]
    return tuple(head[i] for i in kept), [tuple(row[i] for i in kept) for row in rows]
