"""What the tests of surgery share: prunings, tokens, and ways to look at a model."""

from collections.abc import Iterator

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

from fairhub.model.units import Unit

HEADS = frozenset({Unit(0, "head", 1), Unit(0, "head", 3), Unit(1, "head", 0)})
NEURONS = frozenset({Unit(0, "neuron", 0), Unit(1, "neuron", 7), Unit(1, "neuron", 47)})
PRUNINGS = [HEADS, NEURONS, HEADS | NEURONS]
NOTHING: frozenset[Unit] = frozenset()
TOKENS = torch.randint(3, 128, (2, 12), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def logits(model, tokens=TOKENS):
    return model(tokens).logits


def loss(model):
    return cross_entropy(model(TOKENS).logits[:, :-1].flatten(0, 1), TOKENS[:, 1:].flatten())


def reloaded(model, folder):
    model.save_pretrained(folder)
    again, problems = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(problems.values())
    return again.eval()


def hooks(model) -> Iterator:
    return (hook for module in model.modules() for hook in module._forward_pre_hooks.values())


def snapshot(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def unchanged(model, before):
    after = model.state_dict()
    return before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def name_of(model, module):
    return next(name for name, candidate in model.named_modules() if candidate is module)


def last_neurons(first, second):
    """The last neurons of layer 0, and every other of the first ones of layer 1."""
    of_0 = {Unit(0, "neuron", 47 - index) for index in range(first)}
    return frozenset(of_0 | {Unit(1, "neuron", 2 * index) for index in range(second)})
