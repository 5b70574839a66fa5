"""How well surrogates rank head masks that they never saw, by how many were measured, with slopes and without.

    python benchmarks/labels.py [--model NAME] [--masks N] [--out FOLDER] [--json]

Masks are drawn with counts log-uniform from 2 to 22 and measured with slopes on search probes and neutral search text,
nothing else. Surrogates are fitted on some of them, drawn anew ten times, and rank all others. What was measured stays
in the folder, so that a run that was cut short goes on.
"""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import options, tell

from fairhub.inputs.gathering import gather
from fairhub.inputs.sizes import Sizes
from fairhub.model.architecture import units
from fairhub.model.loading import load
from fairhub.pipeline import task_of
from fairhub.run.folder import Run
from fairhub.search.surrogate.fidelity import ceiling
from fairhub.search.surrogate.forecaster import Examples
from fairhub.search.surrogate.labelled import Labelled, scale_of
from fairhub.search.surrogate.labels import Meter, heads_of
from fairhub.search.surrogate.objective import TARGETS, Forecast, Objective, Target
from fairhub.search.surrogate.prior import curvature
from fairhub.search.surrogate.search import PROBES
from fairhub.search.surrogate.training import fit
from fairhub.search.task import Plan
from fairhub.stats.statistics import rank_correlation

REACH = 0.9
DRAWS = 10
COUNTS = (5, 10, 20, 40, 80)
_WEIGHTED = Objective("weighted", Plan().epsilon)
WAYS = {"first order": "prior", "values": "additive", "values and slopes": "quadratic"}


def main() -> None:
    """Measure, fit, print one object."""
    parser = options(__doc__)
    parser.add_argument("--masks", type=int, default=60, help="masks that are measured")
    parser.add_argument("--out", type=Path, default=Path("runs/labels"), help="where labels are kept")
    asked = parser.parse_args()
    found = measure(asked.model, asked.masks, asked.out)
    tell(found, asked.json, lambda f: "\n".join(map(str, f["detail"]["rows"])))


def measure(model: str | None, masks: int, out: Path) -> dict[str, Any]:
    """Return the benchmark's object: name, value, reach, reached, detail."""
    known, features = _labelled(model, masks, out)
    rows = ranks(known, features)
    best = max(row["energy"] for row in rows if row["by"] == "values and slopes")
    return {
        "name": "Spearman of surrogates on unseen masks, robust energy", "value": best, "reach": REACH,
        "reached": best >= REACH, "detail": {"masks": len(known.labels), "ceiling": ceilings(known), "rows": rows},
    }  # fmt: skip


def _labelled(model: str | None, count: int, out: Path) -> tuple[Labelled, np.ndarray]:
    loaded = load(model)
    data = gather((), (), None, None, loaded.tokenizer, Sizes())
    task = task_of(loaded, data, Run(out, {}, resume=out.exists()))
    meter, heads = Meter(task, PROBES), heads_of(units(loaded.model))
    base = meter(frozenset(), slopes=True)
    known, rng = Labelled(heads, scale_of(base, meter.probes)), random.Random(77)
    for _ in range(count):
        size = round(math.exp(rng.uniform(math.log(2), math.log(min(22, len(heads) - 1)))))
        mask = frozenset(rng.sample(heads, size))
        known.add(mask, meter(mask, slopes=True), sampled=False)
    return known, curvature(base)


def ranks(known: Labelled, features: np.ndarray) -> list[dict[str, Any]]:
    """Return the mean Spearman on unseen masks of every way to learn and number of masks learned from."""
    examples = {target: known.examples(target, "train") for target in TARGETS}
    total = len(known.labels)
    rows = []
    for count in [count for count in COUNTS if count <= total - 10]:
        drawn = [np.random.default_rng(seed).permutation(np.arange(1, total + 1)) for seed in range(DRAWS)]
        for by, kind in WAYS.items():
            found = [_rank(examples, features, kind, order[:count], order[count:]) for order in drawn]
            mean = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
            rows.append({"masks": count, "by": by, **{name: round(value, 3) for name, value in mean.items()}})
    return rows


def ceilings(known: Labelled) -> dict[str, float | None]:
    """Return the reliability of the labels of all masks, which a forecast can hardly pass, by figure."""
    base_loss, plan = float(known.scale.base.loss.mean()), Plan()
    ranked: dict[str, Callable[[Forecast], np.ndarray]] = {
        "bias": lambda f: f.bias, "loss": lambda f: f.loss,
        "weighted energy": lambda f: _WEIGHTED.values(f, base_loss, plan),
    }  # fmt: skip
    return {name: ceiling(known.scale, list(known.labels.values()), of) for name, of in ranked.items()}


def _rank(
    examples: dict[Target, Examples], features: np.ndarray, kind: Any, learned: np.ndarray, unseen: np.ndarray
) -> dict[str, float]:
    rows = np.append(0, learned)
    forecast, real = {}, {}
    for target, every in examples.items():
        known = every.part(rows)
        if kind == "additive":  # values alone: slopes at the base model are all that is known beforehand
            known = replace(known, slopes=np.where(known.x.any(1)[:, None], np.nan, known.slopes))
        forecast[target] = fit(kind, known, features, 0).forecast(every.x[unseen])
        real[target] = every.y[unseen]
    energy, plan = Objective("robust"), Plan()
    said, known_ = Forecast(**forecast), Forecast(**real)
    within = real["loss"] <= 3 * math.log1p(0.05)
    found = {target: rank_correlation(real[target], forecast[target]) for target in TARGETS}
    return found | {
        "energy": rank_correlation(*(energy.values(one, 3.5, plan) for one in (known_, said))),
        "weighted energy": rank_correlation(*(_WEIGHTED.values(one, 3.5, plan) for one in (known_, said))),
        "loss within 3 x 5 %": rank_correlation(real["loss"][within], forecast["loss"][within]),
        "bias within 3 x 5 %": rank_correlation(real["bias"][within], forecast["bias"][within]),
    }


if __name__ == "__main__":
    main()
