"""Training both surrogates, keeping for each the kind that validation masks like best."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fairhub.run.folder import Run
from fairhub.run.processes import alone
from fairhub.search.surrogate.fidelity import ceiling, fidelity
from fairhub.search.surrogate.labelled import Labelled
from fairhub.search.surrogate.labels import Label
from fairhub.search.surrogate.masks import bits
from fairhub.search.surrogate.network import KINDS, Kind, Surrogate, fit
from fairhub.search.surrogate.objective import Forecast, Objective

if TYPE_CHECKING:  # recipes import the surrogates, not the other way round
    from fairhub.search.task import Plan

TARGETS = ("bias", "loss")


@dataclass(frozen=True, eq=False)
class Pair:
    """The two surrogates, and what training them took."""

    bias: Surrogate
    """Forecasts log ratios of divergence: of all probes, then of each cluster."""
    loss: Surrogate
    """Forecasts the rise of log-perplexity, nats."""
    seconds: float

    def forecast(self, x: np.ndarray) -> Forecast:
        """Return what the ensembles' means forecast of masks [masks, heads]."""
        bias = self.bias.mean(x)
        return Forecast(bias[:, 0], bias[:, 1:], self.loss.mean(x)[:, 0])


def train(run: Run, stage: str, known: Labelled, priors: Mapping[str, np.ndarray], seed: int) -> Pair:
    """Train both surrogates on what is known, or read them from the run."""

    def compute() -> dict[str, np.ndarray]:
        began = time.monotonic()
        stored: dict[str, np.ndarray] = {}
        for what in TARGETS:
            best = min((_tried(kind, what, known, priors[what], seed) for kind in KINDS), key=lambda found: found[0])[1]
            stored |= {f"{what}/{name}": part for name, part in best.arrays().items()}
        return stored | {"seconds": np.array(time.monotonic() - began)}

    stored = run.arrays(stage, lambda: alone(compute))
    pair = [
        Surrogate.from_arrays({n.split("/")[1]: part for n, part in stored.items() if n.startswith(f"{what}/")})
        for what in TARGETS
    ]
    return Pair(pair[0], pair[1], float(stored["seconds"]))


def _tried(kind: Kind, what: str, known: Labelled, prior: np.ndarray, seed: int) -> tuple[float, Surrogate]:
    """Return a surrogate and its weighted squared error on validation masks (its first target: all probes)."""
    train_, validation = (known.examples(what, role) for role in ("train", "validation"))
    found = fit(kind, train_, validation if len(validation.x) else train_, prior, seed)
    error = (found.mean(validation.x)[:, 0] - validation.y[:, 0]) ** 2
    return float((error * validation.weight).sum() / max(validation.weight.sum(), 1e-9)), found


def judged(pair: Pair, known: Labelled, base_loss: float, plan: "Plan") -> dict[str, dict[str, float]]:
    """Return the fidelity of bias, log-perplexity and the weighted energy on test masks, with each one's ceiling."""
    masks = known.masks("test")
    if not masks:
        return {}
    energy = Objective("weighted", plan.epsilon)
    measures: dict[str, Callable[[Forecast], np.ndarray]] = {
        "energy": lambda f: energy.values(f, base_loss, plan),
        "bias": lambda f: f.bias,
        "loss": lambda f: f.loss,
    }
    labels: list[Label] = [known.labels[mask] for mask in masks]
    real, forecast = known.measured("test"), pair.forecast(bits(masks, known.heads))
    found = {}
    for name, ranked in measures.items():
        found[name] = fidelity(ranked(real), ranked(forecast))
        if (whole := ceiling(known.scale, labels, ranked)) is not None:
            found[name]["ceiling"] = whole
    return found
