"""Sampling: the model's own distribution, the same draws for every model and batch, padding that changes nothing."""

import copy
import math

import pytest
import torch
from tiny import ARCHITECTURES, LLAMA, build

import fairhub.compute.generation
from fairhub.compute.generation import gumbel, sampled
from fairhub.edit.masking import masked
from fairhub.errors import UserError
from fairhub.model.units import Unit

PROMPTS = ["he is", "the old woman from the north said that", "I", "a nurse and a guard were", "my friend was so"]


def test_padded_batch_writes_what_single_prompts_do(model, tokenizer):
    """Every architecture: position ids, attention masks, sliding windows and caches."""
    together = sampled(model, tokenizer, PROMPTS, seed=3, tokens=12)
    alone = [sampled(model, tokenizer, [p], seed=3, tokens=12)[0] for p in PROMPTS]
    assert together == alone
    assert len(set(together)) == len(PROMPTS)


def test_the_cache_changes_nothing(model, tokenizer):
    """Against a loop of plain forwards without cache or padding."""
    text = sampled(model, tokenizer, [PROMPTS[1]], seed=5, tokens=8)[0]
    ids = tokenizer(PROMPTS[1]).input_ids
    from fairhub.inputs.probes import unit_hash

    key, start = torch.tensor([int(unit_hash(f"5|{PROMPTS[1]}") * (1 << 52))]), len(ids)
    for step in range(8):
        with torch.no_grad():
            logits = model(torch.tensor([ids]), use_cache=False).logits[0, -1]
        ids.append(int((logits + gumbel(key, step, len(logits))[0]).argmax()))
        if ids[-1] == tokenizer.eos_token_id:
            break
    assert text == tokenizer.decode(ids[start:], skip_special_tokens=True)


def test_draws_follow_the_models_distribution():
    logits = torch.randn(40, generator=torch.Generator().manual_seed(1))
    n = 40_000
    keys = torch.arange(n) * 7919
    counts = torch.bincount((logits + gumbel(keys, 0, 40)).argmax(-1), minlength=40).double()
    expected = n * logits.double().softmax(-1)
    assert float(((counts - expected) ** 2 / expected).sum()) < 75  # chi-squared of 39 degrees: 0.05 % lie above
    flat = torch.bincount(gumbel(keys, 0, 40).argmax(-1), minlength=40).double()
    assert float(((flat - expected) ** 2 / expected).sum()) > 1000  # positive control


def test_draws_are_gumbel_and_independent():
    draws = gumbel(torch.arange(300), 2, 400).double()
    assert draws.isfinite().all()
    assert float(draws.mean()) == pytest.approx(0.5772, abs=0.02)
    assert float(draws.var()) == pytest.approx(torch.pi**2 / 6, rel=0.03)
    flat = torch.stack(
        [draws[:-1].flatten(), draws[1:].flatten(), gumbel(torch.arange(1, 300), 3, 400).double().flatten()]
    )
    assert (torch.corrcoef(flat) - torch.eye(3)).abs().max() < 0.02
    assert abs(float(torch.corrcoef(torch.stack([draws[:, :-1].flatten(), draws[:, 1:].flatten()]))[0, 1])) < 0.02


@pytest.mark.wide
def test_no_draw_is_infinite():
    """u must never round to 1: one token in 2^24 would win whatever the model says."""
    bits = torch.tensor([0, -1, (1 << 63) - 1, -(1 << 63), ((1 << 24) - 1) << 39, ((1 << 23) - 1) << 40])
    draws = fairhub.compute.generation._gumbel(bits)
    assert draws.isfinite().all() and float(draws.max()) == pytest.approx(24 * math.log(2), abs=1e-4)
    sure = torch.zeros(100_000).index_fill(0, torch.tensor([7]), 40.0)  # all others together: 4e-13
    assert {int((sure + gumbel(torch.arange(40) * 13, step, 100_000)).argmax(-1).unique()) for step in range(40)} == {7}


def test_equal_models_write_the_same_and_unequal_ones_do_not(tokenizer):
    model = ARCHITECTURES["llama"]()
    first = sampled(model, tokenizer, PROMPTS, seed=0, tokens=10)
    assert sampled(copy.deepcopy(model), tokenizer, PROMPTS, seed=0, tokens=10, rows=2) == first
    assert sampled(model, tokenizer, PROMPTS, seed=1, tokens=10) != first
    with masked(model, frozenset({Unit(0, "head", 0), Unit(1, "head", 3)})):
        repaired = sampled(model, tokenizer, PROMPTS, seed=0, tokens=10)
    assert repaired != first
    # Common random numbers: a small change leaves most first tokens as they are; other seeds do not.
    begins = [
        sum(a[:1] == b[:1] for a, b in zip(first, other, strict=True))
        for other in (repaired, sampled(model, tokenizer, PROMPTS, seed=9, tokens=10))
    ]
    assert begins[0] > begins[1]


def test_common_draws_part_nearly_equal_models_seldom(tokenizer):
    """The share of tokens that differ is that of the distributions' distance, not of the draws."""
    model = build("LlamaConfig", **LLAMA)
    nudged = copy.deepcopy(model)
    with torch.no_grad():
        nudged.get_output_embeddings().weight.mul_(1.001)
    many = [f"{p} {i}" for p in PROMPTS for i in range(8)]
    one, other = (sampled(m, tokenizer, many, seed=0, tokens=1) for m in (model, nudged))
    assert sum(a != b for a, b in zip(one, other, strict=True)) <= 1


def test_a_prompt_must_leave_room(tokenizer):
    model = ARCHITECTURES["llama"]()
    with pytest.raises(UserError, match="context window"):
        sampled(model, tokenizer, ["x" * 510], seed=0, tokens=8)


def test_padding_that_is_not_masked_would_show(tokenizer, monkeypatch):
    """Positive control of the first test: the same padding without its mask writes something else."""
    model = ARCHITECTURES["gpt2"]()
    together = sampled(model, tokenizer, PROMPTS, seed=3, tokens=12)
    generate = model.generate

    def blind(attention_mask, **more):
        return generate(attention_mask=torch.ones_like(attention_mask), **more)

    monkeypatch.setattr(model, "generate", blind)
    assert sampled(model, tokenizer, PROMPTS, seed=3, tokens=12) != together
