"""Set difference of scores (Wei et al. 2024): what matters most for one group, less what matters for another."""

from collections.abc import Sequence

import torch
from torch import Tensor


def top(scores: Tensor, share: float) -> Tensor:
    """Return which entries are among the highest `share` of them all, as many as fit; ties go to the earlier entry."""
    count = int(share * scores.numel() + 1e-9)
    chosen = torch.zeros(scores.numel(), dtype=torch.bool)
    chosen[scores.flatten().argsort(descending=True, stable=True)[:count].cpu()] = True
    return chosen.view(scores.shape)


def set_difference(one: Tensor, other: Tensor, q: float, p: float) -> Tensor:
    """Return which entries of one matrix are in the top q of `one` and not in the top p of `other`.

    Args:
        one: Scores for the group whose treatment is to change, of any shape.
        other: Scores for the reference group or for utility text, of the same shape.
        q: Share of entries, 0 to 1.
        p: Share of entries, 0 to 1.
    """
    assert one.shape == other.shape, f"scores of one matrix; got {tuple(one.shape)} and {tuple(other.shape)}"
    return top(one, q) & ~top(other, p)


def generalised(differences: Sequence[Tensor], agree: float = 1.0) -> Tensor:
    """Return which entries are in the set difference of at least this share of the training items.

    All of them (`agree` 1) is the generalised version of Ma et al. 2025: the intersection.
    """
    return agreed(votes(differences), len(differences), agree)


def votes(differences: Sequence[Tensor]) -> Tensor:
    """Return in how many of these set differences each entry is."""
    return torch.stack([difference.int() for difference in differences]).sum(0)


def agreed(found: Tensor, items: int, agree: float) -> Tensor:
    """Return which entries at least this share of the items votes for, and at least one."""
    return found >= max(1, -(-int(agree * 1000) * items // 1000))
