"""The weights of a checkpoint by their headers alone, and whether a configuration can be theirs, before any is read."""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from fairhub.errors import UserError, plain
from fairhub.files.reading import MEGABYTE, one_line, parsed
from fairhub.model.architecture import layout_of
from fairhub.model.loading.building import exclusive

BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1,
    "U8": 1, "BOOL": 1,
}  # fmt: skip
"""Of the types that a checkpoint of full precision has."""
_FLOATS = ("F64", "F32", "F16", "BF16")
_HALF = {"F16": torch.float16, "BF16": torch.bfloat16}
_COUNTERS = re.compile(r"(^|\.)(bias|masked_bias|position_ids|num_batches_tracked|attn_mask)$")
"""Buffers that are whole numbers in older checkpoints."""
_LONGEST = 100 * MEGABYTE  # of a header
_BUFFERS = 1 << 30  # bytes of what a model computes for itself: masks, rotations


@dataclass(frozen=True)
class Tensor:
    """One tensor of a checkpoint, as its file's header describes it."""

    kind: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def headers_of(paths: Sequence[Path]) -> dict[str, Tensor]:
    """Return every tensor of these files by its name.

    Raises:
        UserError: One is no safetensors file, is cut short, or holds quantised numbers.
    """
    found: dict[str, Tensor] = {}
    for path in paths:
        with one_line(lambda said, at=path: _no_weights(at, said)):  # type: ignore[misc]
            found |= _header(path)
    return found


def half_of(tensors: Mapping[str, Tensor]) -> torch.dtype | None:
    """Return the type of 16 bits that all numbers of a checkpoint have; None where they have another, or several."""
    kinds = {tensor.kind for tensor in tensors.values()} & set(_FLOATS)
    return _HALF.get(kinds.pop()) if len(kinds) == 1 else None


def refuse_others(config: PretrainedConfig, tensors: Mapping[str, Tensor]) -> None:
    """Refuse a configuration that is not of these weights; nothing is built for one that is out of all proportion.

    Raises:
        UserError: It has more layers, or a larger vocabulary, than the weights can hold, or parts that do not fit.
    """
    text = config.get_text_config(decoder=True)
    numbers = sum(tensor.count for tensor in tensors.values())
    if text.num_hidden_layers > len(tensors):
        raise UserError(_too_few(f"{text.num_hidden_layers:,} layers", f"{len(tensors):,} tensors"))
    if text.vocab_size * text.hidden_size > numbers:
        raise UserError(_too_few(f"{text.vocab_size:,} tokens of {text.hidden_size:,}", f"{numbers:,} numbers"))
    model = laid_out(config)
    layout_of(model)  # where its heads are can be told without a weight
    wanted = sum(parameter.numel() for parameter in model.parameters())
    computed = sum(buffer.numel() * buffer.itemsize for buffer in model.buffers())
    if wanted > numbers:
        raise UserError(_too_few(f"a model of {wanted:,} numbers", f"{numbers:,}"))
    if computed > _BUFFERS:
        raise UserError(
            f"masks and rotations of a model have at most {_BUFFERS >> 20:,} MB; those of this config.json would have "
            f"{computed >> 20:,}; mend max_position_embeddings"
        )


def laid_out(config: PretrainedConfig) -> PreTrainedModel:
    """Return a model of this configuration without its weights: shapes alone, which take no memory.

    Raises:
        UserError: No causal language model has such a configuration.
    """
    with one_line(lambda said: f"a configuration must be buildable; config.json is not ({said}); mend it"):
        with exclusive(), torch.device("meta"):
            model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    return model


def _header(path: Path) -> dict[str, Tensor]:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _LONGEST):
            raise ValueError("shorter than its header")
        header = parsed(file.read(length).decode("utf-8"), path.name)
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    room = size - 8 - length
    return {name: _tensor(name, told, room) for name, told in header.items() if name != "__metadata__"}


def _tensor(name: str, told: Any, room: int) -> Tensor:
    kind, shape, (begin, end) = told["dtype"], tuple(told["shape"]), told["data_offsets"]
    if any(not isinstance(size, int) or isinstance(size, bool) or size < 0 for size in (*shape, begin, end)):
        raise ValueError(f"{plain(name)} has a size that is no number")
    if kind not in BYTES or (kind not in _FLOATS and not _COUNTERS.search(name)):
        raise UserError(f"quantised weights cannot be pruned; {plain(name)} is {plain(kind)}; give the full precision")
    tensor = Tensor(kind, shape)
    if end - begin != tensor.count * BYTES[kind] or end > room:
        raise ValueError(f"{plain(name)} is cut short or too long")
    return tensor


def _no_weights(path: Path, said: str) -> str:
    return f"weights must be safetensors; {plain(path.name)} is not ({said}); load the original checkpoint"


def _too_few(asked: str, held: str) -> str:
    return f"a configuration must be that of its weights; config.json says {asked}, the weights have {held}; mend it"
