"""How a text is put to a model: as it stands, or as the beginning of an answer in the model's own chat template."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar

from transformers import PreTrainedTokenizerBase

from fairhub.errors import UserError, one_of
from fairhub.inputs.data import Beside, Data, Ground
from fairhub.inputs.rendering import rendered
from fairhub.inputs.tokens import front
from fairhub.model.loading import DEFAULT

REQUEST = "Complete the sentence."
"""What a user says whose answer a text begins."""
CHAT = ("auto", "on", "off")
PLAIN = frozenset({DEFAULT})
"""Chat models that `auto` asks with plain texts: decided on select (docs/models.md), where no gain of searching in
chats was seen, at several times the cost."""
_MARK = "7531"
_EVERY = 2
"""Of held_out every how many items are read in the other format too."""


class Led(Protocol):
    """A probe, cell or choice: what has texts that can be put behind others."""

    def led_by(self, before: str) -> Self:
        """Return the same with this in front of its texts."""


Item = TypeVar("Item", bound=Led)


@dataclass(frozen=True)
class PromptFormat:
    """What stands in front of every text that is not prose: nothing, or a chat up to where the answer begins."""

    before: str = ""

    @property
    def name(self) -> str:
        """As figures and records name it: chat or text."""
        return "chat" if self.before else "text"

    def of(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """Return probes, cells or choices with their texts in this format."""
        return tuple(item.led_by(self.before) for item in items) if self.before else tuple(items)


TEXT = PromptFormat()


def format_of(tokenizer: PreTrainedTokenizerBase, chat: str, system: str | None = None) -> PromptFormat:
    """Return the format that is asked for.

    Args:
        tokenizer: Of the model.
        chat: on, off, or auto: on where the tokenizer has a chat template, but for `PLAIN` models without a system
            prompt.
        system: What the chat's system prompt says; None leaves it to the template.

    Raises:
        UserError: A chat is asked for and the model has no template, or it cannot be rendered within bounds.
    """
    one_of("--chat", chat, CHAT)
    plain = chat == "auto" and system is None and str(tokenizer.name_or_path).partition("@")[0] in PLAIN
    try:
        parts = None if chat == "off" or plain else turns(tokenizer, system)
    except UserError as error:
        raise UserError(f"{error}, or add --chat off") from error
    if parts is None and (chat == "on" or (system is not None and chat == "auto")):
        raise UserError("a chat needs the model's own template; this one's tokenizer has none; leave --chat out")
    return TEXT if parts is None else PromptFormat(f"{parts[0]}{REQUEST}{parts[1]}")


def other_than(used: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> PromptFormat | None:
    """Return the other format; None where the model has no chat template, or none that can be rendered."""
    if used.before:
        return TEXT
    try:
        return format_of(tokenizer, "on")
    except UserError:  # it was not asked for
        return None


def turns(tokenizer: PreTrainedTokenizerBase, system: str | None = None) -> tuple[str, str] | None:
    """Return what the chat template puts before and after what a user says, the answer begun; None without a template.

    Raises:
        UserError: The template cannot be rendered within bounds, or leaves out what the user says.
    """
    template = getattr(tokenizer, "chat_template", None)
    if not isinstance(template, str) or not template:
        return None
    special = {key: str(token) for key, token in tokenizer.special_tokens_map.items() if not isinstance(token, list)}
    messages = [] if system is None else [{"role": "system", "content": system}]
    chat = rendered(template, [*messages, {"role": "user", "content": _MARK}], special)
    before, asked, after = chat.rpartition(_MARK)
    if not asked:
        raise UserError("a chat template says what the user asks; this model's does not; take it out or mend it")
    return _without_start(tokenizer, before), after


def _without_start(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """Return the text without its token of the start, where the tokenizer puts one in front anyhow."""
    start = tokenizer.bos_token
    twice = start is not None and text.startswith(start) and tokenizer.bos_token_id in front(tokenizer)
    return text[len(start) :] if twice else text


def formatted(data: Data, used: PromptFormat, other: PromptFormat | None = None) -> Data:
    """Return data with everything but prose in a format, and part of held_out in another beside it.

    Args:
        data: Gathered as plain texts.
        used: How the model is asked.
        other: The format that is looked at beside it; None for none.
    """
    return replace(
        data, before=used.before, beside=_beside(data, other) if other else None,
        search=used.of(data.search), select=used.of(data.select), near=tuple(map(used.of, data.near)),
        proof=tuple(map(used.of, data.proof)), control_proof=used.of(data.control_proof),
        judged=tuple(map(used.of, data.judged)), traits=used.of(data.traits), choices=used.of(data.choices),
        fit=_ground(data.fit, used), choose=_ground(data.choose, used),
    )  # fmt: skip


def _beside(data: Data, other: PromptFormat) -> Beside:
    """Return part of held_out in another format."""
    judged = next((cells for cells in data.judged if cells[0].split == "held_out"), ())
    part = {name: other.of(items[::_EVERY]) for name, items in (("judged", judged), ("traits", data.traits))}
    return Beside(other.name, part["judged"], part["traits"], other.of(data.choices[::_EVERY]))


def _ground(ground: Ground, used: PromptFormat) -> Ground:
    return replace(
        ground, cells=used.of(ground.cells), traits=used.of(ground.traits), choices=used.of(ground.choices)
    )  # fmt: skip
