"""Reads what must stay off a model: preference for the right word, and the probability of last words."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from fairhub.compute.likelihood import read_endings, shared_tokens
from fairhub.compute.trees.tree import Ids
from fairhub.edit.repair import Repair, applied
from fairhub.inputs.keep.items import Choice
from fairhub.inputs.keep.last_words import Passage
from fairhub.inputs.sequences import alike
from fairhub.inputs.tokens import continued, encode
from fairhub.model.facts import context_window
from fairhub.model.loading import Loaded
from fairhub.model.streaming.steps import in_step
from fairhub.run.processes import spread
from fairhub.run.progress import Progress

_PIECE = 256
"""Items computed in one process, whatever their number."""


@dataclass(frozen=True)
class Kept:
    """Choices and passages that can be asked of a tokenizer: right and wrong begin with other tokens."""

    choices: tuple[Choice, ...] = ()
    passages: tuple[Passage, ...] = ()
    skipped: int = field(default=0)
    """How many choices were left out, as right and wrong begin alike."""

    @property
    def texts(self) -> list[str]:
        """What is read."""
        return [choice.text for choice in self.choices] + [passage.text for passage in self.passages]

    def places(self, part: "Kept") -> list[int]:
        """Return the places of some of these items among all."""
        choices = {choice: place for place, choice in enumerate(self.choices)}
        passages = {passage: len(choices) + place for place, passage in enumerate(self.passages)}
        return [choices[c] for c in part.choices] + [passages[p] for p in part.passages]


def usable(loaded: Loaded, choices: Sequence[Choice], passages: Sequence[Passage]) -> Kept:
    """Return the items whose right and wrong word differ in their first token, and how many were left out."""
    kept = [c for c in choices if first_token(loaded.tokenizer, c.right) != first_token(loaded.tokenizer, c.wrong)]
    return Kept(tuple(kept), tuple(passages), len(choices) - len(kept))


def tokens(loaded: Loaded, kept: Kept) -> int:
    """Return how many tokens a reading of these items computes."""
    sequences = _sequences(loaded, kept)
    return sum(shared_tokens([sequences[i] for i in piece]) for piece in alike(dict(enumerate(sequences)), _PIECE))


def read(loaded: Loaded, kept: Kept, repairs: Sequence[Repair], progress: Progress | None = None) -> np.ndarray:
    """Return [repairs, 2, items]: of choices log p(right) - log p(wrong), and 1 where that is above 0, else 0.

    Of passages p(last word), and 1 where it is the most probable token. A word of several tokens is known by its first.

    Raises:
        UserError: A text does not fit the model's window, or logits are not finite.
    """
    sequences = _sequences(loaded, kept)
    pieces = alike(dict(enumerate(sequences)), _PIECE)
    answers = _Answers(loaded, kept)

    def of_piece(piece: Sequence[int]) -> np.ndarray:
        return np.stack([answers.of(piece, [sequences[i] for i in piece], repair, progress) for repair in repairs])

    values = np.empty((len(repairs), 2, len(sequences)))
    for piece, part in zip(pieces, spread(pieces, of_piece, each=in_step(loaded.model)), strict=True):
        values[:, :, piece] = part
    return values


def _sequences(loaded: Loaded, kept: Kept) -> list[Ids]:
    limit = context_window(loaded.model)
    return [encode(loaded.tokenizer, text, limit) for text in kept.texts]


class _Answers:
    """What is read of each item where its text ends."""

    def __init__(self, loaded: Loaded, kept: Kept) -> None:
        self.loaded, self.choices = loaded, len(kept.choices)
        right = [c.right for c in kept.choices] + [p.word for p in kept.passages]
        self.right = torch.tensor([first_token(loaded.tokenizer, word) for word in right], dtype=torch.long)
        wrong = [first_token(loaded.tokenizer, choice.wrong) for choice in kept.choices]
        self.wrong = torch.tensor([*wrong, *[0] * len(kept.passages)], dtype=torch.long)

    def of(
        self, piece: Sequence[int], sequences: Sequence[tuple[int, ...]], repair: Repair, progress: Progress | None
    ) -> np.ndarray:
        """Return [2, items of the piece] under a repair."""
        found = np.empty((2, len(piece)))

        def take(numbers: Sequence[int], log_p: Tensor) -> None:
            found[:, list(numbers)] = self._values([piece[number] for number in numbers], log_p.double().cpu())

        with applied(self.loaded.model, repair):
            read_endings(self.loaded.model, sequences, take, progress=progress)
        return found

    def _values(self, items: Sequence[int], log_p: Tensor) -> np.ndarray:
        mine, rival = self.right[list(items)], self.wrong[list(items)]
        choice = torch.tensor([item < self.choices for item in items])
        of_right = log_p.gather(1, mine[:, None])[:, 0]
        margin = of_right - log_p.gather(1, rival[:, None])[:, 0]
        value = torch.where(choice, margin, of_right.exp())
        hit = torch.where(choice, margin > 0, log_p.argmax(1) == mine)
        return torch.stack([value, hit.double()]).numpy()


def first_token(tokenizer: PreTrainedTokenizerBase, word: str) -> int:
    """Return the token that a word begins with after a space: what it is known by."""
    return continued(tokenizer, f" {word}")[0]
