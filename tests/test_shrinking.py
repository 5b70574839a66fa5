"""Shrinking on every architecture: neurons that are zero are cut out, and stock transformers loads what is left."""

import planted
import pytest
import torch
from surgical import HEADS, last_neurons, logits, reloaded, snapshot
from tiny import ARCHITECTURES
from transformers import AutoModelForCausalLM

from fairhub.edit.editing import asked_multiple, parameters_gone, shrink_, width_after, zero_
from fairhub.edit.masking import masked
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.model.architecture import mlp_width, sites, units
from fairhub.model.units import Unit
from fairhub.pipeline import finish_


def first_neurons(count):
    return frozenset(Unit(layer, "neuron", index) for layer in (0, 1) for index in range(count))


@pytest.mark.parametrize(("multiple", "width"), [(8, 40), (1, 35), (32, 48)])
def test_a_shrunk_model_is_the_zeroed_one(model, multiple, width, tmp_path):
    base, parameters = logits(model), model.num_parameters()
    zero_(model, last_neurons(13, 20) | HEADS)
    zeroed = logits(model)
    assert not torch.allclose(zeroed, base, atol=1e-3)

    assert shrink_(model, multiple) == width
    again = reloaded(model, tmp_path)
    for smaller in (model, again):
        torch.testing.assert_close(logits(smaller), zeroed, atol=1e-5, rtol=1e-5)
        assert [site.count for site in sites(smaller)] == [4, width, 4, width]
        plain = model.config.model_type in {"gpt2", "gpt_neo", "gptj", "gpt_neox", "opt"}
        per_neuron = 2 * 32 + 1 if plain else 3 * 32  # two columns and a bias, or gate, up and down
        assert parameters - smaller.num_parameters() == 2 * (48 - width) * per_neuron


def test_a_shrunk_model_can_be_pruned_again(model, tmp_path):
    zero_(model, last_neurons(13, 20))
    base = logits(model)
    shrink_(model)
    pruning = frozenset({Unit(0, "neuron", 1), Unit(1, "head", 2)})
    with masked(model, pruning):
        under_mask = logits(model)
    zero_(model, pruning)
    assert torch.equal(under_mask, logits(reloaded(model, tmp_path)))
    assert not torch.allclose(under_mask, base, atol=1e-3)


def test_a_model_without_dead_neurons_is_not_shrunk(model):
    before = snapshot(model)
    zero_(model, HEADS)
    assert shrink_(model, 1) == 48
    assert {name for name, tensor in model.state_dict().items() if tensor.shape != before[name].shape} == set()


def test_a_dead_mlp_keeps_the_smallest_width(model, tmp_path):
    zero_(model, frozenset(unit for unit in units(model) if unit.kind == "neuron"))
    zeroed = logits(model)
    assert shrink_(model) == 16
    torch.testing.assert_close(logits(reloaded(model, tmp_path)), zeroed, atol=1e-5, rtol=1e-5)


def test_the_default_width_of_gpt2_and_its_kin_is_four_times_the_hidden_size(tmp_path):
    for name, field in {"gpt2": "n_inner", "gpt_neo": "intermediate_size", "gptj": "n_inner"}.items():
        config = ARCHITECTURES[name]().config
        setattr(config, field, None)
        model = AutoModelForCausalLM.from_config(config).eval()
        zero_(model, frozenset(Unit(layer, "neuron", 5) for layer in (0, 1)))
        zeroed = logits(model)
        assert shrink_(model, 1) == 127
        assert getattr(config, field) is None or getattr(model.config, field) == 127
        torch.testing.assert_close(logits(reloaded(model, tmp_path / name)), zeroed, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("present", "kept", "width"),
    [
        (512, 300, 512),
        (512, 250, 256),
        (768, 500, 512),  # a multiple of 256 stays one: k-quants need it
        (320, 250, 256),
        (192, 100, 128),
        (64, 3, 64),  # of 64 likewise
        (48, 35, 48),
        (48, 30, 32),
        (40, 30, 32),
        (36, 30, 32),
        (35, 30, 30),  # the largest power of two that divides
    ],
)
def test_the_multiple_is_taken_from_the_model(present, kept, width):
    model = ARCHITECTURES["llama"](intermediate_size=present)
    pruning = first_neurons(present - kept)
    after = width_after(model, pruning)
    total = parameters_gone(model, pruning, shrunk=True)
    before = model.num_parameters()
    zero_(model, pruning)
    zeroed = logits(model)
    assert shrink_(model) == width == after.width and after.present == present
    assert after.padding == 2 * (width - kept)
    assert before - model.num_parameters() + after.padding * 32 == total
    torch.testing.assert_close(logits(model), zeroed, atol=1e-5, rtol=1e-5)


def test_the_width_says_what_came_out_and_what_it_costs():
    model = ARCHITECTURES["llama"](intermediate_size=512)
    narrower, same = (width_after(model, first_neurons(gone)) for gone in (300, 20))
    assert str(narrower) == "256 of 512, a multiple of 256; 88 of all layers together are zeros that fill up"
    assert str(same) == "all 512 stay, a multiple of 256; 40 of all layers together are zeros that fill up"


def test_a_recipe_of_before_names_no_multiple_and_meant_8():
    assert asked_multiple({"shrink": True}) == 8
    assert asked_multiple({"shrink": True, "multiple": None}) is None
    assert asked_multiple({"shrink": True, "multiple": 32}) == 32
    for plan, width in (({"shrink": True}, 40), ({"shrink": True, "multiple": None}, 48)):
        loaded = planted.loaded(planted.planted_model())
        finish_(loaded, Repair(first_neurons(8)), {"plan": plan})
        assert mlp_width(loaded.model) == width


def test_a_multiple_below_one_is_refused(model):
    with pytest.raises(UserError, match="got 0"):
        shrink_(model, 0)
