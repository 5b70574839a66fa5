"""Scores: first-order effects are the gate's derivative, clusters must agree, and gain is weighed against price."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from short_probes import make_probes
from tiny import ARCHITECTURES

from fairhub.compute.engine import Engine
from fairhub.edit.masking import gated
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.probes import CONTROL
from fairhub.measure.scores import Scores, first_order, interleaved, memberships, reliability, worth
from fairhub.model.architecture import units
from fairhub.model.units import Unit

STEP = 2**-9  # exact in float32, as gates are
UNITS = tuple(Unit(layer, kind, i) for layer in (0, 1) for kind in ("head", "neuron") for i in range(20))


def scores_of(effect, base, clusters, found=None):
    effect = np.asarray(effect, dtype=np.float32)
    return Scores(found or UNITS[: effect.shape[1]], effect, np.asarray(base, float), tuple(map(tuple, clusters)))


@pytest.mark.parametrize("name", ["gpt2", "llama", "gpt_neo", "gemma2"])
def test_effect_is_the_finite_difference_of_the_gate(name, tokenizer):
    model, probes = ARCHITECTURES[name]().double(), make_probes(6)
    batches = probe_batches(tokenizer, probes, tokens=10_000)
    scores = first_order(model, batches, probes)
    (batch,) = batches
    assert scores.units == units(model) and scores.effect.shape == (6, len(scores.units))
    for unit in (Unit(0, "head", 1), Unit(1, "head", 3), Unit(0, "neuron", 5), Unit(1, "neuron", 40)):
        ends = []
        for step in (STEP, -STEP):
            with torch.no_grad(), gated(model) as gates:
                gates[unit.layer, unit.kind][unit.index] += step
                logits = model(batch.ids, use_cache=False).logits[torch.arange(len(batch.ids)), batch.last]
            p, q = (logits[batch.pairs[:, side]].softmax(-1) for side in (0, 1))
            m = (p + q) / 2
            values = np.empty(6)
            values[list(batch.items)] = ((p * (p / m).log() + q * (q / m).log()).sum(-1) / 2).numpy()
            ends.append(values)
        slope = (ends[0] - ends[1]) / (2 * STEP)
        found = scores.effect[:, scores.units.index(unit)]
        np.testing.assert_allclose(found, -slope, rtol=5e-3, atol=2e-3 * np.abs(slope).max() + 1e-7)
        assert np.abs(found).max() > 1e-6  # positive control


@pytest.mark.parametrize("name", ["llama", "gpt_neo", "opt"])
def test_probes_that_share_a_text_are_told_apart(name, tokenizer):
    model, first = ARCHITECTURES[name](), make_probes(1)[0]
    probes = [
        first,
        replace(first, text_b="the dd is"),  # shares text_a
        replace(first, text_a=first.text_b, text_b=first.text_a),  # shares both
    ]
    batches = probe_batches(tokenizer, probes)
    assert len(batches) == 1 and len(batches[0].ids) == 3
    together = first_order(model, batches, probes)
    for place, probe in enumerate(probes):
        alone = first_order(model, probe_batches(tokenizer, [probe]), [probe])
        np.testing.assert_allclose(together.effect[place], alone.effect[0], rtol=2e-3, atol=1e-6)
        assert together.base[place] == pytest.approx(alone.base[0], rel=1e-4)
    assert np.abs(together.effect[0] - together.effect[1]).max() > 1e-5  # positive control
    np.testing.assert_allclose(together.effect[0], together.effect[2], rtol=2e-3, atol=1e-6)


def test_base_equals_the_engine_and_nothing_stays_behind(model, tokenizer):
    probes = make_probes()
    batches = probe_batches(tokenizer, probes, tokens=160)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    scores = first_order(model, batches, probes)
    np.testing.assert_allclose(scores.base, Engine(model, batches).values([frozenset()])[0], rtol=1e-4, atol=1e-7)
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def test_clusters_are_axis_frame_and_context_but_controls_have_only_their_axis():
    person = make_probes(1)[0]
    control = replace(person, axis=CONTROL)
    assert memberships([person, control]) == (("axis:race", "frame:f0", "context:hiring"), ("axis:control",))


def test_robust_penalises_disagreement():
    # the same mean fall, but the second unit's comes from one cluster alone
    scores = scores_of([[-0.2, -0.6], [-0.2, 0.0], [-0.2, 0.0]], [1, 1, 1], [["a"], ["b"], ["c"]])
    np.testing.assert_allclose(scores.relative(), [[-0.2, -0.6], [-0.2, 0], [-0.2, 0]], rtol=1e-6)
    steady, lone = scores.robust()
    assert steady == pytest.approx(-0.2) and lone > 0.1
    np.testing.assert_allclose(scores.robust(sureness=0), [-0.2, -0.2], rtol=1e-6)


def test_relative_is_of_the_cluster_not_of_the_probe():
    scores = scores_of([[-1.0], [0.0]], [9, 1], [["a"], ["a"]])
    np.testing.assert_allclose(scores.relative(), [[-0.1]])
    np.testing.assert_allclose(scores.relative([1]), [[0.0]])


def test_worth_is_gain_over_price_and_leaves_out_the_unwelcome():
    found = UNITS[:4]  # all heads
    clusters = [["a"], ["b"]]
    scores = scores_of([[-0.4, -0.4, -0.1, 0.2]] * 2, [1, 1], clusters, found)
    nothing = scores_of([[0.0] * 4], [1], [["axis:control"]], found)
    cheap = dict(zip(found, (4.0, 1.0, 1.0, 0.1), strict=True))
    assert worth(scores, cheap, nothing) == [found[1], found[0], found[2]]
    # a unit that lowers control pairs as much is no gain; one that raises them gets no bonus
    dull = scores_of([[0.0, -0.6, 9.0, 0.0]], [1], [["axis:control"]], found)
    assert worth(scores, cheap, dull) == [found[0], found[2]]


def test_prices_compare_within_a_kind():
    found = (Unit(0, "head", 0), Unit(0, "head", 1), Unit(0, "neuron", 0), Unit(0, "neuron", 1))
    scores = scores_of([[-0.1, -0.1, -0.2, -0.1]] * 2, [1, 1], [["a"], ["b"]], found)
    nothing = scores_of([[0.0] * 4], [1], [["axis:control"]], found)
    prices = dict(zip(found, (100.0, 100.0, 1e-6, 1e-6), strict=True))
    assert worth(scores, prices, nothing)[0] == found[2]


def test_interleaved_keeps_the_order_within_the_counts():
    ranking = [UNITS[20], UNITS[0], UNITS[21], UNITS[1], UNITS[2], UNITS[22]]
    assert interleaved(ranking, heads=2, neurons=1) == [UNITS[20], UNITS[0], UNITS[1]]
    assert interleaved(ranking, heads=0, neurons=0) == []


def many_probes(count=48):
    person = make_probes(1)[0]
    return [
        replace(person, template=f"t{i}", frame=f"f{i % 8}", axis=("race", "gender")[i % 2], context="hiring")
        for i in range(count)
    ]


def test_reliability_is_one_for_halves_that_agree_and_none_for_noise():
    rng, probes = np.random.default_rng(0), many_probes()
    wide = tuple(Unit(0, kind, i) for kind in ("head", "neuron") for i in range(200))
    clusters = memberships(probes)
    shared = np.tile(rng.normal(size=len(wide)), (len(probes), 1))
    agreeing = reliability(scores_of(shared, np.ones(len(probes)), clusters, wide), probes)
    halves = {f"{k}_{u}" for k in ("template", "frame", "axis") for u in ("heads", "neurons")}
    assert set(agreeing) == halves | {f"{name}_whole" for name in halves}
    assert all(value == pytest.approx(1) for value in agreeing.values())
    noise = reliability(scores_of(rng.normal(size=shared.shape), np.ones(len(probes)), clusters, wide), probes)
    assert all(abs(noise[name]) < 0.25 for name in halves)
    for name in halves:  # the whole is surer than its halves, and only where they agree
        r = noise[name]
        assert noise[f"{name}_whole"] == pytest.approx(2 * r / (1 + r) if r > 0 else r)


def test_reliability_leaves_out_what_cannot_be_halved_or_ranked():
    probes = [replace(p, axis="race") for p in many_probes()]
    flat = np.ones((len(probes), 8))
    flat[:, 4:] = np.arange(4)
    wide = tuple(Unit(0, kind, i) for kind in ("head", "neuron") for i in range(4))
    found = reliability(scores_of(flat, np.ones(len(probes)), memberships(probes), wide), probes)
    # one axis only; heads all equal
    assert set(found) == {f"{name}_neurons{end}" for name in ("template", "frame") for end in ("", "_whole")}
