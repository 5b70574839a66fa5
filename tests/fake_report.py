"""A realistic report from simulated measurements, shared by the tests of reports and pictures."""

from dataclasses import asdict
from functools import cache

import numpy as np

from fairhub.report import Control, Figure, Report, verdict
from fairhub.report.metrics import metric_of
from fairhub.stats.statistics import Interval, change, interval, specificity

AXES = {"gender": -0.10, "race": -0.40, "religion": -0.35, "nationality": -0.30, "age": -0.55}
CONTEXTS = {"hiring": -0.40, "lending": -0.35, "policing": -0.30, "health": -0.25, "housing": 0.02}
SPLITS = {"search": -0.62, "select": -0.48, "held_out": -0.34, "external": -0.12}
ZERO = Interval(0, 0, 0)


def pairs(effect, clusters=40, size=8, base=0.04, seed=0):
    """Positive, skewed, clustered values before and after a change by the share `effect`."""
    rng = np.random.default_rng(seed)
    level = rng.gamma(3, base / 3, size=clusters).repeat(size)
    before = level * rng.gamma(6, 1 / 6, size=clusters * size)
    felt = (1 + effect + 0.15 * rng.normal(size=clusters)).repeat(size)
    return before, before * felt * rng.gamma(40, 1 / 40, size=before.size), np.arange(clusters).repeat(size)


@cache
def figure(effect, split="held_out", axis="all", context="all", name="divergence", role="", **how):
    """A paired figure of simulated values; `after=False` in `how` makes it an audit's, `sign=-1` a gap below 0."""
    audit, sign = not how.pop("after", True), how.pop("sign", 1)
    role = role or metric_of(name, axis).role or "bias"
    place = role, split, axis, context, how.pop("better", "lower"), "nats²" if name.startswith("judgement") else "nats"
    groups, limit = how.pop("groups", None), how.pop("limit", None)
    before, after, clusters = pairs(effect, **how)
    before, after = sign * before, sign * after
    return Figure(
        name, *place, len(before), len(np.unique(clusters)), interval(before, clusters),
        None if audit else interval(after, clusters), None if audit else change(before, after, clusters), groups, limit,
    )  # fmt: skip


def gap(effect, axis="race", group="Black", dimension="bad", **how):
    """A signed judgement gap of one group against the others of its axis."""
    return figure(effect, axis=axis, name=f"direction.{dimension}", groups=(group, "others"), base=0.5, **how)


def judged(effects=SPLITS, after=True):
    """Who is judged worse: from near to far, by axis, context, dimension and pair, and what a name changes at all."""
    how = {"after": after, "base": 0.12}
    places = [
        *({"effect": effect, "split": split} for split, effect in effects.items()),
        *({"effect": effect, "axis": axis, "clusters": 14} for axis, effect in AXES.items()),
        *({"effect": effect, "context": context, "clusters": 9} for context, effect in CONTEXTS.items()),
        {"effect": -0.40, "name": "judgement.bad"}, {"effect": -0.30, "name": "judgement.cold"},
        {"effect": -0.34, "name": "judgement.leave_one_frame_out"},
        {"effect": -0.45, "axis": "race", "groups": ("Black", "white")},
        {"effect": -0.25, "axis": "race", "groups": ("Asian", "white")},
    ]  # fmt: skip
    found = [figure(**({"name": "judgement"} | how | place | {"seed": 60 + i})) for i, place in enumerate(places)]
    found += [
        figure(effect, split, name=name, after=after, base=base, seed=90 + i)
        for i, split in enumerate(effects)
        for name, effect, base in (("systematic", -0.3, 0.004), ("reaction", -0.1, 0.04))
    ]  # fmt: skip
    return found + gaps(after)


def gaps(after=True):
    """Signed gaps before and after: who is judged worse on what."""
    groups = (("race", "Black", 1), ("race", "white", -1), ("age", "old", 1), ("gender", "woman", -1))
    return [
        gap(-0.3, axis, group, dimension, sign=sign, after=after, seed=110 + i)
        for i, dimension in enumerate(("bad", "cold"))
        for axis, group, sign in groups
    ]


KEPT = {
    "incidental": (-0.03, 0.10), "merit": (-0.02, 0.10), "merit_gap": (-0.02, 0.10), "meaning": (-0.01, 0.05),
    "meaning_right": (-0.01, 0.05), "recall": (-0.01, 0.05), "recall_right": (-0.01, 0.05), "last_word": (-0.01, 0.05),
    "last_word_probability": (-0.01, 0.05),
}  # fmt: skip
"""What must stay: how much of it is lost, and how much may be."""


def kept(after=True, **effects):
    """Figures of what must stay, each with its limit; `effects` replaces how much of one is lost."""
    how = {"role": "keep", "better": "higher", "after": after, "base": 0.5, "clusters": 30}
    found = [
        figure(effects.get(name, effect), name=name, limit=limit, seed=130 + i, **how)
        for i, (name, (effect, limit)) in enumerate(KEPT.items())
    ]
    return [*found, figure(-0.01, axis="race", name="meaning", seed=150, **how)]


@cache
def utility(cost=0.018):
    """Perplexity, an accuracy and the distance from the base model."""
    rng = np.random.default_rng(9)
    nll, documents = rng.normal(3.1, 0.4, size=400), np.arange(400) // 4
    worse = nll + np.log1p(cost) + 0.01 * rng.normal(size=400)
    right = (rng.random(400) < 0.61).astype(float)
    still = np.where(rng.random(400) < 0.03, 1 - right, right)
    place = ("utility", "held_out", "all", "all")
    compared = {
        "perplexity": ("lower", "", nll, worse, np.exp, 0.02),
        "boolq": ("higher", "share", right, still, None, None),
    }
    made = [
        Figure(
            name, *place, better, unit, 400, 100,
            interval(old, documents, transform=shape), interval(new, documents, transform=shape),
            change(old, new, documents, transform=shape), None, limit,
        )
        for name, (better, unit, old, new, shape, limit) in compared.items()
    ]  # fmt: skip
    return [*made, Figure("kl", *place, "lower", "nats", 400, 100, ZERO, Interval(0.021, 0.018, 0.024), None)]


@cache
def specific(effect=-0.34, control=-0.08):
    """Specificity and the control pairs it rests on."""
    difference = specificity(*pairs(effect), *pairs(control, clusters=25, seed=3))
    place = ("held_out", "all", "all", "lower")
    return [
        Figure("specificity", "bias", *place, "share", 520, 65, ZERO, difference, None),
        figure(control, axis="control", role="control", better="higher", limit=0.10, clusters=25, seed=3),
    ]


def figures(effects=SPLITS, cost=0.018):
    """Everything a full run measures."""
    splits = [figure(effect, split, seed=i) for i, (split, effect) in enumerate(effects.items())]
    axes = [figure(e, axis=axis, clusters=14, seed=10 + i) for i, (axis, e) in enumerate(AXES.items())]
    contexts = [figure(e, context=name, clusters=9, seed=20 + i) for i, (name, e) in enumerate(CONTEXTS.items())]
    other = figure(-0.2, "external", name="winobias_gap", seed=31)
    alone = [*splits, *axes, *contexts, other, *specific(effects.get("held_out", -0.34))]
    return (*judged(effects), *kept(), *alone, *utility(cost))


def trace(steps=1500, seed=0):
    """Energies of a cooling walk downhill."""
    rng = np.random.default_rng(seed)
    temperature = 0.2 * 0.997 ** np.arange(steps)
    energy = -0.9 * (1 - np.exp(-np.arange(steps) / 350)) + temperature * rng.normal(size=steps)
    accepted = rng.random(steps) < 0.05 + 4 * temperature
    return {
        "energy": energy.tolist(),
        "best": np.minimum.accumulate(energy).tolist(),
        "accepted": accepted.tolist(),
        "temperature": temperature.tolist(),
        "surrogate": {"spearman": 0.91, "r2": 0.83, "ceiling": 0.95, "masks": 4000, "speedup": 21000.0},
    }


def pruning(seed=0):
    """Four heads and eleven neurons of a model with 30 layers of 9 heads."""
    rng = np.random.default_rng(seed)
    heads = [{"kind": "head", "layer": int(rng.integers(30)), "index": int(rng.integers(9))} for _ in range(4)]
    return heads + [
        {"kind": "neuron", "layer": int(rng.integers(30)), "index": int(rng.integers(1536))} for _ in range(11)
    ]


def choices():
    """A front of candidates on select, the fourth of which was taken."""
    front = [(2, -0.12, 0.001), (5, -0.25, 0.004), (9, -0.37, 0.010), (15, -0.48, 0.018), (30, -0.63, 0.061)]
    return [
        {"units": n, "bias_relative": bias, "perplexity_relative": cost, "chosen": n == 15} for n, bias, cost in front
    ]


def transfer(contexts=("hiring", "lending"), effect=-0.4):
    """A matrix of two contexts: most of what a repair takes off its own, half of it off the other."""
    shift = asdict(change(*pairs(effect)))
    cells = [
        {"method": "robust", "repaired_on": row, "measured_on": column, "change": shift}
        for row in contexts for column in contexts
    ]  # fmt: skip
    return {
        "schema": 1, "base_model": {"id": "m", "sha256": "5af5"}, "asked": {}, "figure": "divergence", "unit": "nats",
        "contexts": list(contexts), "base": {c: {"value": 0.04, "low": 0.03, "high": 0.05} for c in contexts},
        "cells": cells, "leave_one_out_kept": None, "kept": {"robust": None},
        "rows": [{"method": "robust", "repaired_on": row, "perplexity": shift} for row in contexts],
        "sentences": {"robust": [f"Repaired for {row}: divergence -40 % there." for row in contexts]},
    }  # fmt: skip


def audit():
    """A report of a model that was measured and left alone."""
    alone = [figure(0, axis=axis, after=False, seed=i) for i, axis in enumerate(("all", "gender", "race"))]
    measured = (*judged({"held_out": 0.0, "external": 0.0}, after=False), *kept(after=False), *alone)
    whole = {"total": 134515008, "removed": 0, "share": 0.0}
    nothing = dict.fromkeys(("transfer", "healing", "choices", "brought"))
    absent = {"controls": (), "reliability": {}, "trace": {}, "text": [], **nothing}
    return report(measured, method="audit", pruning=[], parameters=whole, **absent)


def report(measured=None, **parts):
    """A complete report of a repair; any part can be replaced."""
    measured = figures() if measured is None else measured
    whole = {
        "fairhub": "0.1.0", "method": "robust", "seed": 0, "created": "2026-11-22T12:00:00+00:00",
        "base_model": {"id": "HuggingFaceTB/SmolLM2-135M-Instruct", "revision": "12fd25f7", "sha256": "5af5",
                       "layers": 30, "heads": 9},
        "pruning": pruning(),
        "parameters": {"total": 134515008, "removed": 153984, "share": 0.0011447},
        "figures": measured,
        "controls": (
            Control("random", 3, (figure(-0.03, seed=41), utility(0.02)[0])),
            Control("importance", 1, (figure(-0.06, seed=42), utility(0.004)[0])),
        ),
        "reliability": {"template": 0.71, "seed": 0.97},
        "trace": trace(),
        "text": [{"prompt": "The new neighbour was", "before": "a | thief <b>", "after": "a *cat*\nlady"}],
        "cost": {"seconds": 412.0, "forward_equivalents": 3100, "peak_bytes": 1300000000, "device": "cpu",
                 "processes": 1},
        "data": [{"name": "templates", "revision": "1", "sha256": "77aa", "licence": "Apache-2.0"}],
        "versions": {"torch": "2.13.0", "transformers": "5.23.0"},
        "verdict": verdict(measured),
        "settings": {"budget": 0.02, "kappa": 1.0},
        "healing": {"ridge": 1.0, "tokens": 41000},
        "choices": choices(),
        "brought": [{"axis": "religion", "groups": ["Christian", "Muslim"], "token": " church", "change": 0.02,
                     "agree": 0.9, "cells": 20}],
        "transfer": transfer(),
    }  # fmt: skip
    return Report(**(whole | parts))
