"""Least squares for a sum of Kronecker terms: the change of a weight that erases harm and keeps the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

_STEPS = 300
_CLOSE = 1e-8
"""Of the squared residual, in the preconditioner's norm, against that of no change."""
_SPECTRUM = 1e-6
"""Directions of harm below this share of the largest are rounding."""


@dataclass(frozen=True, eq=False)
class Term:
    """One aim: tr(left D right D'), for second moments of what reads an output and of what stands in an input."""

    left: np.ndarray
    """[out, out]"""
    right: np.ndarray
    """[in, in]"""
    family: str = ""
    """What must stay by it, for who tells costs apart."""


def least(weight: np.ndarray, harm: Sequence[Term], keep: Sequence[Term], strength: float) -> np.ndarray:
    """Return the change D of a weight that lowers strength * harm(weight + D) + keep(D), [out, in] float64.

    D acts on the directions of inputs in which harm stands out from what must stay (generalised eigenvectors of the
    right sides), so that it has as low a rank as there are differences to erase; on these it is solved exactly, by
    conjugate gradients.

    Args:
        weight: [out, in].
        harm: What is erased of the weight's own output.
        keep: What must not be changed; together of full rank.
        strength: How much an erased square counts against a kept one.
    """
    rights = _directions(harm, keep)
    if not rights.shape[1]:
        return np.zeros_like(weight)
    pieces = [(_tensor(t.left), _tensor(strength * (rights.T @ t.right @ rights))) for t in harm]
    pieces += [(_tensor(t.left), _tensor(rights.T @ t.right @ rights)) for t in keep]
    aim = -strength * sum(_tensor(t.left) @ _tensor(weight @ (t.right @ rights)) for t in harm)
    assert isinstance(aim, Tensor), "there is something to erase"
    return np.asarray((_solved(pieces, aim) @ _tensor(rights).T).numpy())


def _directions(harm: Sequence[Term], keep: Sequence[Term]) -> np.ndarray:
    """Return the input directions that the change reads, [in, rank]."""
    wanted = sum(t.right * np.trace(t.left) for t in harm)
    stays = sum(t.right * np.trace(t.left) for t in keep)
    values, vectors = np.linalg.eigh(stays)
    white = (vectors * np.maximum(values, 1e-9 * values.max()) ** -0.5) @ vectors.T
    found, turned = np.linalg.eigh(white @ wanted @ white)
    return np.asarray(white @ turned[:, found > _SPECTRUM * max(float(found.max()), 1e-300)])


def _solved(pieces: Sequence[tuple[Tensor, Tensor]], aim: Tensor) -> Tensor:
    """Return Y with sum of left Y right = aim, by conjugate gradients preconditioned by the Kronecker mean of both."""
    left = torch.linalg.inv(sum(a * b.trace() for a, b in pieces))  # type: ignore[arg-type]
    right = torch.linalg.inv(sum(b * a.trace() for a, b in pieces))  # type: ignore[arg-type]
    found, residual = torch.zeros_like(aim), aim.clone()
    step = left @ residual @ right
    size = begun = (residual * step).sum()
    for _ in range(_STEPS):
        if size <= _CLOSE * begun:
            break
        moved = torch.zeros_like(aim)
        for a, b in pieces:
            moved += a @ step @ b
        rate = size / (step * moved).sum()
        found += rate * step
        residual -= rate * moved
        turned = left @ residual @ right
        before, size = size, (residual * turned).sum()
        step = turned + size / before * step
    return found


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))
