"""Who goes in step: the loops over forwards of a model whose layers rest in their files."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol, TypeVar

from torch import nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from fairhub.model.finding import text_config
from fairhub.model.streaming.layers import streamed_of
from fairhub.model.streaming.tasks import current

W = TypeVar("W")
R = TypeVar("R")
_TOKENS = 2048


class Each(Protocol):
    """Does every piece of some work, as `map` does."""

    def __call__(self, do: Callable[[W], R], work: Iterable[W], /) -> Iterable[R]:
        """Return what comes of each piece, in order."""
        ...


def in_step(model: PreTrainedModel, held: int | None = None) -> Each:
    """Return what does pieces of work whose forwards wait for each other at each layer; `map` where all are in memory.

    Pieces may do parts of theirs in step in turn. Each sees the hooks that it registered itself, or a piece around it,
    if they were registered by `hook_before` and `hook_after`.

    Args:
        model: The model.
        held: About how many bytes a piece holds while it waits; None: what a forward without gradients does.
    """
    streamed = streamed_of(model)
    if streamed is None:
        return map
    return partial(streamed.crew.each, held=waiting(model) if held is None else held)


def side_by_side(model: PreTrainedModel, many: int) -> int:
    """Return how many chunks of text a forward has whose logits are all read: one where memory is short."""
    return many if streamed_of(model) is None else 1


def waiting(model: PreTrainedModel, tokens: int = _TOKENS, *, back: bool = False) -> int:
    """Return about how many bytes a forward of so many tokens holds while it waits.

    The stream, what is added to it, a mask, and what of the logits is read; of every layer where gradients come `back`.
    """
    config = text_config(model)
    return 4 * tokens * config.hidden_size * model.dtype.itemsize * (config.num_hidden_layers if back else 1)


def hook_before(module: nn.Module, hook: Callable[..., Any]) -> RemovableHandle:
    """Register a forward pre-hook for the forwards of this piece of work."""
    return module.register_forward_pre_hook(_own(hook))


def hook_after(module: nn.Module, hook: Callable[..., Any]) -> RemovableHandle:
    """Register a forward hook for the forwards of this piece of work."""
    return module.register_forward_hook(_own(hook))


def _own(hook: Callable[..., Any]) -> Callable[..., Any]:
    owner = current()
    if owner is None:
        return hook

    def called(*args: Any) -> Any:
        here = current()
        return hook(*args) if here is not None and here.within(owner) else None

    return called
