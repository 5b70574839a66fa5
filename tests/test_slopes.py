"""Slopes: the derivatives of bias and loss with respect to every gate, at any mask, are those of finite differences."""

import numpy as np
import pytest
import torch
from short_probes import make_probes
from tiny import ARCHITECTURES

from fairhub.compute.engine import Engine, divergence, joined, slopes_of, token_loss
from fairhub.edit.masking import gated
from fairhub.inputs.batches import probe_batches, text_batches
from fairhub.model.architecture import units
from fairhub.model.units import Unit

STEP = 2**-9  # exact in float32, as gates are
MASK = frozenset({Unit(0, "head", 1), Unit(1, "head", 0), Unit(1, "head", 3)})
HEADS = [Unit(layer, "head", index) for layer in (0, 1) for index in range(4)]


def exact(logits, batch, readout):
    """The readouts in double precision, written apart."""
    if readout is token_loss:
        chosen = logits[:, :-1].log_softmax(-1).gather(-1, batch.ids[:, 1:, None])[..., 0]
        return -chosen.mean(1)
    last = logits[torch.arange(len(batch.ids)), batch.last]
    p, q = (last[batch.pairs[:, side]].softmax(-1) for side in (0, 1))
    m = (p + q) / 2
    return (p * (p / m).log() + q * (q / m).log()).sum(-1) / 2


def asked(tokenizer, readout):
    if readout is divergence:
        return probe_batches(tokenizer, make_probes(6), tokens=60)
    return text_batches(torch.randint(3, 100, (5, 12), generator=torch.Generator().manual_seed(0)), rows=2)


@pytest.mark.parametrize("readout", [divergence, token_loss])
@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_slopes_are_finite_differences_at_any_mask(name, readout, tokenizer):
    model, batches = ARCHITECTURES[name]().double(), asked(tokenizer, readout)
    assert len(batches) > 1
    found = joined(batches, slopes_of(model, batches, readout, MASK, ("head",)))
    for place, unit in enumerate(HEADS):
        ends = []
        for step in (STEP, -STEP):
            with torch.no_grad(), gated(model) as gates:
                for gone in MASK:
                    gates[gone.layer, gone.kind][gone.index] = 0
                gates[unit.layer, unit.kind][unit.index] -= step
                values = np.empty(len(found.values))
                for batch in batches:
                    logits = model(batch.ids, use_cache=False).logits
                    values[list(batch.items)] = exact(logits, batch, readout).numpy()
            ends.append(values)
        wanted = (ends[0] - ends[1]) / (2 * STEP)
        np.testing.assert_allclose(found.slopes[:, place], wanted, rtol=1e-3, atol=1e-3 * np.abs(found.slopes).max())
    base = joined(batches, slopes_of(model, batches, readout, frozenset(), ("head",)))
    assert np.abs(found.slopes - base.slopes).max() > 1e-3  # positive control: they hang on the mask
    engine = Engine(model, batches, readout)
    np.testing.assert_allclose(found.values, engine.values([MASK])[0], rtol=1e-4, atol=1e-7)


def test_kinds_that_are_not_asked_have_no_gates(tokenizer):
    model, batches = ARCHITECTURES["llama"](), asked(tokenizer, divergence)
    heads, both = (joined(batches, slopes_of(model, batches, kinds=kinds)) for kinds in (("head",), ("head", "neuron")))
    columns = [place for place, unit in enumerate(units(model)) if unit.kind == "head"]
    np.testing.assert_allclose(heads.slopes, both.slopes[:, columns], rtol=1e-4, atol=1e-8)
    assert both.slopes.shape[1] == len(units(model)) > heads.slopes.shape[1]
