"""Packing: token trees side by side in rows of about one width; a token sees what stands before it in its own texts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import heapreplace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairhub.compute.trees.past import added, branching
from fairhub.compute.trees.tree import Node
from fairhub.model.facts import home

WIDTH = 192
"""Tokens of a row: where rows are wider, attention over what a token must not see costs more than a beginning again."""
_WIDER = 1.1
"""How much wider than asked a row of several trees may be."""


@dataclass(frozen=True)
class Run:
    """A node's tokens in a row."""

    node: Node
    row: int
    at: int
    """Where in its row it begins."""
    above: "Run | None"
    """The run that its own goes on from."""

    @property
    def last(self) -> tuple[int, int]:
        """Its last token's row and place."""
        return self.row, self.at + len(self.node.ids) - 1


@dataclass(frozen=True)
class Rows:
    """Rows that share a forward; runs stand behind those above them."""

    runs: tuple[Run, ...]

    @cached_property
    def shape(self) -> tuple[int, int]:
        """How many rows, and how wide."""
        return 1 + max(run.row for run in self.runs), max(run.last[1] + 1 for run in self.runs)

    @property
    def tokens(self) -> int:
        """How many tokens are computed, padding aside."""
        return sum(len(run.node.ids) for run in self.runs)

    def ids(self) -> Tensor:
        """Return token ids, [rows, width]; padding is 0."""
        return self._filled([(run, run.node.ids) for run in self.runs])

    def positions(self) -> Tensor:
        """Return where in its own text each token stands, [rows, width]."""
        return self._filled([(run, range(run.node.begin, run.node.end)) for run in self.runs])

    def seen(self) -> Tensor:
        """Return which places each token sees, [rows, width, width]; padding sees itself."""
        rows, width = self.shape
        seen = np.broadcast_to(np.eye(width, dtype=bool), (rows, width, width)).copy()
        for run in self.runs:
            here = slice(run.at, run.at + len(run.node.ids))
            seen[run.row, here, here] = np.tri(len(run.node.ids), dtype=bool)
            above = run.above
            while above is not None:
                seen[run.row, here, above.at : above.at + len(above.node.ids)] = True
                above = above.above
        return torch.from_numpy(seen)

    def arguments(self, model: PreTrainedModel) -> dict[str, Any]:
        """Return what a model's forward is given."""
        place = home(model)
        mask = added(self.seen(), model.dtype)[:, None]
        return {
            "input_ids": self.ids().to(place), "position_ids": self.positions().to(place),
            "attention_mask": mask.to(place),
        }  # fmt: skip

    def _filled(self, values: Sequence[tuple[Run, Sequence[int]]]) -> Tensor:
        filled = np.zeros(self.shape, dtype=np.int64)
        for run, row in values:
            filled[run.row, run.at : run.at + len(row)] = row
        return torch.from_numpy(filled)


def packs(model: PreTrainedModel, width: int) -> bool:
    """Tell whether rows of so many places can be packed: tokens mix in attention alone, which takes any mask."""
    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    return branching(model, width) and kinds <= {"full_attention", "sliding_attention"}


def packed(
    trees: Sequence[Node], *, tokens: int, places: Callable[[Node], int], most: int, width: int = WIDTH
) -> list[Rows]:
    """Return rows that hold every tree, a tree too large for a row in parts.

    Args:
        trees: What is computed.
        tokens: About how many tokens a forward may have, padding included.
        places: At how many places of a node logits are wanted.
        most: At about how many places of a forward they may be.
        width: Of a row; one that holds a longer text is wider.
    """
    parts = [part for tree in trees for part in _parts(tree, 0, width)]
    found: list[list[Run]] = [[]]
    count = asked = 0
    for trees_of_row in _rows(parts, width):
        wide = max(width, sum(tree.tokens for tree in trees_of_row))
        here = sum(places(run.node) for run in _runs(trees_of_row, 0))
        if count and ((count + 1) * wide > tokens or asked + here > most):
            found.append([])
            count = asked = 0
        found[-1] += _runs(trees_of_row, count)
        count, asked = count + 1, asked + here
    return [Rows(tuple(runs)) for runs in found if runs]


def packed_tokens(trees: Sequence[Node], width: int = WIDTH) -> int:
    """Return how many tokens rows that hold these trees have, padding aside; a beginning counts in each of them."""
    return sum(part.tokens for tree in trees for part in _parts(tree, 0, width))


def _parts(node: Node, before: int, width: int) -> list[Node]:
    """Return trees of about `width` tokens that hold what a tree holds; what stands above them is computed again.

    Nothing is computed again more often than every other token: a long beginning makes wide rows.
    """
    if before + node.tokens <= width or not node.children:
        return [node]
    own = before + len(node.ids)
    room = max(width, 2 * own) - own
    groups: list[list[Node]] = [[]]
    left = room
    for part in (part for child in node.children for part in _parts(child, own, width)):
        if groups[-1] and part.tokens > left:
            groups.append([])
            left = room
        groups[-1].append(part)
        left -= part.tokens
    return [
        replace(node, ends=node.ends if not number else (), children=tuple(group))
        for number, group in enumerate(groups)
    ]


def _rows(parts: Sequence[Node], width: int) -> list[list[Node]]:
    """Return trees that share rows, the fullest first: as few rows as can be without one much wider than asked."""
    count, bound = -(-sum(part.tokens for part in parts) // width), _WIDER * width
    while True:
        rows = _levelled(parts, count)
        wide = [row for row in rows if len(row) > 1 and sum(part.tokens for part in row) > bound]
        if not wide or count >= len(parts):
            return rows
        count += max(len(wide) // 2, 1)


def _levelled(parts: Sequence[Node], count: int) -> list[list[Node]]:
    """Return so many rows about as full: from large to small, each tree into the emptiest row.

    (Graham 1969, "Bounds on multiprocessing timing anomalies": they come out nearly as full as their mean.)
    """
    rows: list[list[Node]] = [[] for _ in range(count)]
    filled = [(0, number) for number in range(count)]  # a heap: of rows as empty, the first
    for part in sorted(parts, key=lambda part: -part.tokens):
        tokens, number = filled[0]
        heapreplace(filled, (tokens + part.tokens, number))
        rows[number].append(part)
    return [rows[number] for tokens, number in sorted(filled, key=lambda row: (-row[0], row[1])) if tokens]


def _runs(trees: Sequence[Node], row: int) -> Iterator[Run]:
    """Yield the runs of a row."""
    at = 0
    stack: list[tuple[Node, Run | None]] = [(tree, None) for tree in reversed(trees)]
    while stack:
        node, above = stack.pop()
        run = Run(node, row, at, above)
        yield run
        at += len(node.ids)
        stack.extend((child, run) for child in reversed(node.children))
