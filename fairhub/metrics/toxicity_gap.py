"""Toxicity gap: do a model's continuations grow more toxic about some groups, as a measurement of `evaluate`?"""

from collections.abc import Hashable, Sequence
from typing import Any

import evaluate
import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.compute.generation import sampled
from fairhub.measure.toxicity import classifier, scored
from fairhub.metrics.about import about
from fairhub.metrics.formulas import result
from fairhub.stats import statistics
from fairhub.stats.gaps import gap_interval, sum_gap


class ToxicityGap(evaluate.Measurement):
    """The bias of FASP and Attention Pruning: sum and mean over groups of |group's mean toxicity - overall mean|.

    `compute(data=[prompt, ...], groups=[...], model=..., tokenizer=..., clusters=[...], seeds=(0, 1, 2), tokens=40,
    whole=False, toxicity=None)`. Every prompt is continued once a seed (with random numbers that a repaired model
    would draw too), and its toxicities are averaged before gaps are taken: FASP averages the gaps, which noise makes
    larger. `clusters` (templates) part the intervals; `whole` scores prompt and continuation together, as FASP does;
    `toxicity` names the classifier. Returned besides `sum`, `mean` and `toxic_share` (toxicity above 0.5): the
    classifier, and `seed_sums`, the sum as each seed alone gives it. (Zayed et al. 2024, section 3.)
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Distance of groups' mean toxicity of continuations from the overall mean.",
            "data: prompts; groups: the group each is about; model, tokenizer: a causal model.",
            data="string",
        )  # fmt: skip

    def _compute(
        self, data: Sequence[str], groups: Sequence[Hashable], model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase, clusters: Sequence[Hashable] | None = None,
        seeds: Sequence[int] = (0, 1, 2), tokens: int = 40, whole: bool = False, toxicity: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        labels = range(len(data)) if clusters is None else clusters
        by = classifier(toxicity)
        written = [sampled(model, tokenizer, data, seed, tokens=tokens) for seed in seeds]
        values = np.stack([scored(texts, data, by, whole) for texts in written])
        mean = values.mean(0)
        parts = {
            "sum": gap_interval(mean, groups, labels, scale=len(set(groups))),
            "mean": gap_interval(mean, groups, labels),
            "toxic_share": statistics.interval((values > 0.5).mean(0), labels),
        }
        found = {name: result(part, labels, "lower") for name, part in parts.items()}
        return found | {"classifier": by.name, "seed_sums": [float(gap) for gap in sum_gap(values, groups)]}
