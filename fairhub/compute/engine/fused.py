"""Norms in one kernel: on a GPU, root-mean-square norms run as torch's own, where that gives a module's numbers."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm


@contextmanager
def fused(norms: Sequence[nn.Module]) -> Iterator[None]:
    """Let these norms run as one kernel each inside the `with` block: written out, each is seven passes over memory."""
    with ExitStack() as undo:
        for norm in norms:
            norm.forward = partial(_in_one, norm)  # type: ignore[method-assign]
            undo.callback(delattr, norm, "forward")
        yield


@torch.no_grad()
def fusible(model: nn.Module) -> tuple[nn.Module, ...]:
    """Return the norms that torch's own kernel can stand in for.

    A module takes part when it is named a root-mean-square norm and gives, on numbers drawn at random, what the kernel
    gives but for rounding; one whose formula differs (Gemma adds 1 to the weight) does not, nor one whose forward
    somebody replaced (accelerate, for a model on several devices).
    """
    return tuple(
        module for module in model.modules()
        if type(module).__name__.endswith("RMSNorm") and "forward" not in vars(module) and _same(module)
    )  # fmt: skip


def _same(norm: nn.Module) -> bool:
    weight = getattr(norm, "weight", None)
    if not isinstance(weight, Tensor) or weight.dim() != 1 or weight.is_meta or _epsilon(norm) is None:
        return False
    drawn = torch.randn(8, len(weight), generator=torch.Generator().manual_seed(0)).to(weight)
    rounding = 8 * torch.finfo(weight.dtype).eps
    return torch.allclose(norm(drawn), _in_one(norm, drawn), rtol=rounding, atol=rounding)


def _in_one(norm: nn.Module, hidden_states: Tensor) -> Tensor:
    weight: Tensor = norm.weight  # type: ignore[assignment]
    return rms_norm(hidden_states, weight.shape, weight, _epsilon(norm))


def _epsilon(norm: nn.Module) -> float | None:
    return getattr(norm, "variance_epsilon", getattr(norm, "eps", None))
