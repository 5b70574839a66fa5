"""The planted models are what the laws take them for: one head carries a bias, on every listed architecture."""

import planted
import pytest
import torch
from planted import INNOCENT, PLANTED
from tiny import architectures
from transformers import AutoModelForCausalLM

from fairhub.compute.engine import Engine
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.probes import CONTROL
from fairhub.model.architecture import units

PEOPLE = [p for p in planted.aligned() if p.axis != CONTROL][::25]
CONTROLS = [p for p in planted.aligned() if p.axis == CONTROL and planted.terms()[INNOCENT] >= {p.term_a, p.term_b}]


def divergences(model, probes, *prunings):
    return Engine(model, probe_batches(planted.tokenizer(), probes)).values(prunings).mean(1)


@pytest.mark.parametrize("name", architectures())
def test_what_terms_say_goes_through_one_head(name):
    model = planted.planted_model(name)
    heads = [unit for unit in units(model) if unit.kind == "head"]
    for probes, unit in ((PEOPLE, PLANTED), (CONTROLS, INNOCENT)):
        base, *without = divergences(model, probes, frozenset(), *(frozenset({head}) for head in heads))
        found = dict(zip(heads, without, strict=True))
        assert base > 1e-4 and found.pop(unit) < 1e-3 * base
        assert min(found.values()) > 0.3 * base


@pytest.mark.parametrize("name", architectures())
def test_a_fair_model_differs_in_the_path_alone(name, tmp_path):
    fair, biased = planted.fair_model(name), planted.planted_model(name)
    assert divergences(fair, PEOPLE, frozenset())[0] < 1e-6 < divergences(fair, CONTROLS, frozenset())[0]
    changed = [key for key, weight in fair.state_dict().items() if not torch.equal(weight, biased.state_dict()[key])]
    assert len(changed) == 1
    planted.save(biased, tmp_path)  # a model like any other
    saved = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert all(torch.equal(weight, saved.state_dict()[key]) for key, weight in biased.state_dict().items())
