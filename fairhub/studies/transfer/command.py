"""The body of `fairhub transfer`: makes and measures every row, writes transfer.json, transfer.md and transfer.png."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fairhub import methods, plots
from fairhub import report as report_
from fairhub.errors import UserError
from fairhub.methods import Plan
from fairhub.model.loading import Loaded
from fairhub.plots.transfer import matrix
from fairhub.report.markup import safe
from fairhub.report.transfer import transfer_base, transfer_section, transfer_sentences
from fairhub.run.folder import Run
from fairhub.run.processes import alone
from fairhub.studies.transfer.ground import of_names, of_probes
from fairhub.studies.transfer.matrix import document, entry
from fairhub.studies.transfer.rows import OF_MODEL, PLAN, base_row, row, row_names


@dataclass(frozen=True)
class Asked:
    """What of a matrix is asked."""

    methods: tuple[str, ...] = ("two_sided", "breaking_down_bias", "fairness_pruning")
    contexts: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    """What pairs, or names, differ in: of names race, or gender."""
    names: bool = False
    """Ask for numbers about names; else measure groups in texts, by `figure`."""
    items: bool = False
    """Take the items of one scenario as contexts: leave one item out (of name prompts)."""
    probes: Path | None = None
    text: Path | None = None
    budget: float = 0.02
    seed: int = 0
    variant: str = ""
    """Of breaking_down_bias."""
    figure: str = ""
    """Of texts: judgement, or divergence; empty takes judgement where it can be read."""

    @property
    def plan(self) -> Plan:
        """The dials of every search."""
        return replace(PLAN, budget=self.budget, seed=self.seed)

    def settings(self) -> dict[str, Any]:
        """Return what a matrix depends on, as JSON."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in vars(self).items()}


def transfer(
    loaded: Loaded, asked: Asked, out: Path, run_folder: Path | None = None,
    show: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Return transfer.json after writing it, transfer.md and transfer.png to `out`, as every row comes.

    A matrix that was stopped goes on: rows that were measured are read from `out`.

    Args:
        loaded: The base model.
        asked: Methods, contexts and prompts.
        out: Where the matrix goes.
        run_folder: A finished run whose report, card and pictures shall show the matrix too.
        show: Told of every row done.

    Raises:
        UserError: Something the user can mend.
    """
    if unknown := [name for name in asked.methods if name not in methods.METHODS]:
        raise UserError(f"methods are among {', '.join(methods.METHODS)}; got {unknown[0]!r}; mend --methods")
    model = {"id": loaded.id, "revision": loaded.revision, "sha256": loaded.sha256()}
    if run_folder is not None:
        _of_same_base(run_folder, model["sha256"])  # before the rows, which take hours
    if asked.names:
        ground = of_names(loaded.tokenizer, asked.contexts, asked.text, items=asked.items, axes=asked.axes)
    else:
        ground = of_probes(loaded.tokenizer, asked.contexts, asked.probes, asked.text, asked.axes, asked.figure)
    # after the ground: a mistake in it must not leave a folder that only the same mistake could go on with
    run = Run(out, {"model": model, **asked.settings()}, resume=True)
    run.began_with(ground.base.provenance)
    base, entries = base_row(loaded, ground, run), []
    found: dict[str, Any] = {}
    for method in asked.methods:
        plan = replace(asked.plan, variant=_variant(asked, method))
        for name in row_names(ground.contexts):
            entries.append(entry(ground, base, row(loaded, ground, run, method, name, plan)))
            found = document(ground, base, entries, model, asked.settings())
            run.save(out / "transfer.json", (json.dumps(found, ensure_ascii=False, indent=1) + "\n").encode())
            show(f"{method}: {name}")
    _draw(found, out, run)
    alone(lambda: shutil.rmtree(run.work / OF_MODEL, ignore_errors=True))
    if run_folder is not None:
        attach(found, run_folder)
    return found


def _variant(asked: Asked, method: str) -> str:
    """Return the variant of a method's rows: the one asked for, else the publication's own setting.

    A front of settings in every context is another question, and takes as many times as long.
    """
    given = asked.variant if method == "breaking_down_bias" else ""
    return given or methods.METHODS[method].published


def attach(found: dict[str, Any], folder: Path) -> None:
    """Put a matrix into a finished run: its report, report.md and pictures; the card reads the report.

    Raises:
        UserError: The run is of another base model, or has no report.
    """
    written = replace(_of_same_base(folder, found["base_model"]["sha256"]), transfer=found)
    report_.write(written, folder / "report.json")
    (folder / "report.md").write_text(report_.markdown(written), encoding="utf-8")
    plots.save_all(written, folder / "figures")


def _of_same_base(folder: Path, sha256: str) -> report_.Report:
    """Return the report of a finished run, refused where it is of another base model."""
    written = report_.read(folder / "report.json")
    if written.base_model.get("sha256") != sha256:
        raise UserError(f"a matrix belongs to runs of its base model; {folder} is of another; name one of the same")
    return written


def text(found: dict[str, Any]) -> str:
    """Return what a terminal shows."""
    return "\n".join(["", *transfer_sentences(found, str), "", transfer_base(found, str)])


def markdown(found: dict[str, Any]) -> str:
    """Return transfer.md."""
    return f"# {safe(str(found['base_model']['id']))}\n\n{transfer_section(found)}\n"


def _draw(found: dict[str, Any], out: Path, run: Run) -> None:
    picture = matrix(found)
    try:
        if picture is not None:
            picture.savefig(out / "transfer.png")
    except OSError as error:
        raise UserError(f"a matrix must be able to write; {out}: {error.strerror}; choose another --out") from error
    run.save(out / "transfer.md", markdown(found).encode())
