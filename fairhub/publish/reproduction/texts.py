"""Continuations: where two machines wrote on differently, two tokens must have been as good as equally likely."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.inputs.tokens import encode
from fairhub.model.facts import home
from fairhub.publish.reproduction.checks import Check, Verdict, check, worst

Texts = Sequence[Mapping[str, str]]


def compared(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, published: Texts, found: Texts, part: str, most: float,
    before: str = "",
) -> Check:  # fmt: skip
    """Compare what a model wrote, greedily, with what it is published to have written.

    Args:
        model: The one that wrote this part.
        tokenizer: Its tokenizer.
        published: Prompts and what was written, before and after.
        found: The same, written here.
        part: before or after.
        most: How far logits may lie apart.
        before: What stood in front of every prompt: a chat, where the model was asked in one.
    """
    what, count = f"continuations, {part}", f"{len(published)}"
    if [one["prompt"] for one in published] != [one["prompt"] for one in found]:
        return check(what, count, "of other prompts", "different")
    verdicts: list[Verdict] = [
        "same" if one[part] == other[part] else _fork(model, tokenizer, one, other, part, most, before)
        for one, other in zip(published, found, strict=True)
    ]
    return check(what, count, f"{verdicts.count('same')} equal", worst(verdicts))


@torch.inference_mode()
def _fork(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, one: Mapping[str, str], other: Mapping[str, str],
    part: str, most: float, before: str,
) -> Verdict:  # fmt: skip
    """Say whether the first token in which two continuations differ could have been either, up to rounding."""
    there, here = (list(encode(tokenizer, before + text["prompt"] + text[part])) for text in (one, other))
    place = next((i for i, pair in enumerate(zip(there, here, strict=False)) if len(set(pair)) > 1), None)
    end = tokenizer.eos_token_id
    if place is None:  # one ends where the other goes on
        place = min(len(there), len(here))
    taken = [ids[place] if place < len(ids) else end for ids in (there, here)]
    if place == 0 or None in taken:
        return "different"
    ids = torch.tensor([here[:place]], device=home(model))
    logits = model(ids, use_cache=False).logits[0, -1].float().cpu()
    apart = float(logits[taken[1]] - logits[taken[0]])  # type: ignore[index]
    return "within tolerance" if abs(apart) <= 2 * most else "different"


_ALIKE = 0.9
"""How many of the tokens that groups' names bring must be the same ones: the last of a list are near its end."""


def brought(published: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], most: float) -> Check:
    """Compare the tokens that groups' names bring in the base model, and how much.

    Args:
        published: Of the record.
        found: Measured here.
        most: How far a change may lie from the one found, relative.
    """
    there, here = ({(o["axis"], *o["groups"], o["token"]): o["change"] for o in part} for part in (published, found))
    both = there.keys() & here.keys()
    near = all(abs(there[token] - here[token]) <= most * abs(here[token]) for token in both)
    many = min(len(both), len(published)) >= _ALIKE * max(len(published), len(found))
    verdict: Verdict = (
        "same" if list(published) == list(found) else "within tolerance" if near and many else "different"
    )
    return check("words that names bring", len(published), f"{len(both)} the same words", verdict)
