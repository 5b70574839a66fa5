"""Law 5 on every listed architecture: on a real tiny model's energies the annealer finds the brute-force optimum."""

import itertools
import math
import random

import numpy as np
import pytest
from conftest import ARCHITECTURES
from test_engine import make_probes

from fairhub.annealing import Schedule, anneal
from fairhub.energies import energy
from fairhub.engine import Engine, probe_batches, text_batches, token_loss
from fairhub.scores import memberships
from fairhub.surgery import Unit

POOL = [Unit(layer, kind, i) for layer in (0, 1) for kind in ("head", "neuron") for i in (1, 3)]
STATES = [frozenset(state) for size in range(len(POOL) + 1) for state in itertools.combinations(POOL, size)]
_ENERGIES: dict[str, dict[frozenset[Unit], float]] = {}


@pytest.fixture(params=ARCHITECTURES)
def energies(request, tokenizer):
    """The default energy of every pruning of the pool, by the engine, measured once a model."""
    if request.param not in _ENERGIES:
        _ENERGIES[request.param] = measured(ARCHITECTURES[request.param](), tokenizer)
    return _ENERGIES[request.param]


def measured(model, tokenizer):
    probes = make_probes()
    text = text_batches(np_chunks(tokenizer))
    bias = Engine(model, probe_batches(tokenizer, probes)).values(STATES)
    loss = Engine(model, text, token_loss).values(STATES).mean(1)
    clusters = memberships(probes)
    member = np.array([[name in row for row in clusters] for name in sorted({n for row in clusters for n in row})], float)
    ratios = np.log(bias @ member.T / (bias[:1] @ member.T))
    found = [energy("robust", row, cost - loss[0], loss[0], exchange=1.0) for row, cost in zip(ratios, loss, strict=True)]
    return dict(zip(STATES, found, strict=True))


def np_chunks(tokenizer):
    import torch

    return torch.tensor([tokenizer("the nurse and the judge are late").input_ids])
