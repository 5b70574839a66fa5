"""Memory, before anything is loaded: weights from the headers of safetensors files, the rest from the config."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import get_safetensors_metadata
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    NotASafetensorsRepoError,
    SafetensorsParsingError,
)

from fairhub.errors import UserError, plain
from fairhub.inputs.sizes import Sizes
from fairhub.model.finding import WIDTHS
from fairhub.model.loading import headers_of
from fairhub.model.loading import weights_of as files_of
from fairhub.model.loading.weights import BYTES

CACHE = 1 << 30
"""Bytes that the engine may use for cached layer inputs."""
_TOKENS = 3072  # of the largest batch of probes
_SCORED = 1536  # of a batch that gradients run back through
_TEXT = 1024  # of a batch of text, whose every token gets logits
_SQUARES = 48  # matrices as large as a projection, about, while one is solved for
_ROWS = 3 * 4000  # items that a sweep reads of one projection, about, and copies
_CHUNK = 256  # the same where layers rest in files: one chunk


@dataclass(frozen=True)
class Weights:
    """What the headers of a checkpoint say."""

    parameters: int
    bytes: int
    """As stored."""

    def as_dtype(self, dtype: torch.dtype | None) -> int:
        """Return the bytes they take when loaded in this type; None keeps the checkpoint's."""
        return self.bytes if dtype is None else self.parameters * dtype.itemsize


@dataclass(frozen=True)
class Need:
    """Bytes that a run needs, by what needs them."""

    weights: int
    activations: int
    """Of the largest batch: of one whose gradients are asked where the method asks them."""
    cache: int
    """Cached layer inputs, bounded by what the engine is told it may use."""
    moments: int
    """Second moments that healing keeps, on the CPU, and the copy that is written; or what one edit of an
    erasure is solved with."""
    scores: int
    """First-order effects of every unit on every probe, on the CPU."""

    @property
    def device(self) -> int:
        """What must fit on the device that computes."""
        return self.weights + self.activations + self.cache

    @property
    def host(self) -> int:
        """What must fit beside it, in the machine's own memory."""
        return self.moments + self.scores


def weights_of(source: str, revision: str | None = None) -> Weights | None:
    """Read the headers of a checkpoint, a folder or a Hub id; None where they cannot be had.

    Raises:
        UserError: A file is no safetensors file.
    """
    try:
        counts = _local(Path(source)) if Path(source).is_dir() else _remote(source, revision)
    except (OSError, HfHubHTTPError, HFValidationError, NotASafetensorsRepoError):
        return None  # what is wrong with a name, loading explains
    except (SafetensorsParsingError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"weights must be safetensors; a file of {plain(source)} has no such header; load it anew"
        ) from error
    return Weights(sum(counts.values()), sum(n * BYTES.get(kind, 4) for kind, n in counts.items()))


def _remote(repository: str, revision: str | None) -> dict[str, int]:
    counts = get_safetensors_metadata(repository, revision=revision).parameter_count
    return {str(kind): count for kind, count in counts.items()}


def _local(folder: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for tensor in headers_of(files_of(str(folder), None, str(folder))).values():
        found[tensor.kind] = found.get(tensor.kind, 0) + tensor.count
    return found


@dataclass(frozen=True)
class Widths:
    """What of a config memory depends on."""

    layers: int
    hidden: int
    heads: int
    """Columns of all heads side by side."""
    neurons: int
    vocabulary: int
    count: int
    """Heads of a layer."""


def widths_of(config: object) -> Widths:
    """Read the widths of a text decoder from its config."""
    text = config.get_text_config(decoder=True)  # type: ignore[attr-defined]
    hidden, count = text.hidden_size, text.num_attention_heads
    neurons = next((getattr(text, name) for name in WIDTHS if getattr(text, name, None)), 4 * hidden)
    heads = (getattr(text, "head_dim", None) or hidden // count) * count
    return Widths(text.num_hidden_layers, hidden, heads, neurons, text.vocab_size, count)


def needed(weights: int, widths: Widths, itemsize: int, sizes: Sizes, *, heavy: bool, erases: bool = False) -> Need:
    """Return what a repair needs.

    Args:
        weights: Bytes of the weights as loaded.
        widths: Of the model.
        itemsize: Bytes of a number in the weights' type.
        sizes: Of the data.
        heavy: Whether the method scores units by gradient and keeps second moments.
        erases: Whether it edits attention outputs in closed form instead, from what a sweep left on the disk.
    """
    token = _token_bytes(widths, itemsize)
    kept = itemsize * (6 * widths.hidden + 5 * widths.heads + 5 * widths.neurons) * widths.layers  # for a backward
    forward = max(_TOKENS * token, _TEXT * token + _logit_bytes(_TEXT, widths, itemsize))
    backward = _SCORED * kept if heavy else 0
    layer = _TOKENS * widths.hidden * itemsize
    squares = widths.heads**2 * 3 + widths.neurons**2
    units = widths.layers * (widths.count + widths.neurons)
    if erases:
        return Need(
            weights=weights, activations=max(forward, _SCORED // 2 * kept), cache=0, moments=_erasing(widths), scores=0
        )
    return Need(
        weights=weights, activations=max(forward, backward), cache=min(CACHE, widths.layers * layer),
        moments=2 * 4 * widths.layers * squares if heavy else 0,
        scores=2 * 4 * units * (sizes.screen + sizes.screen // 3) if heavy else 0,
    )  # fmt: skip


def _erasing(widths: Widths) -> int:
    """Return what an edit of one attention output takes while it is solved in float64; edits rest on the disk."""
    return 8 * (_SQUARES * max(widths.hidden, widths.heads) ** 2 + _ROWS * (widths.hidden + widths.heads))


def forward_bytes(widths: Widths, itemsize: int) -> int:
    """Return what the largest forward of a model takes whose layers rest in files: of fewer tokens than in memory."""
    return _TEXT * _token_bytes(widths, itemsize) + _logit_bytes(_CHUNK, widths, itemsize)


def _token_bytes(widths: Widths, itemsize: int) -> int:
    """Return what of a token is alive at once, in one layer."""
    return itemsize * (4 * widths.hidden + 2 * widths.heads + 3 * widths.neurons)


def _logit_bytes(tokens: int, widths: Widths, itemsize: int) -> int:
    """Return what the logits of so many tokens take: two models', and in float32 what KL makes of them."""
    return tokens * widths.vocabulary * (2 * itemsize + 3 * 4)


def free(device: str) -> int:
    """Return the bytes free on a device: of all GPUs together for `auto`, else of this machine."""
    if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        cards = range(torch.cuda.device_count()) if device == "auto" else [torch.device(device)]
        return sum(torch.cuda.mem_get_info(card)[0] for card in cards)
    return host_free()


def host_free() -> int:
    """Return what the system says can be had without swapping; without such a word, half of the memory there is."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
