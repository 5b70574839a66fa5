"""Greedy continuations of prompts, several side by side."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.tokens import encode
from fairhub.model.facts import home
from fairhub.run.processes import spread

_ROWS = 16  # prompts continued side by side: reading the weights costs more than so many rows


@torch.inference_mode()
def continuations(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], tokens: int = 32
) -> list[str]:
    """Continue every prompt greedily by up to `tokens` tokens.

    Prompts are padded on the left, masked, a few of similar length side by side; which ones does not hang on the number
    of processes, so that every number of them writes the same. Padding repeats a row's first token: a tokenizer's own
    may have no embedding.

    Raises:
        UserError: A prompt has no tokens.
    """
    encoded = [list(encode(tokenizer, prompt)) for prompt in prompts]
    device = home(model)
    generate: Any = model.generate  # typed as a module attribute
    pad = next((i for i in (tokenizer.pad_token_id, tokenizer.eos_token_id) if i is not None), 0)

    def written(places: Sequence[int]) -> list[str]:
        length = max(len(encoded[i]) for i in places)
        padding = [length - len(encoded[i]) for i in places]
        ids = torch.tensor([encoded[i][:1] * short + encoded[i] for i, short in zip(places, padding, strict=True)])
        real = torch.tensor([[0] * short + [1] * (length - short) for short in padding])
        out = generate(
            input_ids=ids.to(device), attention_mask=real.to(device), do_sample=False, num_beams=1,
            max_new_tokens=tokens, pad_token_id=pad,
        )  # fmt: skip
        return [str(tokenizer.decode(row[length:], skip_special_tokens=True)) for row in out]

    order = sorted(range(len(prompts)), key=lambda i: (len(encoded[i]), i))
    groups = [order[start : start + _ROWS] for start in range(0, len(order), _ROWS)]
    texts = [text for part in spread(groups, written) for text in part]
    return [texts[order.index(place)] for place in range(len(prompts))]
