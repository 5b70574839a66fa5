"""Answers without sampling: how probable each number of a grid is as the answer, and what is expected of it.

Sampling n answers a name at T = 0.6 (Ma et al. 2025) estimates the mean of a distribution that the model can be asked
for: the probability that an answer begins with a number is the product of its tokens' and of the chance that no digit
follows. What is said after the number does not count, as it does not where numbers are read from sampled answers. One
forward over the prompt, whose keys and values then serve every number of the grid.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.compute.engine import finite, logits_at
from fairhub.compute.trees.past import Past, branching, padded_pasts
from fairhub.inputs.tokens import encode
from fairhub.measure.names.answers import Answers
from fairhub.measure.names.dialogue import Dialogue, answer_tokens, dialogue_of
from fairhub.measure.names.prompts import NamePrompt
from fairhub.model.facts import context_window, home

_PLACES = 512  # logits side by side: bounds the memory that they take
_ANSWER = 16  # tokens that an answer may have


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
    encoded = [encode(tokenizer, dialogue.asked(p.text), limit and limit - _ANSWER) for p in prompts]
    common = os.path.commonprefix([ids[:-1] for ids in encoded])
    past = _read(model, common)
    for places, (form, numbers) in _groups(prompts, encoded, padded_pasts(model)):
        forms = [(i, tokens) for i, n in enumerate(numbers) for tokens in _forms(tokenizer, dialogue, form, n)]
        longest_asked = max(len(encoded[i]) for i in places)
        tree = _tree([tokens for _, tokens in forms], branching(model, longest_asked + _ANSWER))
        rows = max(1, _PLACES // len(tree.contexts))
        for start in range(0, len(places), rows):
            some = places[start : start + rows]
            questions = [encoded[i][len(common) :] for i in some]
            found = _probabilities(model, past, questions, tree, digits, temperature)
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


def _groups(
    prompts: Sequence[NamePrompt], encoded: Sequence[Sequence[int]], padded: bool
) -> Iterator[tuple[list[int], tuple[str, tuple[float, ...]]]]:
    """Yield prompts whose answers are the same numbers, short ones first; of one length where none can be padded."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i in sorted(range(len(prompts)), key=lambda i: len(encoded[i])):
        groups.setdefault((prompts[i].answer, prompts[i].grid, 0 if padded else len(encoded[i])), []).append(i)
    for (form, numbers, _), places in groups.items():
        yield places, (form, numbers)


def _read(model: PreTrainedModel, ids: Sequence[int]) -> Past:
    """Return the past that these tokens make: what all prompts begin with is computed once."""
    if not ids:
        return Past()
    past = Past((0,))
    row = torch.tensor([list(ids)], device=home(model))
    model(row, **past.arguments(row), logits_to_keep=1)
    return Past((len(ids),), past.cache)


def _probabilities(
    model: PreTrainedModel, common: Past, questions: Sequence[Sequence[int]], tree: "_Tree", digits: Sequence[int],
    temperature: float,
) -> Tensor:  # fmt: skip
    """Return the probability of each form after each question, [questions, forms].

    Args:
        model: The model.
        common: What every question stands after.
        questions: Their tokens; of one length where pasts cannot be padded.
        tree: The forms.
        digits: The tokens that make a number before them a longer one.
        temperature: Of every token.
    """
    count, each, width = len(questions), len(tree.rows), max(map(len, questions))
    before = common.width
    past = common.selected([0] * count, [before] * count)
    ids = torch.tensor([[*q, *[0] * (width - len(q))] for q in questions], device=home(model))
    with logits_at(model, [(i, len(q) - 1) for i, q in enumerate(questions)]):
        first = model(ids, **past.arguments(ids)).logits
    past = past.selected(
        [i for i in range(count) for _ in range(each)], [before + len(q) for q in questions for _ in range(each)]
    )
    rows = torch.tensor(tree.rows, device=ids.device).repeat(count, 1)
    with logits_at(model, [(i * each + row, place) for i in range(count) for row, place in tree.places]):
        rest = model(rows, **past.arguments(rows, tree.before)).logits.unflatten(0, (count, -1))[:, :, 0]
    logits = finite(torch.cat([first, rest], dim=1).float()) / temperature  # [questions, contexts, vocabulary]
    whole = logits.logsumexp(-1)
    found = []
    for form in tree.forms:
        at = torch.tensor([tree.contexts[form[:i]] for i in range(len(form))], device=ids.device)
        said = (logits[:, at, torch.tensor(form, device=ids.device)] - whole[:, at]).sum(1)
        end = tree.contexts[form]
        longer = [*digits, *(other[len(form)] for other in tree.forms if other != form == other[: len(form)])]
        goes_on = (logits[:, end, sorted(set(longer))].logsumexp(-1) - whole[:, end]).exp()
        found.append(said.exp() * (1 - goes_on).clamp_min(0))
    return torch.stack(found, dim=1)


@dataclass(frozen=True)
class _Tree:
    """All forms and what they begin with, each beginning computed once."""

    forms: Sequence[tuple[int, ...]]
    rows: tuple[tuple[int, ...], ...]
    """One row with the last token of every beginning; where a row can't branch, the longest beginnings, padded."""
    contexts: dict[tuple[int, ...], int]
    """Every beginning and its place among the logits; the empty one is first."""
    places: tuple[tuple[int, int], ...]
    """For each beginning but the empty one: a row and the position in it where it ends."""
    before: Tensor | None
    """[beginnings, beginnings] which begin each, itself included, where the row branches."""


def _tree(forms: Sequence[tuple[int, ...]], branches: bool) -> _Tree:
    beginnings = sorted({form[:i] for form in forms for i in range(len(form) + 1)})
    contexts = {beginning: place for place, beginning in enumerate(beginnings)}
    if branches:
        before = torch.tensor([[b == other[: len(b)] for b in beginnings[1:]] for other in beginnings[1:]])
        row = tuple(beginning[-1] for beginning in beginnings[1:])
        return _Tree(forms, (row,), contexts, tuple((0, place) for place in range(len(row))), before)
    rows = [b for b, after in zip(beginnings, [*beginnings[1:], ()], strict=True) if after[: len(b)] != b]
    width = max(map(len, rows))
    places = [next((r, len(b) - 1) for r, row in enumerate(rows) if row[: len(b)] == b) for b in beginnings[1:]]
    padded = tuple((*row, *[0] * (width - len(row))) for row in rows)
    return _Tree(forms, padded, contexts, tuple(places), None)
