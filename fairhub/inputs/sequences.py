"""How far two sequences agree."""

from collections.abc import Sequence


def common_beginning(a: Sequence[object], b: Sequence[object]) -> int:
    """Return how many elements two sequences have in common at their beginning."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def common_end(a: Sequence[object], b: Sequence[object]) -> int:
    """Return how many elements two sequences have in common at their end."""
    return common_beginning(a[::-1], b[::-1])
