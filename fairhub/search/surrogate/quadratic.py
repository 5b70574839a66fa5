"""The quadratic surrogate: how heads work together, in closed form from the slopes at the masks that were measured."""

import numpy as np

from fairhub.search.surrogate.additive import ridge


def interactions(x: np.ndarray, slopes: np.ndarray, start: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return [bits, bits]: by how much the removal of one head changes what the removal of another does.

    The slope of head i at mask s is taken as start_i + sum_j A_ij s_j, a ridge regression a head over the masks, all
    with the same kernel between masks and one penalty. As both A_ij and A_ji are the second derivative, A is made
    symmetric; a head's own column says how curved its gate is and not what happens between masks, so the diagonal goes.

    Args:
        x: [masks, bits] 1 where a head is removed.
        slopes: [masks, bits] change for each head removed, first-order at the mask.
        start: [bits] the same where nothing is removed.
        weight: [masks] weight of each mask's squared error.
    """
    root = np.sqrt(weight)[:, None]
    columns, wanted = root * x, root * (slopes - start)
    found, error = ridge(columns, wanted)  # [what is removed, whose slope]
    if error >= (wanted**2).sum():
        found = np.zeros_like(found)  # no penalty foresees more than the start alone
    found = (found + found.T) / 2
    np.fill_diagonal(found, 0)
    return found
