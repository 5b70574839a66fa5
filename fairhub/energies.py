"""What the annealer lowers: three energies over the same two measurements."""

from typing import Literal, get_args

import numpy as np

from fairhub.errors import UserError

Energy = Literal["robust", "weighted", "step"]


def energy(
    name: Energy, log_ratios: np.ndarray, loss: float, base_loss: float, *,
    kappa: float = 1.0, exchange: float = 20.0, epsilon: float = 0.5, budget: float = 0.02,
) -> float:  # fmt: skip
    """Return the energy of a pruning.

    Args:
        name: `robust`: mean over clusters of the log ratio plus `kappa` standard errors plus `exchange` times the
            loss. `weighted`: epsilon * bias / bias0 + (1 - epsilon) * log-perplexity ratio (Attention Pruning, Dasu et
            al. 2025, as reconstructed). `step`: bias / bias0, plus 3 where perplexity passes the budget (NeuFair, Dasu
            et al. 2024).
        log_ratios: [clusters] log of each cluster's divergence over that of the base model.
        loss: Rise of the loss, nats a token.
        base_loss: Loss of the base model, nats a token.
        kappa: Standard errors added to the mean.
        exchange: Log units of divergence a nat of loss costs.
        epsilon: Weight of bias against utility.
        budget: How much perplexity may rise, relative.
    """
    bias = float(np.exp(log_ratios).mean())
    if name == "weighted":
        return epsilon * bias + (1 - epsilon) * (base_loss + loss) / base_loss
    if name == "step":
        return bias + 3.0 * (np.expm1(loss) > budget)
    spread = log_ratios.std(ddof=1) / len(log_ratios) ** 0.5 if len(log_ratios) > 1 else 0.0
    return float(log_ratios.mean() + kappa * spread + exchange * loss)


def known(name: str) -> Energy:
    """Return the energy of that name, or refuse it."""
    for choice in get_args(Energy):
        if choice == name:
            return choice
    raise UserError(f"an energy must be one of {', '.join(get_args(Energy))}; got {name!r}; choose one of them")
