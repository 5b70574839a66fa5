"""Questions as a model expects them: in its chat template where it has one, else as question and answer."""

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from fairhub.errors import UserError
from fairhub.inputs.tokens import continued, front
from fairhub.measure.names.rendering import rendered

_MARK = "7531"


@dataclass(frozen=True)
class Dialogue:
    """How a model is asked."""

    before: str
    between: str
    """What stands between question and answer."""
    lead: str = ""
    """What an answer begins with: a space where it goes on a line."""

    def asked(self, question: str) -> str:
        """Return the text that the answer follows."""
        return f"{self.before}{question}{self.between}"


def dialogue_of(tokenizer: PreTrainedTokenizerBase) -> Dialogue:
    """Return how the model of this tokenizer is asked.

    Raises:
        UserError: Its chat template cannot be rendered within bounds, or leaves the question out.
    """
    template = getattr(tokenizer, "chat_template", None)
    if not isinstance(template, str) or not template:
        return Dialogue("Question: ", "\nAnswer:", " ")
    special = {key: str(token) for key, token in tokenizer.special_tokens_map.items() if not isinstance(token, list)}
    question = rendered(template, [{"role": "user", "content": _MARK}], special)
    before, asked, between = question.partition(_MARK)
    if not asked:
        raise UserError("a chat template says what the user asks; this model's does not; take it out or mend it")
    return Dialogue(_without_start(tokenizer, before), between)


def answer_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Return the tokens of a text in the middle of others: without what the tokenizer puts in front."""
    return continued(tokenizer, text)


def _without_start(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """Return the text without its token of the start, where the tokenizer puts one in front anyhow."""
    start = tokenizer.bos_token
    twice = start is not None and text.startswith(start) and tokenizer.bos_token_id in front(tokenizer)
    return text[len(start) :] if twice else text
