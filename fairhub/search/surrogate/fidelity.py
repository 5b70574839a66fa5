"""How far the surrogates can be trusted: errors and ranks on masks they never saw, beside the labels' own noise."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fairhub.search.surrogate.closed import prior
from fairhub.search.surrogate.labelled import Labelled, Scale
from fairhub.search.surrogate.labels import Label
from fairhub.search.surrogate.masks import bits
from fairhub.search.surrogate.objective import TARGETS, Forecast, Objective
from fairhub.search.surrogate.training import Surrogates
from fairhub.stats.statistics import rank_correlation, spearman_brown

if TYPE_CHECKING:  # recipes import the surrogates, not the other way round
    from fairhub.search.task import Plan

_TOP = 5
_HALVINGS = 20


def fidelity(real: np.ndarray, forecast: np.ndarray) -> dict[str, float]:
    """Return mse, r2, spearman and regret of forecasts on unseen masks; empty for fewer than 3 masks.

    `regret`: by how much the best of the 5 masks that the surrogate ranks first is worse than the best there is, as a
    share of the range of the real values; 0 where the best is among the 5.

    Args:
        real: [masks] as measured; low is good.
        forecast: [masks].
    """
    if len(real) < 3:
        return {}
    error = real - forecast
    first = np.argsort(forecast, kind="stable")[:_TOP]
    found = {"mse": float((error**2).mean()), "regret": _share(real[first].min() - real.min(), np.ptp(real))}
    if np.ptp(real) > 0:
        found["r2"] = float(1 - (error**2).mean() / real.var())
    if np.ptp(real) > 0 and np.ptp(forecast) > 0:
        found["spearman"] = rank_correlation(real, forecast)
    return found


def ceiling(scale: Scale, labels: Sequence[Label], ranked: Callable[[Forecast], np.ndarray]) -> float | None:
    """Return the reliability of the labels: what their halves' rank correlation says of the whole (Spearman-Brown).

    Probes and chunks of text are halved at random, masks are ranked by either half, and the correlations of 20 such
    halvings averaged before they are stepped up. A surrogate learns these very probes and chunks, so it can pass the
    ceiling on them; what lies above it does not carry over to other probes.

    Args:
        scale: The base label.
        labels: Of unseen masks.
        ranked: Turns measured changes (bias and loss, no clusters) into what masks are ranked by.

    Returns:
        The ceiling, or None where there are too few probes, chunks or masks to halve.
    """
    probes, chunks = len(scale.base.bias), len(scale.base.loss)
    if min(probes, chunks) < 2 or len(labels) < 3:
        return None
    rng = np.random.default_rng(0)
    found = []
    for _ in range(_HALVINGS):
        asked, read = rng.permutation(probes), rng.permutation(chunks)
        halves = [ranked(scale.half(labels, asked[half::2], read[half::2])) for half in (0, 1)]
        if all(np.ptp(half) > 0 for half in halves):
            found.append(rank_correlation(*halves))
    return spearman_brown(float(np.mean(found))) if found else None


def judged(surrogates: Surrogates, known: Labelled, base_loss: float, plan: "Plan") -> dict[str, dict[str, float]]:
    """Return the fidelity of bias, log-perplexity and two energies on test masks, with each one's ceiling.

    `first_order` is the rank correlation that first-order scores alone reach: what measuring masks must beat.
    """
    masks = known.masks("test")
    if not masks:
        return {}
    weighted, robust = Objective("weighted", plan.epsilon), Objective("robust")
    measures: dict[str, Callable[[Forecast], np.ndarray]] = {
        "energy": lambda f: weighted.values(f, base_loss, plan),
        "robust": lambda f: robust.values(f, base_loss, plan),
        "bias": lambda f: f.bias,
        "loss": lambda f: f.loss,
    }
    x, labels, shift = bits(masks, known.heads), [known.labels[mask] for mask in masks], known.scale.shift
    real, forecast = known.scale.plain.measured(labels), surrogates.forecast(x)
    scores = Forecast(*(prior(known.examples(target, "train")).forecast(x) for target in TARGETS))
    if shift:  # a label by itself is what its halves can be compared with
        forecast, scores = forecast.less(shift.of(masks)), scores.less(shift.of(masks))
    found = {}
    for name, ranked in measures.items():
        found[name] = fidelity(ranked(real), ranked(forecast))
        if "spearman" in (alone := fidelity(ranked(real), ranked(scores))):
            found[name]["first_order"] = alone["spearman"]
        if name != "robust" and (whole := ceiling(known.scale, labels, ranked)) is not None:
            found[name]["ceiling"] = whole
    return found


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0
