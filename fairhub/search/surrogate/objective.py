"""What the chains lower: several energies side by side, each over the same forecasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from fairhub.search.energies import Energy, energies, known

if TYPE_CHECKING:  # recipes import the surrogates, not the other way round
    from fairhub.search.task import Plan

EPSILONS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""The sweep. A nat of loss costs (1 - epsilon) / (epsilon * base loss) of the base bias, so that repairs which cost a
few percent of perplexity lie at small epsilons: the sweep is geometric, its ends are utility alone and bias alone."""

RISES = (0.25, 0.5, 0.75, 1.0)
"""Rises of perplexity, in budgets, up to which little bias is looked for: a guard needs part of the budget, and so does
the doubt about other text."""

Target = Literal["bias", "robust", "loss"]
TARGETS: tuple[Target, ...] = ("bias", "robust", "loss")
"""What surrogates forecast: the fields of `Forecast`."""


@dataclass(frozen=True)
class Objective:
    """One energy to lower."""

    energy: Energy
    epsilon: float = 0.5
    """Weight of bias, where the energy is `weighted`."""
    share: float = 1.0
    """Of the budget, where the energy is `step`: what perplexity may rise by."""

    @property
    def name(self) -> str:
        """Name for reports."""
        if self.energy == "step" and self.share < 1:
            return f"step at {self.share:g} of the budget"
        return f"weighted, epsilon {self.epsilon:g}" if self.energy == "weighted" else self.energy

    def values(self, forecast: "Forecast", base_loss: float, plan: "Plan") -> np.ndarray:
        """Return the energies of many masks, [masks]."""
        # the papers know one bias; only the robust energy asks every cluster
        ratios = forecast.robust if self.energy == "robust" else forecast.bias
        return energies(
            self.energy, ratios[:, None], forecast.loss, base_loss,
            kappa=plan.kappa, exchange=plan.exchange, epsilon=self.epsilon, budget=self.share * plan.budget,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Forecast:
    """Bias and log-perplexity of masks against the base model, forecast or measured."""

    bias: np.ndarray
    """[masks] log of the mean divergence over that of the base model."""
    robust: np.ndarray
    """[masks] the mean over axes, frames and contexts of the same, plus kappa standard errors."""
    loss: np.ndarray
    """[masks] rise of log-perplexity, nats."""

    def part(self, rows: np.ndarray | slice) -> "Forecast":
        """Return these masks."""
        return Forecast(self.bias[rows], self.robust[rows], self.loss[rows])

    def plus(self, other: "Forecast") -> "Forecast":
        """Return the sum of both."""
        return Forecast(self.bias + other.bias, self.robust + other.robust, self.loss + other.loss)

    def less(self, other: "Forecast") -> "Forecast":
        """Return the difference of both."""
        return Forecast(self.bias - other.bias, self.robust - other.robust, self.loss - other.loss)


def sweep(plan: "Plan", clusters: int) -> list[Objective]:
    """Return the objectives of a search: the energy that the plan asks for.

    Where it asks for none, all of them: the weighted energy from end to end, NeuFair's step at each of `RISES`, and the
    robust energy.
    """
    if plan.energy:
        return [Objective(known(plan.energy), plan.epsilon)]
    epsilons = sorted({*EPSILONS, plan.epsilon})
    steps = [Objective("step", share=share) for share in reversed(RISES)]
    others = [*steps, *([Objective("robust")] if clusters > 1 else [])]
    return [*(Objective("weighted", epsilon) for epsilon in epsilons), *others]


def asked(plan: "Plan", objectives: Sequence[Objective]) -> int:
    """Return which of the objectives the plan asks for; of a sweep the robust one, or the first where there is none."""
    wanted = [i for i, o in enumerate(objectives) if o.energy == (plan.energy or "robust")]
    return (wanted or [0])[0]
