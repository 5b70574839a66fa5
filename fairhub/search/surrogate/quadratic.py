"""The quadratic surrogate: how heads work together, in closed form from the slopes at the masks that were measured."""

import numpy as np

from fairhub.search.surrogate.additive import PENALTIES

_OWN = 30.0  # scale of the constant in a head's slope: where it starts is hardly penalised


def interactions(x: np.ndarray, slopes: np.ndarray, start: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return [bits, bits]: by how much the removal of one head changes what the removal of another does.

    The slope of head i at mask s is taken as start_i + sum_j A_ij s_j, a ridge regression a head over the masks, all
    with the same kernel between masks; its penalty minimises the exact leave-one-out error (PRESS, Allen 1974) of all
    heads together. As both A_ij and A_ji are the second derivative, A is made symmetric; a head's own column says how
    curved its gate is and not what happens between masks, so the diagonal goes.

    Args:
        x: [masks, bits] 1 where a head is removed.
        slopes: [masks, bits] change for each head removed, first-order at the mask.
        start: [bits] the same where nothing is removed.
        weight: [masks] weight of each mask's squared error.
    """
    root = np.sqrt(weight)[:, None]
    columns, wanted = root * x, root * (slopes - start)
    values, vectors = np.linalg.eigh(columns @ columns.T)
    values, turned = values.clip(0), vectors.T @ wanted
    best, error = np.zeros((len(x), x.shape[1])), float((wanted**2).sum())
    for penalty in PENALTIES:
        dual = vectors @ (turned / (values + penalty)[:, None])
        leverage = ((vectors**2) / (values + penalty)).sum(1)
        if (left := float(((dual / leverage[:, None]) ** 2).sum())) < error:
            best, error = dual, left
    found = columns.T @ best  # [what is removed, whose slope]
    found = (found + found.T) / 2
    np.fill_diagonal(found, 0)
    return found
