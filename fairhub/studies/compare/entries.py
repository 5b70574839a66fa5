"""Runs read from their folders, and how they differ from the reference run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairhub import report as report_
from fairhub.defaults import METHOD
from fairhub.errors import UserError
from fairhub.proof.items import Items, read_items
from fairhub.report import Figure, Report, find
from fairhub.report.wording import named
from fairhub.studies.compare.differences import Difference, difference


@dataclass(frozen=True, eq=False)
class Entry:
    """One run."""

    name: str
    """What it is called; where nothing was said, its method, with the folder's name where methods repeat."""
    run: str
    """Its folder."""
    report: Report
    items: Mapping[str, Items]
    """What it measured item by item; empty where the folder does not tell."""

    def figure(self, name: str, split: str = "held_out", axis: str = "all") -> Figure | None:
        """Return a figure over all contexts, or None where it was not measured."""
        return find(self.report.figures, name, split, axis)


@dataclass(frozen=True)
class OwnGround:
    """A published method's figure as its paper has it and as it came out here."""

    method: str
    figure: str
    """The paper's figure, and what it was read on here."""
    claimed: str
    """The paper's headline."""
    here: str
    """What became of it here, with its interval."""
    ours: str
    """The judgement gap on held_out."""
    cost: str
    """Perplexity on held_out."""
    differs: str
    """What is not as in the paper."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs of one base model, and how each differs from the reference."""

    entries: tuple[Entry, ...]
    reference: str
    """The name of the run that the others are compared with."""
    differences: tuple[Difference, ...]
    published: tuple[OwnGround, ...] = ()
    """Each published method on its own ground, where that was asked."""


def compare(folders: Sequence[Path], names: Sequence[str] | None = None) -> Comparison:
    """Compare finished runs by their report.json, and in pairs where items.npz lies beside it.

    Args:
        folders: The runs'.
        names: What each is called; None calls it by its method.

    Raises:
        UserError: Fewer than two runs, a folder without a report, or runs of different base models.
    """
    if len(folders) < 2:
        raise UserError(f"a comparison needs 2 runs; got {len(folders)}; name more with --runs or --methods")
    reports = [report_.read(folder / "report.json") for folder in folders]
    bases = {report.base_model.get("sha256") for report in reports}
    if len(bases) > 1:
        ids = ", ".join(sorted({str(report.base_model.get("id")) for report in reports}))
        raise UserError(f"runs are compared on one base model; these have {len(bases)} ({ids}); name runs of one")
    names = names or _names([named(report) for report in reports], folders)
    entries = tuple(
        Entry(name, str(folder), report, read_items(folder))
        for name, folder, report in zip(names, folders, reports, strict=True)
    )
    reference = next((e for e in entries if e.report.method == METHOD), entries[0])
    return Comparison(entries, reference.name, tuple(_differences(entries, reference)))


def _names(methods: Sequence[str], folders: Sequence[Path]) -> list[str]:
    names = [m if methods.count(m) == 1 else f"{m} ({f.name})" for m, f in zip(methods, folders, strict=True)]
    if len(set(names)) == len(names):
        return names
    return [f"{m} ({f})" for m, f in zip(methods, folders, strict=True)]


def _differences(entries: Sequence[Entry], reference: Entry) -> list[Difference]:
    asked = (("divergence", "held_out"), ("divergence", "external"), ("perplexity", "held_out"))
    found = []
    for entry in entries:
        for name, split in asked if entry is not reference else ():
            figures = entry.figure(name, split), reference.figure(name, split)
            where = "loss" if name == "perplexity" else split
            items = entry.items.get(where), reference.items.get(where)
            found.append(difference(entry.name, reference.name, figures, items))
    return [one for one in found if one is not None]
