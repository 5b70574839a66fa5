"""Saves a repaired model as the base's own files with what changed: what loaded the base loads it too.

Transformers 5 writes a configuration and a tokenizer of its own form. Transformers 4 reads them without a word as
another model (rotary base 10,000 instead of the model's own), or not at all (`TokenizersBackend`). So the base's own
files are kept, and what they lack of the older form is added.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.model.architecture import layout_of
from fairhub.model.finding import text_config
from fairhub.model.streaming.saving import lent

CONFIG, TOKENIZER = "config.json", "tokenizer_config.json"
OWN = (
    CONFIG, "tokenizer.json", TOKENIZER, "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
    "chat_template.jinja",
)  # fmt: skip
"""Files of the base that are kept, beside its weights."""
_PLAIN = "PreTrainedTokenizerFast"
"""A tokenizer of tokenizer.json, in every version."""


def save(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, own: Mapping[str, str], folder: Path,
    dtype: torch.dtype | None = None,
) -> None:  # fmt: skip
    """Write a model's folder.

    Args:
        model: What is saved.
        tokenizer: Its tokenizer.
        own: The base's own files, by name; what is not there is written as transformers has it.
        folder: Where to.
        dtype: Of the weights in their files; None: as they are.
    """
    with held_in(model, dtype), lent(model, dtype) as how:
        model.save_pretrained(folder, **how)
    written = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    told = json.loads(own[CONFIG]) if CONFIG in own else written
    (folder / CONFIG).write_text(_text(_config(told, written, model)), encoding="utf-8")
    save_tokenizer(tokenizer, own, folder)


@contextmanager
def held_in(model: PreTrainedModel, dtype: torch.dtype | None) -> Iterator[None]:
    """Hold the weights in the type that they are saved in, inside the `with` block; None leaves them.

    Only what is saved: what a model computes for itself (rotations) would not come back from 16 bits.
    """
    kept = model.state_dict(keep_vars=True) if dtype is not None else {}
    before = {name: tensor.dtype for name, tensor in kept.items() if tensor.is_floating_point()}
    for name in before:
        kept[name].data = kept[name].data.to(dtype)
    try:
        yield
    finally:
        for name, wide in before.items():
            kept[name].data = kept[name].data.to(wide)


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, own: Mapping[str, str], folder: Path) -> None:
    """Write the files of a tokenizer: the base's own where there are any; arguments are those of `save`."""
    kept = {name: text for name, text in own.items() if name != CONFIG}
    if not kept:
        tokenizer.save_pretrained(folder)
        kept = {name: (folder / name).read_text(encoding="utf-8") for name in OWN[1:] if (folder / name).is_file()}
    if TOKENIZER in kept:
        kept[TOKENIZER] = _text(_tokenizer(json.loads(kept[TOKENIZER])))
    for name, text in kept.items():
        (folder / name).write_text(text, encoding="utf-8")


def _config(told: dict[str, Any], written: Mapping[str, Any], model: PreTrainedModel) -> dict[str, Any]:
    """Return the base's configuration with what the repair changed, and in the words of older versions too."""
    found = copy.deepcopy(told)
    found["architectures"] = written["architectures"]
    for name in ("dtype", "torch_dtype"):
        if name in found or name == "torch_dtype":
            found[name] = written.get("dtype", written.get("torch_dtype"))
    field = layout_of(model).mlp_width
    of_text = found["text_config"] if isinstance(found.get("text_config"), dict) else found
    width = getattr(text_config(model), field) if field else None
    if width is not None and of_text.get(field) != width:
        of_text[field] = width
    for part in (found, *(value for value in found.values() if isinstance(value, dict) and "rope_parameters" in value)):
        _older_rotation(part)
    return found


def _older_rotation(part: dict[str, Any]) -> None:
    """Say how positions are rotated as transformers 4 reads it, where transformers 5 alone was told."""
    told = part.get("rope_parameters")
    if not isinstance(told, dict):
        return
    whole = told.get("full_attention", told)
    local = told.get("sliding_attention")
    if not isinstance(whole, dict) or "rope_theta" not in whole:
        return
    part.setdefault("rope_theta", whole["rope_theta"])
    if "partial_rotary_factor" in whole:
        part.setdefault("partial_rotary_factor", whole["partial_rotary_factor"])
    if isinstance(local, dict) and "rope_theta" in local:
        part.setdefault("rope_local_base_freq", local["rope_theta"])
    if whole.get("rope_type", "default") != "default":
        scaling = {key: value for key, value in whole.items() if key not in ("rope_theta", "partial_rotary_factor")}
        part.setdefault("rope_scaling", scaling)


def _tokenizer(told: dict[str, Any]) -> dict[str, Any]:
    """Return a tokenizer's settings with a class that every version knows."""
    if told.get("tokenizer_class") in (None, "TokenizersBackend"):
        told = {**told, "tokenizer_class": _PLAIN}
    return {key: value for key, value in told.items() if key not in ("backend", "is_local", "local_files_only")}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
