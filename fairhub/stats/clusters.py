"""Clusters of items, resampled as wholes: how often each is drawn, and tests that swap before and after within them."""

import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np

EXACT_CLUSTERS = 12  # 2**12 sign patterns are fewer than the sampled test would draw twice
_BLOCK = 250  # resamples at a time: bounds the memory of many clusters


def numbered(clusters: Sequence[Hashable]) -> tuple[list[Hashable], np.ndarray]:
    """Return the clusters in the order of their labels, and which of them each item is of, [items].

    The order of the items, and Python's hash seed, must not move a single draw.
    """
    labels = sorted(dict.fromkeys(clusters), key=repr)
    place = {label: i for i, label in enumerate(labels)}
    return labels, np.array([place[label] for label in clusters], dtype=int)


def drawn(clusters: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each cluster was drawn with replacement, [resamples, clusters], some resamples at a time."""
    for count in _blocks(resamples):
        yield rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=count)


def drawn_one_by_one(clusters: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the same from draws of single clusters: the other stream, which recorded figures were made with."""
    for count in _blocks(resamples):
        picks = rng.integers(clusters, size=(count, clusters)) + clusters * np.arange(count)[:, None]
        yield np.bincount(picks.ravel(), minlength=count * clusters).reshape(count, clusters)


def swap_test(
    extreme: Callable[[np.ndarray], np.ndarray], clusters: int, resamples: int, rng: np.random.Generator
) -> float:
    """Return the two-sided p of a permutation test that swaps before and after within clusters.

    If nothing changed, each cluster's before and after could be swapped. Exact over all patterns of swaps for at most
    12 clusters; beyond, the sampled (1 + b) / (1 + n) of Phipson & Smyth 2010, "Permutation p-values should never be
    zero". Never below 2 / 2**clusters.

    Args:
        extreme: Tells of patterns, [patterns, clusters] 1 where swapped, which change at least as much as was seen.
        clusters: How many there are.
        resamples: Patterns drawn where not all are tried.
        rng: Draws them.
    """
    found = total = 0
    for patterns in _patterns(clusters, resamples, rng):
        found += int(np.sum(extreme(patterns)))
        total += len(patterns)
    return found / total if clusters <= EXACT_CLUSTERS else (1 + found) / (1 + total)


def _patterns(clusters: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    if clusters <= EXACT_CLUSTERS:
        yield np.arange(2**clusters)[:, None] >> np.arange(clusters) & 1
        return
    for count in _blocks(resamples):
        yield rng.integers(2, size=(count, clusters))


def _blocks(resamples: int) -> Iterator[int]:
    yield from itertools.repeat(_BLOCK, resamples // _BLOCK)
    if resamples % _BLOCK:
        yield resamples % _BLOCK
