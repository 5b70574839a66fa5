"""Logits of -inf are tokens that never come, and no NaN; logits of NaN or +inf are refused by name."""

import math

import numpy as np
import pytest
import torch
from short_probes import make_probes
from tiny import ARCHITECTURES

from fairhub.compute.engine import Engine, log_probabilities, token_loss
from fairhub.edit.repair import Repair
from fairhub.errors import UserError
from fairhub.inputs.batches import probe_batches, text_batches
from fairhub.measure.scores import first_order
from fairhub.measure.utility import utility
from fairhub.model.units import Unit

GONE = frozenset({Unit(0, "head", 1)})


def never_(model, value: float = -math.inf):
    """Let the last rows of the vocabulary have a logit of their own, as padded vocabularies have."""

    def hook(module, args, output):
        output = output.clone()
        output[..., 120:] = value
        return output

    model.get_output_embeddings().register_forward_hook(hook)
    return model


def test_what_never_comes_adds_nothing_to_a_divergence(tokenizer):
    model, batches = never_(ARCHITECTURES["llama"]()), probe_batches(tokenizer, make_probes())
    values = Engine(model, batches).values([frozenset(), GONE])
    assert np.isfinite(values).all() and (values > 0).any()
    low = Engine(never_(ARCHITECTURES["llama"](), -1e4), batches).values([frozenset(), GONE])
    np.testing.assert_allclose(values, low, rtol=1e-5, atol=1e-8)  # as of a logit that is merely very low


def test_loss_kl_and_gradients_are_numbers_too(tokenizer):
    model, text = never_(ARCHITECTURES["llama"]()), text_batches(torch.randint(3, 100, (3, 24)))
    cost = utility(model, text, [Repair(GONE)])
    assert np.isfinite(cost.loss).all() and np.isfinite(cost.kl).all() and (cost.kl > 0).all()
    assert np.isfinite(Engine(model, text, token_loss).values([GONE])).all()
    scores = first_order(model, probe_batches(tokenizer, make_probes()), make_probes())
    assert np.isfinite(scores.effect).all() and np.abs(scores.effect).max() > 0


def test_log_probabilities_of_finite_logits_are_those_of_torch():
    logits = 20 * torch.randn(4, 50, generator=torch.Generator().manual_seed(0))
    assert torch.equal(log_probabilities(logits), logits.log_softmax(-1))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_numbers_are_refused_by_name(tokenizer, value):
    model = never_(ARCHITECTURES["llama"](), value)
    with pytest.raises(UserError, match="logits must be finite"):
        Engine(model, probe_batches(tokenizer, make_probes())).values([frozenset()])
