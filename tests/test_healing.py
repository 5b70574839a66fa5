"""Healing: neutral outputs kept, removed columns zero, what the texts of a probe differ in lowered by the guard."""

import pytest
import torch
from short_probes import make_probes
from transformers import AutoModelForCausalLM

from fairhub.compute.engine import Engine
from fairhub.edit.editing import zero_
from fairhub.edit.healing import Strength, moments, patched, price, refit, repair_
from fairhub.edit.masking import masked
from fairhub.inputs.batches import probe_batches, text_batches
from fairhub.model.architecture import sites
from fairhub.model.units import Unit

PRUNING = frozenset({Unit(0, "head", 1), Unit(1, "neuron", 3), Unit(1, "neuron", 7)})


@pytest.fixture
def known(model, tokenizer):
    chunks = torch.randint(3, 120, (24, 32), generator=torch.Generator().manual_seed(0))
    probes = probe_batches(tokenizer, make_probes())
    return moments(model, text_batches(chunks), probes, probes[:1]), text_batches(chunks)


def outputs(model, batch, layer, kind):
    kept = {}
    site = next(s for s in sites(model) if (s.layer, s.kind) == (layer, kind))
    handle = site.module.register_forward_hook(lambda m, a, out: kept.update(x=a[0].detach(), y=out.detach()))
    with torch.no_grad():
        model(batch.ids, use_cache=False)
    handle.remove()
    return kept["x"].flatten(0, -2), kept["y"].flatten(0, -2)


def test_plain_healing_beats_zeroing_on_neutral_text(model, known):
    measured, text = known
    pruning = frozenset({Unit(0, "head", 1)})
    patch = refit(model, measured, pruning, Strength(guard=0))
    assert set(patch) == {(0, "head")}
    _, target = outputs(model, text[0], 0, "head")
    with masked(model, pruning):
        _, zeroed = outputs(model, text[0], 0, "head")
    with patched(model, patch):
        _, healed = outputs(model, text[0], 0, "head")
    assert (healed - target).square().mean() < (zeroed - target).square().mean()


def test_price_is_the_error_left_after_plain_healing(model, known):
    measured, text = known
    prices = price(model, measured, ridge=1e-6)
    for unit in (Unit(0, "head", 1), Unit(1, "neuron", 3)):
        patch = refit(model, measured, frozenset({unit}), Strength(guard=0, keep=0, ridge=1e-6))
        (key, weight), moment = next(iter(patch.items())), measured.text[unit.layer, unit.kind]
        site = next(s for s in sites(model) if (s.layer, s.kind) == key)
        error = weight.double() - site.weight.double()
        left = float((error @ moment.double() * error).sum().detach())
        assert prices[unit] == pytest.approx(left, rel=1e-2, abs=1e-9)


def test_removed_columns_are_zero_and_reload_equals_patched(model, known, tmp_path):
    patch = refit(model, known[0], PRUNING, Strength())
    assert {(0, "head"), (1, "head"), (1, "neuron")} == set(patch)
    ids = known[1][0].ids
    with torch.no_grad():
        base = model(ids).logits
        with patched(model, patch), masked(model, PRUNING):
            inside = model(ids).logits
        assert torch.equal(model(ids).logits, base)
        repair_(model, PRUNING, patch)
        assert torch.equal(model(ids).logits, inside)
        assert not torch.allclose(inside, base, atol=1e-3)
    for site in sites(model):
        gone = [u.index for u in PRUNING if (u.layer, u.kind) == (site.layer, site.kind)]
        assert site.weight[:, site.columns(gone)].abs().sum() == 0
    model.save_pretrained(tmp_path)
    with torch.no_grad():
        assert torch.equal(AutoModelForCausalLM.from_pretrained(tmp_path).eval()(ids).logits, inside)


def test_weights_come_back_after_an_exception(model, known):
    patch = refit(model, known[0], PRUNING, Strength())
    before = [site.weight.clone() for site in sites(model)]
    with pytest.raises(RuntimeError), patched(model, patch):
        raise RuntimeError
    assert all(torch.equal(a, site.weight) for a, site in zip(before, sites(model), strict=True))


def test_guard_lowers_divergence(model, known, tokenizer):
    batches = probe_batches(tokenizer, make_probes())
    base = Engine(model, batches).values([frozenset()]).mean()
    falls = []
    for guard in (0.3, 30.0):
        with patched(model, refit(model, known[0], frozenset(), Strength(guard=guard, keep=0, depth=0))):
            falls.append(Engine(model, batches).values([frozenset()]).mean() / base)
    assert falls[1] < 1
    zero_(model, frozenset())  # the empty pruning is the identity
    assert Engine(model, batches).values([frozenset()]).mean() == base
