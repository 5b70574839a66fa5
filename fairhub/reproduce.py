"""Reproduces a published repair: made again from its base model, measured again, and compared number by number."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open

from fairhub import hub, proof
from fairhub.assembly import assemble
from fairhub.data import Data, Sizes, gather
from fairhub.errors import UserError
from fairhub.healing import repair_
from fairhub.loading import EMBEDDED, Loaded, cache, load
from fairhub.methods import Outcome, Plan
from fairhub.methods.rebuild import rebuild
from fairhub.prover import Prover
from fairhub.recipe import Recipe, distance, fingerprint, read_recipe, tensor_hash, weights_of
from fairhub.repair import Request, request_of, task_of
from fairhub.report import Figure, Report, from_json
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


def reproduce(source: str, *, quick: bool = False, mine: Mine = Mine()) -> list[Check]:
    """Make a published repair again, and say of each thing that was published whether it came out the same.

    Every tensor of the published weights against the recipe's hashes; every tensor of the model made again here
    against the same hashes; its logits against the fingerprint; then the figures.

    Args:
        source: `org/name[@revision]`, a downloaded folder, or a run folder.
        quick: Measure held_out and utility only.
        mine: What the user has to bring.

    Raises:
        UserError: Nothing of that name is there, or its base model or data cannot be had here.
    """
    began = time.monotonic()
    folder = hub.fetch(source, weights=True)
    records = next(part for part in (folder / "fairhub", folder) if (part / "recipe.json").is_file())
    recipe, report = read_recipe(records / "recipe.json"), from_json((records / "report.json").read_text())
    checks = list(_files(folder, recipe))
    loaded = _base(recipe, mine)
    request = replace(request_of(recipe.settings), probes=mine.probes, text=mine.text)
    data = _data(recipe, request, loaded)
    run = Run(cache() / "reproduce" / digest(recipe.weights, recipe.settings, quick, mine), {}, resume=True)
    outcome = rebuild(task_of(loaded, data, run), recipe.units, recipe.strength, others=not quick and report.controls)
    again = _measured(loaded, data, run, outcome, report, quick, began)
    repair_(loaded.model, outcome.repair.pruning, outcome.repair.patch)
    checks += _weights(loaded, recipe)
    checks += _figures(report, again)
    run.forget()
    return checks
