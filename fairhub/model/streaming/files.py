"""Tensors of a checkpoint, each read from its file when it is asked for."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from fairhub.errors import UserError, plain


@dataclass(frozen=True)
class Place:
    """Where a tensor of a model rests."""

    file: Path
    name: str
    """There."""
    dtype: torch.dtype
    """What it is computed in."""


def read(place: Place, shape: torch.Size) -> tuple[Tensor, int]:
    """Return a tensor on the CPU, in memory of its own, and how many bytes of its file that took.

    Raises:
        UserError: Its file is gone or changed, or it has another shape.
    """
    try:
        with safe_open(place.file, framework="pt") as file:
            found: Tensor = file.get_tensor(place.name)
    except (OSError, SafetensorError) as error:
        raise _lost(place, str(error)) from error
    if found.shape != shape:
        raise _lost(place, f"it has {list(found.shape)} for {list(shape)}")
    return found.to(place.dtype, copy=True), found.nbytes  # the file's own pages would stay as long as a view of them


def _lost(place: Place, said: str) -> UserError:
    named, said = plain(place.name), plain(said)
    return UserError(
        f"weights that are read layer by layer must stay as they were; {named} of {plain(place.file.name)} cannot be "
        f"read ({said}); put the file back, and --resume"
    )
