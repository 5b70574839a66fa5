"""Token trees: sequences that begin alike share the nodes of their common beginning."""

from collections.abc import Sequence
from dataclasses import dataclass

from fairhub.inputs.sequences import common_beginning

Ids = tuple[int, ...]
Known = tuple[tuple[float, bool], ...]
"""(log-probability, most probable?) of the last tokens of a beginning."""

LEAST_SHARED = 6
"""Fewer common tokens are computed again: a forward of their own would cost more."""
DEEPEST = 100
"""Runs below one another, at most: texts that each begin the next one share no more than those."""


@dataclass(frozen=True)
class Node:
    """A run of tokens that some sequences share, after what the nodes above hold."""

    ids: Ids
    begin: int
    """Where the run begins in its sequences."""
    score: int
    """From where in its sequences on a token's probability is asked, if not beyond the run."""
    ends: tuple[int, ...]
    """The sequences that end with this run, by number."""
    children: tuple["Node", ...]

    @property
    def end(self) -> int:
        """Where the run ends in its sequences."""
        return self.begin + len(self.ids)

    @property
    def tokens(self) -> int:
        """How many tokens are computed for this node and all below."""
        return len(self.ids) + sum(child.tokens for child in self.children)


@dataclass(frozen=True)
class Branch:
    """A node on its way through the model."""

    node: Node
    row: int
    """Its row in the cache of what is above."""
    known: Known
    """Of the tokens before it, and of its own first one."""


def padded(batch: Sequence[Branch]) -> list[list[int]]:
    """Return the token ids of the branches of a forward, padded on the right to the longest."""
    longest = max(len(branch.node.ids) for branch in batch)
    return [[*branch.node.ids, *[0] * (longest - len(branch.node.ids))] for branch in batch]


def below(batch: Sequence[Branch]) -> list[Branch]:
    """Return what goes on below the branches of a forward, where no token is asked for its probability."""
    return [Branch(child, row, ()) for row, branch in enumerate(batch) for child in branch.node.children]


def beyond(sequences: Sequence[Ids]) -> list[int]:
    """Return starts of which no token of a sequence is asked for its probability."""
    return [len(ids) + 1 for ids in sequences]


def forest(sequences: Sequence[Ids], starts: Sequence[int] | None = None, least: int = LEAST_SHARED) -> list[Node]:
    """Return trees that hold every sequence once.

    Args:
        sequences: Token ids; equal ones end at the same node.
        starts: Where in each sequence the tokens begin whose probability is asked; at least 1. None asks for none.
        least: How many tokens sequences must have in common to share a node.
    """
    order = sorted(range(len(sequences)), key=lambda i: sequences[i])
    starts = beyond(sequences) if starts is None else starts
    return _grown(sequences, starts, order, 0, least, DEEPEST)


def _grown(
    sequences: Sequence[Ids], starts: Sequence[int], order: Sequence[int], begin: int, least: int, deepest: int
) -> list[Node]:
    """Return the trees of sequences (by number, sorted) that agree up to `begin`, and go on from there."""
    nodes: list[Node] = []
    for group in _groups(sequences, order, begin, least) if deepest else ([i] for i in order):
        first, last = sequences[group[0]], sequences[group[-1]]
        end = min(len(first), common_beginning(first, last)) if len(group) > 1 else len(first)
        over = tuple(i for i in group if len(sequences[i]) == end)
        below = _grown(sequences, starts, group[len(over) :], end, least, deepest - 1)
        nodes.append(Node(first[begin:end], begin, min(starts[i] for i in group), over, tuple(below)))
    return nodes


def _groups(sequences: Sequence[Ids], order: Sequence[int], begin: int, least: int) -> list[list[int]]:
    """Part sorted sequences where neighbours have fewer than `least` further tokens in common; equal ones stay."""
    groups: list[list[int]] = []
    for i in order:
        if groups:
            before = sequences[groups[-1][-1]]
            if sequences[i] == before or common_beginning(before, sequences[i]) >= begin + least:
                groups[-1].append(i)
                continue
        groups.append([i])
    return groups
