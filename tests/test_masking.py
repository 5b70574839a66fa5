"""Laws 1 and 2 on every architecture: masked is zeroed is reloaded; what is undone leaves no trace."""

import math

import pytest
import torch
from surgical import (
    HEADS,
    NEURONS,
    NOTHING,
    PRUNINGS,
    TOKENS,
    hooks,
    logits,
    loss,
    reloaded,
    snapshot,
    unchanged,
)

from fairhub.edit.editing import zero_
from fairhub.edit.masking import gated, masked
from fairhub.model.architecture import sites
from fairhub.model.units import Unit

# --- law 1: masked, zeroed and reloaded are one model ---


@pytest.mark.parametrize("pruning", PRUNINGS, ids=["heads", "neurons", "both"])
def test_masked_is_zeroed_is_reloaded_bit_for_bit(model, pruning, tmp_path):
    base = logits(model)
    with masked(model, pruning):
        under_mask = logits(model)
    zero_(model, pruning)
    assert torch.equal(under_mask, logits(model))
    assert torch.equal(under_mask, logits(reloaded(model, tmp_path)))
    assert not torch.allclose(under_mask, base, atol=1e-3)


def test_removing_any_unit_changes_the_logits(model):
    tokens = torch.arange(3, 128).view(5, 25)  # all of them: a ReLU of OPT is silent on many
    base = logits(model, tokens)
    for site in sites(model):
        for index in (0, site.count // 2, site.count - 1):
            with masked(model, frozenset({Unit(site.layer, site.kind, index)})):
                assert (logits(model, tokens) - base).abs().max() > 1e-4


def test_generation_with_its_cache_is_the_same_masked_or_zeroed(model):
    base = written(model)
    with masked(model, HEADS | NEURONS):
        under_mask = written(model)
    zero_(model, HEADS | NEURONS)
    assert torch.equal(under_mask, written(model))
    assert not torch.allclose(under_mask, base, atol=1e-3)


def written(model):
    """The logits of eight tokens that the model writes, with its cache."""
    settings = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0, "max_new_tokens": 8}
    out = model.generate(TOKENS, **settings, output_logits=True, return_dict_in_generate=True)
    return torch.stack(out.logits)


def test_half_precision_is_masked_in_its_own_type(model):
    model.bfloat16()
    with masked(model, HEADS | NEURONS):
        under_mask = logits(model)
    zero_(model, HEADS | NEURONS)
    assert under_mask.dtype == torch.bfloat16
    assert torch.equal(under_mask, logits(model))


def test_a_removed_unit_that_overflows_is_still_removed(model):
    site = sites(model)[1]
    inputs = torch.ones(1, 2, site.count)
    inputs[..., 3] = math.inf
    assert not site.module(inputs).isfinite().all()
    with masked(model, frozenset({Unit(0, "neuron", 3)})):
        assert site.module(inputs).isfinite().all()


# --- law 2: nothing in, nothing changed; out of the block, nothing left ---


def test_the_empty_pruning_is_the_identity(model):
    base, before = logits(model), snapshot(model)
    with masked(model, NOTHING):
        assert not list(hooks(model))
        assert torch.equal(logits(model), base)
    zero_(model, NOTHING)
    assert unchanged(model, before)


def test_leaving_masked_restores_the_model(model):
    base, before = logits(model), snapshot(model)
    with masked(model, HEADS, NEURONS):
        assert len(list(hooks(model))) == 6  # four sites, and two layers that check the rows
        assert not torch.equal(logits(model), base)
    assert not list(hooks(model))
    assert unchanged(model, before) and torch.equal(logits(model), base)


@pytest.mark.parametrize("block", [lambda model: masked(model, HEADS), gated], ids=["masked", "gated"])
def test_an_exception_inside_restores_the_model_too(model, block):
    base = logits(model)
    with pytest.raises(ZeroDivisionError), block(model):
        assert list(hooks(model))
        logits(model)
        raise ZeroDivisionError
    assert not list(hooks(model))
    assert torch.equal(logits(model), base)


def test_only_touched_sites_are_hooked(model):
    with masked(model, frozenset({Unit(1, "neuron", 2)})):
        assert [site.module for site in sites(model) if site.module._forward_pre_hooks] == [sites(model)[3].module]


def test_blocks_nest(model):
    with masked(model, HEADS | NEURONS):
        together = logits(model)
    with masked(model, HEADS), masked(model, NEURONS):
        assert torch.equal(logits(model), together)


# --- several prunings in one batch ---


def test_prunings_as_rows_equal_one_run_each(model):
    prunings = [HEADS, NOTHING, NEURONS, HEADS]
    with masked(model, *prunings):
        rows = logits(model, TOKENS.repeat(4, 1)).chunk(4)
    for block, pruning in zip(rows, prunings, strict=True):
        with masked(model, pruning):
            torch.testing.assert_close(block, logits(model), atol=1e-5, rtol=1e-5)
    assert torch.equal(rows[0], rows[3])
    assert not torch.allclose(rows[0], rows[1], atol=1e-3)
    assert not torch.allclose(rows[0], rows[2], atol=1e-3)


def test_rows_that_cannot_be_shared_out_are_refused(model):
    # 3 rows of 2 tokens: OPT flattens them to 6 before its MLP, which two blocks would divide.
    with masked(model, NEURONS, NOTHING), pytest.raises(AssertionError, match="3 rows"):
        logits(model, TOKENS[:1, :2].repeat(3, 1))


# --- gates ---


def test_gates_of_one_change_nothing_and_gates_of_zero_remove(model):
    base = logits(model)
    with masked(model, HEADS | NEURONS):
        pruned = logits(model)
    with gated(model) as gates:
        assert torch.equal(logits(model), base)
        for unit in HEADS | NEURONS:
            gates[unit.layer, unit.kind].data[unit.index] = 0
        torch.testing.assert_close(logits(model), pruned)


def test_gate_gradients_are_finite_differences(model):
    model.double().requires_grad_(False)
    step = 2**-7
    with gated(model) as gates:
        loss(model).backward()
        assert list(gates) == [(site.layer, site.kind) for site in sites(model)]
        for site, gate in zip(sites(model), gates.values(), strict=True):
            assert gate.is_leaf and gate.dtype == torch.float32 and gate.shape == (site.count,)
            index = int(gate.grad.abs().argmax())
            with torch.no_grad():
                gate[index] += step
                above = loss(model)
                gate[index] -= 2 * step
                below = loss(model)
                gate[index] += step
            assert gate.grad[index].abs() > 1e-3
            assert math.isclose(gate.grad[index], (above - below) / (2 * step), rel_tol=0.02)
