"""The surrogate of one figure: one bit a head in, a forecast out; additive, pairwise, and small networks on top."""

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

Kind = Literal["prior", "additive", "quadratic", "residual", "network"]
KINDS: tuple[Kind, ...] = ("prior", "additive", "quadratic", "residual", "network")
"""From simple to rich: what competes, and what is kept of equals."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Masks and what the real model said of them."""

    x: np.ndarray
    """[masks, bits]"""
    y: np.ndarray
    """[masks] change against the base model."""
    weight: np.ndarray
    """[masks] how much a mask counts."""
    slopes: np.ndarray
    """[masks, bits] change for each head removed, first-order at the mask; NaN where they were not measured."""

    def part(self, rows: np.ndarray) -> "Examples":
        """Return these rows."""
        return Examples(self.x[rows], self.y[rows], self.weight[rows], self.slopes[rows])

    @property
    def sloped(self) -> "Examples":
        """Those whose slopes were measured."""
        return self.part(~np.isnan(self.slopes[:, 0]))


@dataclass(frozen=True, eq=False)
class Surrogate:
    """f(x) = x linear + 1/2 sum over turns of curve (x turn)^2 + the mean over networks of relu(x into + shift) out.

    f(nothing removed) = 0: targets are changes against the base model.
    """

    kind: Kind
    linear: np.ndarray
    """[bits]"""
    turn: np.ndarray
    """[bits, turns] directions along which heads work together."""
    curve: np.ndarray
    """[turns]"""
    into: np.ndarray
    """[networks, bits, width]; no networks where the surrogate needs none."""
    shift: np.ndarray
    """[networks, width]"""
    out: np.ndarray
    """[networks, width]"""

    def forecast(self, x: np.ndarray) -> np.ndarray:
        """Return what is forecast of masks [masks, bits], [masks]."""
        found = x @ self.linear + 0.5 * (x @ self.turn) ** 2 @ self.curve
        if not len(self.into):
            return np.asarray(found)
        hidden = np.maximum(np.einsum("nb,mbw->mnw", x, self.into) + self.shift[:, None], 0)
        at_rest = np.maximum(self.shift, 0)[:, None]
        return np.asarray(found + np.einsum("mnw,mw->n", hidden - at_rest, self.out) / len(self.out))

    def slopes(self, x: np.ndarray) -> np.ndarray:
        """Return how the forecasts of masks change for each head removed, first-order, [masks, bits]."""
        found = self.linear + ((x @ self.turn) * self.curve) @ self.turn.T
        if not len(self.into):
            return np.asarray(found)
        on = np.einsum("nb,mbw->mnw", x, self.into) + self.shift[:, None] > 0
        return np.asarray(found + np.einsum("mnw,mw,mbw->nb", on, self.out, self.into, optimize=True) / len(self.out))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what `from_arrays` makes it from."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @staticmethod
    def from_arrays(stored: dict[str, np.ndarray]) -> "Surrogate":
        """Return the surrogate that was stored."""
        kind = next(kind for kind in KINDS if kind == str(stored["kind"]))
        return Surrogate(kind, *(stored[field.name] for field in fields(Surrogate)[1:]))


def linear_surrogate(kind: Kind, linear: np.ndarray) -> Surrogate:
    """Return a surrogate that adds up what each head does."""
    bits = len(linear)
    networks = np.zeros((0, bits, 0)), np.zeros((0, 0)), np.zeros((0, 0))
    return Surrogate(kind, linear, np.zeros((bits, 0)), np.zeros(0), *networks)
