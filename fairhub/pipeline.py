"""The pipeline, readable top to bottom: load, choose on search and select, prove on held_out and external, write."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from fairhub import methods, plots, report
from fairhub.compute.tally import tallied
from fairhub.edit import healing
from fairhub.edit.editing import asked_multiple, shrink_
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs.batches import text_batches
from fairhub.inputs.data import Data, shown
from fairhub.inputs.probes import CONTROL, Split, stratified
from fairhub.measure.benchmarks.suite import NOTHING, Suite, benchmarked, suite_answers, suite_figures
from fairhub.measure.benchmarks.suite import gather as gather_suite
from fairhub.model import loading
from fairhub.model.architecture import sites
from fairhub.model.facts import home
from fairhub.model.loading import Loaded
from fairhub.model.saving import save
from fairhub.model.streaming.layers import streamed_of
from fairhub.model.streaming.steps import side_by_side
from fairhub.proof import items
from fairhub.proof.assembly import assemble, audited, judged_before, spent
from fairhub.proof.evidence import evidence_of
from fairhub.proof.figures import gap_figures
from fairhub.proof.prover import Prover, batcher, proof_of
from fairhub.proof.recipe import recipe_of, to_json
from fairhub.report import Audit, Figure, Report
from fairhub.report.origin import UNFETCHABLE
from fairhub.request import Request, data_of, refuse, settings_of, settled
from fairhub.run.folder import Run
from fairhub.run.memory import Memory
from fairhub.run.processes import alone, main, wait
from fairhub.run.progress import progress_bar


def remembered() -> Memory:
    """Return what was measured of untouched models before, in the user's cache."""
    return Memory(loading.cache() / "measured")


def audit(loaded: Loaded, request: Request, suite: Suite | None = None, memory: Memory | None = None) -> list[Figure]:
    """Measure a model on held_out and external, and on the benchmarks of a suite; change nothing.

    Args:
        loaded: The model.
        request: What was asked.
        suite: That of the request, where its rows were gathered before.
        memory: What was measured before; None remembers nothing. Benchmarks are always measured.
    """
    return list(examine(loaded, request, suite, memory).figures)


def examine(
    loaded: Loaded, request: Request, suite: Suite | None = None, memory: Memory | None = None
) -> Audit:  # fmt: skip
    """Return an audit whole: the figures that `audit` returns, and what stands behind them; arguments are the same."""
    data = data_of(request, loaded.tokenizer, proved=request.axes)
    found = Prover(loaded, data, memory).base()
    figures = audited(loaded, data, found)
    evidence = evidence_of(loaded, data, found, figures)
    suite = suite or (gather_suite(request.suite, request.rows) if request.suite else None)
    public = suite_figures(suite, suite_answers(suite, loaded)) if suite else []
    return Audit(loaded.id, loaded.revision, (*figures, *public), suite.notes if suite else (), evidence)


def judged(loaded: Loaded, request: Request, splits: Sequence[Split], memory: Memory | None = None) -> Audit:
    """Return of an audit who is judged worse in these splits, and nothing else; the audit takes over what it read.

    Args:
        loaded: The model.
        request: Of the audit.
        splits: Of the proof; one that has no texts gives no figures.
        memory: What was measured before.
    """
    data = data_of(request, loaded.tokenizer, proved=request.axes, beside=False)
    found = Prover(loaded, data, memory).judged(splits)
    figures = gap_figures(judged_before(loaded, data, found))
    return Audit(loaded.id, loaded.revision, tuple(figures), (), evidence_of(loaded, data, found, figures))


def repair(
    loaded: Loaded, request: Request, folder: Path | str, *, resume: bool = False, memory: Memory | None = None
) -> Report:
    """Repair a model and write the run folder: model/, the report, recipe.json, items.npz, figures/, trace.jsonl.

    Args:
        loaded: The model, which is repaired for good.
        request: What was asked.
        folder: Of the run.
        resume: Go on with a run that was stopped.
        memory: What was measured of the model as it is before; None remembers nothing.

    Raises:
        UserError: Something the user can mend; what was found so far stays in the folder for `resume`.
    """
    began, folder = time.monotonic(), Path(folder)
    _refuse(loaded, request)
    suite = gather_suite(request.suite, request.rows) if request.suite else None
    # before the folder: a mistake in these must not leave a run that only the same mistake could resume
    data = data_of(request, loaded.tokenizer)
    settings = {"model": loaded.id, "revision": loaded.revision} | settings_of(settled(request, data))
    weights = {"weights": loaded.sha256()} if loaded.revision in UNFETCHABLE else {}  # may be others by now
    run = Run(folder, settings | weights, resume)
    run.began_with(data.provenance)
    with tallied(loaded.model) as tally:
        chosen = methods.METHODS[request.method](task_of(loaded, data, run, memory), request.plan)
        outcome = methods.final(chosen, loaded.stored)
        prove = Prover(loaded, data, memory)
        found = run.arrays(proof_of(outcome), lambda: prove.everything(outcome))
        measured = benchmarked(loaded, suite, outcome.repair) if suite else NOTHING
    cost = spent(loaded, began, tally)
    seed = request.plan.seed
    written = alone(lambda: assemble(loaded, request.method, seed, data, outcome, found, settings, cost, measured))
    run.save(folder / items.NAME, items.packed(data, found))
    _write(loaded, outcome, written, settings, run)
    wait()
    return written


def _refuse(loaded: Loaded, request: Request) -> None:
    refuse(request)
    streamed = streamed_of(loaded.model) is not None
    if streamed and request.plan.shrink:
        raise UserError("neurons are cut out of layers in memory; not all are; leave --shrink out, or give more memory")
    if not streamed and any(parameter.device.type == "meta" for parameter in loaded.model.parameters()):
        raise UserError(
            f"a repair writes weights, so all must be loaded; part of {loaded.id} is left on disk or in the machine's "
            "memory, as its devices are full; use --dtype bfloat16 or more GPUs (fairhub plan says what fits)"
        )
    places = sites(loaded.model)
    heads = max(site.count for site in places if site.kind == "head")
    layers = 1 + max(site.layer for site in places)
    if layers < 2 or heads < 2:
        raise UserError(
            f"a repair needs at least 2 layers and 2 heads a layer; {loaded.id} has {layers} and {heads}; "
            "choose a larger model"
        )


def task_of(loaded: Loaded, data: Data, run: Run, memory: Memory | None = None) -> methods.Task:
    """Give a method what it may see: search, select and text; nothing of held_out or external."""
    people = [p for p in data.search if p.axis != CONTROL]
    control = [p for p in data.search if p.axis == CONTROL]
    screen = stratified(people, data.sizes.screen)
    sample = stratified(people, data.sizes.sample) + stratified(control, data.sizes.sample // 3)
    merit = stratified(control, data.sizes.screen // 3)
    batched = batcher(loaded)
    return methods.Task(
        loaded=loaded, search=people, search_batches=batched(people),
        screen=screen, screen_batches=batched(screen, 1536),
        sample=sample, sample_batches=batched(sample, 768),  # more than one, so that processes can share them
        control=merit, control_screen_batches=batched(merit, 1536), control_batches=batched(control),
        select=data.select, select_batches=batched(data.select),
        text=text_batches(data.text["search"], rows=side_by_side(loaded.model, 4), device=home(loaded.model)),
        select_text=text_batches(data.text["select"], rows=side_by_side(loaded.model, 4), device=home(loaded.model)),
        select_documents=data.documents["select"],
        fit=data.fit, choose=data.choose,
        fit_text=data.text["search"][: -(-data.sizes.fitted_tokens // data.text["search"].shape[1])],
        batched=batched, run=run, progress=progress_bar, shown=shown(data), lead=data.before, memory=memory or Memory(),
    )  # fmt: skip


def _write(loaded: Loaded, outcome: methods.Outcome, written: Report, settings: Mapping[str, Any], run: Run) -> None:
    """Write model, pictures, trace and texts, the report last: a run with report.json is whole. One process does."""
    finish_(loaded, outcome.repair, settings)
    if not main():
        return
    try:
        save(loaded.model, loaded.tokenizer, loaded.own, run.folder / "model", loaded.stored)
        (run.folder / "figures").mkdir(exist_ok=True)
        plots.save_all(written, run.folder / "figures")
    except (OSError, SafetensorError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"a run must be able to write; {run.folder}: {said}; free space, then --resume") from error
    lines = _trace_lines(written.trace)
    run.save(run.folder / "trace.jsonl", lines.encode())
    run.save(run.folder / "report.md", report.markdown(written).encode())
    recipe = recipe_of(written, loaded.model, loaded.tokenizer, loaded.stored)
    run.save(run.folder / "recipe.json", to_json(recipe).encode())
    run.save(run.folder / "report.json", report.to_json(written).encode())
    run.forget()


def finish_(loaded: Loaded, made: Repair, settings: Mapping[str, Any]) -> None:
    """Repair the model for good, and cut out neurons that are gone everywhere where the run's settings say so."""
    healing.repair_(loaded.model, made.pruning, made.patch)
    if settings["plan"].get("shrink"):  # recipes of before had no such thing
        shrink_(loaded.model, asked_multiple(settings["plan"]))


def _trace_lines(trace: dict[str, Any]) -> str:
    columns = {name: values for name, values in trace.items() if isinstance(values, list)}
    rows = zip(*columns.values(), strict=True) if columns else []
    return "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows)
