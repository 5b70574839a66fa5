"""One pair as a model reads it: what it goes on with, where its next words differ, and how that ranks among probes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from fairhub.compute.engine import finite, next_token
from fairhub.compute.greedy import continuations
from fairhub.errors import UserError
from fairhub.inputs.probes.own import difference
from fairhub.inputs.tokens import encode
from fairhub.model.facts import context_window, home
from fairhub.model.loading import Loaded
from fairhub.space.markup import esc

LONGEST = 600
"""Characters that a visitor's text may have."""
_SHOWN = 10  # next words
_TOKENS = 24  # of each continuation


@dataclass(frozen=True)
class NextWord:
    """A token that could come next, and how likely it is after each text."""

    token: str
    first: float
    second: float


@dataclass(frozen=True)
class Reading:
    """What a model makes of a pair."""

    pair: tuple[str, str]
    said: tuple[str, str]
    """How it goes on."""
    words: tuple[NextWord, ...]
    """The next tokens that add most to the divergence, the most telling first."""
    divergence: float
    """Jensen-Shannon, nats."""


def checked(first: str, second: str) -> tuple[str, str]:
    """Return the pair as it is read: without space at its ends.

    Raises:
        UserError: A text is empty or too long, or both are the same.
    """
    pair = first.strip(), second.strip()
    if not all(pair) or max(map(len, pair)) > LONGEST:
        raise UserError(f"a pair is two texts of 1 to {LONGEST} characters; got {len(pair[0])} and {len(pair[1])}")
    if pair[0] == pair[1]:
        raise UserError("a pair is two texts that differ in who they speak of; both are the same; change one")
    return pair


@torch.inference_mode()
def read_pair(loaded: Loaded, pair: tuple[str, str]) -> Reading:
    """Continue both texts greedily and compare what may come next.

    A token's share of the divergence is 1/2 [p log(p/m) + q log(q/m)], with p and q its probabilities after either
    text and m their mean (Lin 1991).

    Raises:
        UserError: A text does not fit the model, or the model's logits are not finite.
    """
    limit = context_window(loaded.model)
    rows = []
    for text in pair:
        ids = torch.tensor([encode(loaded.tokenizer, text, limit)], device=home(loaded.model))
        with next_token(loaded.model, torch.tensor([ids.shape[1] - 1])):
            rows.append(finite(loaded.model(ids, use_cache=False).logits)[0, -1].double().log_softmax(-1))
    p, q = rows
    middle = torch.logaddexp(p, q) - math.log(2)
    share = 0.5 * (p.exp() * (p - middle) + q.exp() * (q - middle))
    top = share.topk(min(_SHOWN, len(share))).indices.tolist()
    words = tuple(NextWord(_shown(loaded, i), float(p[i].exp()), float(q[i].exp())) for i in top)
    first, second = continuations(loaded.model, loaded.tokenizer, pair, _TOKENS)
    return Reading(pair, (first, second), words, max(0.0, float(share.sum())))


def _shown(loaded: Loaded, token: int) -> str:
    return str(loaded.tokenizer.decode([token])).replace("\n", "⏎").strip() or "␣"


def side_by_side(pair: tuple[str, str], said: tuple[str, str], names: Sequence[str] = ("First", "Second")) -> str:
    """Return both texts with what the model goes on with; where the two differ is marked."""
    found = difference(*pair)
    spans = (found.a, found.b)
    boxes = [
        f'<article class="fh-text"><h2>{esc(name)} text</h2><p>{_marked(text, span, len(found.before))}'
        f'<span class="fh-said">… {esc(more.strip()) or "(it stops here)"}</span></p></article>'
        for name, text, span, more in zip(names, pair, spans, said, strict=True)
    ]
    return f'<div class="fh-pair">{"".join(boxes)}</div>'


def _marked(text: str, span: str, begin: int) -> str:
    """Return a text with the span marked that begins there, or a little later: "a" may stand for the text's "an"."""
    place = text.find(span, begin)
    if not span or place < 0:
        return esc(text)
    return f"{esc(text[:place])}<mark>{esc(span)}</mark>{esc(text[place + len(span) :])}"


def words_table(words: Sequence[NextWord]) -> str:
    """Return the next words that differ most, with bars and numbers for both texts."""
    top = max((max(word.first, word.second) for word in words), default=1.0) or 1.0

    def cell(value: float, side: str) -> str:
        bar = f'<span class="fh-bar {side}" style="width:{5 * value / top:.2f}rem" aria-hidden="true"></span>'
        return f"<td>{bar}{100 * value:.2f} %</td>"

    rows = "".join(
        f'<tr><th scope="row">{esc(w.token)}</th>{cell(w.first, "a")}{cell(w.second, "b")}</tr>' for w in words
    )
    caption = "Next words that differ most"
    return (
        f'<h2>{caption}</h2><div class="fh-scroll" tabindex="0" role="region" aria-label="{caption}"><table>'
        f"<caption>{caption}: how likely each is after either text</caption><thead><tr>"
        '<th scope="col">Next word</th><th scope="col">after the first text</th>'
        f'<th scope="col">after the second text</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )
