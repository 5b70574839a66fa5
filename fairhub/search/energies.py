"""What the annealer lowers: three energies over the same two measurements."""

from typing import Literal, get_args

import numpy as np

from fairhub.errors import one_of

Energy = Literal["robust", "weighted", "step"]
FLOOR = 1e-6
"""Nats that are added to a divergence before its logarithm is taken: below them, it is what rounding makes of none."""


def energy(
    name: Energy, log_ratios: np.ndarray, loss: float, base_loss: float, *,
    kappa: float = 1.0, exchange: float = 20.0, epsilon: float = 0.5, budget: float = 0.02,
) -> float:  # fmt: skip
    """Return the energy of one pruning: that of `energies`, whose arguments these are."""
    rows = energies(
        name, log_ratios[None], np.array([loss]), base_loss,
        kappa=kappa, exchange=exchange, epsilon=epsilon, budget=budget,
    )  # fmt: skip
    return float(rows[0])


def energies(
    name: Energy, log_ratios: np.ndarray, loss: np.ndarray, base_loss: float, *,
    kappa: float = 1.0, exchange: float = 20.0, epsilon: float = 0.5, budget: float = 0.02,
) -> np.ndarray:  # fmt: skip
    """Return the energies of many prunings at once, [prunings].

    Args:
        name: `robust`: mean over clusters of the log ratio plus `kappa` standard errors plus `exchange` times the
            loss. `weighted`: epsilon * bias / bias0 + (1 - epsilon) * log-perplexity ratio (Attention Pruning, Dasu et
            al. 2025, as reconstructed). `step`: bias / bias0, plus 3 where perplexity passes the budget (NeuFair, Dasu
            et al. 2024).
        log_ratios: [prunings, clusters] log of each cluster's divergence over that of the base model.
        loss: [prunings] rise of the loss, nats a token.
        base_loss: Loss of the base model, nats a token.
        kappa: Standard errors added to the mean.
        exchange: Log units of divergence a nat of loss costs.
        epsilon: Weight of bias against utility.
        budget: How much perplexity may rise, relative.
    """
    bias = np.exp(log_ratios).mean(-1)
    if name == "weighted":
        return np.asarray(epsilon * bias + (1 - epsilon) * (base_loss + loss) / base_loss)
    if name == "step":
        return np.asarray(bias + 3.0 * (np.expm1(loss) > budget))
    return pooled(log_ratios, kappa) + exchange * loss


def pooled(log_ratios: np.ndarray, kappa: float) -> np.ndarray:
    """Return what the robust energy makes of log ratios [prunings, clusters]: mean plus kappa standard errors."""
    count = log_ratios.shape[-1]
    spread = log_ratios.std(-1, ddof=1) / count**0.5 if count > 1 else 0.0
    return np.asarray(log_ratios.mean(-1) + kappa * spread)


def known(name: str) -> Energy:
    """Return the energy of that name, or refuse it."""
    return one_of("an energy", name, get_args(Energy))
