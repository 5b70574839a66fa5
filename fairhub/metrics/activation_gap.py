"""Activation gap: how far the activations of a pair's two texts lie apart, as a measurement of `evaluate`."""

from collections.abc import Hashable, Sequence
from dataclasses import asdict
from typing import Any

import evaluate
import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.errors import UserError
from fairhub.inputs.batches import Batch, batches_for
from fairhub.inputs.probes import Probe
from fairhub.measure.activations import Gap, Unequal, capture, gap, optipfair_gap
from fairhub.metrics.about import about
from fairhub.stats import statistics

_TOKENS = 256  # a batch: activations of every layer are held at once


class ActivationGap(evaluate.Measurement):
    """Mean absolute difference of a pair's activations, over tokens, features, components and layers, in float32.

    `compute(text_a=[...], text_b=[...], model=..., tokenizer=..., clusters=[...], unequal="align", compat=None)`.
    `components` and `layers` break the value down; `values` holds it pair by pair. Texts of unequal token counts are
    aligned by the span that differs, or refused with `unequal="refuse"`. With `compat="optipfair"` each pair's value is
    that of optiPfair 0.4.2 to the last bit (in the model's dtype), and is not broken down. A single pair has no
    interval: `low` and `high` are None.

    A model that says nothing sensible has a small gap too, and units chosen for their gap lower it by arithmetic alone:
    it shows where two texts part, and proves no fairness.
    """

    def _info(self) -> evaluate.MeasurementInfo:
        return about(
            "Mean absolute difference of the activations of two texts that differ in one term.",
            "text_a, text_b: texts; model, tokenizer: a causal model; clusters: a label a pair.",
            text_a="string", text_b="string",
        )  # fmt: skip

    def _compute(
        self, text_a: Sequence[str], text_b: Sequence[str], model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase, clusters: Sequence[Hashable] | None = None,
        unequal: Unequal = "align", compat: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        labels = range(len(text_a)) if clusters is None else clusters
        if compat == "optipfair":
            return _summary([optipfair_gap(model, tokenizer, *p) for p in zip(text_a, text_b, strict=True)], labels)
        if compat is not None:
            raise UserError(f"compat must be 'optipfair' or None; got {compat!r}; leave it out for the float32 gap")
        probes = [
            Probe(a, b, "", "", str(label), "", "", "", "", "", "", "held_out")
            for a, b, label in zip(text_a, text_b, labels, strict=True)
        ]
        batches = batches_for(model, tokenizer, probes, _TOKENS)
        gaps = _gaps(model, batches, unequal)
        mean = {name: float(np.mean([g.by_component[name] for g in gaps])) for name in gaps[0].components}
        layers = np.mean([g.by_layer for g in gaps], axis=0).tolist()
        return _summary([g.overall for g in gaps], labels) | {"components": mean, "layers": layers}


def _gaps(model: PreTrainedModel, batches: Sequence[Batch], unequal: Unequal) -> list[Gap]:
    found: dict[int, Gap] = {}
    for batch in batches:
        activations = capture(model, batch)
        found |= {item: gap(activations, place, unequal) for place, item in enumerate(batch.items)}
    return [found[item] for item in sorted(found)]


def _summary(values: list[float], labels: Sequence[Hashable]) -> dict[str, Any]:
    clusters = len(set(labels))
    ends: dict[str, float | None] = {"value": float(np.mean(values)), "low": None, "high": None}
    if clusters > 1:
        ends = dict(asdict(statistics.interval(values, labels)))
    return ends | {"items": len(values), "clusters": clusters, "better": "lower", "values": values}
