"""What a run chose and measured, put together as its report."""

import importlib.metadata
import json
import platform
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from fairhub import methods, report
from fairhub.compute.tally import Tally
from fairhub.edit.editing import asked_multiple, parameters_gone, width_after
from fairhub.inputs.data import Beside, Data, compared, prompts
from fairhub.inputs.judgement.cells import Cell
from fairhub.inputs.judgement.lexicon import lexicon
from fairhub.inputs.judgement.scope import scope_of
from fairhub.measure import keep
from fairhub.measure.benchmarks.suite import NOTHING, Benchmarked
from fairhub.measure.judgement import figures as judgement
from fairhub.measure.judgement.reading import Reading, unflat
from fairhub.methods.controls import by_choice
from fairhub.model.architecture import sites
from fairhub.model.facts import home
from fairhub.model.loading import Loaded
from fairhub.model.streaming.layers import streamed_of
from fairhub.proof import figures as proof
from fairhub.report import Control, Figure, Report
from fairhub.report.credit import OWN
from fairhub.report.wording import SHRUNK
from fairhub.run.processes import spread, state

VERSION = "0.2.0"


def assemble(
    loaded: Loaded, method: str, seed: int, data: Data, outcome: methods.Outcome, found: dict[str, np.ndarray],
    settings: dict[str, Any], cost: dict[str, Any], measured: Benchmarked = NOTHING,
) -> Report:  # fmt: skip
    """Return the report: figures from the item-by-item measurements in `found`, and how the repair was chosen."""
    splits = [*data.near, *data.proof]
    biases = [proof.Bias(p, found[f"bias{i}"][0], found[f"bias{i}"][1]) for i, p in enumerate(splits)]
    paid = proof.Utility(found["loss"], found["kl"])
    limits = keep.limits_of(settings["plan"].get("keep", ""), settings["plan"]["budget"])
    figures_ = proof.figures_of(
        biases, paid, data.documents["held_out"], 0, _judged(loaded, data, found), settings["axes"],
        settings["contexts"], limits, scope_of(settings),
    )  # fmt: skip
    before, after = (found[name].tolist() for name in ("text_before", "text_after"))
    figures_ += proof.text_figures(before, after)
    figures_ += measured.figures
    removed = sorted(outcome.repair.pruning)
    parameters, width = _sizes(loaded, outcome, settings["plan"])
    places = sites(loaded.model)
    controls = _controls(loaded, data, outcome, found, limits)
    return Report(
        fairhub=VERSION,
        method=method,
        seed=seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        base_model={
            "id": loaded.id, "revision": loaded.revision, "sha256": loaded.sha256(),
            "layers": 1 + places[-1].layer, "heads": places[0].count,
            **({"licence": loaded.licence} if loaded.licence else {}),
        },
        pruning=[{"kind": u.kind, "layer": u.layer, "index": u.index} for u in removed],
        parameters=parameters,
        figures=tuple(figures_),
        controls=controls,
        reliability=outcome.reliability,
        trace=outcome.trace,
        text=[
            {"prompt": p.removeprefix(data.before), "before": b, "after": a}
            for p, b, a in zip(prompts(data), before, after, strict=True)
        ],
        cost=cost,
        data=[*data.provenance, *measured.provenance],
        versions=versions(),
        verdict=report.verdict(figures_, len(removed) or (1 if outcome.repair.patch else 0), controls),
        settings=settings | outcome.settled | width | _notes(measured) | _unread(loaded),
        healing=_healing(outcome),
        choices=outcome.choices,
        brought=json.loads(str(found["brought"][0])) if "brought" in found else None,
    )  # fmt: skip


def audited(loaded: Loaded, data: Data, found: dict[str, np.ndarray]) -> list[Figure]:
    """Return the figures of an audit, from the measurements of `Prover.base`."""
    splits = enumerate(data.proof, start=len(data.near))
    biases = [proof.Bias(probes, found[f"bias{number}"][0], None) for number, probes in splits]
    judged = judged_before(loaded, data, found)
    kept, traits = keep.usable(loaded, data.choices, data.passages), _readings(loaded, data.traits, found, "traits")
    beside = beside_of(loaded, data.beside, found) if data.beside else None
    read = proof.Judged(judged, tuple(traits), kept, found["kept"], beside=beside)
    loss = found["loss"]
    return proof.figures_of(biases, proof.Utility(loss, loss[:0]), data.documents["held_out"], None, read)


def judged_before(
    loaded: Loaded, data: Data, found: Mapping[str, np.ndarray]
) -> list[tuple[Reading, Reading | None]]:  # fmt: skip
    """Return what was read of the base model in each split of the proof that `found` holds."""
    return [
        (_readings(loaded, cells, found, f"judged{number}")[0], None)
        for number, cells in enumerate(data.judged) if f"judged{number} words" in found
    ]  # fmt: skip


def _sizes(
    loaded: Loaded, outcome: methods.Outcome, plan: Mapping[str, Any]
) -> tuple[dict[str, float], dict[str, str]]:
    """Return how many parameters there are and how many go, and where neurons are cut out what width comes out."""
    pruning, shrunk, multiple = outcome.repair.pruning, plan.get("shrink", False), asked_multiple(plan)
    total = loaded.model.num_parameters()
    gone = parameters_gone(loaded.model, pruning, shrunk=shrunk, multiple=multiple)
    width = {SHRUNK: str(width_after(loaded.model, pruning, multiple))} if shrunk else {}
    return {"total": total, "removed": gone, "share": gone / total}, width


def _notes(measured: Benchmarked) -> dict[str, str]:
    return {"notes on benchmarks": " ".join(measured.notes)} if measured.notes else {}


def _unread(loaded: Loaded) -> dict[str, str]:
    """Name the dimensions whose held-out words this tokenizer has too few of as one token: they have no figures."""
    skipped = lexicon(loaded.tokenizer, "held_out").skipped
    return {"dimensions without words of one token": ", ".join(skipped)} if skipped else {}


def _judged(loaded: Loaded, data: Data, found: dict[str, np.ndarray]) -> proof.Judged:
    """Return the readings that `found` holds."""
    splits = [_readings(loaded, cells, found, f"judged{number}") for number, cells in enumerate(data.judged)]
    kept, traits = keep.usable(loaded, data.choices, data.passages), _readings(loaded, data.traits, found, "traits")
    beside = beside_of(loaded, data.beside, found) if data.beside else None
    return proof.Judged([(s[0], s[1]) for s in splits], tuple(traits), kept, found["kept"], beside=beside)


def beside_of(loaded: Loaded, beside: Beside, found: dict[str, np.ndarray]) -> proof.Judged:
    """Return the readings of the other prompt format that `found` holds: base, and repair where there is one."""
    judged, traits = (
        _readings(loaded, cells, found, f"beside {name}") if cells else []
        for name, cells in (("judged", beside.judged), ("traits", beside.traits))
    )
    kept = keep.usable(loaded, beside.choices, ())
    splits = [(judged[0], judged[1] if len(judged) > 1 else None)] if judged else []
    return proof.Judged(splits, tuple(traits), kept, found["beside kept"], beside.format)


def _readings(loaded: Loaded, cells: Sequence[Cell], found: Mapping[str, np.ndarray], name: str) -> list[Reading]:
    """Return the readings that `found` holds: base, then repair, of some alternatives each."""
    words = lexicon(loaded.tokenizer, cells[0].split)
    return unflat(cells, words, found, name)


def spent(loaded: Loaded, began: float, tally: Tally) -> dict[str, Any]:
    """Return what this call of the program cost; what a killed one before it computed is not in it."""
    mine = tally.forwards, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    everywhere = spread(range(state().num_processes), lambda _: mine)
    streamed = streamed_of(loaded.model)
    read = {"bytes_read": streamed.bytes_read, "sweeps": round(streamed.sweeps, 1)} if streamed else {}
    return read | {
        "seconds": round(time.monotonic() - began, 1),
        "forward_equivalents": round(sum(forwards for forwards, _ in everywhere), 1),
        "peak_bytes": sum(peak for _, peak in everywhere),
        "device": str(home(loaded.model)), "processes": state().num_processes,
    }  # fmt: skip


def _healing(outcome: methods.Outcome) -> dict[str, Any] | None:
    if outcome.strength is None:
        return None
    refitted = sorted({f"{kind} {layer}" for layer, kind in outcome.repair.patch})
    return asdict(outcome.strength) | {"refitted_projections": len(refitted)}


def _controls(
    loaded: Loaded, data: Data, outcome: methods.Outcome, found: dict[str, np.ndarray], limits: Mapping[str, float]
) -> tuple[Control, ...]:
    """Return the figures of the repair itself and of every alternative on the same part of held_out."""
    if not outcome.ablations:
        return ()
    values, cost = found["others"], proof.Utility(found["others_loss"], found["others_kl"])
    groups = by_choice([OWN, *outcome.ablations])
    judged = _judged_others(loaded, data, found, limits)
    return tuple(
        Control(name, len(rows), (*figures_, *_on_pairs(data, rows, values, cost)))
        for (name, rows), figures_ in zip(groups.items(), judged, strict=True)
    )


def _judged_others(
    loaded: Loaded, data: Data, found: dict[str, np.ndarray], limits: Mapping[str, float]
) -> list[list[Figure]]:
    """Return who is judged worse in held_out and what must stay: under the repair, then one of every other choice."""
    part = compared(data)
    traits = _readings(loaded, part.traits, found, "others traits")
    kept = keep.usable(loaded, part.choices, part.passages)
    stays = [
        keep.keep_figures([traits[0], traits[row]], kept, found["others kept"][[0, row]], limits)
        for row in range(1, len(traits))
    ]
    if not part.cells:  # own probes alone may leave no two groups to compare
        return stays
    judged = _readings(loaded, part.cells, found, "others judged")
    return [
        judgement.figures(judged[0], judged[row], "held_out", details=False)
        + (proof.judged_against_repair(judged[1], judged[row]) if row > 1 else [])
        + figures_
        for row, figures_ in enumerate(stays, 1)
    ]


def _on_pairs(data: Data, rows: Sequence[int], values: np.ndarray, cost: proof.Utility) -> list[Figure]:
    """Return divergence and utility under one alternative, its seeds averaged item by item, and against the repair."""
    probes, after = data.control_proof, values[1:][rows].mean(0)
    mean = proof.Utility(np.stack([cost.loss[0], cost.loss[1:][rows].mean(0)]), cost.kl[rows].mean(0, keepdims=True))
    figures = proof.bias_figures(proof.Bias(probes, values[0], after), details=False)
    if 0 not in rows:  # the first is the repair itself
        figures += proof.against_repair(probes, values[1], after)
    return figures + proof.utility_figures(mean, data.documents["held_out"], 0)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that numbers come from."""
    names = ("torch", "transformers", "accelerate", "huggingface_hub", "numpy")
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names}
