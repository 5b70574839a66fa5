"""The landscape of the surrogates: forecasts and energies of thousands of masks in one product, moves in one row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fairhub.search.surrogate.network import Surrogate
from fairhub.search.surrogate.objective import Forecast, Objective

if TYPE_CHECKING:  # recipes import the surrogates, not the other way round
    from fairhub.search.task import Plan


class Landscape:
    """Energies of masks as the two surrogates see them.

    The mean of an ensemble of one-layer networks is one wide one-layer network; bias and loss side by side are one
    wider still. A mask's first layer (`lifted`) changes by one row when a bit flips, so a chain's move costs no
    product over the bits.

    Args:
        bias: Forecasts [all, cluster 1, ...] log ratios of divergence.
        loss: Forecasts [rise of log-perplexity].
        base_loss: Of the base model, nats a token.
        objectives: What is asked of every mask.
        plan: Budget, kappa and exchange of the energies.
    """

    def __init__(
        self, bias: Surrogate, loss: Surrogate, base_loss: float, objectives: Sequence[Objective], plan: "Plan"
    ) -> None:
        """Merge the networks."""
        self.objectives, self.base_loss, self.plan = tuple(objectives), base_loss, plan
        parts = [bias, loss]
        targets = [part.linear.shape[2] for part in parts]
        members = [part.linear.shape[0] for part in parts]
        linear = [part.linear.mean(0) for part in parts]
        self.rows = np.hstack([*linear, *(np.hstack(list(part.into)) for part in parts)]).astype(np.float32)
        """[bits, targets + hidden]: what a bit adds to the first layer."""
        shifts = [part.shift.reshape(-1) for part in parts]
        self.start = np.concatenate([np.zeros(sum(targets)), *shifts]).astype(np.float32)
        self._targets = sum(targets)
        outs = [part.out.reshape(-1, n) / m for part, n, m in zip(parts, targets, members, strict=True)]
        self._out = np.zeros((sum(map(len, outs)), self._targets), dtype=np.float32)
        self._out[: len(outs[0]), : targets[0]], self._out[len(outs[0]) :, targets[0] :] = outs
        self._rest = np.maximum(self.start[self._targets :], 0) @ self._out

    @property
    def bits(self) -> int:
        """How many heads a mask may remove."""
        return len(self.rows)

    def lifted(self, x: np.ndarray) -> np.ndarray:
        """Return the first layer of masks [masks, bits], [masks, targets + hidden]."""
        return np.asarray(x.astype(np.float32) @ self.rows + self.start)

    def forecast(self, lifted: np.ndarray) -> Forecast:
        """Return what the surrogates forecast of masks whose first layer this is."""
        found = lifted[:, : self._targets] + np.maximum(lifted[:, self._targets :], 0) @ self._out - self._rest
        return Forecast(found[:, 0], found[:, 1:-1], found[:, -1])

    def energies(self, lifted: np.ndarray, objective: np.ndarray) -> np.ndarray:
        """Return the energy of each mask under its own objective, [masks].

        Args:
            lifted: [masks, targets + hidden] first layer.
            objective: [masks] number of each mask's objective, ascending.
        """
        forecast = self.forecast(lifted)
        ends = np.searchsorted(objective, np.arange(len(self.objectives) + 1))
        found = np.empty(len(lifted))
        for number, asked in enumerate(self.objectives):
            part = slice(ends[number], ends[number + 1])
            found[part] = asked.values(forecast.part(part), self.base_loss, self.plan)
        return found
