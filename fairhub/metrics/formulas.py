"""Formulas of the measurements, free of `evaluate`, which is slow to import."""

from collections.abc import Hashable, Sequence
from dataclasses import asdict
from typing import Any

from fairhub.stats.statistics import Interval


def distinct_2(text: str) -> float:
    """Return the share of a text's adjacent word pairs that are distinct, from 0 (nothing written) to 1.

    (Li et al. 2016, "A diversity-promoting objective function for neural conversation models".)
    """
    words = text.split()
    pairs = list(zip(words, words[1:], strict=False))
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def loops(text: str) -> bool:
    """Return whether a text ends in one phrase, of any number of words, three times over."""
    words = text.split()
    return any(
        words[-3 * size : -2 * size] == words[-2 * size : -size] == words[-size:]
        for size in range(1, len(words) // 3 + 1)
    )


def result(found: Interval, clusters: Sequence[Hashable], better: str) -> dict[str, Any]:
    """Return what every measurement returns: value, low, high, items, clusters, better."""
    return asdict(found) | {"items": len(clusters), "clusters": len(set(clusters)), "better": better}
