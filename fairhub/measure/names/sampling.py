"""Answers by sampling, as the papers have them: n draws a name at T = 0.6, and the numbers found in them."""

from collections.abc import Callable, Sequence

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairhub.compute.generation import sampled
from fairhub.measure.names.answers import Answers, drawn
from fairhub.measure.names.dialogue import dialogue_of
from fairhub.measure.names.numbers import number_in
from fairhub.measure.names.prompts import NamePrompt


def draws(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[NamePrompt], count: int, *,
    seed: int = 0, temperature: float = 0.6, tokens: int = 24, progress: Callable[[int], None] | None = None,
) -> tuple[Answers, list[list[str]]]:  # fmt: skip
    """Return what `count` sampled answers to each prompt say, and the answers themselves.

    (Ma et al. 2025 draw 100 a name at T = 0.6.) Two models draw the same random numbers, so that only what was
    repaired parts them.

    Raises:
        UserError: A prompt leaves no room in the context window, or logits are not finite.
    """
    dialogue = dialogue_of(tokenizer)
    asked = [dialogue.asked(prompt.text) for prompt in prompts]
    rounds = [
        sampled(model, tokenizer, asked, seed * count + n, tokens=tokens, temperature=temperature, progress=progress)
        for n in range(count)
    ]
    texts = [list(answers) for answers in zip(*rounds, strict=True)]
    numbers = [[number_in(t, p.answer) for t in row] for row, p in zip(texts, prompts, strict=True)]
    return drawn(numbers), texts
