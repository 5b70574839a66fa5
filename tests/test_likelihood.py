"""Likelihoods of options are a plain forward's, whatever is shared, padded or asked beside them."""

import numpy as np
import pytest
import torch
from tiny import ARCHITECTURES

from fairhub.compute.likelihood import Question, encoded, forest, likelihoods
from fairhub.errors import UserError

CONTEXT = "A man and a woman stood at the bus stop in the rain."
LONGER = CONTEXT + " The man had lost his umbrella and swore about it loudly."
QUESTIONS = [
    Question(f"{context}\nQ: {question}\nA:", (" The man", " The woman", " Not known"))
    for context in (CONTEXT, LONGER)
    for question in ("Who was polite to everybody?", "Who swore?")
] + [
    Question("", ("She went home.", "He went home.")),
    Question("It is", (" so", " so so", " so so much more than that")),  # one option begins another
    Question("It is", (" so",)),  # the same text again
    Question("It is so", (" much", " so much more than that")),  # the same text with another beginning
]


@torch.no_grad()
def plain(model, ids, start):
    log_p = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
    found = [(float(log_p[i - 1, ids[i]]), int(log_p[i - 1].argmax()) == ids[i]) for i in range(start, len(ids))]
    return sum(p for p, _ in found), all(top for _, top in found)


@pytest.mark.parametrize("tokens", [40, 4096])
def test_likelihoods_are_a_plain_forwards(model, tokenizer, tokens):
    found = likelihoods(model, tokenizer, QUESTIONS, tokens=tokens)
    expected = [plain(model, row.ids, row.start) for row in encoded(tokenizer, QUESTIONS)]
    np.testing.assert_allclose(found.loglik, [p for p, _ in expected], rtol=1e-5, atol=1e-4)
    assert found.greedy.tolist() == [float(top) for _, top in expected]
    assert found.tokens.tolist() == [row_tokens for q in QUESTIONS for row_tokens in map(len, q.options)]


def test_padding_stays_in_the_window_too(tokenizer):
    """Learned positions end with the window; a long past beside a longer run must not be padded beyond it."""
    model = ARCHITECTURES["gpt2"](n_positions=48)
    shared = "It was a cold day and a dog ran by."
    asks = [
        Question("x" * 60, ("yes", "yet")),  # cut on the left: its past fills the window
        *(Question(f"{shared} {end}", (" so", " no")) for end in ("a b c d", "e f")),
    ]
    found = likelihoods(model, tokenizer, asks)
    rows = encoded(tokenizer, asks, 48)
    assert max(len(row.ids) for row in rows) == 48  # positive control
    expected = [plain(model, row.ids, row.start)[0] for row in rows]
    np.testing.assert_allclose(found.loglik, expected, rtol=1e-5, atol=1e-4)


def test_an_option_the_model_would_write_is_greedy(tokenizer):
    model = ARCHITECTURES["llama"]()
    ids = tokenizer("The dog").input_ids
    for _ in range(3):
        ids = [*ids, int(model(torch.tensor([ids])).logits[0, -1].argmax())]
    written = tokenizer.decode(ids[-3:])
    found = likelihoods(model, tokenizer, [Question("The dog", (written, written[:-1] + "~"))])
    assert found.greedy.tolist() == [1, 0]


def test_what_is_shared_is_computed_once(tokenizer):
    rows = encoded(tokenizer, QUESTIONS[:4])
    trees = forest([row.ids for row in rows], [row.start for row in rows])
    distinct = {row.ids[: i + 1] for row in rows for i in range(len(row.ids))}
    computed = sum(tree.tokens for tree in trees)
    assert len(distinct) <= computed < 1.1 * len(distinct)  # short beginnings in common are not worth a forward
    assert computed < sum(len(row.ids) for row in rows) / 3


def test_a_prompts_last_space_belongs_to_the_option(tokenizer):
    one, other = encoded(tokenizer, [Question("It is ", ("so",)), Question("It is", (" so",))])
    assert one == other


def test_what_does_not_fit_is_cut_on_the_left(tokenizer):
    (row,) = encoded(tokenizer, [Question("abcdef", ("gh",))], limit=5)
    assert tokenizer.decode(list(row.ids)) == "defgh"
    assert row.start == 3
    with pytest.raises(UserError, match="option"):
        encoded(tokenizer, [Question("abc", ("",))])
    with pytest.raises(UserError, match="option"):
        encoded(tokenizer, [Question("abc", ("defgh",))], limit=5)
