"""The tally: how many tokens a model's layers really computed, whatever called them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from fairhub.model.architecture import decoder_layers

FORWARD = 3072
"""Tokens of one forward-equivalent: a batch of the engine through every layer. A backward counts as one
more: weights are frozen, so only the gradients of activations are computed."""


@dataclass
class Tally:
    """What was computed so far."""

    tokens: float = 0.0
    """Tokens through all layers; a token through half of them counts half."""

    @property
    def forwards(self) -> float:
        """The same in forward-equivalents."""
        return self.tokens / FORWARD


@contextmanager
def tallied(model: PreTrainedModel) -> Iterator[Tally]:
    """Count what the model's decoder layers compute inside the `with` block, backwards included."""
    tally, layers = Tally(), decoder_layers(model)

    def count(module: nn.Module, args: tuple[Any, ...], output: Tensor | tuple[Tensor, ...]) -> None:
        hidden = output[0] if isinstance(output, tuple) else output
        share = hidden.shape[:-1].numel() / len(layers)
        tally.tokens += share
        if hidden.requires_grad:
            hidden.register_hook(lambda grad: _add(tally, share))

    with ExitStack() as hooks:
        for layer in layers:
            hooks.callback(layer.register_forward_hook(count).remove)
        yield tally


def _add(tally: Tally, tokens: float) -> None:
    tally.tokens += tokens
