"""Least squares for a sum of Kronecker terms: the change of a weight that erases harm and keeps the rest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

_STEPS = 300
_CLOSE = 1e-8
"""Of the squared residual, in the preconditioner's norm, against that of no change."""
_RIDGE = 1e-12
"""Of the mean eigenvalue: what rounding may leave of one that is 0. It changes how fast is solved, not what."""
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

    Args:
        weight: [out, in].
        harm: What is erased of the weight's own output.
        keep: What must not be changed; together of full rank.
        strength: How much an erased square counts against a kept one.
    """
    return Erasing(weight, harm, keep).least(strength)


class Erasing:
    """The problem of one weight, for any strength.

    D acts on the directions of inputs in which harm stands out from what must stay (generalised eigenvectors of the
    right sides), so that it has as low a rank as there are differences to erase; on these it is solved by conjugate
    gradients. All but the strength is made ready once.
    """

    def __init__(self, weight: np.ndarray, harm: Sequence[Term], keep: Sequence[Term]) -> None:
        """Take the weight, [out, in], what is erased of its output and what must not be changed."""
        self._shape = weight.shape
        rights = _directions(harm, keep)
        self._rights = _tensor(rights)
        self._harm = [(_tensor(left), _tensor(rights.T @ right @ rights)) for left, right in _merged(harm)]
        self._keep = [(_tensor(left), _tensor(rights.T @ right @ rights)) for left, right in _merged(keep)]
        outer = sum((left @ (weight @ (right @ rights)) for left, right in _merged(harm)), np.zeros(1))
        self._aim = _tensor(-outer)
        self._near = _Near(self._harm, self._keep) if rights.shape[1] else None

    def least(self, strength: float) -> np.ndarray:
        """Return the change of this strength, [out, in] float64."""
        if self._near is None or not strength:
            return np.zeros(self._shape)
        pieces = [(left, strength * right) for left, right in self._harm] + self._keep
        change = _solved(_Sum(pieces), strength * self._aim, self._near, strength)
        return np.asarray((change @ self._rights.T).numpy())


class _Sum:
    """The sum of left Y right over all terms, as two products."""

    def __init__(self, pieces: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Take the terms, (left, right)."""
        self._lefts = torch.cat([left for left, _ in pieces], dim=1)
        self._rights = torch.cat([right for _, right in pieces], dim=1)
        self._terms = len(pieces)

    def __call__(self, change: Tensor) -> Tensor:
        """Return the sum for Y, [out, rank]."""
        return self._lefts @ torch.cat((change @ self._rights).chunk(self._terms, dim=1))


class _Near:
    """Solves what is near the sum of all terms: one term for harm and one for what stays, each a Kronecker mean.

    Two terms are diagonal together (generalised eigenvectors of both sides), so that this takes four products.
    """

    def __init__(self, harm: Sequence[tuple[Tensor, Tensor]], keep: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Take the terms, (left, right)."""
        lefts, rights = zip(_mean(harm), _mean(keep), strict=True)
        self._of_lefts, self._lefts = _together(*lefts)
        self._of_rights, self._rights = _together(*rights)

    def __call__(self, residual: Tensor, strength: float) -> Tensor:
        """Return Y for which the two terms, that of harm so strong, make the residual."""
        turned = self._lefts.T @ residual @ self._rights
        return self._lefts @ (turned / (1 + strength * torch.outer(self._of_lefts, self._of_rights))) @ self._rights.T


def _mean(terms: Sequence[tuple[Tensor, Tensor]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the left and the right side of one term that is as large as all, on either side what they are there."""
    left = sum(a * b.trace() for a, b in terms)
    right = sum(b * a.trace() for a, b in terms)
    assert isinstance(left, Tensor) and isinstance(right, Tensor), "there is a term"
    return left.numpy(), (right / left.trace()).numpy()


def _together(harm: np.ndarray, keep: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return eigenvalues of harm against what stays, and the vectors on which both are diagonal, the latter 1."""
    values, vectors = scipy.linalg.eigh(harm, keep + _RIDGE * np.trace(keep) / len(keep) * np.eye(len(keep)))
    return _tensor(np.maximum(values, 0)), _tensor(vectors)


def _merged(terms: Iterable[Term]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return left and right sides, those with the very same left side as one."""
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for term in terms:
        _, right = found.get(id(term.left), (term.left, np.zeros(())))
        found[id(term.left)] = term.left, right + term.right
    return list(found.values())


def _directions(harm: Sequence[Term], keep: Sequence[Term]) -> np.ndarray:
    """Return the input directions that the change reads, [in, rank]."""
    wanted = sum(t.right * np.trace(t.left) for t in harm)
    stays = sum(t.right * np.trace(t.left) for t in keep)
    values, vectors = np.linalg.eigh(stays)
    white = (vectors * np.maximum(values, 1e-9 * values.max()) ** -0.5) @ vectors.T
    found, turned = np.linalg.eigh(white @ wanted @ white)
    return np.asarray(white @ turned[:, found > _SPECTRUM * max(float(found.max()), 1e-300)])


def _solved(sum_: _Sum, aim: Tensor, near: _Near, strength: float) -> Tensor:
    """Return Y with sum of left Y right = aim, by conjugate gradients preconditioned by what is near that sum."""
    found, residual = torch.zeros_like(aim), aim.clone()
    step = near(residual, strength)
    size = begun = (residual * step).sum()
    for _ in range(_STEPS):
        if size <= _CLOSE * begun:
            break
        moved = sum_(step)
        rate = size / (step * moved).sum()
        found += rate * step
        residual -= rate * moved
        turned = near(residual, strength)
        before, size = size, (residual * turned).sum()
        step = turned + size / before * step
    return found


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))
