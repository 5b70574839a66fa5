"""Law 5 on every listed architecture: on a real tiny model's energies the annealer finds the brute-force optimum."""

import math

import numpy as np
import pytest
import torch
from landscapes import subsets, uphill_acceptance
from short_probes import make_probes
from tiny import ARCHITECTURES, architectures

from fairhub.compute.engine import Engine, token_loss
from fairhub.inputs.batches import probe_batches, text_batches
from fairhub.measure.scores import memberships
from fairhub.model.units import Unit
from fairhub.search.annealing import Schedule, anneal
from fairhub.search.energies import energy

POOL = [Unit(layer, kind, i) for layer in (0, 1) for kind in ("head", "neuron") for i in (1, 3)]
STATES = subsets(POOL, 0, len(POOL))
TEXT = torch.randint(3, 120, (4, 24), generator=torch.Generator().manual_seed(0))
_ENERGIES: dict[str, dict[frozenset[Unit], float]] = {}


@pytest.fixture(params=architectures())
def energies(request, tokenizer):
    """The default energy of every pruning of the pool as the engine measures it, once a model."""
    if request.param not in _ENERGIES:
        _ENERGIES[request.param] = measured(ARCHITECTURES[request.param](), tokenizer)
    return _ENERGIES[request.param]


def measured(model, tokenizer):
    probes = make_probes()
    clusters = memberships(probes)
    names = sorted({name for row in clusters for name in row})
    member = np.array([[name in row for row in clusters] for name in names], dtype=float)
    bias = Engine(model, probe_batches(tokenizer, probes)).values(STATES) @ member.T
    loss = Engine(model, text_batches(TEXT), token_loss).values(STATES).mean(1)
    changes = zip(np.log(bias / bias[0]), loss - loss[0], strict=True)
    found = [energy("robust", ratios, cost, loss[0], exchange=1.0) for ratios, cost in changes]
    return dict(zip(STATES, found, strict=True))


def test_finds_the_brute_force_optimum_of_a_real_model(energies):
    best = min(STATES, key=energies.__getitem__)
    assert energies[frozenset()] == 0 > energies[best]
    assert np.ptp(list(energies.values())) > 0.05  # positive control: there is something to find
    for seed in range(3):
        trace = anneal(energies.__getitem__, POOL, Schedule(steps=250, k_min=0, cooling="geometric"), seed=seed)
        assert (trace.best, trace.best_energy) == (best, energies[best])
        assert len(trace.visited) < len(STATES)  # not an enumeration


def test_a_real_models_first_temperature_accepts_what_was_asked(energies):
    schedule = Schedule(steps=1, k_min=0, acceptance=0.75, uphill=6000)
    first = anneal(energies.__getitem__, POOL, schedule).initial_temperature
    asked = (energies.__getitem__, 0, len(POOL))
    assert math.isfinite(first) and uphill_acceptance(*asked, first, pool=POOL) == pytest.approx(0.75, abs=0.025)
    assert uphill_acceptance(*asked, 2 * first, 10_000, POOL) > 0.8  # the measure does tell temperatures apart
