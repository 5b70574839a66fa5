"""What a repair is compared with: other choices of units get its refit, and are compared with it in pairs."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from short_probes import make_probes
from tiny import ARCHITECTURES

from fairhub.card import findings
from fairhub.edit.healing import Strength, moments, price, refit
from fairhub.inputs.batches import probe_batches, text_batches
from fairhub.inputs.probes import Probe
from fairhub.methods.controls import ablations
from fairhub.model.units import Unit
from fairhub.proof.figures import Bias, against_repair, bias_figures
from fairhub.report import Control

CHOSEN = frozenset({Unit(1, "head", 1), Unit(0, "neuron", 3)})


@pytest.fixture(scope="module")
def measured(tokenizer):
    model = ARCHITECTURES["llama"]()
    chunks = torch.randint(3, 120, (24, 32), generator=torch.Generator().manual_seed(0))
    probes = probe_batches(tokenizer, make_probes())
    return model, moments(model, text_batches(chunks), probes, probes[:1])


def alike(one, other):
    return set(one) == set(other) and all(torch.equal(one[key], other[key]) for key in one)


def test_other_choices_get_the_refit_and_guard_of_the_repair(measured):
    model, known = measured
    strength = Strength(guard=0.5)
    others = ablations(model, known, price(model, known), CHOSEN, strength, seed=0)
    chosen_otherwise = [others[name] for name in ("random 0", "random 1", "random 2", "importance")]
    for other in chosen_otherwise:
        assert alike(other.patch, refit(model, known, other.pruning, strength))
        plain = refit(model, known, other.pruning, Strength(guard=0))
        assert not alike(other.patch, plain)  # positive control: the guard makes another patch
    assert alike(others["pruning alone"].patch, refit(model, known, CHOSEN, replace(strength, guard=0.0)))
    assert not others["guard alone"].pruning


def test_what_is_not_healed_is_compared_with_what_is_not(measured):
    model, known = measured
    others = ablations(model, known, price(model, known), CHOSEN, None, seed=0)
    assert set(others) == {"random 0", "random 1", "random 2", "importance"}
    assert not any(other.patch for other in others.values())


def compared(share):
    """What findings say of an alternative of `share` times the repair's divergence: in pairs, and of an old report."""
    rng = np.random.default_rng(0)
    probes = [
        Probe("a", "b", "gender", "hiring", f"t{i % 16}", "f", "templates", "x", "y", "a", "b", "held_out")
        for i in range(64)
    ]
    before = np.tile(rng.gamma(2.0, 0.02, 16), 4)
    repair = before * np.tile(rng.uniform(0.3, 0.9, 16), 4)
    other = repair * share * rng.uniform(0.98, 1.02, 64)
    figures = bias_figures(Bias(probes, before, other), details=False)
    own = Control("this repair", 1, tuple(bias_figures(Bias(probes, before, repair), details=False)))

    rivals = [tuple(figures) + tuple(against_repair(probes, repair, other)), tuple(figures)]
    reports = [
        SimpleNamespace(pruning=[], healing=None, figures=(), controls=(own, Control("random", 3, rival)))
        for rival in rivals
    ]
    return [findings.rivals(report)[0].against for report in reports]  # type: ignore[arg-type]


@pytest.mark.parametrize(("share", "said"), [(0.9, "does better"), (1.1, "does less"), (1.0, "cannot be told apart")])
def test_pairs_tell_a_repair_from_a_rival(share, said):
    paired, overlap = compared(share)
    assert paired == said
    assert overlap == "cannot be told apart"  # positive control: intervals of the two overlap


def test_old_reports_are_read_by_overlap():
    assert compared(2.5)[1] == "does less"
