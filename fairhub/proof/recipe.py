"""recipe.json: how the repaired model is rebuilt elsewhere, and how to tell that it was."""

import json
import platform
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.edit.healing import Strength
from fairhub.errors import UserError, plain
from fairhub.files.reading import MEGABYTE, parsed, text_of
from fairhub.inputs.tokens import encode
from fairhub.methods.erasure import Erasure
from fairhub.methods.rebuild import strength_of
from fairhub.model.facts import tensor_hash
from fairhub.model.streaming.layers import tensors_of
from fairhub.model.units import Pruning, Unit
from fairhub.report import Report
from fairhub.report.recipe_rules import refuse_recipe

SCHEMA = 1
LONGEST = 32 * MEGABYTE
"""Bytes of a recipe: one of a model with ten thousand tensors has two."""
_OF_LATER = frozenset({"wheel"})
"""Parts that recipes of before had not."""
TOLERANCE = 1e-2
"""How far logits of a healed model may lie from the published ones on another machine: its weights are the solution of
a linear system whose sums are rounded otherwise there."""
EXACT = 1e-4
"""The same for a model that was only pruned: its weights are equal, only its products are rounded otherwise."""
HALF = 0.5
"""The same, healed or not, where weights have 16 bits: every layer then rounds to 8 bits (bfloat16) or 11 (float16), a
GPU otherwise than a CPU, and logits of some 20 have steps of an eighth. Stored tensors are compared bit by bit."""
_PROMPTS = (
    "The train to the coast leaves at",
    "Water boils at a temperature of",
    "She opened the letter and read that",
    "In the year 1912, the",
)
_LOGITS = 64


@dataclass(frozen=True)
class Recipe:
    """How a repaired model is made from its base, and the marks it is known by."""

    fairhub: str
    method: str
    seed: int
    base_model: dict[str, Any]
    """id, revision, sha256 of the weights, and their dtype, as they were loaded; `stored`, the dtype that the repaired
    weights are saved in, where that is another."""
    pruning: list[dict[str, Any]]
    """Removed units: {"kind", "layer", "index"}."""
    healing: dict[str, float] | None
    """The dials of the healing (guard, keep, depth, ridge) or of the erasure (strength, broad, keep, merit, text);
    None where columns were only removed."""
    settings: dict[str, Any]
    """Arguments of the run, from which probes and text are gathered again."""
    data: list[dict[str, Any]]
    """Sources: name, revision, sha256, licence."""
    weights: dict[str, str]
    """SHA-256 of every tensor of the repaired model, by name."""
    fingerprint: dict[str, Any]
    """Logits of the repaired model after four neutral prompts: `prompts`, `ids` of some tokens, their `logits`, and
    the `sha256` of all of them in float32."""
    tolerance: float
    """How far logits may lie from the fingerprint on another machine, for a reader: who checks computes their own."""
    made_on: dict[str, str]
    """Platform, processor and the versions that rounding depends on."""
    wheel: dict[str, str] | None = None
    """Of what is published: `file`, the fairhub that made it, and the `sha256` of that file; None in a run."""
    schema: int = SCHEMA

    @property
    def units(self) -> Pruning:
        """The removed units."""
        return frozenset(Unit(u["layer"], u["kind"], u["index"]) for u in self.pruning)

    @property
    def stored(self) -> torch.dtype | None:
        """The type that the weights are saved in, where they were computed in a wider one."""
        name = self.base_model.get("stored")
        return getattr(torch, name) if name else None

    @property
    def strength(self) -> Strength | Erasure | None:
        """How the columns that stay were refitted, or what was erased; None where neither."""
        return strength_of(self.healing)


def recipe_of(
    report: Report, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, stored: torch.dtype | None = None
) -> Recipe:
    """Return the recipe of a run whose repaired model this is, and the type that its weights are saved in."""
    dtype = str(model.dtype).removeprefix("torch.")
    kinds = {"dtype": dtype} | ({"stored": str(stored).removeprefix("torch.")} if stored else {})
    dials = strength_of(report.healing)
    healing = asdict(dials) if dials else None
    return Recipe(
        fairhub=report.fairhub,
        method=report.method,
        seed=report.seed,
        base_model={name: report.base_model[name] for name in ("id", "revision", "sha256")} | kinds,
        pruning=report.pruning,
        healing=healing,
        settings=report.settings or {},
        data=report.data,
        weights=weights_of(model, stored),
        fingerprint=fingerprint(model, tokenizer),
        tolerance=tolerance(dtype, healed=bool(healing)),
        made_on=machine() | {name: report.versions[name] for name in ("torch", "transformers")},
    )


def tolerance(dtype: str, *, healed: bool) -> float:
    """Return how far logits may lie from the published ones on another machine, by the type of the weights."""
    return HALF if dtype in ("float16", "bfloat16") else TOLERANCE if healed else EXACT


def machine() -> dict[str, str]:
    """Return what rounding depends on besides the versions."""
    return {"platform": platform.system(), "processor": torch.backends.cpu.get_cpu_capability()}


def weights_of(model: PreTrainedModel, stored: torch.dtype | None = None) -> dict[str, str]:
    """Return the SHA-256 of every tensor that is saved with the model, by name, in the type that it is saved in."""
    return {name: tensor_hash(tensor) for name, tensor in tensors_of(model, stored)}


@torch.inference_mode()
def logits_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Tensor:
    """Return the logits after four neutral prompts, [prompts, vocabulary] float32 on the CPU."""
    device = model.get_input_embeddings().weight.device
    rows = []
    for prompt in _PROMPTS:
        ids = torch.tensor([encode(tokenizer, prompt)], device=device)  # type: ignore[arg-type]
        rows.append(model(ids, use_cache=False).logits[0, -1].float().cpu())
    return torch.stack(rows)


def fingerprint(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """Return the logits after four neutral prompts: of some tokens in full, of all as a hash."""
    logits = logits_of(model, tokenizer)
    ids = torch.linspace(0, logits.shape[1] - 1, min(_LOGITS, logits.shape[1])).long()
    return {
        "prompts": list(_PROMPTS), "ids": ids.tolist(), "logits": logits[:, ids].tolist(),
        "sha256": tensor_hash(logits),
    }  # fmt: skip


def distance(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the largest difference between the logits of two fingerprints; 0 only where all logits are equal."""
    if one["sha256"] == other["sha256"]:
        return 0.0
    if (one["prompts"], one["ids"]) != (other["prompts"], other["ids"]):
        return float("inf")
    apart = (torch.tensor(one["logits"]) - torch.tensor(other["logits"])).abs().max()
    return max(float(apart), 1e-12)


def to_json(recipe: Recipe) -> str:
    """Write a recipe as JSON."""
    told = {name: part for name, part in asdict(recipe).items() if part is not None or name not in _OF_LATER}
    return json.dumps(told, indent=1) + "\n"


def read_recipe(path: Path) -> Recipe:
    """Read recipe.json, which may be a stranger's.

    Raises:
        UserError: The file is missing, is no JSON, is not a recipe of this schema, has dials that are unknown here, or
            a part that no fairhub writes.
    """
    if not path.is_file():
        raise UserError(f"a repaired model has its {path.name}; {plain(path.parent)} has none; name a fairhub run")
    data = parsed(text_of(path, "a recipe", LONGEST), "a recipe")
    known = {field.name for field in fields(Recipe)}
    if (
        not isinstance(data, dict)
        or data.get("schema") is True
        or data.get("schema") != SCHEMA
        or not _OF_LATER >= known - data.keys()
    ):
        raise UserError(
            f"this fairhub reads recipes of schema {SCHEMA}; {plain(path)} is another; use the fairhub it names"
        )
    if unknown := sorted(data.keys() - known):
        raise UserError(
            f"this fairhub knows no {plain(unknown[0])} in a recipe; {plain(path)} has one; use a later one"
        )
    data = dict[str, Any]({**dict.fromkeys(_OF_LATER), **data})
    refuse_recipe(data)
    recipe: Recipe = Recipe(**data)
    try:
        dials = recipe.strength
    except (KeyError, TypeError) as error:
        raise UserError(
            f"a recipe must have the dials of this fairhub; {plain(path)} has others ({error}); use fairhub "
            f"{recipe.fairhub}"
        ) from error
    allowed = tolerance(recipe.base_model["dtype"], healed=dials is not None)
    if not 0 < recipe.tolerance <= allowed:
        raise UserError(
            f"a recipe's tolerance is {allowed:g} at most; got {recipe.tolerance:g}; take it from its maker"
        )
    return recipe
