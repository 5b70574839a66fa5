"""Training the surrogates: for each figure the kind that forecasts best what it did not see, never below the scores."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fairhub.run.folder import Run
from fairhub.run.processes import alone
from fairhub.search.surrogate.closed import paired, prior, summed
from fairhub.search.surrogate.doubt import Doubt, left_out, root_of
from fairhub.search.surrogate.forecaster import KINDS, Examples, Kind, Surrogate, linear_surrogate
from fairhub.search.surrogate.labelled import Labelled
from fairhub.search.surrogate.network import with_networks
from fairhub.search.surrogate.objective import TARGETS, Forecast, Target
from fairhub.stats.statistics import rank_correlation

_FOLDS = 4


@dataclass(frozen=True, eq=False)
class Surrogates:
    """What forecasts every figure of a mask, how unsure that is, and what training it took."""

    bias: Surrogate
    """Log ratio of divergence."""
    robust: Surrogate
    """The same over clusters, with its standard errors."""
    loss: Surrogate
    """Rise of log-perplexity, nats."""
    doubt: Doubt
    seconds: float

    @property
    def each(self) -> tuple[Surrogate, ...]:
        """The surrogates in the order of `TARGETS`."""
        return self.bias, self.robust, self.loss

    @property
    def kinds(self) -> dict[Target, Kind]:
        """Return which kind forecasts each figure."""
        return {target: one.kind for target, one in zip(TARGETS, self.each, strict=True)}

    def forecast(self, x: np.ndarray) -> Forecast:
        """Return what is forecast of masks [masks, bits]."""
        return Forecast(*(one.forecast(x) for one in self.each))


def train(
    run: Run, stage: str, known: Labelled, features: np.ndarray, seed: int, kinds: Mapping[Target, Kind] | None = None
) -> Surrogates:
    """Train the surrogates on all masks but those kept for the test, or read them from the run.

    Args:
        run: Remembers them.
        stage: Under this name.
        known: Masks and labels.
        features: [bits, features] what is known of heads beforehand beside their first-order scores.
        seed: Of the networks.
        kinds: The kind of each surrogate, where it was chosen before.
    """

    def compute() -> dict[str, np.ndarray]:
        began, stored, width = time.monotonic(), dict[str, np.ndarray](), []
        for target in TARGETS:
            examples = known.examples(target, "train")
            found, error = _chosen(examples, features, seed, (kinds[target],) if kinds else KINDS)
            width.append(error)
            stored |= {f"{target}/{name}": part for name, part in found.arrays().items()}
        root = root_of(known.examples("loss", "train").x)
        return stored | {"root": root, "width": np.array(width), "seconds": np.array(time.monotonic() - began)}

    stored = run.arrays(stage, lambda: alone(compute))
    bias, robust, loss = (_stored(stored, target) for target in TARGETS)
    return Surrogates(bias, robust, loss, Doubt(stored["root"], stored["width"]), float(stored["seconds"]))


def fit(kind: Kind, train: Examples, features: np.ndarray, seed: int) -> Surrogate:
    """Fit one kind of surrogate; see `closed` and `network`. Networks on top stand on the richest closed form."""
    if kind == "prior":
        return prior(train)
    if kind == "additive":
        return summed(train, features)
    if kind == "quadratic":
        return paired(train, features)
    nothing = linear_surrogate(kind, np.zeros(train.x.shape[1]))
    start = replace(paired(train, features), kind=kind) if kind == "residual" else nothing
    return with_networks(start, train, seed)


def _chosen(examples: Examples, features: np.ndarray, seed: int, kinds: tuple[Kind, ...]) -> tuple[Surrogate, float]:
    """Return the kind with the smallest error on masks left out in turn, and what a unit of distance costs it.

    A kind that ranks them worse than first-order scores do is no choice, whatever its error.
    """
    unseen = {kind: _unseen(kind, examples, features, seed) for kind in kinds}
    rank = {kind: _rank(examples.y[1:], found.y[1:]) for kind, found in unseen.items()}
    error = {kind: _error(examples, found) for kind, found in unseen.items()}
    able = [kind for kind in kinds if rank[kind] >= rank.get("prior", -1.0)]
    best = min(able, key=lambda kind: error[kind])
    apart = (left_out(examples.x) ** 2).sum()
    width = (((unseen[best].y - examples.y) ** 2).sum() / max(apart, 1e-9)) ** 0.5
    return fit(best, examples, features, seed), float(width)


def _unseen(kind: Kind, examples: Examples, features: np.ndarray, seed: int) -> Examples:
    """Return every mask as a surrogate forecasts it that did not see it; the base model is always seen."""
    fold = np.arange(len(examples.x)) % _FOLDS
    y, slopes = np.zeros(examples.y.shape), np.zeros(examples.x.shape)
    for number in range(_FOLDS):
        rows = np.flatnonzero((fold == number) & (np.arange(len(fold)) > 0))
        found = fit(kind, examples.part(np.setdiff1d(np.arange(len(fold)), rows)), features, seed)
        y[rows], slopes[rows] = found.forecast(examples.x[rows]), found.slopes(examples.x[rows])
    return replace(examples, y=y, slopes=slopes)


def _error(real: Examples, forecast: Examples) -> float:
    """Return the squared error of forecasts of masks, and of a head more or less at each, as slopes tell.

    Two heads that only work together are in no mask that was measured, or in one: values alone do not tell who knows of
    them.
    """
    near = np.nan_to_num((forecast.slopes - real.slopes) ** 2).mean(1)  # NaN: not measured
    return float((real.weight * ((forecast.y - real.y) ** 2 + near))[1:].sum())


def _rank(real: np.ndarray, forecast: np.ndarray) -> float:
    return rank_correlation(real, forecast) if len(real) > 2 and np.ptp(real) > 0 and np.ptp(forecast) > 0 else 0.0


def _stored(stored: Mapping[str, np.ndarray], target: Target) -> Surrogate:
    return Surrogate.from_arrays({n.split("/")[1]: part for n, part in stored.items() if n.startswith(f"{target}/")})
