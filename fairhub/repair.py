"""The pipeline, readable top to bottom: load, choose on search and select, prove on held_out and external, write."""

import importlib.metadata
import platform
import resource
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from tqdm import tqdm

from fairhub import figures, healing, methods, proof, report
from fairhub.data import Data, Sizes, gather, prompts
from fairhub.engine import Batch, probe_batches, text_batches
from fairhub.errors import UserError
from fairhub.loading import Loaded
from fairhub.measure import Progress, Repair, continuations, divergences, utility
from fairhub.probes import CONTROL, Probe, stratified
from fairhub.report import Control, Figure, Report
from fairhub.runs import Run
from fairhub.surgery import sites, units

VERSION = "0.1.0"


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    method: str = "robust"
    axes: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    probes: Path | None = None
    text: Path | None = None
    plan: methods.Plan = methods.Plan()
    sizes: Sizes = Sizes()


def audit(loaded: Loaded, request: Request) -> list[Figure]:
    """Measure a model on held_out and external, and change nothing."""
    data = gather(request.axes, request.contexts, request.probes, request.text, loaded.tokenizer, request.sizes)
    prove = _Prover(loaded, data)
    biases = [prove.bias(probes, [])[0] for probes in data.proof]
    return proof.figures_of(biases, prove.utility([]), None)


def repair(loaded: Loaded, request: Request, folder: Path, *, resume: bool = False) -> Report:
    """Repair a model and write the run folder: model/, report.json, report.md, figures/, trace.jsonl.

    Raises:
        UserError: Something the user can mend; what was found so far stays in the folder for `resume`.
    """
    began = time.monotonic()
    _refuse(loaded, request)
    settings = {"model": loaded.id, "revision": loaded.revision} | _plain(asdict(request))
    run = Run(folder, settings, resume)
    data = gather(request.axes, request.contexts, request.probes, request.text, loaded.tokenizer, request.sizes)
    outcome = methods.METHODS[request.method](_task(loaded, data, run), request.plan)
    prove = _Prover(loaded, data)
    found = run.arrays("proof", lambda: prove.everything(outcome))
    written = _report(loaded, request, data, outcome, prove, found, settings, began)
    _write(loaded, outcome, written, run)
    return written


def _refuse(loaded: Loaded, request: Request) -> None:
    if request.method not in methods.METHODS:
        known = ", ".join(methods.METHODS)
        raise UserError(f"a method must be one of {known}; got {request.method!r}; choose one of them")
    places = sites(loaded.model)
    heads = max(site.count for site in places if site.kind == "head")
    layers = 1 + max(site.layer for site in places)
    if layers < 2 or heads < 2:
        raise UserError(
            f"a repair needs at least 2 layers and 2 heads a layer; {loaded.id} has {layers} and {heads}; "
            "choose a larger model"
        )


def _task(loaded: Loaded, data: Data, run: Run) -> methods.Task:
    """Give a method what it may see: search, select and text; nothing of held_out or external."""
    people = [p for p in data.search if p.axis != CONTROL]
    control = [p for p in data.search if p.axis == CONTROL]
    screen = stratified(people, data.sizes.screen)
    sample = stratified(people, data.sizes.sample)
    batched = _batcher(loaded)
    return methods.Task(
        model=loaded.model,
        search=people, search_batches=batched(people),
        screen=screen, screen_batches=batched(screen, 1536),
        sample=sample, sample_batches=batched(sample),
        control_batches=batched(control),
        select=data.select, select_batches=batched(data.select),
        text=text_batches(data.text["search"], rows=4, device=_device(loaded)),
        select_text=text_batches(data.text["select"], rows=4, device=_device(loaded)),
        run=run, progress=progress_bar,
    )  # fmt: skip


class _Prover:
    """Measures base and repaired models on the proof splits: once, for the report."""

    def __init__(self, loaded: Loaded, data: Data) -> None:
        self.loaded, self.data = loaded, data
        self.batched = _batcher(loaded)
        self.text = text_batches(data.text["held_out"], rows=4, device=_device(loaded))

    def bias(self, probes: Sequence[Probe], repairs: Sequence[Repair]) -> list[proof.Bias]:
        """Return before (and after, for each repair) on these probes."""
        batches = self.batched(probes)
        tokens = sum(b.tokens for b in batches) * (1 + len(repairs))
        bar = progress_bar(f"measuring {probes[0].split}", tokens)
        values = divergences(self.loaded.model, batches, [Repair(), *repairs], bar)
        if not repairs:
            return [proof.Bias(probes, values[0], None)]
        return [proof.Bias(probes, values[0], after) for after in values[1:]]

    def utility(self, repairs: Sequence[Repair], chunks: int | None = None) -> Any:
        """Return loss and KL of base and repairs on held-out text."""
        batches = self.text if chunks is None else self.text[: -(-chunks // 4)]
        tokens = sum(b.tokens for b in batches) * (1 + len(repairs))
        return utility(self.loaded.model, batches, repairs, progress_bar("measuring text", tokens))

    def everything(self, outcome: methods.Outcome) -> dict[str, Any]:
        """Measure the chosen repair on every split, and what it is compared with on part of held_out."""
        found: dict[str, Any] = {}
        for number, probes in enumerate([self.data.search_proof, self.data.select, *self.data.proof]):
            bias = self.bias(probes, [outcome.repair])[0]
            found[f"bias{number}"] = np.stack([bias.before, np.asarray(bias.after)])
        cost = self.utility([outcome.repair])
        found |= {"loss": cost.loss, "kl": cost.kl}
        others = list(outcome.ablations.values())
        if others:
            values = self.bias(self.data.control_proof, [outcome.repair, *others])
            found["others"] = np.stack([values[0].before, *(np.asarray(b.after) for b in values)])
            cost = self.utility([outcome.repair, *others], self.data.sizes.control_chunks)
            found |= {"others_loss": cost.loss, "others_kl": cost.kl}
        asked = prompts(self.data)
        found["text_before"] = np.array(continuations(self.loaded.model, self.loaded.tokenizer, asked))
        with _applied(self.loaded, outcome.repair):
            found["text_after"] = np.array(continuations(self.loaded.model, self.loaded.tokenizer, asked))
        return found


def _applied(loaded: Loaded, repair: Repair) -> Any:
    from fairhub.measure import applied

    return applied(loaded.model, repair)


def _batcher(loaded: Loaded) -> Callable[..., list[Batch]]:
    limit = getattr(loaded.model.config.get_text_config(), "max_position_embeddings", None)

    def batched(probes: Sequence[Probe], tokens: int = 3072) -> list[Batch]:
        return probe_batches(loaded.tokenizer, probes, tokens=tokens, limit=limit, device=_device(loaded))

    return batched


def _device(loaded: Loaded) -> torch.device:
    return loaded.model.get_input_embeddings().weight.device


def _report(
    loaded: Loaded, request: Request, data: Data, outcome: methods.Outcome, prove: _Prover,
    found: dict[str, np.ndarray], settings: dict[str, Any], began: float,
) -> Report:  # fmt: skip
    splits = [data.search_proof, data.select, *data.proof]
    biases = [proof.Bias(p, found[f"bias{i}"][0], found[f"bias{i}"][1]) for i, p in enumerate(splits)]
    figures_ = proof.figures_of(biases, proof.Utility(found["loss"], found["kl"]), 0)
    before, after = (found[name].tolist() for name in ("text_before", "text_after"))
    figures_ += proof.text_figures(before, after)
    removed = sorted(outcome.repair.pruning)
    total = loaded.model.num_parameters()
    gone = _removed_parameters(loaded, removed)
    places = sites(loaded.model)
    return Report(
        fairhub=VERSION,
        method=request.method,
        seed=request.plan.seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        base_model={
            "id": loaded.id, "revision": loaded.revision, "sha256": loaded.sha256(),
            "layers": 1 + places[-1].layer, "heads": places[0].count,
        },
        pruning=[{"kind": u.kind, "layer": u.layer, "index": u.index} for u in removed],
        parameters={"total": total, "removed": gone, "share": gone / total},
        figures=tuple(figures_),
        controls=_controls(data, outcome, found),
        reliability=outcome.reliability,
        trace=outcome.trace,
        text=[
            {"prompt": p, "before": b, "after": a} for p, b, a in zip(prompts(data), before, after, strict=True)
        ],
        cost={
            "seconds": round(time.monotonic() - began, 1),
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "device": str(_device(loaded)), "processes": PartialState().num_processes,
        },
        data=list(data.provenance),
        versions=_versions(),
        verdict=report.verdict(figures_, len(removed) or (1 if outcome.repair.patch else 0)),
        settings=settings,
        healing=_healing(outcome),
        choices=outcome.choices,
    )  # fmt: skip


def _healing(outcome: methods.Outcome) -> dict[str, Any] | None:
    if outcome.strength is None:
        return None
    refitted = sorted({f"{kind} {layer}" for layer, kind in outcome.repair.patch})
    return asdict(outcome.strength) | {"refitted_projections": len(refitted)}


def _controls(data: Data, outcome: methods.Outcome, found: dict[str, np.ndarray]) -> tuple[Control, ...]:
    """Return the figures of the repair itself and of every alternative on the same part of held_out."""
    if not outcome.ablations:
        return ()
    values, cost = found["others"], proof.Utility(found["others_loss"], found["others_kl"])
    names = ["this repair", *outcome.ablations]
    groups: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        groups.setdefault("random" if name.startswith("random") else name, []).append(number)
    controls = []
    for name, rows in groups.items():
        bias = proof.Bias(data.control_proof, values[0], values[1:][rows].mean(0))  # seeds averaged, item by item
        mean = proof.Utility(
            np.stack([cost.loss[0], cost.loss[1:][rows].mean(0)]), cost.kl[rows].mean(0, keepdims=True)
        )
        controls.append(
            Control(name, len(rows), tuple(proof.bias_figures(bias, details=False) + proof.utility_figures(mean, 0)))
        )
    return tuple(controls)


def _removed_parameters(loaded: Loaded, removed: Sequence[Any]) -> int:
    hidden = {(s.layer, s.kind): s.weight.shape[0] * s.width for s in sites(loaded.model)}
    return sum(hidden[u.layer, u.kind] for u in removed)


def _versions() -> dict[str, str]:
    names = ("torch", "transformers", "accelerate", "huggingface_hub", "numpy")
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names}


def _write(loaded: Loaded, outcome: methods.Outcome, written: Report, run: Run) -> None:
    """Write model, pictures, trace and texts, the report last: a run with report.json is whole."""
    healing.repair_(loaded.model, outcome.repair.pruning, outcome.repair.patch)
    try:
        loaded.model.save_pretrained(run.folder / "model")
        loaded.tokenizer.save_pretrained(run.folder / "model")
        (run.folder / "figures").mkdir(exist_ok=True)
        figures.save_all(written, run.folder / "figures")
    except OSError as error:
        raise UserError(f"a run must be able to write; {run.folder}: {error}; free space, then --resume") from error
    lines = _trace_lines(written.trace)
    run.save(run.folder / "trace.jsonl", lines.encode())
    run.save(run.folder / "report.md", report.markdown(written).encode())
    run.save(run.folder / "report.json", report.to_json(written).encode())
    shutil.rmtree(run.work)


def _trace_lines(trace: dict[str, Any]) -> str:
    import json

    columns = {name: values for name, values in trace.items() if isinstance(values, list)}
    rows = zip(*columns.values(), strict=True) if columns else []
    return "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows)


def progress_bar(what: str, total: int) -> Progress:
    """Open a progress bar on stderr; only the main process shows it."""
    bar = tqdm(
        total=total, desc=f"{what:<28}", file=sys.stderr, disable=not PartialState().is_main_process,
        unit_scale=True, leave=False, mininterval=0.5,
    )  # fmt: skip

    def advance(amount: int) -> None:
        bar.update(amount)
        if bar.n >= total:
            bar.close()

    return advance


def _plain(value: Any) -> Any:
    """Return paths as text and tuples as lists, as JSON holds them."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


__all__ = ["Request", "audit", "repair", "units"]
