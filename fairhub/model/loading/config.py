"""A model's configuration, checked before anything is built of it: no code, no paths, no sizes out of all reason."""

import math
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, PretrainedConfig

from fairhub.errors import UserError, plain
from fairhub.model.loading.files import NAMES, commit_of, file_of, json_of, told, view
from fairhub.model.loading.places import in_the_way

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_MOST_LAYERS = 1000
_SIZES = (
    "hidden_size", "n_embd", "intermediate_size", "n_inner", "ffn_dim", "head_dim", "word_embed_proj_dim", "rotary_dim",
    "num_attention_heads", "n_head", "num_heads", "num_key_value_heads", "vocab_size", "max_position_embeddings",
    "n_positions", "n_ctx", "d_model", "n_heads", "attention_heads", "ffn_hidden_size", "max_seq_len", "d_ff",
    "moe_intermediate_size", "shared_expert_intermediate_size", "num_local_experts", "num_experts",
)  # fmt: skip
_LARGEST = 1 << 24
_OPTIONAL = (
    "n_inner",
    "head_dim",
    "rotary_dim",
    "num_key_value_heads",
    "n_ctx",
    "max_position_embeddings",
    "ffn_hidden_size",
    "d_ff",
)
DTYPES = ("float32", "float64", "bfloat16", "float16")
"""Types of weights that are computed with; others are a kind of quantisation."""
_FORBIDDEN = (
    "auto_map", "init_inputs", "vocab", "merges", "custom_generate", "custom_pipelines", "transformers_weights",
    "fusion_config", "kernel_config", "use_kernels", "distributed_config", "base_model_name_or_path", "gguf_file",
    "backbone", "use_timm_backbone", "use_pretrained_backbone",
)  # fmt: skip
"""Fields by which a configuration makes transformers run code or read other files."""
_STALE = ("_name_or_path", "name_or_path", "special_tokens_map_file")
"""Where the one who saved the model had it: never read, and many honest models say it."""
_OTHERS_MACHINE = (
    "torchscript", "return_dict", "output_attentions", "output_hidden_states", "attn_implementation",
    "_attn_implementation", "_attn_implementation_internal", "_attn_implementation_autoset", "experts_implementation",
    "_experts_implementation",
)  # fmt: skip
"""How somebody else computed; fairhub decides that here."""
_PATH = re.compile(r"^(/|~[\w.-]*/|[A-Za-z]:[\\/]|\\\\|file:)|(^|[\\/])\.\.([\\/]|$)")
_CODE = re.compile(r"[/|:]")  # a kernel of the Hub: org/name@revision:function


def config_of(source: str, revision: str | None, shown: str, *, alone: bool = False) -> PretrainedConfig:
    """Return the configuration of a model that may be loaded; the first arguments are those that `located` returns.

    Args:
        source: A folder, or a Hub id.
        revision: Of the Hub id.
        shown: What the model is called.
        alone: A folder need hold neither weights nor a tokenizer.

    Raises:
        UserError: Nothing that can be loaded safely is there, or it cannot be repaired.
    """
    folder = Path(source)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise UserError(
            f"a model folder needs config.json; {plain(shown)} has none; point at a transformers checkpoint"
            f"{in_the_way(plain(shown))}"
        )
    with told(source, shown):
        raw = json_of(source, revision, "config.json", must=True)
        if raw is None:
            raise UserError(f"a model needs config.json; {plain(shown)} has none; name a transformers checkpoint")
        refuse_fields(raw, "config.json")
        commit = commit_of(source, revision) or revision  # of a known commit the cache knows what there is not
        _refuse(raw, source, commit, plain(shown))
        if folder.is_dir() and not alone:
            _refuse_part(folder, plain(shown))
        with view({"config.json": cleaned(raw)}) as place:
            config = AutoConfig.from_pretrained(place, trust_remote_code=False, local_files_only=True)
    _refuse_headless(config)
    config.name_or_path = shown
    return config


def _refuse_headless(config: PretrainedConfig) -> None:
    """Refuse a model whose layers have no attention heads, before its weights are fetched."""
    text = config.get_text_config(decoder=True)
    wanted = ("num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size")
    if lacking := [name for name in wanted if not isinstance(getattr(text, name, None), int)]:
        raise UserError(
            f"a model that can be repaired has layers of attention heads; the config of {plain(config.model_type)} has "
            f"no {lacking[0]}; choose a causal model with attention"
        )


def refuse_fields(raw: Mapping[str, Any], name: str, texts: tuple[str, ...] = ()) -> None:
    """Refuse a configuration that names code or files, or holds what is no number.

    Args:
        raw: What its file says.
        name: Of the file.
        texts: Fields whose strings are text, not names: a token may be a slash.

    Raises:
        UserError: It does.
    """
    for key, value in _fields(raw):
        if key in _FORBIDDEN or (key.endswith("_file") and key not in _STALE):
            if value not in (None, False, [], {}, ""):
                why = "fairhub never runs remote code" if key == "auto_map" else "a configuration names no other files"
                raise UserError(f"{why}; {name} has {plain(key)}; take it out if the model is complete without it")
        elif isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"numbers must be finite; {name} has {plain(key)} {value}; load the original checkpoint")
        elif isinstance(value, str) and key not in (*_STALE, *texts) and _PATH.search(value):
            raise UserError(f"a configuration names no paths; {name} has {plain(key)} {plain(value)!r}; take it out")


def cleaned(raw: Any) -> Any:
    """Return a configuration without what is not the model's: where it was saved, and how others computed it."""
    if isinstance(raw, dict):
        return {key: cleaned(value) for key, value in raw.items() if key not in (*_STALE, *_OTHERS_MACHINE)}
    return [cleaned(value) for value in raw] if isinstance(raw, list) else raw


def _fields(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every field at any depth; what stands in a list is a field by the list's name."""
    inside = value.items() if isinstance(value, dict) else ((key, one) for one in value)
    for name, one in inside:
        yield str(name), one
        if isinstance(one, dict | list):
            yield from _fields(one, str(name))


def _refuse(raw: dict[str, Any], source: str, revision: str | None, shown: str) -> None:
    """Refuse by name what must not or cannot be repaired, before any weight is read."""
    if raw.get("quantization_config"):
        raise UserError(f"quantised weights cannot be pruned; {shown} is quantised; give the full-precision model")
    if raw.get("is_encoder_decoder"):
        raise UserError(f"fairhub repairs decoder-only models; {shown} is an encoder-decoder; choose a causal model")
    _refuse_type(raw.get("model_type"))
    for key, value in _fields(raw):
        _refuse_field(key, value)
    for name in NAMES if Path(source).is_dir() else ():
        file_of(source, revision, name)  # none may be a link out of the folder, whether it is read or not
    if file_of(source, revision, "adapter_config.json") is not None:
        raise UserError(f"a model is whole; {shown} has an adapter beside it; merge it into the weights first")


def _refuse_part(folder: Path, shown: str) -> None:
    """Refuse a folder that lacks weights or the tokenizer."""
    if not list(folder.glob("*.safetensors")):
        raise UserError(f"weights must be safetensors; {shown} has none; convert them with save_pretrained")
    if not has_tokenizer(folder):
        raise UserError(f"a model folder needs its tokenizer; {shown} has none; save the tokenizer beside it")


def has_tokenizer(folder: Path) -> bool:
    """Tell whether a folder holds files of a tokenizer."""
    return any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer_config.json", "vocab.json"))


def _refuse_type(model_type: Any) -> None:
    """Refuse what transformers knows no causal language model of: where heads are is looked for in the model itself."""
    known = isinstance(model_type, str) and model_type in CONFIG_MAPPING
    if not known or CONFIG_MAPPING[model_type] not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise UserError(
            f"the architecture must be a causal language model that transformers {version('transformers')} knows; got "
            f"{plain(model_type)!r}; choose such a model"
        )


def _refuse_field(key: str, value: Any) -> None:
    """Refuse a size that no model has, and a type or a kernel that is not computed with."""
    if key in LAYERS or key in _SIZES:
        most = _MOST_LAYERS if key in LAYERS else _LARGEST
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not (whole and 1 <= value <= most) and not (value is None and key in _OPTIONAL):
            raise UserError(f"{key} is a whole number from 1 to {most:,}; config.json has {plain(value, 40)}; mend it")
    elif key in ("dtype", "torch_dtype") and value is not None:
        if not isinstance(value, dict) and str(value).removeprefix("torch.") not in (*DTYPES, "auto"):
            raise UserError(f"dtype is one of {', '.join(DTYPES)}; config.json has {plain(value)}; mend it")
    elif key == "attention_types" and isinstance(value, int) and not 1 <= value <= _MOST_LAYERS:
        raise UserError(f"layers are counted from 1 to {_MOST_LAYERS}; attention_types has {plain(value, 40)}; mend it")
    elif key.endswith(("attn_implementation", "experts_implementation")) and _CODE.search(str(value)):
        raise UserError(f"fairhub never runs remote code; config.json has {key} {plain(value)!r}; take it out")
