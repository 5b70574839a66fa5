"""Law 3: the engine's value of any pruning equals a plain forward's, whatever was cached."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import cpu_offload
from short_probes import PRUNINGS, make_probes
from tiny import ARCHITECTURES

from fairhub.compute.engine import Engine, divergence, token_loss
from fairhub.compute.engine.fused import fused, fusible
from fairhub.edit.masking import masked
from fairhub.errors import UserError
from fairhub.inputs.batches import probe_batches, text_batches
from fairhub.inputs.probes import Probe
from fairhub.model.loading import Loaded
from fairhub.model.units import Unit
from fairhub.pipeline import repair
from fairhub.request import Request


def plain(model, tokenizer, probe: Probe, pruning) -> float:
    with torch.no_grad(), masked(model, pruning):
        p, q = (
            model(torch.tensor([tokenizer(t).input_ids])).logits[0, -1].double().softmax(-1)
            for t in (probe.text_a, probe.text_b)
        )
    m = (p + q) / 2
    return float(0.5 * (p * (p / m).log()).sum() + 0.5 * (q * (q / m).log()).sum())


@pytest.mark.parametrize("cache", [0, 40_000, 1 << 30])
@pytest.mark.parametrize("candidates", [1, 3])
def test_equals_plain_forward(model, tokenizer, cache, candidates):
    probes = make_probes()
    batches = probe_batches(tokenizer, probes, tokens=160)
    assert len(batches) > 1
    engine = Engine(model, batches, cache_bytes=cache, candidates=candidates)
    values = engine.values(PRUNINGS)
    again = engine.values(PRUNINGS[::-1])[::-1]
    expected = np.array([[plain(model, tokenizer, p, s) for p in probes] for s in PRUNINGS])
    np.testing.assert_allclose(values, expected, rtol=2e-4, atol=1e-7)
    np.testing.assert_allclose(values, again, rtol=1e-5, atol=1e-9)
    assert np.abs(values[1:] - values[0]).max(1).min() > 1e-6  # positive control: each pruning does something


def test_text_loss_equals_plain_loss(model):
    chunks = torch.randint(3, 100, (5, 24), generator=torch.Generator().manual_seed(1))
    engine = Engine(model, text_batches(chunks, rows=2), token_loss)
    values = engine.values(PRUNINGS)
    for pruning, row in zip(PRUNINGS, values, strict=True):
        with torch.no_grad(), masked(model, pruning):
            expected = [float(model(c[None], labels=c[None]).loss) for c in chunks]
        np.testing.assert_allclose(row, expected, rtol=1e-5)


def test_late_cut_costs_less(model, tokenizer):
    engine = Engine(model, probe_batches(tokenizer, make_probes()))
    engine.values([frozenset()])
    before = engine.forwards
    engine.values([frozenset({Unit(1, "neuron", 3)})])
    assert engine.forwards - before == pytest.approx(0.5)


def test_a_walk_of_flips_gives_the_same_values_for_less(model, tokenizer):
    batches = probe_batches(tokenizer, make_probes(), tokens=160)
    rng = random.Random(0)
    pool = [Unit(layer, kind, index) for layer in (0, 1) for kind in ("head", "neuron") for index in (0, 1)]
    walk = [frozenset(pool[::2])]
    for _ in range(12):
        walk.append(rng.choice(walk[-2:]) ^ {rng.choice(pool)})
    engines = [Engine(model, batches, recent=recent) for recent in (0, 3)]
    plain_, near = ([engine.values([pruning])[0] for pruning in walk] for engine in engines)
    np.testing.assert_array_equal(plain_, near)  # bit for bit: a run that was resumed begins at other layers
    assert engines[1].forwards < 0.8 * engines[0].forwards
    small = Engine(model, batches, recent=3, cache_bytes=1)  # nothing fits, nothing is kept
    np.testing.assert_array_equal(plain_[:3], [small.values([pruning])[0] for pruning in walk[:3]])


def test_weights_that_are_elsewhere_between_forwards_give_the_same_values(tokenizer):
    model = ARCHITECTURES["llama"]()
    batches = probe_batches(tokenizer, make_probes(), tokens=160)
    expected = Engine(model, batches).values(PRUNINGS)
    away = cpu_offload(ARCHITECTURES["llama"](), execution_device="cpu")
    assert away.get_input_embeddings().weight.device.type == "meta"  # positive control
    np.testing.assert_array_equal(Engine(away, batches).values(PRUNINGS), expected)
    with pytest.raises(UserError, match="all must be loaded"):
        repair(Loaded(away, tokenizer, "away", "local"), Request(), Path("unused"))


def test_texts_are_computed_once(tokenizer):
    probes = make_probes()
    batches = probe_batches(tokenizer, probes, tokens=10_000)
    texts = {t for p in probes for t in (p.text_a, p.text_b)}
    assert sum(len(b.ids) for b in batches) == len(texts) < 2 * len(probes)


def test_too_long_and_nan_are_refused(model, tokenizer):
    with pytest.raises(UserError, match="context window of 5 tokens"):
        probe_batches(tokenizer, make_probes(), limit=5)
    with torch.no_grad():
        model.get_output_embeddings().weight[0, 0] = float("nan")
    with pytest.raises(UserError, match="must be finite"):
        Engine(model, probe_batches(tokenizer, make_probes())).values([frozenset()])


def test_divergence_is_bounded_and_zero_for_equal_texts(model, tokenizer):
    probes = make_probes()
    values = Engine(model, probe_batches(tokenizer, probes)).values([frozenset()])[0]
    assert (values > 1e-6).all() and (values < np.log(2)).all()
    batch = probe_batches(tokenizer, probes)[0]
    same = torch.zeros(len(batch.ids), 1, 7)
    assert divergence(same, batch).abs().max() < 1e-7


@pytest.mark.parametrize(("kind", "norms"), [("llama", True), ("gemma2", False), ("gpt2", False)])
def test_norms_that_one_kernel_can_stand_in_for_are_known_by_their_numbers(kind, norms):
    model = ARCHITECTURES[kind]()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))  # a weight of ones would hide that Gemma adds another
    assert bool(fusible(model)) == norms
    ids = torch.arange(12)[None] % model.config.vocab_size
    before, found = model(ids).logits, fusible(model)
    with pytest.raises(ZeroDivisionError), fused(found):
        assert all("forward" in vars(norm) for norm in found) and not fusible(model)
        np.testing.assert_allclose(model(ids).logits.detach(), before.detach(), rtol=1e-4, atol=1e-5)
        raise ZeroDivisionError
    assert all("forward" not in vars(module) for module in model.modules())
    assert torch.equal(model(ids).logits, before)
