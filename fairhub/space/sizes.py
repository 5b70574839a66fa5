"""What may be loaded for a stranger: looked up before a byte of weights is downloaded."""

import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import HfApi
from transformers import PretrainedConfig

from fairhub.errors import UserError
from fairhub.model.loading import DEFAULT, EMBEDDED, config_of, laid_out, located
from fairhub.publish.names import PICKLED
from fairhub.publish.trouble import explained

LARGEST = 4_000_000_000
"""Bytes of weights that are loaded at most, where `FAIRHUB_SPACE_BYTES` says nothing else."""
_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w.-]+)?")
_TEXTS = (".json", ".txt", ".md", ".jinja")
"""What may be read besides weights: configuration, tokenizer, card."""
_MOST_TEXT = 300_000_000  # bytes of it: a tokenizer of many languages has 35 MB
_EMBEDDED = 540_000_000  # bytes of the embedded default, de-quantised


class Allowed(NamedTuple):
    """A model of the Hub that may be loaded."""

    name: str
    """With the commit that was looked at: what is loaded later is this, whatever the branch holds by then."""
    size: int
    """Bytes to download at most."""


class Found(NamedTuple):
    """A model on the Hub, as anybody may see it."""

    commit: str
    sizes: dict[str, int]
    """Bytes of every file at that commit."""


def limit() -> int:
    """Return how many bytes of weights are loaded at most."""
    return int(os.environ.get("FAIRHUB_SPACE_BYTES", LARGEST))


def refuse(name: str, most: int) -> Allowed:
    """Refuse what a stranger named unless it is a model of the Hub in safetensors and not too large.

    Raises:
        UserError: A path or another name that is no Hub id, no safetensors, too large, or not to be found.
    """
    if not _ID.fullmatch(name) or Path(name).exists():
        raise UserError(f"a model is named by its Hub id 'org/name'; got {name[:80]!r}; choose one or mend it")
    commit, sizes = looked_up(name)
    if not (total := weights(sizes)):
        held = "pickles, which can run code" if any(path.endswith(PICKLED) for path in sizes) else "no weights"
        raise UserError(f"weights must be safetensors; {name} has {held}; choose another model")
    if total > most:
        raise UserError(
            f"a model may have {most / 1e9:.3g} GB of weights here; {name} has {total / 1e9:.3g} GB; "
            "choose a smaller one, or run fairhub on your own machine"
        )
    if (besides := sum(size for path, size in sizes.items() if path.endswith(_TEXTS))) > _MOST_TEXT:
        raise UserError(
            f"what a model has besides weights may be {_MOST_TEXT / 1e6:.3g} MB here; {name} has {besides / 1e6:.3g}; "
            "choose another model"
        )
    return Allowed(f"{name.partition('@')[0]}@{commit}", total + besides)


def refuse_config(name: str, most: int) -> None:
    """Refuse a model whose configuration asks for more memory than its files let on; no weight is downloaded.

    Args:
        name: `org/name@commit`, as `refuse` returns it.
        most: Bytes of memory: 4 for each weight, as on a CPU, and what its buffers take.

    Raises:
        UserError: It would be too large, or it is no causal language model.
    """
    source, revision, shown = located(name)
    total = memory(config_of(source, revision, shown))
    if total > most:
        raise UserError(
            f"a model may have {most / 1e9:.3g} GB of weights here, 4 bytes each; {name.partition('@')[0]} has "
            f"{total / 1e9:.3g} GB; choose a smaller one, or run fairhub on your own machine"
        )


def memory(config: PretrainedConfig) -> float:
    """Return the bytes that a model of this configuration takes on a CPU; it is laid out without its weights.

    Raises:
        UserError: No causal language model has such a configuration.
    """
    model = laid_out(config)
    buffers = sum(buffer.numel() * buffer.element_size() for buffer in model.buffers())
    return 4 * sum(weight.numel() for weight in model.parameters()) + buffers


def looked_up(name: str) -> Found:
    """Return the files of a model on the Hub, as anybody may see it.

    Raises:
        UserError: It is not to be found.
    """
    repository, _, revision = name.partition("@")
    with explained(repository, "looking at", "try again later"):
        info = HfApi(library_name="fairhub", token=False).model_info(
            repository, revision=revision or None, files_metadata=True
        )
    return Found(str(info.sha), {file.rfilename: file.size or 0 for file in info.siblings or []})


def size_of(source: str | None) -> int:
    """Return the bytes of a model's weights, a folder or a Hub id; as large as may be where nobody says."""
    if source and Path(source).is_dir():
        return sum(path.stat().st_size for path in Path(source).glob("*.safetensors"))
    if source is None and find_spec(EMBEDDED):
        return _EMBEDDED
    try:
        return weights(looked_up(source or DEFAULT).sizes)
    except UserError:  # the Hub is away
        return limit()


def weights(sizes: Mapping[str, int]) -> int:
    """Return the bytes of weights among the files of a model; pickles do not count."""
    return sum(size for path, size in sizes.items() if path.endswith(".safetensors"))
