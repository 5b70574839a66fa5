"""Sampled continuations in padded batches; two models draw the same random numbers, so only the repair parts them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from fairhub.compute.engine import finite
from fairhub.inputs.probes import unit_hash
from fairhub.inputs.tokens import encode
from fairhub.model.facts import context_window, home

_MASK = (1 << 63) - 1
# Odd constants of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"), as int64.
_STEP, _FIRST, _SECOND = (c - (1 << 64) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


@torch.inference_mode()
def sampled(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], seed: int, *,
    tokens: int = 40, temperature: float = 1.0, rows: int = 64, progress: Callable[[int], None] | None = None,
) -> list[str]:  # fmt: skip
    """Continue every prompt by up to `tokens` sampled tokens, `rows` prompts side by side.

    Tokens are drawn by the Gumbel-max trick: the argmax of logits / temperature + g, where g depends on the prompt,
    the seed, the step and the token alone (common random numbers). Two models then draw different tokens only where
    their distributions differ, and equal models write the same, on any device and in batches of any size.

    Args:
        model: A causal language model; masked or patched if the caller wants it so.
        tokenizer: Its tokenizer; the padding side does not matter.
        prompts: What to continue; equal prompts get equal continuations.
        seed: Of the draws.
        tokens: New tokens at most; a continuation ends earlier at an end-of-sequence token.
        temperature: 1 samples from the model as it is (FASP does).
        rows: Prompts a batch; they are sorted by length, so that little is padding.
        progress: Told of every prompt done.

    Returns:
        The continuations, without prompts and special tokens, in the order of the prompts.

    Raises:
        UserError: A prompt is empty or leaves no room in the context window, or logits are not finite.
    """
    limit = context_window(model)
    encoded = [encode(tokenizer, prompt, limit and limit - tokens) for prompt in prompts]
    texts = [""] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda i: (len(encoded[i]), i))
    for start in range(0, len(order), rows):
        places = order[start : start + rows]
        keys = [int(unit_hash(f"{seed}|{prompts[i]}") * (1 << 52)) for i in places]
        written = _generate(model, tokenizer, [encoded[i] for i in places], keys, tokens, temperature)
        for place, row in zip(places, written, strict=True):
            texts[place] = str(tokenizer.decode(row, skip_special_tokens=True))
        if progress:
            progress(len(places))
    return texts


def gumbel(keys: Tensor, step: int, count: int) -> Tensor:
    """Return standard Gumbel draws [len(keys), count], float32: always the same for a key, a step and a column.

    A counter hashed by SplitMix64's finalizer, so that no generator's state ties a row to its batch or its device.
    """
    columns = torch.arange(1, count + 1, dtype=torch.int64, device=keys.device)
    row = _mixed(keys + _STEP * torch.tensor(step + 1))
    return _gumbel(_mixed(row[:, None] + columns * _STEP))


def _gumbel(bits: Tensor) -> Tensor:
    """Return a standard Gumbel draw, float32, of each 64 random bits.

    Of 23 of them: the middle of such a step needs 24, all that float32 holds. With one more the last would round to
    u = 1 and draw infinity, which wins whatever the model says.
    """
    uniform = ((bits >> 40) & 0x7FFFFF).float()
    return -torch.log(-torch.log((uniform + 0.5) / (1 << 23)))


def _mixed(value: Tensor) -> Tensor:
    value = (value ^ _shifted(value, 30)) * _FIRST
    value = (value ^ _shifted(value, 27)) * _SECOND
    return value ^ _shifted(value, 31)


def _shifted(value: Tensor, bits: int) -> Tensor:
    return (value >> bits) & (_MASK >> (bits - 1))  # torch's shift of negative numbers keeps the sign; this does not


class _Draw(LogitsProcessor):
    """Adds each row's own noise to the logits, so that the greedy choice is a sample."""

    def __init__(self, keys: Tensor, prompt: int, temperature: float) -> None:
        self.keys, self.prompt, self.temperature = keys, prompt, temperature

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # type: ignore[override]
        noise = gumbel(self.keys.to(scores.device), input_ids.shape[1] - self.prompt, scores.shape[1])
        return finite(scores.float() / self.temperature) + noise


def _generate(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, encoded: Sequence[Sequence[int]], keys: Sequence[int],
    tokens: int, temperature: float,
) -> Tensor:  # fmt: skip
    """Return the new tokens [rows, up to `tokens`]; padding on the left is masked, and positions count without it."""
    length = max(map(len, encoded))
    pad = next((i for i in (tokenizer.pad_token_id, tokenizer.eos_token_id) if i is not None), 0)
    ids = torch.tensor([[pad] * (length - len(row)) + list(row) for row in encoded], device=home(model))
    real = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in encoded], device=home(model))
    own: Any = model.generation_config
    ends = own.eos_token_id if own is not None and own.eos_token_id is not None else tokenizer.eos_token_id
    # A config of our own: the checkpoint's may ask for top-k, repetition penalties or its own temperature.
    config = GenerationConfig(max_new_tokens=tokens, do_sample=False, num_beams=1, pad_token_id=pad, eos_token_id=ends,
                              use_cache=True, top_k=None, repetition_penalty=1.0, no_repeat_ngram_size=0)  # fmt: skip
    draw = _Draw(torch.tensor(keys), length, temperature)
    generate: Any = model.generate  # typed as a module attribute
    out = generate(
        input_ids=ids, attention_mask=real, generation_config=config, logits_processor=LogitsProcessorList([draw])
    )
    return out[:, length:]
