"""Heads by their attention to the name: how much of an answer's attention goes to the words two texts differ in."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.edit.masking import masked
from fairhub.methods.group_scores import Rows
from fairhub.model.units import Pruning, Unit


@torch.no_grad()
def attention_to_names(
    model: PreTrainedModel, rows: Rows, names: Sequence[Sequence[int]], pruning: Pruning = frozenset()
) -> Tensor:
    """Return the mean attention from a row's answer to its name tokens, [layers, heads], under a pruning.

    Args:
        model: A causal language model; its attention is computed eagerly here, which alone returns weights.
        rows: Prompts with the model's own answers appended.
        names: The positions of each row's name tokens.
        pruning: Units that are gone already.
    """
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        with masked(model, pruning):
            found = model(rows.ids, use_cache=False, output_attentions=True).attentions
    finally:
        model.set_attn_implementation(before)
    scores = torch.zeros(len(found), found[0].shape[1])
    for row, places in enumerate(names):
        answer = slice(int(rows.asked[row]), int(rows.lengths[row]))
        for layer, weights in enumerate(found):
            scores[layer] += weights[row, :, answer][..., list(places)].sum(-1).mean(-1).float().cpu()
    return scores / max(len(names), 1)


def iteratively(model: PreTrainedModel, rows: Rows, names: Sequence[Sequence[int]], count: int) -> tuple[Unit, ...]:
    """Return `count` heads, first to go first: the one that attends to the name most, then of the others, scored again.

    (Ma et al. 2025, official code: 50 iterations over White and Black names together.)
    """
    gone: list[Unit] = []
    for _ in range(count):
        scores = attention_to_names(model, rows, names, frozenset(gone))
        for unit in gone:
            scores[unit.layer, unit.index] = -1.0
        layer, head = divmod(int(scores.argmax()), scores.shape[1])
        gone.append(Unit(layer, "head", head))
    return tuple(gone)
