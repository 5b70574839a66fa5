"""Lends a model that is in memory already to measurements, and gives it back as it was."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.errors import UserError, plain
from fairhub.model.loading.config import DTYPES
from fairhub.model.loading.model import Loaded, refuse_unsound

IN_MEMORY = "memory"
"""The revision of a model that was given as it stood in memory: a record has the hash of its weights, and no file."""


@contextmanager
def lent(model: Loaded | PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None, name: str) -> Iterator[Loaded]:
    """Lend a model inside the `with` block: in evaluation mode, weights frozen; afterwards each module is as it was.

    Args:
        model: What `load` returned, or a causal language model of transformers.
        tokenizer: Of the latter; None with the former, which has its own.
        name: What the latter goes by in records; empty takes what it says of itself.

    Raises:
        UserError: It is no such model, or cannot be measured.
    """
    refuse_other(model, tokenizer)
    with at_rest(model.model if isinstance(model, Loaded) else model):
        yield model if isinstance(model, Loaded) else in_memory(model, tokenizer, name)


@contextmanager
def at_rest(model: PreTrainedModel) -> Iterator[None]:
    """Put a model into evaluation mode and freeze its weights inside the `with` block, and put back what was before."""
    modes = [(module, module.training) for module in model.modules()]
    asked = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    model.eval().requires_grad_(False)
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, requires_grad in asked:
            parameter.requires_grad_(requires_grad)


def in_memory(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None, name: str = "") -> Loaded:
    """Return a model in memory, at rest, as one that was loaded; its tokenizer is copied, as calls change its padding.

    Where it came from nobody can tell by now: it may have been trained on. So its id is a name and no address, and its
    revision says that it stood in memory.

    Raises:
        UserError: It cannot be measured.
    """
    refuse_other(model, tokenizer)
    shown = plain(name or model.name_or_path or type(model).__name__)
    assert tokenizer is not None  # refused above
    refuse_unsound(model, tokenizer, shown)
    return Loaded(model, copy.deepcopy(tokenizer), shown, IN_MEMORY)


def refuse_other(model: Any, tokenizer: Any) -> None:
    """Refuse what is no model with its tokenizer, or one of other weights than can be measured and repaired.

    Raises:
        UserError: It is that; the line says what arrived.
    """
    if isinstance(model, Loaded):
        if tokenizer is not None:
            raise UserError("what fairhub.load returns has its tokenizer; a second one arrived; leave it out")
        return
    if not isinstance(model, PreTrainedModel):
        raise UserError(
            f"a model is what fairhub.load returns, or a transformers model; got {plain(type(model).__name__)}; load "
            "it, or unwrap it (of PEFT: merge_and_unload)"
        )
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise UserError(
            f"a model in memory comes with its tokenizer; got {plain(type(tokenizer).__name__)}; give both: "
            "(model, tokenizer)"
        )
    _refuse_weights(model)


def _refuse_weights(model: PreTrainedModel) -> None:
    kind = plain(type(model).__name__)
    if model.config.is_encoder_decoder or not model.can_generate():
        raise UserError(
            f"fairhub measures decoder-only models with a head for words; {kind} is none; give such a model"
        )
    if getattr(model, "is_quantized", False) or str(model.dtype).removeprefix("torch.") not in DTYPES:
        raise UserError(f"quantised weights cannot be pruned; {kind} has some; give the full-precision model")
