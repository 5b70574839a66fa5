"""Loads a causal language model: every tensor it needs from safetensors, finite, and tried once."""

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from fairhub.errors import UserError, plain
from fairhub.files.reading import BROKEN, one_line
from fairhub.model.architecture import layout_of
from fairhub.model.checking import check, refuse_overflow
from fairhub.model.facts import home, refuse_infinite, tensor_bytes
from fairhub.model.loading.config import cleaned, config_of, refuse_fields
from fairhub.model.loading.files import PROCESSOR, commit_of, content_of, json_of, told, view, weights_of
from fairhub.model.loading.places import EMBEDDED, located
from fairhub.model.loading.tokenizer import tokenizer_of
from fairhub.model.loading.weights import half_of, headers_of, laid_out, refuse_others
from fairhub.model.saving import OWN
from fairhub.model.streaming.layers import tensors_of
from fairhub.model.streaming.placing import Residence, placed, streaming, unsaid

_GENERATION = (
    "bos_token_id", "eos_token_id", "pad_token_id", "do_sample", "temperature", "top_p", "top_k", "max_length",
    "max_new_tokens", "repetition_penalty", "transformers_version", "_from_model_config",
)  # fmt: skip
"""What is taken of a generation configuration: numbers."""
_LAYER = re.compile(r"\b(?:layers|h)\.(\d+)\.")


@dataclass(frozen=True)
class Loaded:
    """A model, its tokenizer, and where they came from."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    id: str
    """What the user named (the Hub id for the embedded default)."""
    revision: str
    """The Hub commit, "local" for a folder, "memory" for a model that stood in memory, or the embedded package."""
    licence: str | None = None
    """As the model's own card names it; None where it names none."""
    unread: tuple[str, ...] = ()
    """Tensors of the checkpoint that are not of this model."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Its own configuration and tokenizer files, by name: what is published keeps them (`model.saving`)."""
    stored: torch.dtype | None = None
    """The type that its weights go out in, where it is computed in a wider one; None: that which it is computed in."""

    def sha256(self) -> str:
        """Return a hash of every weight, by name, as it stands now."""
        sha = hashlib.sha256()
        for name, tensor in tensors_of(self.model):
            sha.update(name.encode())
            sha.update(tensor_bytes(tensor))
        return sha.hexdigest()

    def fingerprint(self) -> str:
        """Return a hash of all that decides what the model says to a text, as it stands now, hooks aside."""
        model, words = self.model, sorted(self.tokenizer.get_vocab().items())
        said = (
            home(model).type, str(model.dtype), model.config.to_json_string(), sorted(self.own.items()), words
        )  # fmt: skip
        return hashlib.sha256(f"{self.sha256()} {said}".encode()).hexdigest()


def load(
    name: str | None = None, *, device: str = "cpu", dtype: torch.dtype | None = None,
    residence: Residence | None = None,
) -> Loaded:  # fmt: skip
    """Load a causal language model in evaluation mode, weights frozen.

    Args:
        name: `org/name`, `org/name@revision`, a folder, or None for the embedded default.
        device: A torch device; "auto" spreads the layers over the devices there are.
        dtype: The weights' type, which is also what goes out; None keeps the checkpoint's, but computes in float32 on
            a CPU.
        residence: How many layers stay in memory, where not all do; None: all.

    Raises:
        UserError: Nothing that can be loaded safely is there, it is not a causal language model, or not whole.
    """
    source, revision, shown = located(name)
    config = config_of(source, revision, shown)  # refuses what cannot be repaired, before any weight
    asked = dtype
    if dtype is None and device == "cpu":
        dtype = torch.float32
    commit = commit_of(source, revision)
    revision = commit or revision  # whatever the branch holds by now, all is read from one commit
    tokenizer = tokenizer_of(source, revision, shown)
    own = _own(source, revision) | _processor(source, revision, config)
    with told(source, shown):
        model, unread, half = _read(source, revision, config, shown, device, dtype, residence)
    model.eval().requires_grad_(False)
    refuse_unsound(model, tokenizer, shown)
    local = EMBEDDED if name is None and Path(source).is_dir() else "local"
    stored = half if asked is None and model.dtype == torch.float32 else None
    return Loaded(model, tokenizer, shown, commit or local, _licence(source, revision), unread, own, stored)


def refuse_unsound(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, shown: str) -> None:
    """Refuse a model in evaluation mode that cannot be measured: not finite, without answers, or without known units.

    Raises:
        UserError: It is that, or its tokenizer has tokens that it has no row for.
    """
    rows = model.config.get_text_config(decoder=True).vocab_size
    _refuse_larger(tokenizer, rows, plain(shown))
    _tried(model, rows, plain(shown))
    check(model)


def _own(source: str, revision: str | None) -> dict[str, str]:
    """Return the model's own files that are kept, without what says where somebody had them."""
    found = {name: content_of(source, revision, name) for name in OWN}
    kept = {name: text for name, text in found.items() if text is not None}
    small = (name for name in kept if name.endswith("config.json") or name == "special_tokens_map.json")
    return kept | {name: json.dumps(cleaned(json.loads(kept[name])), ensure_ascii=False) for name in small}


def _processor(source: str, revision: str | None, config: PretrainedConfig) -> dict[str, str]:
    """Return what a model that also sees has of its processor, refused where it names code or other files."""
    kept: dict[str, str] = {}
    for name in PROCESSOR if config.get_text_config(decoder=True) is not config else ():
        found = json_of(source, revision, name)
        if found is not None:
            refuse_fields(found, name, ("chat_template", "template"))
            kept[name] = json.dumps(cleaned(found), ensure_ascii=False)
    return kept


def _read(
    source: str,
    revision: str | None,
    config: PretrainedConfig,
    shown: str,
    device: str,
    dtype: torch.dtype | None,
    residence: Residence | None,
) -> tuple[PreTrainedModel, tuple[str, ...], torch.dtype | None]:
    """Return the model of these weights, the tensors that it has no place for, and the type of 16 bits of all."""
    paths = weights_of(source, revision, shown)
    tensors = headers_of(paths)
    refuse_others(config, tensors)
    where: Any = device
    scratch = None
    if residence is not None:
        shape, scratch = laid_out(config), tempfile.TemporaryDirectory(prefix="fairhub-layers-")
        where = placed(shape, layout_of(shape).layers, device, residence.stay)
    written = {"config.json": cleaned(json_of(source, revision, "config.json")), **_generation(source, revision)}
    if len(paths) > 1 or paths[0].name != "model.safetensors":
        places = {name: path.name for path in paths for name in headers_of([path])}
        written["model.safetensors.index.json"] = {"metadata": {}, "weight_map": places}
    with view(written, paths) as folder, unsaid() if residence else nullcontext():
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype or "auto", device_map=where, offload_folder=scratch and scratch.name,
            use_safetensors=True, trust_remote_code=False,
            local_files_only=True, output_loading_info=True, ignore_mismatched_sizes=True,
        )  # fmt: skip
        model, found = loaded
        if residence is not None and scratch is not None:
            streaming(model, residence, scratch)
    model.name_or_path = model.config.name_or_path = shown
    unread = tuple(sorted(found["unexpected_keys"]))
    _refuse_parts(found, unread, config.get_text_config(decoder=True).num_hidden_layers)
    return model, unread, half_of(tensors)


def _generation(source: str, revision: str | None) -> dict[str, Any]:
    """Return the plain numbers of a generation configuration, as the file that they are read from."""
    found = json_of(source, revision, "generation_config.json")
    if found is None:
        return {}
    refuse_fields(found, "generation_config.json")
    return {"generation_config.json": {key: found[key] for key in _GENERATION if key in found}}


def _refuse_parts(found: Mapping[str, Any], unread: tuple[str, ...], layers: int) -> None:
    """Refuse weights that are missing or of another size: transformers would draw them at random."""
    remedy = "load the original checkpoint"
    if missing := sorted(found["missing_keys"]):
        raise UserError(f"every weight must be there; {len(missing)} are not ({plain(missing[0])}); {remedy}")
    if found["mismatched_keys"]:
        name, held, wanted = sorted(map(tuple, found["mismatched_keys"]))[0]
        raise UserError(
            f"weights must have the sizes of config.json; {plain(name)} has {list(held)} for {list(wanted)}; {remedy}"
        )
    if found["error_msgs"]:
        raise UserError(f"every weight must be read; not all were ({plain(found['error_msgs'][0])}); {remedy}")
    beyond = [int(match[1]) + 1 for name in unread if (match := _LAYER.search(name)) and int(match[1]) >= layers]
    if beyond:
        raise UserError(f"a model has all layers of its weights; config.json says {layers} of {max(beyond)}; {remedy}")


def _refuse_larger(tokenizer: PreTrainedTokenizerBase, rows: int, shown: str) -> None:
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if largest >= rows:
        raise UserError(
            f"every token has a row in the embedding; {shown} has {rows:,} rows, its tokenizer a token {largest:,}; "
            "give the model its own tokenizer"
        )


def _tried(model: PreTrainedModel, rows: int, shown: str) -> None:
    """Refuse weights or answers that are no finite numbers, and a model that cannot answer at all."""
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.device.type != "meta":
            refuse_infinite(name, tensor, shown)
    with one_line(lambda said: f"a model must answer; {shown} does not ({said}); load the original checkpoint"):
        if model.dtype == torch.float16:
            refuse_overflow(model)
        ids = torch.arange(4).remainder(rows)[None].to(next(model.get_input_embeddings().parameters()).device)
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        if logits.shape[-1] != rows or logits.isnan().any() or logits.isposinf().any():
            raise UserError(f"a model must answer with finite numbers; {shown} does not; load the original, or float32")


def _licence(source: str, revision: str | None) -> str | None:
    """Return the licence that the model's card names; a model without a card, or with an unreadable one, has none."""
    try:
        parts = (content_of(source, revision, "README.md") or "").split("---", 2)
        found = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    except BROKEN:
        return None
    card = found if isinstance(found, dict) else {}
    licence = card.get("license_name" if card.get("license") == "other" else "license")
    return plain(licence) if isinstance(licence, str) and licence else None
