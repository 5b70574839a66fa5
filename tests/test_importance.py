"""How important neurons are and how differently they answer: the formulas, on every architecture."""

import numpy as np
import pytest
import torch
from capturing import batch_of
from tiny import ARCHITECTURES

from fairhub.errors import UserError
from fairhub.inputs.batches import text_batches
from fairhub.measure.activations import capture
from fairhub.methods.importance import importance
from fairhub.methods.neuron_bias import neuron_bias

PAIRS = (("the old man is", "the old cat is"), ("I saw red kits", "I saw tan kits"))


def text(rows=3, length=20):
    return text_batches(torch.randint(3, 120, (rows, length), generator=torch.Generator().manual_seed(0)), rows=rows)


@pytest.mark.parametrize("kind", ["ppm", "max_abs", "vow", "pon", "l2"])
def test_importance_is_its_formula(kind):
    mlp = (model := ARCHITECTURES["llama"]()).model.layers[1].mlp
    g, u = mlp.gate_proj.weight.detach().numpy(), mlp.up_proj.weight.detach().numpy()
    formulas = {
        "ppm": lambda w: w.max(1) - w.min(1),  # every row of a random matrix has both signs
        "max_abs": lambda w: np.abs(w).max(1),
        "vow": lambda w: w.var(1, ddof=1),
        "pon": lambda w: np.abs(w).sum(1),
        "l2": lambda w: np.sqrt((w**2).sum(1)),
    }
    found = importance(model, kind)
    assert found.shape == (2, 48)
    expected = formulas[kind](g) * formulas[kind](u) if kind == "pon" else formulas[kind](g) + formulas[kind](u)
    np.testing.assert_allclose(found[1], expected, rtol=1e-5)


def test_importance_of_every_architecture(model):
    plain, driven = importance(model), importance(model, "data_driven", text())
    assert plain.shape == driven.shape == (2, 48) and (plain > 0).all() and (driven >= 0).all()
    assert (driven > 0).mean() > 0.8  # ReLU leaves some neurons of OPT silent
    assert not np.allclose(plain / plain.mean(), driven / driven.mean(), rtol=0.05)
    with pytest.raises(UserError, match="needs text"):
        importance(model, "data_driven")


def test_fused_and_transposed_matrices_are_read_by_neuron():
    llama, phi3 = ARCHITECTURES["llama"](), ARCHITECTURES["phi3"]()
    for a, b in zip(llama.model.layers, phi3.model.layers, strict=True):
        both = torch.cat([a.mlp.gate_proj.weight, a.mlp.up_proj.weight])
        b.mlp.gate_up_proj.weight.data.copy_(both)
    np.testing.assert_allclose(importance(llama), importance(phi3))
    gpt2 = ARCHITECTURES["gpt2"]()
    weight = gpt2.transformer.h[0].mlp.c_fc.weight.detach().numpy()  # [hidden, neurons]
    np.testing.assert_allclose(importance(gpt2, "l2")[0], np.sqrt((weight**2).sum(0)), rtol=1e-5)


def test_data_driven_importance_does_not_depend_on_the_batches():
    model, (whole,) = ARCHITECTURES["llama"](), text(4)
    parts = text_batches(whole.ids, rows=1)
    assert len(parts) == 4
    np.testing.assert_allclose(
        importance(model, "data_driven", [whole]), importance(model, "data_driven", parts), rtol=1e-4
    )


@pytest.mark.parametrize("definition", ["diff_then_pool", "pool_then_diff", "signed"])
def test_neuron_bias_is_its_definition(definition, model, tokenizer):
    batch = batch_of(tokenizer, *PAIRS)
    found = neuron_bias(model, [batch], definition)
    assert found.shape == (2, 2, 48)
    values = capture(model, batch).values
    names = ["down_proj_input"] if definition == "signed" else [n for n in ("gate_proj", "up_proj") if (n, 0) in values]
    for place, item in enumerate(batch.items):
        a, b = batch.pairs[place].tolist()
        parts = []
        for name in names:
            difference = values[name, 1][a] - values[name, 1][b]
            pooled = difference.mean(0)
            parts.append({"diff_then_pool": difference.abs().mean(0), "signed": pooled}.get(definition, pooled.abs()))
        np.testing.assert_allclose(found[item, 1], torch.stack(parts).mean(0), rtol=1e-4, atol=1e-6)


def test_exchanging_the_texts_turns_signed_scores_only(tokenizer):
    model, (a, b) = ARCHITECTURES["llama"](), PAIRS[0]
    for definition, sign in (("diff_then_pool", 1), ("pool_then_diff", 1), ("signed", -1)):
        there, back = (neuron_bias(model, [batch_of(tokenizer, pair)], definition) for pair in ((a, b), (b, a)))
        np.testing.assert_allclose(there, sign * back, rtol=1e-4, atol=1e-6)
    cancelled = neuron_bias(model, [batch_of(tokenizer, PAIRS[0])], "pool_then_diff")
    whole = neuron_bias(model, [batch_of(tokenizer, PAIRS[0])], "diff_then_pool")
    assert (cancelled <= whole + 1e-6).all() and cancelled.sum() < 0.9 * whole.sum()


def test_unequal_counts_are_not_pooled_into_a_bias(tokenizer):
    """A prefix that both texts share adds nothing, however much longer one of them is (the peer's defect 10)."""
    model = ARCHITECTURES["llama"]()
    found = neuron_bias(model, [batch_of(tokenizer, ("the man", "the woman"))], "pool_then_diff")
    activations = capture(model, batch_of(tokenizer, ("the man", "the woman")))
    a, b = activations.batch.pairs[0].tolist()
    naive = (activations.values["up_proj", 0][a, :7].mean(0) - activations.values["up_proj", 0][b, :9].mean(0)).abs()
    assert not np.allclose(found[0, 0], naive, rtol=0.1)
    assert found.shape == (1, 2, 48) and found.max() > 0
