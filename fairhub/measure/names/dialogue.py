"""Questions as a model expects them: in its chat template where it has one, else as question and answer."""

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from fairhub.inputs.prompt_format import turns
from fairhub.inputs.tokens import continued


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
    parts = turns(tokenizer)
    return Dialogue(*parts) if parts else Dialogue("Question: ", "\nAnswer:", " ")


def answer_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Return the tokens of a text in the middle of others: without what the tokenizer puts in front."""
    return continued(tokenizer, text)
