"""Inputs and gradients at the last tokens of texts: all that stands before them is computed once, and not pulled at.

Nothing comes after a last token, so that what is read there hangs on its own outputs alone: its gradients are exact
with the keys and values of what stands before held fixed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.compute.likelihood.past import Past
from fairhub.compute.likelihood.scoring import Walk, logits_at
from fairhub.compute.likelihood.tree import Branch, Ids, Node, below, forest, padded
from fairhub.model.facts import home

Pull = Callable[[Sequence[int], Callable[[], Tensor]], None]
"""Takes the numbers of some sequences and what computes the logits after each, [sequences, vocabulary]."""


def last_tokens(model: PreTrainedModel, sequences: Sequence[Ids], pull: Pull, *, tokens: int) -> None:
    """Let `pull` compute the last token of every sequence once, with gradients, some sequences at a time.

    Args:
        model: A causal language model.
        sequences: Token ids, of at least two tokens each.
        pull: Runs the forward of last tokens inside hooks of its own, and pulls at what they saw.
        tokens: About how many tokens a forward may have, padding included.
    """
    with torch.no_grad():  # not inference mode: what is kept of it goes into a forward with gradients
        walk = _LastTokens(model, [len(ids) + 1 for ids in sequences], tokens, pull)
        walk.level([Branch(tree, 0, ()) for tree in _trees(sequences)], Past())


def last_tokens_computed(sequences: Sequence[Ids]) -> int:
    """Return how many tokens `last_tokens` computes, padding aside."""
    return sum(tree.tokens for tree in _trees(sequences))


def _trees(sequences: Sequence[Ids]) -> list[Node]:
    """Return the trees of all but the last tokens, and each last token below as a node of its own."""
    beginnings = [ids[:-1] for ids in sequences]
    return [_with_last(tree, sequences) for tree in forest(beginnings, [len(ids) + 1 for ids in beginnings])]


def _with_last(node: Node, sequences: Sequence[Ids]) -> Node:
    last = (Node((sequences[i][-1],), node.end, len(sequences[i]) + 1, (i,), ()) for i in node.ends)
    below = (_with_last(child, sequences) for child in node.children)
    return replace(node, ends=(), children=(*below, *last))


class _LastTokens(Walk):
    """A walk that computes where sequences end with gradients, and what stands before without."""

    def __init__(self, model: PreTrainedModel, starts: Sequence[int], tokens: int, pull: Pull) -> None:
        super().__init__(model, starts, tokens)
        self._pull = pull

    def _places(self, node: Node) -> int:
        return len(node.ends)

    def _batches(self, branches: Sequence[Branch]) -> Iterator[list[Branch]]:
        by_end = sorted(branches, key=lambda branch: bool(branch.node.ends))
        for _, part in groupby(by_end, lambda branch: bool(branch.node.ends)):
            yield from super()._batches(list(part))

    def _forward(self, batch: Sequence[Branch], past: Past) -> list[Branch]:
        given, ends = torch.tensor(padded(batch), device=home(self.model)), bool(batch[0].node.ends)

        def logits() -> Tensor:
            with logits_at(self.model, [(row, 0) for row in range(len(batch) if ends else 1)]):
                return self.model(given, **past.arguments(given)).logits[:, 0].float()

        if not ends:
            logits()
            return below(batch)
        with torch.enable_grad():
            self._pull([branch.node.ends[0] for branch in batch], logits)
        return []
