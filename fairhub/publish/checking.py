"""Checks a run before anyone else sees it: the model on disk is the one that was proved."""

from pathlib import Path
from typing import Any

import torch

from fairhub.errors import UserError, plain
from fairhub.model.loading import load
from fairhub.proof.assembly import VERSION
from fairhub.proof.recipe import Recipe, distance, fingerprint, read_recipe, tolerance, weights_of
from fairhub.report import Report
from fairhub.report import read as read_report


def checked(run: Path) -> tuple[Report, Recipe]:
    """Reload a run's model, as stock transformers loads it, and compare it with what the run recorded.

    Every tensor must have its recorded hash, and the logits must be the recorded ones, up to how machines round: they
    may have been recorded on a GPU.

    Raises:
        UserError: The folder is no finished run of this fairhub, or its model is not the one that was measured.
    """
    report, recipe = read(run)
    if recipe.fairhub != VERSION:
        raise UserError(
            f"a run is published with the fairhub that made it; this run was made by {recipe.fairhub}, this is "
            f"{VERSION}; run the repair again, or publish with that one"
        )
    try:
        loaded = load(str(run / "model"), dtype=getattr(torch, recipe.base_model["dtype"]))
    except UserError as error:
        raise UserError(f"a run's model must load; {plain(run / 'model')} does not ({error})") from error
    model, tokenizer = loaded.model, loaded.tokenizer
    found = weights_of(model, recipe.stored)
    wrong = sorted(name for name in recipe.weights.keys() | found if recipe.weights.get(name) != found.get(name))
    if wrong:
        raise UserError(
            f"what is published is what was measured; {len(wrong)} tensors of {run / 'model'} differ from the recipe "
            f"({wrong[0]}); run the repair again"
        )
    away = distance(recipe.fingerprint, fingerprint(model, tokenizer))
    if away > tolerance(recipe.base_model["dtype"], healed=False):  # the weights are these: none is solved for again
        raise UserError(
            f"what is published is what was measured; logits of {run / 'model'} lie {away:.2g} from the recorded ones; "
            "run the repair again"
        )
    return report, recipe


def read(run: Path) -> tuple[Report, Recipe]:
    """Read report.json and recipe.json of a finished run.

    Raises:
        UserError: One is missing or cannot be read, or they are of different runs.
    """
    if not (run / "report.json").is_file():
        going = "is not finished; --resume it" if (run / "work").is_dir() else "has none; name the --out of a repair"
        raise UserError(f"a finished run has report.json; {run} {going}")
    report, recipe = read_report(run / "report.json"), read_recipe(run / "recipe.json")
    told: dict[str, Any] | None = recipe.healing and {name: (report.healing or {}).get(name) for name in recipe.healing}
    base = {name: report.base_model.get(name) for name in ("id", "revision", "sha256")}
    pairs = {
        "fairhub": (report.fairhub, recipe.fairhub), "method": (report.method, recipe.method),
        "seed": (report.seed, recipe.seed), "pruning": (report.pruning, recipe.pruning),
        "base model": (base, {name: recipe.base_model[name] for name in base}),
        "healing": (told or bool(report.healing), recipe.healing or bool(report.healing and recipe.healing)),
        "settings": (report.settings, recipe.settings), "data": (report.data, recipe.data),
    }  # fmt: skip
    if other := [name for name, (one, two) in pairs.items() if one != two]:
        raise UserError(
            f"report.json and recipe.json are of one run; those in {plain(run)} are not (another {other[0]}); run the "
            "repair again"
        )
    return report, recipe
