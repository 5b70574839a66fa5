"""Scoring: token trees through a model, packed into rows or level by level with its cache."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.compute.engine import finite, log_probabilities, logits_at
from fairhub.compute.likelihood.questions import Answers, Encoded, Question, encoded
from fairhub.compute.trees.packing import Rows, packed, packed_tokens, packs
from fairhub.compute.trees.past import Past, padded_pasts
from fairhub.compute.trees.tree import Branch, Ids, Known, Node, forest, padded
from fairhub.model.facts import context_window, home
from fairhub.model.streaming.steps import in_step, side_by_side, waiting
from fairhub.run.progress import Progress

_LOGITS = 1 << 23
"""Numbers that the logits of one forward may hold, four times as many where memory is not short: 128 MB in float32."""
_PASTS = 4
"""Positions of a forward's pasts and tokens together, as a multiple of its tokens."""


def likelihoods(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, questions: Sequence[Question], *, tokens: int = 2048,
    progress: Callable[[int], Progress] | None = None,
) -> Answers:  # fmt: skip
    """Return the log-likelihood of every option of every question, given its prompt.

    Arguments and errors are those of `sequence_likelihoods`, and of `encoded`.
    """
    rows = encoded(tokenizer, questions, context_window(model))
    return sequence_likelihoods(model, rows, tokens=tokens, progress=progress)


@torch.inference_mode()
def sequence_likelihoods(
    model: PreTrainedModel, rows: Sequence[Encoded], *, tokens: int = 2048,
    progress: Callable[[int], Progress] | None = None,
) -> Answers:  # fmt: skip
    """Return the log-likelihood of the last part of every sequence, given its beginning.

    What sequences have in common at their beginning is computed once, and what a token must not see is masked: no
    number depends on what else is asked, but for rounding.

    Args:
        model: A causal language model; masked or patched if the caller wants it so.
        rows: The sequences, and where in each the part begins that is asked.
        tokens: About how many tokens a forward may have, padding included.
        progress: Opens a progress bar for so many tokens.

    Raises:
        UserError: Logits are not finite.
    """
    walk = _Scores(model, [row.start for row in rows], tokens)
    sequences = [row.ids for row in rows]
    if progress is not None:
        walk.progress = progress(packed_tokens(forest(sequences, walk.starts, least=1)))
    walk.over(sequences)
    found = np.array([walk.found[i] for i in range(len(rows))], dtype=float).reshape(-1, 2)
    return Answers(found[:, 0], found[:, 1], np.array([len(row.ids) - row.start for row in rows]))


class Walk(ABC):
    """One pass over the trees of some sequences: packed where the model takes any mask, else level by level."""

    def __init__(self, model: PreTrainedModel, starts: Sequence[int], tokens: int) -> None:
        """Take the model, where in each sequence tokens begin that are asked, and the size of a forward."""
        self.model, self.starts, self.tokens = model, starts, tokens
        self.most = max(1, side_by_side(model, 4) * _LOGITS // model.get_output_embeddings().weight.shape[0])
        self.padded, self.window = padded_pasts(model), context_window(model) or 1 << 30
        self.progress: Progress = lambda amount: None

    @abstractmethod
    def places(self, node: Node) -> int:
        """Return at how many positions of a node logits are wanted."""

    @abstractmethod
    def rows(self, rows: Rows) -> None:
        """Compute packed rows, and settle the sequences that end in them."""

    @abstractmethod
    def batch(self, batch: Sequence[Branch], past: Past) -> list[Branch]:
        """Compute a batch, settle the sequences that end in it, and return what goes on below."""

    def held(self) -> int:
        """Return about how many bytes one forward of the walk holds while it waits for a layer."""
        return waiting(self.model, self.tokens)

    def over(self, sequences: Sequence[Ids]) -> None:
        """Compute every sequence, what they begin with alike once."""
        trees = forest(sequences, self.starts, least=1)
        every = packed(trees, tokens=self.tokens, places=self.places, most=self.most)
        if all(packs(self.model, rows.shape[1]) for rows in every):
            list(in_step(self.model, self.held())(self._row, every))
        else:
            self.level([Branch(tree, 0, ()) for tree in self.trees(sequences)], Past())

    def _row(self, rows: Rows) -> None:
        self.rows(rows)
        self.progress(rows.tokens)

    def trees(self, sequences: Sequence[Ids]) -> list[Node]:
        """Return the trees that are walked level by level."""
        return forest(sequences, self.starts)

    def level(self, branches: Sequence[Branch], past: Past) -> None:
        """Compute branches whose pasts lie in one cache, then all that is below them."""

        def down(batch: Sequence[Branch]) -> None:
            mine = past.selected([branch.row for branch in batch], [branch.node.begin for branch in batch])
            below = self.batch(batch, mine)
            self.progress(sum(len(branch.node.ids) for branch in batch))
            if below:
                self.level(below, mine)

        list(in_step(self.model, self.held())(down, self._batches(branches)))

    def _batches(self, branches: Sequence[Branch]) -> Iterator[list[Branch]]:
        """Yield runs of branches, sorted by length, that fit one forward; of one past where pasts can't be padded."""
        ordered = sorted(branches, key=lambda b: (len(b.node.ids), b.node.begin))
        if self.padded:
            yield from self._runs(ordered)
        else:
            for _, alike in groupby(sorted(ordered, key=lambda b: b.node.begin), lambda b: b.node.begin):
                yield from self._runs(list(alike))

    def _runs(self, branches: Sequence[Branch]) -> Iterator[list[Branch]]:
        batch: list[Branch] = []
        places = past = 0
        for branch in branches:
            node, rows = branch.node, len(batch) + 1
            asked, deepest = self.places(node), max(past, node.begin)
            wide = deepest + len(node.ids)  # positions of the forward: padding too must stay in the model's window
            full = rows * len(node.ids) > self.tokens or rows * wide > _PASTS * self.tokens or wide > self.window
            if batch and (full or places + asked > self.most):
                yield batch
                batch, places, deepest = [], 0, node.begin
            batch.append(branch)
            places, past = places + asked, deepest
        if batch:
            yield batch


class _Scores(Walk):
    """A walk that reads how probable tokens are; `found` gets (log-likelihood, greedy) by sequence."""

    def __init__(self, model: PreTrainedModel, starts: Sequence[int], tokens: int) -> None:
        super().__init__(model, starts, tokens)
        self.found: dict[int, tuple[float, bool]] = {}

    def places(self, node: Node) -> int:
        return len({place for place, _ in _asked(node)})

    def rows(self, rows: Rows) -> None:
        asked = [(run.row, run.at + place, token) for run in rows.runs for place, token in _asked(run.node)]
        found = iter(self._probabilities(asked, rows.arguments(self.model)))
        known: dict[int, Known] = {}  # by a node's identity: of what stands above it, and of its own first token
        for run in rows.runs:
            for child, mine in self._settled(run.node, known.get(id(run.node), ()), found):
                known[id(child)] = mine

    def batch(self, batch: Sequence[Branch], past: Past) -> list[Branch]:
        given = torch.tensor(padded(batch), device=home(self.model))
        asked = [(row, place, token) for row, branch in enumerate(batch) for place, token in _asked(branch.node)]
        found = iter(self._probabilities(asked, {"input_ids": given, **past.arguments(given)}))
        return [
            Branch(child, row, known)
            for row, branch in enumerate(batch)
            for child, known in self._settled(branch.node, branch.known, found)
        ]

    def _settled(self, node: Node, known: Known, found: Iterator[tuple[float, bool]]) -> list[tuple[Node, Known]]:
        """Settle the sequences that end in a node, and return the nodes below with what is known before them."""
        known = (*known, *(next(found) for _ in range(_own(node))))
        for i in node.ends:
            mine = known[len(known) - (node.end - self.starts[i]) :]
            self.found[i] = (sum(p for p, _ in mine), all(top for _, top in mine))
        return [
            (child, (*known, next(found)) if child.begin >= child.score else known) for child in node.children
        ]  # fmt: skip

    def _probabilities(
        self, asked: Sequence[tuple[int, int, int]], given: Mapping[str, Any]
    ) -> list[tuple[float, bool]]:
        """Return the log-probability of every asked (row, place, next token), and whether that is the most probable."""
        places = list(dict.fromkeys((row, place) for row, place, _ in asked)) or [(0, 0)]
        number = {place: i for i, place in enumerate(places)}
        with logits_at(self.model, places):
            logits = self.model(**given).logits[:, 0]
        log_p = log_probabilities(finite(logits))
        index = torch.tensor([number[row, place] for row, place, _ in asked], dtype=torch.long, device=log_p.device)
        token = torch.tensor([token for *_, token in asked], dtype=torch.long, device=log_p.device)
        top = log_p.argmax(-1)[index] == token
        return list(zip(log_p[index, token].tolist(), top.tolist(), strict=True))


def _own(node: Node) -> int:
    """Return how many of a node's tokens, after its first, are asked."""
    return max(0, node.end - max(node.begin + 1, node.score))


def _asked(node: Node) -> list[tuple[int, int]]:
    """Return (place in the node, token that follows) of what is asked: its own tokens, then its children's first."""
    first = len(node.ids) - _own(node)
    own = [(place - 1, node.ids[place]) for place in range(first, len(node.ids))]
    return own + [(len(node.ids) - 1, child.ids[0]) for child in node.children if child.begin >= child.score]
