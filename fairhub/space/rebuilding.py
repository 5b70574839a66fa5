"""A run of which only the report is here, made again: its repaired model, once, in a process of its own."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from fairhub import report as records
from fairhub.errors import UserError
from fairhub.methods import final
from fairhub.methods.rebuild import rebuild, strength_of
from fairhub.model.loading import EMBEDDED, Loaded, cache, load
from fairhub.model.saving import save
from fairhub.model.units import Unit
from fairhub.pipeline import finish_, task_of
from fairhub.report import Report
from fairhub.report.origin import UNFETCHABLE
from fairhub.request import data_of, request_of
from fairhub.run.folder import Run, digest
from fairhub.space.environment import bare


def place(report: Report) -> Path:
    """Return where the repaired model of a report is, once it was made again."""
    name = digest(report.base_model["sha256"], report.pruning, report.healing, report.settings)
    return cache() / "space" / name / "model"


def begin(report: Path) -> "subprocess.Popen[bytes]":
    """Begin to make it again; it is there when the process has ended well, and `log` holds what it said."""
    kept = log(records.read(report))
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.open("wb") as said:
        words = [sys.executable, "-m", "fairhub.space.rebuilding", str(report)]
        return subprocess.Popen(words, stderr=said, env=bare(os.environ))


def log(report: Report) -> Path:
    """Return where stands what the process said that makes it again."""
    return place(report).with_name("log")


def base_of(report: Report) -> str | None:
    """Return what the base model of a run is loaded from."""
    base = report.base_model
    name = str(base["id"])
    if base["revision"] == EMBEDDED:
        return None
    return name if base["revision"] == "local" else f"{name.partition('@')[0]}@{base['revision']}"


def refuse_other(loaded: Loaded, report: Report) -> None:
    """Refuse a base model that is not the one a report is about; a commit of the Hub is that by its name.

    Raises:
        UserError: The embedded default of the report's run is not here, and another stood in for it.
    """
    base = report.base_model
    if base["revision"] == EMBEDDED and loaded.sha256() != base["sha256"]:
        raise UserError(
            f"a run is looked at beside the base model it repaired; that of {base['id']} here has other weights; "
            "choose a run of another model"
        )


def make(path: Path) -> None:
    """Make the repaired model of this report.json again, as its recipe says: the same on the same machine.

    Raises:
        UserError: Its base model or its data cannot be had here.
    """
    report = records.read(path)
    if report.settings is None or report.base_model["revision"] in UNFETCHABLE:
        raise UserError("a run is made again from the Hub's model and its settings; this one's are not known")
    asked, there = request_of(report.settings), place(report)
    loaded = load(base_of(report))
    refuse_other(loaded, report)
    mine = replace(asked, probes=None, text=None, rows=None)
    data = data_of(mine, loaded.tokenizer, report.data, beside=False)
    strength = strength_of(report.healing)
    pruning = frozenset(Unit(u["layer"], u["kind"], u["index"]) for u in report.pruning)
    run = Run(there.with_name("making"), {}, resume=True)
    made = final(rebuild(task_of(loaded, data, run), pruning, strength, report.seed, others=False), loaded.stored)
    finish_(loaded, made.repair, report.settings)
    partial = there.with_name("model.partial")
    save(loaded.model, loaded.tokenizer, loaded.own, partial, loaded.stored)
    partial.rename(there)
    run.forget()
    run.folder.rmdir()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
