"""Facts of a loaded model: the device of its inputs, its context window, hashes of its tensors."""

import hashlib

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.errors import UserError, plain


def home(model: PreTrainedModel) -> torch.device:
    """Return the device that takes the model's inputs; the CPU where its weights are elsewhere or missing."""
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, Tensor)
    return torch.device("cpu") if weight.device.type == "meta" else weight.device


def context_window(model: PreTrainedModel) -> int | None:
    """Return how many tokens the model can see at once; None where its config does not say."""
    return getattr(model.config.get_text_config(), "max_position_embeddings", None)


def refuse_infinite(name: str, weight: Tensor, holder: str) -> None:
    """Refuse a weight that is no finite number.

    Args:
        name: Its name.
        weight: As it was loaded.
        holder: The model or the file that has it.

    Raises:
        UserError: It has one.
    """
    if weight.is_floating_point() and not torch.isfinite(weight).all():
        raise UserError(f"weights must be finite numbers; {plain(name)} of {holder} has others; load the original")


def tensor_hash(tensor: Tensor) -> str:
    """Return the SHA-256 of a tensor's bytes."""
    return hashlib.sha256(tensor_bytes(tensor)).hexdigest()


def tensor_bytes(tensor: Tensor) -> bytes:
    """Return the bytes of a tensor, in the order of its elements."""
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
