"""Answers without sampling: how probable each number of a grid is as the answer, and what is expected of it.

Sampling n answers a name at T = 0.6 (Ma et al. 2025) estimates the mean of a distribution that the model can be asked
for: the probability that an answer begins with a number is the product of its tokens' and of the chance that no digit
follows. What is said after the number does not count, as it does not where numbers are read from sampled answers. One
forward over the prompt, whose keys and values then serve every number of the grid.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.engine import encode, finite
from fairhub.measure import context_window, home
from fairhub.names.answers import Answers
from fairhub.names.dialogue import Dialogue, answer_tokens, dialogue_of
from fairhub.names.prompts import NamePrompt

_ROWS = 128  # sequences side by side: bounds the memory that logits take


@torch.inference_mode()
def expected(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[NamePrompt], *,
    temperature: float = 0.6, progress: Callable[[int], None] | None = None,
) -> Answers:  # fmt: skip
    """Return how probable it is that an answer begins with each number of a prompt's grid.

    Args:
        model: A causal language model; masked or patched if the caller wants it so.
        tokenizer: Its tokenizer.
        prompts: What is asked.
        temperature: Of every token, as sampling has it.
        progress: Told of every prompt done.

    Raises:
        UserError: Logits are not finite, or a prompt does not fit the context window.
    """
    dialogue, limit, digits = dialogue_of(tokenizer), context_window(model), _digits(tokenizer)
    longest = max(len(p.grid) for p in prompts)
    mass, shares, grid = np.zeros(len(prompts)), np.zeros((len(prompts), longest)), np.zeros((len(prompts), longest))
    groups: dict[tuple[Any, ...], list[int]] = {}
    encoded = [encode(tokenizer, dialogue.asked(p.text), limit and limit - 16) for p in prompts]
    for i, p in enumerate(prompts):
        groups.setdefault((len(encoded[i]), p.answer, p.grid), []).append(i)  # of one length: no padding, no mask
    for (_, form, numbers), places in sorted(groups.items()):
        forms = [(i, tokens) for i, n in enumerate(numbers) for tokens in _forms(tokenizer, dialogue, form, n)]
        rows = max(1, _ROWS // len(forms))
        for start in range(0, len(places), rows):
            some = places[start : start + rows]
            ids = torch.tensor([encoded[i] for i in some], device=home(model))
            found = _probabilities(model, ids, [tokens for _, tokens in forms], digits, temperature)
            for place, row in zip(some, found.double().cpu().numpy(), strict=True):
                each = np.bincount([i for i, _ in forms], weights=row, minlength=longest)
                mass[place] = each.sum()
                shares[place] = each / max(each.sum(), 1e-300)
                grid[place, : len(numbers)] = numbers
            if progress:
                progress(len(some))
    return Answers(grid, shares, mass)


def written(number: float) -> list[str]:
    """Return the ways in which a number of the grid is written: 1200 and 1,200."""
    plain = f"{number:g}" if number < 1e5 else f"{number:.0f}"
    return [plain] if number < 1000 else [plain, f"{number:,.0f}"]


def _forms(tokenizer: PreTrainedTokenizerBase, dialogue: Dialogue, form: str, number: float) -> list[tuple[int, ...]]:
    return [answer_tokens(tokenizer, dialogue.lead + form.format(text)) for text in written(number)]


def _digits(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the tokens that make a number before them a longer one."""
    pieces = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    return [i for i, piece in enumerate(pieces) if piece is not None and piece[:1].isdigit()]


def _probabilities(
    model: PreTrainedModel, ids: Tensor, forms: Sequence[tuple[int, ...]], digits: Sequence[int], temperature: float
) -> Tensor:
    """Return the probability of each form after each prompt, [prompts, forms]; all prompts are of one length."""
    tree = _tree(forms)
    first = model(ids, use_cache=True, logits_to_keep=1)
    cache = first.past_key_values
    cache.batch_repeat_interleave(len(tree.rows))
    rows = torch.tensor(tree.rows, device=ids.device).repeat(len(ids), 1)
    with _where(model, len(ids), tree):
        rest = model(rows, past_key_values=cache, use_cache=True).logits
    logits = finite(torch.cat([first.logits, rest], dim=1).float()) / temperature  # [prompts, contexts, vocabulary]
    whole = logits.logsumexp(-1)
    found = []
    for form in forms:
        at = torch.tensor([tree.contexts[form[:i]] for i in range(len(form))], device=ids.device)
        said = (logits[:, at, torch.tensor(form, device=ids.device)] - whole[:, at]).sum(1)
        end = tree.contexts[form]
        longer = [*digits, *(other[len(form)] for other in forms if other != form == other[: len(form)])]
        goes_on = (logits[:, end, sorted(set(longer))].logsumexp(-1) - whole[:, end]).exp()
        found.append(said.exp() * (1 - goes_on).clamp_min(0))
    return torch.stack(found, dim=1)


@dataclass(frozen=True)
class _Tree:
    """All forms and what they begin with, each beginning computed once."""

    rows: tuple[tuple[int, ...], ...]
    """The longest beginnings, padded to one length: none begins another."""
    contexts: dict[tuple[int, ...], int]
    """Every beginning and its place among the logits; the empty one is first."""
    places: tuple[tuple[int, int], ...]
    """For each beginning but the empty one: a row and the position in it where it ends."""


def _tree(forms: Sequence[tuple[int, ...]]) -> _Tree:
    beginnings = sorted({form[:i] for form in forms for i in range(len(form) + 1)})
    rows = [b for b, after in zip(beginnings, [*beginnings[1:], ()], strict=True) if after[: len(b)] != b]
    width = max(map(len, rows))
    places = [next((r, len(b) - 1) for r, row in enumerate(rows) if row[: len(b)] == b) for b in beginnings[1:]]
    padded = tuple((*row, *[0] * (width - len(row))) for row in rows)
    return _Tree(padded, {b: i for i, b in enumerate(beginnings)}, tuple(places))


@contextmanager
def _where(model: PreTrainedModel, prompts: int, tree: _Tree) -> Iterator[None]:
    """Compute logits only where a beginning ends, each once: [prompts, beginnings, vocabulary]."""
    rows, positions = (torch.tensor(part) for part in zip(*tree.places, strict=True))

    def hook(module: torch.nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (args[0].unflatten(0, (prompts, len(tree.rows)))[:, rows, positions], *args[1:])

    handle = model.get_output_embeddings().register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()
