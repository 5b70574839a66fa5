"""Lends transformers the weights that rest in files, shard by shard, while it saves a model."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from fairhub.model.streaming.layers import Streamed, rests, streamed_of

_SHARD = 256 << 20
"""Bytes of a file at least: so much is held while it is written."""


@contextmanager
def lent(model: PreTrainedModel, dtype: torch.dtype | None) -> Iterator[dict[str, Any]]:
    """Let `save_pretrained` read what rests in files, inside the `with` block; yield the arguments that it then takes.

    Args:
        model: What is saved.
        dtype: Of the weights in their files; None: as they are computed in.
    """
    streamed = streamed_of(model)
    if streamed is None:
        yield {}
        return
    modules = [module for module in model.modules() if rests(module)]
    for module in modules:
        module.__dict__["_hf_hook"] = SimpleNamespace(weights_map=_Weights(streamed, module, dtype))
    model.__dict__["hf_device_map"] = {"": "disk"}  # what transformers looks at
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Attempting to save a model with offloaded modules")  # of 50 GB a file
            yield {"max_shard_size": max(_SHARD, 2 * streamed.largest)}
    finally:
        del model.__dict__["hf_device_map"]
        for module in modules:
            del module.__dict__["_hf_hook"]


class _Weights(Mapping[str, Tensor]):
    """The weights of a module by name, read when they are asked for."""

    def __init__(self, streamed: Streamed, module: nn.Module, dtype: torch.dtype | None) -> None:
        self._streamed, self._module, self._dtype = streamed, module, dtype

    def __getitem__(self, name: str) -> Tensor:
        weight = self._streamed.weight(self._module, name)
        return weight.to(self._dtype) if self._dtype is not None and weight.is_floating_point() else weight

    def __iter__(self) -> Iterator[str]:
        return iter(self._module._parameters)

    def __len__(self) -> int:
        return len(self._module._parameters)
