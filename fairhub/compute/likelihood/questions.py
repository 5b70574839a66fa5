"""Questions: a prompt and its options as token ids, cut where lm-eval cuts them; and what a model answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from fairhub.errors import UserError
from fairhub.inputs.tokens import content, front


@dataclass(frozen=True)
class Question:
    """A prompt, and continuations to compare; an option holds the space that parts it from the prompt."""

    prompt: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Encoded:
    """Token ids of a prompt and one option."""

    ids: tuple[int, ...]
    start: int
    """Where the option begins; at least 1, as the first token is given."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model thinks of every option, options of all questions in one row."""

    loglik: np.ndarray
    """[options] nats: the sum over an option's tokens."""
    greedy: np.ndarray
    """[options] 1 where each token of the option is the most probable one, else 0."""
    tokens: np.ndarray
    """[options] how many tokens an option has."""

    def by_question(self, questions: Sequence[Question], values: np.ndarray | None = None) -> list[np.ndarray]:
        """Return values (by default log-likelihoods) in one array a question."""
        ends = np.cumsum([len(question.options) for question in questions])[:-1]
        return np.split(self.loglik if values is None else values, ends)


def encoded(
    tokenizer: PreTrainedTokenizerBase, questions: Sequence[Question], limit: int | None = None
) -> list[Encoded]:
    """Return every option after its prompt, in order.

    As in lm-eval: prompt and option are tokenised together, spaces at the prompt's end belong to the option, an empty
    prompt is the beginning-of-sequence token (else the end-of-sequence token), and what does not fit the context
    window is cut off on the left. Special tokens that the tokenizer puts in front stay in front, also of what is cut.

    Raises:
        UserError: An option is empty, or longer than the context window.
    """
    return [_encoded(tokenizer, q.prompt, option, limit) for q in questions for option in q.options]


def _encoded(tokenizer: PreTrainedTokenizerBase, prompt: str, option: str, limit: int | None) -> Encoded:
    bare, given = prompt.rstrip(), front(tokenizer)
    whole = (*given, *content(tokenizer, prompt + option))
    start = len(given) + len(content(tokenizer, bare))
    if start == 0:
        first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        if first is None:
            raise UserError("a text without a prompt needs a first token; this tokenizer has neither bos nor eos")
        whole, start = (first, *whole), 1
    extra = max(0, len(whole) - limit) if limit is not None else 0
    if len(whole) <= start or start - extra < 1:
        raise UserError(f"an option needs tokens that fit the context window ({limit}); {option[:60]!r} does not")
    kept = len(given) if start - extra > len(given) else 0  # what is put in front stays where there is room for it
    return Encoded(whole[:kept] + whole[extra + kept :], start - extra)
