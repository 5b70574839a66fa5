"""Loads a model with some of its layers left in their files, through the disk offload of transformers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from accelerate.hooks import remove_hook_from_module
from torch import nn
from transformers import PreTrainedModel

from fairhub.model.architecture import decoder_layers
from fairhub.model.streaming.files import Place
from fairhub.model.streaming.layers import Streamed


@dataclass(frozen=True)
class Residence:
    """How much of a model is in memory at once."""

    stay: int
    """Layers that stay, from the first; of the others one is there at a time, and the next is being read."""
    room: int
    """Bytes that forwards may hold while they wait for a layer."""


def placed(model: nn.Module, layers: str, device: str, stay: int) -> dict[str, str]:
    """Return where each part of a model goes: its layers after the first `stay` to the disk, all else to the device.

    Args:
        model: The model's shape.
        layers: The path of its decoder layers.
        device: A torch device.
        stay: How many layers go there.
    """
    found: dict[str, str] = {}
    at, before = model, ""
    for step in layers.split("."):
        found |= {f"{before}{name}": device for name, _ in at.named_children() if name != step}
        at, before = at.get_submodule(step), f"{before}{step}."
    numbered = enumerate(name for name, _ in at.named_children())
    return found | {f"{before}{name}": device if number < stay else "disk" for number, name in numbered}


@contextmanager
def unsaid() -> Iterator[None]:
    """Keep Accelerate from saying, inside the `with` block, that weights are left on the disk: that was asked."""
    logger = logging.getLogger("accelerate.big_modeling")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def streaming(model: PreTrainedModel, residence: Residence, scratch: TemporaryDirectory[str]) -> None:
    """Take what transformers left on the disk from its hooks, which read module by module, to be read by layers.

    Args:
        model: As `from_pretrained` made it, on a map of `placed`.
        residence: How much is there at once.
        scratch: Where transformers wrote what it holds otherwise than its files do (experts, one matrix of many); goes
            with the model.
    """
    index: dict[str, dict[str, Any]] = {}
    for module in model.modules():
        hook = getattr(module, "_hf_hook", None)
        if (weights := getattr(hook, "weights_map", None)) is not None:
            index |= weights.dataset.index
    remove_hook_from_module(model, recurse=True)
    model.__dict__.pop("hf_device_map", None)
    left = {name for name, parameter in model.named_parameters() if parameter.device.type == "meta"}
    places = {
        name: Place(
            Path(at["safetensors_file"]).resolve(), at.get("weight_name", name), getattr(torch, at["dtype"]),
        )
        for name, at in index.items() if name in left
    }  # fmt: skip
    assert left <= places.keys(), f"every weight is somewhere; {sorted(left - places.keys())[:3]} are not"
    Streamed(model, decoder_layers(model), places, residence.room, scratch)
