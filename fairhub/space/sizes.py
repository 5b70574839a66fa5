"""What may be loaded for a stranger: looked up before a byte of weights is downloaded."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import HfApi

from fairhub.errors import UserError
from fairhub.hub.trouble import explained

LARGEST = 4_000_000_000
"""Bytes of weights that are loaded at most, where `FAIRHUB_SPACE_BYTES` says nothing else."""
_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w.-]+)?")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def limit() -> int:
    """Return how many bytes of weights are loaded at most."""
    return int(os.environ.get("FAIRHUB_SPACE_BYTES", LARGEST))


def refuse(name: str, most: int) -> None:
    """Refuse what a stranger named unless it is a model of the Hub in safetensors and not too large.

    Raises:
        UserError: A path or another name that is no Hub id, no safetensors, too large, or not to be found.
    """
    if not _ID.fullmatch(name) or Path(name).exists():
        raise UserError(f"a model is named by its Hub id 'org/name'; got {name[:80]!r}; choose one or mend it")
    sizes = looked_up(name)
    if not (total := weights(sizes)):
        held = "pickles, which can run code" if any(path.endswith(_PICKLES) for path in sizes) else "no weights"
        raise UserError(f"weights must be safetensors; {name} has {held}; choose another model")
    if total > most:
        raise UserError(
            f"a model may have {most / 1e9:.3g} GB of weights here; {name} has {total / 1e9:.3g} GB; "
            "choose a smaller one, or run fairhub on your own machine"
        )


def looked_up(name: str) -> dict[str, int]:
    """Return the bytes of every file of a model on the Hub, as anybody may see it.

    Raises:
        UserError: It is not to be found.
    """
    repository, _, revision = name.partition("@")
    with explained(repository, "looking at", "try again later"):
        info = HfApi(library_name="fairhub", token=False).model_info(
            repository, revision=revision or None, files_metadata=True
        )
    return {file.rfilename: file.size or 0 for file in info.siblings or []}


def weights(sizes: Mapping[str, int]) -> int:
    """Return the bytes of weights among the files of a model; pickles do not count."""
    return sum(size for path, size in sizes.items() if path.endswith(".safetensors"))
