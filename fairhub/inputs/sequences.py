"""Sequences: how far two of them agree, and the items of several in turn."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def common_beginning(a: Sequence[object], b: Sequence[object]) -> int:
    """Return how many elements two sequences have in common at their beginning."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def common_end(a: Sequence[object], b: Sequence[object]) -> int:
    """Return how many elements two sequences have in common at their end."""
    return common_beginning(a[::-1], b[::-1])


def in_turn(queues: Sequence[Sequence[Item]]) -> Iterator[Item]:
    """Yield the first item of every queue, then the second of each that has one, and so on."""
    longest = max(map(len, queues), default=0)
    yield from (queue[place] for place in range(longest) for queue in queues if place < len(queue))


def alike(sequences: Mapping[int, Sequence[object]], size: int) -> list[list[int]]:
    """Return the keys of sequences in pieces of at most `size`; those that begin alike stand next to each other."""
    order = sorted(sequences, key=lambda key: (sequences[key], key))
    return [order[begin : begin + size] for begin in range(0, len(order), size)]
