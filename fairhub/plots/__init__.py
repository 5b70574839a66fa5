"""Pictures of a report: pure functions of report.json, drawn without pyplot or any global state."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure as Picture

from fairhub.plots.bias import by_axis, by_context, fall_off
from fairhub.plots.groups import who_is_judged_worse
from fairhub.plots.search import annealing, front, units
from fairhub.plots.transfer import matrix
from fairhub.report import Report

PICTURES: dict[str, Callable[[Report], Picture | None]] = {
    "who_is_judged_worse": who_is_judged_worse,
    "fall_off": fall_off,
    "by_axis": by_axis,
    "by_context": by_context,
    "front": front,
    "units": units,
    "annealing": annealing,
    "transfer": lambda report: matrix(report.transfer) if report.transfer else None,
}


def save_all(report: Report, folder: str | Path) -> dict[str, Path]:
    """Write every picture the report has data for as <folder>/<name>.png; names to paths written.

    A picture left by an earlier run whose data this one lacks is removed: it would show another model.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, draw in PICTURES.items():
        path, picture = folder / f"{name}.png", draw(report)
        if picture is None:
            path.unlink(missing_ok=True)
            continue
        picture.savefig(path)
        written[name] = path
    return written


__all__ = [
    "PICTURES",
    "Picture",
    "annealing",
    "by_axis",
    "by_context",
    "fall_off",
    "front",
    "save_all",
    "units",
    "who_is_judged_worse",
]
