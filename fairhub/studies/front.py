"""Another point of a finished run's front, taken without a new search."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairhub.errors import UserError
from fairhub.model.loading import EMBEDDED, Loaded
from fairhub.report import read
from fairhub.report.tables import by_strength
from fairhub.request import Request, request_of


def taken(folder: Path, row: int) -> tuple[str | None, Request]:
    """Return the base model of a run, as the command names it, and the request that takes a row of its front.

    Args:
        folder: Of the run.
        row: Of the table in its report, counted from 1, weak to strong.

    Raises:
        UserError: There is no report, its method has no front, or the front has no such row.
    """
    if not (folder / "report.json").is_file():
        raise UserError(f"--from is the folder of a finished run; {folder} has no report.json; name one that has")
    report = read(folder / "report.json")
    front = by_strength(report.choices or ())
    if report.settings is None or not front:
        raise UserError(
            f"a front has the strengths of two_sided; the run in {folder} is of {report.method}; repair anew"
        )
    if not 1 <= row <= len(front):
        rows = ", ".join(f"{place} (strength {choice['strength']:g})" for place, choice in enumerate(front, 1))
        raise UserError(f"--choose is a row of the front; got {row}; {folder} has {rows}; choose one of them")
    request = request_of(report.settings, report.fairhub)
    plan = replace(request.plan, strength=float(front[row - 1]["strength"]), front=tuple(_plain(one) for one in front))
    name = None if report.base_model["revision"] == EMBEDDED else str(report.settings["model"])
    return name, replace(request, plan=plan)


def refuse_other(loaded: Loaded, folder: Path) -> None:
    """Refuse another model than the run's own: what its front says holds for that one alone.

    Raises:
        UserError: Its weights are others.
    """
    base = read(folder / "report.json").base_model
    if (arrived := loaded.sha256()) != base["sha256"]:
        raise UserError(
            f"a front is of one model; that of {folder} is of {base['id']} with weights {base['sha256'][:12]}, this "
            f"one has {arrived[:12]}; name the model it was made of"
        )


def _plain(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in choice.items() if name not in ("chosen", "texts")}
