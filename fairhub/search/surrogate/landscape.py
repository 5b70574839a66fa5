"""The landscape of the surrogates: forecasts and energies of thousands of masks in one product, moves in one row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import block_diag

from fairhub.search.surrogate.objective import Forecast, Objective
from fairhub.search.surrogate.training import Surrogates

if TYPE_CHECKING:  # recipes import the surrogates, not the other way round
    from fairhub.search.task import Plan

CAUTION = 1.0
"""Standard errors by which a forecast is taken for worse than it says: annealing would else run to where nothing was
measured and errors look like gains."""


class Landscape:
    """Energies of masks as the surrogates see them.

    All that they compute of a mask begins with sums over its heads: what each adds, directions along which heads work
    together, hidden units of networks, and the directions of its distance from what was measured. These sums (`lifted`)
    change by one row when a bit flips, so a chain's move costs no product over the bits.

    Args:
        surrogates: Forecast log ratios of divergence and the rise of log-perplexity.
        base_loss: Of the base model, nats a token.
        objectives: What is asked of every mask.
        plan: Budget and exchange of the energies.
        caution: Standard errors charged to every forecast.
    """

    def __init__(
        self, surrogates: Surrogates, base_loss: float, objectives: Sequence[Objective], plan: "Plan",
        caution: float = CAUTION,
    ) -> None:  # fmt: skip
        """Lay the surrogates side by side."""
        self.objectives, self.base_loss, self.plan = tuple(objectives), base_loss, plan
        each, doubt = surrogates.each, surrogates.doubt
        parts = [
            np.column_stack([one.linear for one in each]), np.hstack([one.turn for one in each]), doubt.root,
            *(np.hstack([np.zeros((len(one.linear), 0)), *one.into]) for one in each),
        ]  # fmt: skip
        self.rows = np.hstack(parts).astype(np.float32)
        """[bits, sums]: what a bit adds to each sum."""
        self._ends = np.cumsum([part.shape[1] for part in parts[:3]])
        shifts = [one.shift.reshape(-1) for one in each]
        self._start = np.concatenate([np.zeros(self._ends[-1]), *shifts]).astype(np.float32)
        self._curve = 0.5 * block_diag(*(one.curve[:, None] for one in each)).astype(np.float32)
        outs = [(one.out / max(len(one.out), 1)).reshape(-1, 1) for one in each]
        self._out = block_diag(*outs).astype(np.float32)
        self._rest = np.maximum(self._start[self._ends[-1] :], 0) @ self._out
        self._charge = (caution * doubt.width).astype(np.float32)

    @property
    def bits(self) -> int:
        """How many heads a mask may remove."""
        return len(self.rows)

    def lifted(self, x: np.ndarray) -> np.ndarray:
        """Return the sums of masks [masks, bits], [masks, sums]."""
        return np.asarray(x.astype(np.float32) @ self.rows + self._start)

    def forecast(self, lifted: np.ndarray) -> Forecast:
        """Return what the surrogates forecast of masks whose sums these are, doubt charged."""
        linear, turned, apart, hidden = np.split(lifted, self._ends, axis=1)
        found = linear + turned**2 @ self._curve + np.maximum(hidden, 0) @ self._out - self._rest
        found = found + np.sqrt(np.einsum("nb,nb->n", apart, apart))[:, None] * self._charge
        return Forecast(*found.T)

    def energies(self, lifted: np.ndarray, objective: np.ndarray) -> np.ndarray:
        """Return the energy of each mask under its own objective, [masks].

        Args:
            lifted: [masks, sums].
            objective: [masks] number of each mask's objective, ascending.
        """
        forecast = self.forecast(lifted)
        ends = np.searchsorted(objective, np.arange(len(self.objectives) + 1))
        found = np.empty(len(lifted))
        for number, asked in enumerate(self.objectives):
            part = slice(ends[number], ends[number + 1])
            found[part] = asked.values(forecast.part(part), self.base_loss, self.plan)
        return found
