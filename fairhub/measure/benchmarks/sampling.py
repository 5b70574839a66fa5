"""Some rows of a benchmark: strata in turn, and within each its clusters in turn; always the same ones."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from fairhub.inputs.probes import unit_hash
from fairhub.inputs.sequences import in_turn

Item = TypeVar("Item")


def sample(
    items: Sequence[Item], count: int | None, stratum: Callable[[Item], str], cluster: Callable[[Item], str],
    bundle: Callable[[Item], Hashable] | None = None,
) -> list[Item]:  # fmt: skip
    """Return about `count` items in their own order (all where there are fewer, or for None).

    Args:
        items: What to choose from.
        count: How many; the last bundle may pass it.
        stratum: What is to be represented evenly.
        cluster: Within a stratum every cluster gives its first bundle before any gives its second.
        bundle: Items that stay together; each alone when absent.
    """
    if count is None or count >= len(items):
        return list(items)
    bundles: dict[Hashable, list[int]] = {}
    for i, item in enumerate(items):
        bundles.setdefault(bundle(item) if bundle else i, []).append(i)
    queues: dict[str, dict[str, list[list[int]]]] = {}
    for members in bundles.values():
        first = items[members[0]]
        queues.setdefault(stratum(first), {}).setdefault(cluster(first), []).append(members)
    turns = [_in_turn(queues[name]) for name in sorted(queues)]
    chosen: list[int] = []
    for members in in_turn(turns):
        if len(chosen) < count:
            chosen += members
    return [items[i] for i in sorted(chosen)]


def _in_turn(clusters: dict[str, list[list[int]]]) -> list[list[int]]:
    """Return the bundles of a stratum: each cluster's first, then each cluster's second, in the order of hashes."""
    queues = [
        sorted(clusters[name], key=lambda members: unit_hash(f"{name}|{members[0]}"))
        for name in sorted(clusters, key=unit_hash)
    ]
    return list(in_turn(queues))
