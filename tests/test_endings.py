"""Distributions where texts end: those of a plain forward, whatever else is asked beside them."""

import pytest
import torch

from fairhub.compute.likelihood import read_endings, shared_tokens
from fairhub.compute.trees.packing import packs
from fairhub.errors import UserError

SEQUENCES = [
    (5, 6, 7, 8, 9, 10, 11, 12, 20, 21),
    (5, 6, 7, 8, 9, 10, 11, 12, 20, 21, 22, 23),  # goes on where the first ends; too little to share a forward
    (5, 6, 7, 8, 9, 10, 11, 12, 30),
    (5, 6, 7, 8, 9, 10, 11, 12, 20, 21),  # again
    (40, 41, 42),
    (44,),
]


def read(model, sequences, **how):
    found = {}

    def take(numbers, log_p):
        found.update(zip(numbers, log_p, strict=True))

    read_endings(model, sequences, take, **how)
    return [found[number] for number in range(len(sequences))]


def plain(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0, -1].float().log_softmax(-1)


@pytest.mark.parametrize("tokens", [4, 4096])
def test_endings_are_those_of_a_plain_forward_on_every_architecture(model, tokens):
    for ids, log_p in zip(SEQUENCES, read(model, SEQUENCES, tokens=tokens), strict=True):
        torch.testing.assert_close(log_p, plain(model, ids), rtol=1e-5, atol=1e-5)


def test_what_texts_begin_with_is_computed_once(model):
    told = []
    read(model, SEQUENCES, progress=told.append)
    beginnings = {ids[: place + 1] for ids in SEQUENCES for place in range(len(ids))}
    assert shared_tokens(SEQUENCES) == len(beginnings) == 17 < sum(map(len, SEQUENCES))
    assert sum(told) == (17 if packs(model, 64) else 8 + 2 + 4 + 1 + 3 + 1)  # too little to be a forward of its own


def test_logits_that_are_not_finite_are_refused(model):
    model.get_output_embeddings().weight.data.fill_(float("nan"))
    with pytest.raises(UserError, match="must be finite"):
        read(model, SEQUENCES)
