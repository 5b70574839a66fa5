"""Activations: what is captured is what the modules give out, padding changes nothing, tokens are compared in line."""

import numpy as np
import pytest
import torch
from capturing import GATED, batch_of, probe
from tiny import ARCHITECTURES

from fairhub.compute.engine import Engine
from fairhub.edit.editing import zero_
from fairhub.edit.masking import gated
from fairhub.errors import UserError
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.tokens import encode
from fairhub.measure.activations import (
    COMPONENTS,
    align,
    capture,
    components_of,
    gap,
    gap_effects,
    optipfair_gap,
    watched,
)
from fairhub.metrics.activation_gap import ActivationGap
from fairhub.model.architecture import sites, units
from fairhub.model.units import Unit

PAIR = ("the old man is", "the old cat is")
UNEQUAL = ("the man is ok", "the woman is ok")


@torch.no_grad()
def test_captures_every_component_of_every_architecture(model, tokenizer):
    found = capture(model, batch_of(tokenizer, PAIR))
    plain = model.config.model_type in ("gpt2", "gpt_neo", "gptj", "gpt_neox", "opt")
    assert found.components == tuple(name for name in COMPONENTS if not (plain and name == "gate_proj"))
    assert found.components == components_of(model) and found.layers == 2
    hidden = ("input_norm", "attention_output", "down_proj", "mlp_output")
    for (name, layer), value in found.values.items():
        assert value.shape == (2, 14, 32 if name in hidden else 48), (name, layer)
        assert not torch.equal(value[0], value[1])  # the pair differs everywhere, so nothing is stuck
    for site in sites(model):  # the projections, computed again from what was captured as their input
        if site.kind == "neuron":
            again = site.module(found.values["down_proj_input", site.layer])
            torch.testing.assert_close(again, found.values["mlp_output", site.layer])


@torch.no_grad()
@pytest.mark.parametrize("name", ["llama", "phi3", "gemma2"])
def test_neurons_are_made_of_gate_and_up(name, tokenizer):
    model = ARCHITECTURES[name]()
    found = capture(model, batch_of(tokenizer, PAIR))
    act = torch.nn.functional.silu if name != "gemma2" else lambda x: torch.nn.functional.gelu(x, approximate="tanh")
    for layer in range(2):
        made = act(found.values["gate_proj", layer]) * found.values["up_proj", layer]
        torch.testing.assert_close(made, found.values["down_proj_input", layer])


def test_a_padded_row_is_what_it_would_be_alone(model, tokenizer):
    together = capture(model, batch_of(tokenizer, PAIR, ("a", "the very long text of a pair")))
    alone = capture(model, batch_of(tokenizer, PAIR))
    assert sorted(together.mask.sum(1).tolist()) == [1, 14, 14, 28]
    rows = together.batch.pairs[[together.batch.items.index(0)]][0].tolist()
    for key, value in alone.values.items():
        torch.testing.assert_close(together.values[key][rows, :14], value, rtol=1e-4, atol=1e-5)


def test_hooks_go_also_after_an_exception(tokenizer):
    model, seen = ARCHITECTURES["llama"](), []
    with pytest.raises(ZeroDivisionError), watched(model, 1, lambda *what: seen.append(what)):
        model(torch.tensor([[5, 6]]))
        raise ZeroDivisionError
    count = len(seen)
    model(torch.tensor([[5, 6]]))
    assert count == len(seen) == 14


def test_equal_counts_are_compared_one_by_one():
    found = align((1, 2, 3, 4), (1, 9, 8, 4))
    assert found.exact and found.first == found.second == (0, 1, 2, 3)
    assert (found.span_first, found.span_second) == (range(1, 3), range(1, 3))


@pytest.mark.parametrize(
    "one, two, first, second",
    [
        ((1, 2, 3, 4), (1, 7, 8, 9, 3, 4), (0, 1, 2, 3), (0, 3, 4, 5)),
        ((1, 2, 4), (1, 2, 2, 4), (0, 1, 2), (0, 1, 3)),  # a span that is empty on one side is left out
        ((1, 2), (1, 2, 5), (0, 1), (0, 1)),
        ((1,), (2, 3), (0,), (1,)),
    ],
)
def test_unequal_counts_are_aligned_by_the_span_that_differs(one, two, first, second):
    found = align(one, two)
    assert (found.first, found.second, found.exact) == (first, second, False)
    outside = [(i, j) for i, j in zip(first, second, strict=True) if i not in found.span_first]
    assert all(one[i] == two[j] for i, j in outside)
    with pytest.raises(UserError, match=f"{len(one)} and {len(two)} tokens"):
        align(one, two, unequal="refuse")


def test_a_pair_without_a_difference_has_no_gap_however_it_is_aligned(tokenizer):
    model = ARCHITECTURES["llama"]()
    found = gap(capture(model, batch_of(tokenizer, UNEQUAL)))
    assert not found.alignment.exact
    prefix = [i for i, place in enumerate(found.alignment.first) if place < 4]
    assert np.abs(found.values[:, :, prefix]).max() < 1e-6 < found.values[:, 1, 4:].min()


def test_the_gap_is_the_mean_over_components_and_layers(model, tokenizer):
    found = capture(model, batch_of(tokenizer, PAIR))
    measured = gap(found)
    assert measured.values.shape == (len(found.components), 2, 14)
    parts = [
        (found.values[name, layer][0] - found.values[name, layer][1]).abs().double().mean().item()
        for name in found.components if name != "down_proj_input" for layer in range(2)
    ]  # fmt: skip
    assert measured.overall == pytest.approx(np.mean(parts), rel=1e-6)
    assert np.mean(measured.by_layer) == pytest.approx(measured.overall, rel=1e-6)
    assert measured.part("up_proj").mean() == measured.by_component["up_proj"]


@pytest.mark.parametrize("name", GATED)
def test_fp32_agrees_with_optipfairs_number(name, tokenizer):
    model = ARCHITECTURES[name]()
    assert gap(capture(model, batch_of(tokenizer, PAIR))).overall == pytest.approx(
        optipfair_gap(model, tokenizer, *PAIR), rel=1e-5
    )


def test_optipfairs_number_refuses_what_it_is_not_defined_for(tokenizer):
    for name in ("gpt2", "phi3", "opt"):
        with pytest.raises(UserError, match="gate_proj and up_proj"):
            optipfair_gap(ARCHITECTURES[name](), tokenizer, *PAIR)
    with pytest.raises(UserError, match="tokens"):
        optipfair_gap(ARCHITECTURES["llama"](), tokenizer, *UNEQUAL)


@pytest.mark.peer
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", GATED)
def test_bit_equal_to_the_installed_optipfair(name, dtype, tokenizer):
    bias = pytest.importorskip("optipfair.bias", exc_type=ImportError)
    model = ARCHITECTURES[name]().to(dtype)
    for pair in (PAIR, ("I saw red kits", "I saw tan kits")):
        theirs = bias.calculate_bias_metrics(*bias.get_activation_pairs(model, tokenizer, *pair))
        assert optipfair_gap(model, tokenizer, *pair) == theirs["overall_metrics"]["mean_difference"]


def test_measurement_has_an_interval_and_breaks_down(model, tokenizer):
    first, second = zip(PAIR, UNEQUAL, ("he ran", "so ran"), strict=True)
    found = ActivationGap().compute(text_a=first, text_b=second, model=model, tokenizer=tokenizer)
    assert found["low"] <= found["value"] <= found["high"] and found["better"] == "lower"
    assert (found["items"], found["clusters"]) == (3, 3)
    assert list(found["components"]) == list(components_of(model)) and len(found["layers"]) == 2
    alone = gap(capture(model, batch_of(tokenizer, UNEQUAL))).overall
    assert found["values"][1] == pytest.approx(alone, rel=1e-4)
    with pytest.raises(UserError, match="tokens"):
        ActivationGap().compute(text_a=first, text_b=second, model=model, tokenizer=tokenizer, unequal="refuse")


def test_measurement_of_one_pair_has_no_interval(tokenizer):
    model, (a, b) = ARCHITECTURES["llama"](), PAIR
    for compat in (None, "optipfair"):
        found = ActivationGap().compute(text_a=[a], text_b=[b], model=model, tokenizer=tokenizer, compat=compat)
        assert found["low"] is None and found["high"] is None
    assert found["value"] == optipfair_gap(model, tokenizer, a, b)
    with pytest.raises(UserError, match="compat"):
        ActivationGap().compute(text_a=[a], text_b=[b], model=model, tokenizer=tokenizer, compat="other")


def test_a_unit_that_goes_takes_its_part_of_the_gap(tokenizer):
    model = ARCHITECTURES["llama"]()
    before = gap(capture(model, batch_of(tokenizer, PAIR)))
    zero_(model, frozenset(Unit(1, "neuron", i) for i in range(48)))
    after = gap(capture(model, batch_of(tokenizer, PAIR)))
    assert after.part("mlp_output")[1].max() == 0 < before.part("mlp_output")[1].max()
    assert np.array_equal(after.part("mlp_output")[0], before.part("mlp_output")[0])


def test_capture_does_not_depend_on_the_engine_around_it(tokenizer):
    model = ARCHITECTURES["llama"]()
    batches = probe_batches(tokenizer, [probe(*PAIR)])
    before = Engine(model, batches).values([frozenset()])
    capture(model, batches[0])
    assert np.array_equal(Engine(model, batches).values([frozenset()]), before)
    assert len(encode(tokenizer, PAIR[0])) == 14


@pytest.mark.parametrize("name", ["llama", "gpt2", "opt"])
def test_effect_is_the_finite_difference_of_the_gate(name, tokenizer):
    model = ARCHITECTURES[name]()
    batch = batch_of(tokenizer, PAIR, UNEQUAL)
    effect, base = gap_effects(model, [batch])
    assert base == pytest.approx(np.mean([gap(capture(model, batch), place).overall for place in (0, 1)]), rel=1e-4)
    assert len(effect) == len(units(model))
    for unit in (units(model)[i] for i in np.argsort(-np.abs(effect))[:4]):  # the gap has kinks: small effects drown
        ends = []
        for step in (2**-6, -(2**-6)):
            with gated(model) as gates, torch.no_grad():
                gates[unit.layer, unit.kind][unit.index] += step
                found = capture(model, batch)
            ends.append(np.mean([gap(found, place).overall for place in (0, 1)]))
        slope = (ends[0] - ends[1]) / 2**-5
        assert effect[units(model).index(unit)] == pytest.approx(-slope, rel=0.05)
    assert np.abs(effect).max() > 1e-3  # positive control
