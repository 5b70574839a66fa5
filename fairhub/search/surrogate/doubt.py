"""How unsure the surrogates are of a mask: its distance from what was measured, in units of errors that were seen."""

from dataclasses import dataclass

import numpy as np

_MET = 1.0  # squared length that a direction must have been met with before half of its doubt is gone


@dataclass(frozen=True, eq=False)
class Doubt:
    """One standard error of each forecast of a mask: its distance times what a unit of distance was seen to cost."""

    root: np.ndarray
    """[bits, bits] a mask's distance is the length of what this makes of it."""
    width: np.ndarray
    """[targets] standard error for a unit of distance."""

    def of(self, x: np.ndarray) -> np.ndarray:
        """Return standard errors of masks [masks, bits], [masks, targets]."""
        return distance(self.root, x)[:, None] * self.width


def root_of(measured: np.ndarray) -> np.ndarray:
    """Return [bits, bits]: shrinks what measured masks [masks, bits] span, and leaves what none of them held.

    As the deviation of a linear model with one prior for all heads: of a head that no mask held its own length is
    left, of one that many held hardly any.
    """
    values, vectors = np.linalg.eigh(measured.T @ measured)
    return np.asarray((vectors / np.sqrt(1 + values.clip(0) / _MET)) @ vectors.T)


def distance(root: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return how far masks [masks, bits] are from those measured, [masks]."""
    return np.asarray(np.sqrt(((x @ root) ** 2).sum(1)))


def left_out(measured: np.ndarray) -> np.ndarray:
    """Return how far each measured mask [masks, bits] is from all others, [masks]."""
    own = distance(root_of(measured), measured) ** 2  # its leverage
    return np.asarray(np.sqrt(own / (1 - own)))
