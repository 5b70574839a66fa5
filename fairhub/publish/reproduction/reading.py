"""What stock transformers makes of a model's folder: its logits, its settings, and the files of its tokenizer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from fairhub.files.reading import LARGEST, parsed, text_of
from fairhub.model.loading import Loaded, load
from fairhub.model.saving import save_tokenizer
from fairhub.publish.names import INDEX, MODEL
from fairhub.publish.reproduction.checks import Check, check, equal

_TOKENIZER = MODEL - {"config.json", "generation_config.json", INDEX}
_NOISE = frozenset({
    "transformers_version", "_name_or_path", "name_or_path", "dtype", "torch_dtype", "architectures", "is_local",
    "local_files_only", "_from_model_config",
})  # fmt: skip
"""Keys that say where a file came from, or what is compared otherwise, and change nothing that is computed."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A model and its tokenizer as they are loaded."""

    logits: Tensor
    """After the neutral prompts of a recipe, [prompts, vocabulary] float32."""
    architecture: str
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    tokenizer: Mapping[str, Any]
    """What the files of the tokenizer say, by name."""


def published(place: Path, device: str, dtype: torch.dtype) -> Seen:
    """Return what is loaded from the published folder.

    Raises:
        UserError: Nothing that can be loaded safely is there.
    """
    loaded = load(str(place), device=device, dtype=dtype)
    told = parsed(text_of(place / "config.json", "a model's config.json"), "config.json").get("architectures")
    return _seen(loaded, place, str((told or ["none"])[0]) if isinstance(told, list | None) else "none")


def made(loaded: Loaded) -> Seen:
    """Return what would be loaded from a folder that this model and this tokenizer were saved to."""
    with TemporaryDirectory() as folder:
        save_tokenizer(loaded.tokenizer, loaded.own, Path(folder))
        return _seen(loaded, Path(folder), type(loaded.model).__name__)


def compared(there: Seen, here: Seen, most: float) -> list[Check]:
    """Compare the published model, as it is loaded, with the one that was made again here.

    Args:
        there: The published one.
        here: Made again.
        most: How far logits may lie apart.
    """
    return [
        _logits(there.logits, here.logits, most),
        _settings("published config", {**there.config, "architecture": there.architecture},
                  {**here.config, "architecture": here.architecture}),
        _settings("published generation config", there.generation, here.generation),
        _settings("published tokenizer", there.tokenizer, here.tokenizer),
    ]  # fmt: skip


def _seen(loaded: Loaded, place: Path, architecture: str) -> Seen:
    from fairhub.proof.recipe import logits_of

    generation = getattr(loaded.model, "generation_config", None)
    return Seen(
        logits=logits_of(loaded.model, loaded.tokenizer), architecture=architecture,
        config=_plain(loaded.model.config.to_dict()), generation=_plain(generation.to_dict() if generation else {}),
        tokenizer={name: _read(place / name) for name in sorted(_TOKENIZER) if (place / name).is_file()},
    )  # fmt: skip


def _logits(there: Tensor, here: Tensor, most: float) -> Check:
    what, within = "published logits", f"within {most:g}"
    if there.shape != here.shape:
        return equal(what, False, within, "of another vocabulary")
    if torch.equal(there, here):
        return check(what, within, "0 away", "same")
    away = float((there - here).abs().max())
    return check(what, within, f"{away:.2g} away", "within tolerance" if away <= most else "different")


def _settings(what: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> Check:
    apart = sorted(name for name in there.keys() | here.keys() if there.get(name) != here.get(name))
    return equal(what, not apart, f"{len(there)} entries", f"another {apart[0]}" if apart else f"{len(here)} equal")


def _read(path: Path) -> Any:
    """Return what a file of a tokenizer says, without what says where it came from."""
    text = text_of(path, "a tokenizer's file", LARGEST)
    return _plain(parsed(text, path.name)) if path.suffix == ".json" else text


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    told = {name: part for name, part in value.items() if name not in _NOISE and part is not None}
    return json.loads(json.dumps(told, default=str))
