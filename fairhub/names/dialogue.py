"""Questions as a model expects them: in its chat template where it has one, else as question and answer."""

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from fairhub.engine import encode

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
    """Return how the model of this tokenizer is asked."""
    if not getattr(tokenizer, "chat_template", None):
        return Dialogue("Question: ", "\nAnswer:", " ")
    asking = [{"role": "user", "content": _MARK}]
    question = str(tokenizer.apply_chat_template(asking, tokenize=False, add_generation_prompt=True))
    before, _, between = question.partition(_MARK)
    return Dialogue(_without_start(tokenizer, before), between)


def answer_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Return the tokens of a text in the middle of others: without what the tokenizer puts in front."""
    return tuple(tokenizer(text, add_special_tokens=False).input_ids)


def _without_start(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """Return the text without its token of the start, where the tokenizer puts one in front anyhow."""
    start = tokenizer.bos_token
    twice = start is not None and text.startswith(start) and encode(tokenizer, "a")[0] == tokenizer.bos_token_id
    return text[len(start) :] if twice else text
