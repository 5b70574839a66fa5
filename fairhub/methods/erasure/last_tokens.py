"""Inputs and gradients at the last tokens of texts: all that stands before them is computed once, and not pulled at.

Nothing comes after a last token, so that what is read there hangs on its own outputs alone: its gradients are exact
with the keys and values of what stands before held fixed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from fairhub.compute.engine import logits_at
from fairhub.compute.likelihood import shared_tokens
from fairhub.compute.likelihood.scoring import Walk
from fairhub.compute.trees.packing import Rows, Run
from fairhub.compute.trees.past import Past, added
from fairhub.compute.trees.tree import Branch, Ids, Node, below, beyond, padded
from fairhub.model.facts import home
from fairhub.model.streaming.steps import waiting


@dataclass(frozen=True)
class Ends:
    """The last tokens of some sequences in one forward, which may hold padding too."""

    numbers: tuple[int, ...]
    """The sequences."""
    at: tuple[tuple[int, int], ...]
    """Row and place of each in the forward."""
    shape: tuple[int, int]
    """Rows and places of the forward."""


Pull = Callable[[Ends, Callable[[], Tensor]], None]
"""Takes some sequences and what computes the logits after each, [sequences, vocabulary]."""


def last_tokens(model: PreTrainedModel, sequences: Sequence[Ids], pull: Pull, *, tokens: int) -> None:
    """Let `pull` compute the last token of every sequence once, with gradients, some sequences at a time.

    Args:
        model: A causal language model.
        sequences: Token ids, of at least two tokens each.
        pull: Runs the forward of last tokens inside hooks of its own, and pulls at what they saw.
        tokens: About how many tokens a forward may have, padding included.
    """
    with torch.no_grad():  # not inference mode: what is kept of it goes into a forward with gradients
        _LastTokens(model, sequences, tokens, pull).over([ids[:-1] for ids in sequences])


def last_tokens_computed(sequences: Sequence[Ids]) -> int:
    """Return how many tokens `last_tokens` computes, padding aside."""
    return len(sequences) + shared_tokens([ids[:-1] for ids in sequences])


class _LastTokens(Walk):
    """A walk that computes where sequences end with gradients, and what stands before without."""

    def __init__(self, model: PreTrainedModel, sequences: Sequence[Ids], tokens: int, pull: Pull) -> None:
        super().__init__(model, beyond([ids[:-1] for ids in sequences]), tokens)
        self._sequences, self._pull = sequences, pull

    def places(self, node: Node) -> int:
        return len(node.ends)

    def held(self) -> int:
        return waiting(self.model, self.tokens, back=True)

    def rows(self, rows: Rows) -> None:
        past = DynamicCache()
        self._forward([(0, 0)], rows.arguments(self.model) | {"past_key_values": past, "use_cache": True})
        last = [(run, number) for run in rows.runs for number in run.node.ends]
        count, at = [0] * rows.shape[0], []
        for run, _ in last:
            at.append((run.row, count[run.row]))
            count[run.row] += 1
        given = self._given(rows, last, at, max(count)) | {"past_key_values": past, "use_cache": True}
        ends = Ends(tuple(number for _, number in last), tuple(at), (rows.shape[0], max(count)))
        with torch.enable_grad():
            self._pull(ends, lambda: self._forward(ends.at, given))

    def _given(
        self, rows: Rows, last: Sequence[tuple[Run, int]], at: Sequence[tuple[int, int]], most: int
    ) -> dict[str, Tensor]:
        """Return last tokens side by side, each seeing itself and what stands before it in its own text."""
        height, width = rows.shape
        ids, positions = torch.zeros(2, height, most, dtype=torch.long)
        seen = torch.cat([torch.zeros(height, most, width), torch.eye(most).expand(height, -1, -1)], 2).bool()
        before = rows.seen()
        for (run, number), (row, place) in zip(last, at, strict=True):
            ids[row, place] = self._sequences[number][-1]
            positions[row, place] = run.node.end
            seen[row, place, :width] = before[run.last]
        mask, here = added(seen, self.model.dtype)[:, None], home(self.model)
        return {"input_ids": ids.to(here), "position_ids": positions.to(here), "attention_mask": mask.to(here)}

    def trees(self, sequences: Sequence[Ids]) -> list[Node]:
        return [self._with_last(tree) for tree in super().trees(sequences)]

    def _with_last(self, node: Node) -> Node:
        """Return the tree with each last token below as a node of its own."""
        last = (Node((self._sequences[i][-1],), node.end, node.end + 2, (i,), ()) for i in node.ends)
        return replace(node, ends=(), children=(*(self._with_last(child) for child in node.children), *last))

    def _batches(self, branches: Sequence[Branch]) -> Iterator[list[Branch]]:
        by_end = sorted(branches, key=lambda branch: bool(branch.node.ends))
        for _, part in groupby(by_end, lambda branch: bool(branch.node.ends)):
            yield from super()._batches(list(part))

    def batch(self, batch: Sequence[Branch], past: Past) -> list[Branch]:
        ids = torch.tensor(padded(batch), device=home(self.model))
        given = {"input_ids": ids, **past.arguments(ids)}
        if not batch[0].node.ends:
            self._forward([(0, 0)], given)
            return below(batch)
        at = tuple((row, 0) for row in range(len(batch)))
        with torch.enable_grad():
            numbers = tuple(branch.node.ends[0] for branch in batch)
            self._pull(Ends(numbers, at, (len(batch), 1)), lambda: self._forward(at, given))
        return []

    def _forward(self, at: Sequence[tuple[int, int]], given: dict[str, object]) -> Tensor:
        with logits_at(self.model, at):
            logits: Tensor = self.model(**given).logits[:, 0]
        return logits.float()
