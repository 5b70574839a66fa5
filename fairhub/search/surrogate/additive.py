"""The additive surrogate: every head's effect on its own, by ridge regression towards its first-order scores."""

import numpy as np

PENALTIES = tuple(10.0**power for power in np.arange(-1.5, 3.1, 0.5))
"""Ridge penalties that are tried; the one with the smallest leave-one-out error is taken."""
_FREE = 30.0  # scale of the columns that are hardly penalised: what is known of the heads beforehand, and their count


def additive(x: np.ndarray, y: np.ndarray, known: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return [bits]: what each bit adds; nothing removed changes nothing, so there is no intercept.

    w = K a + b + v is fitted, K what is known, v penalised, a and b hardly: heads that were seldom removed keep what
    their scores say, in the scale the data shows. The penalty minimises the exact leave-one-out error (PRESS, Allen
    1974).

    Args:
        x: [masks, bits] 1 where a head is removed.
        y: [masks].
        known: [bits, features] what is known of each bit beforehand, such as first-order scores.
        weight: [masks] weight of each mask's squared error.
    """
    extra = np.column_stack([known, np.ones(x.shape[1])])
    extra = extra / np.maximum(np.std(x @ extra, axis=0), 1e-9) * _FREE
    basis = np.column_stack([np.eye(x.shape[1]), extra])  # bits -> columns
    root = np.sqrt(weight)
    return np.asarray(basis @ ridge(root[:, None] * (x @ basis), (root * y)[:, None])[0][:, 0])


def ridge(columns: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the coefficients of a ridge regression without intercept, [columns, targets], and their error left out.

    The penalty, one for all targets, minimises the exact leave-one-out error (PRESS, Allen 1974).

    Args:
        columns: [rows, columns].
        y: [rows, targets].
    """
    values, vectors = np.linalg.eigh(columns @ columns.T)
    values, turned = values.clip(0), vectors.T @ y
    best: tuple[float, np.ndarray] | None = None
    for penalty in PENALTIES:
        dual = vectors @ (turned / (values + penalty)[:, None])
        leverage = ((vectors**2) / (values + penalty)).sum(1)[:, None]  # (1 - hat) / penalty
        error = float(((dual / leverage) ** 2).sum())
        if best is None or error < best[0]:
            best = error, dual
    assert best is not None
    return columns.T @ best[1], best[0]
