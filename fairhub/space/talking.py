"""Base model and repair on a visitor's own words, as a chat where the model has one; nothing is drawn at random."""

from collections.abc import Sequence

from fairhub.compute.greedy import continuations
from fairhub.errors import UserError
from fairhub.inputs.prompt_format import turns
from fairhub.model.loading import Loaded
from fairhub.report import Report
from fairhub.report.tables import reading
from fairhub.report.wording import level, shift
from fairhub.space.markup import esc, table
from fairhub.space.reading import LONGEST

_TOKENS = 60
_HEAD = ("What must stay", "Before", "After", "Change", "Reading")
_SIDES = ("As it was", "Repaired")


def prompts(first: str, second: str) -> tuple[str, ...]:
    """Return the texts that both models are asked: one, or two about different groups.

    Raises:
        UserError: The first is empty, or one is too long.
    """
    asked = tuple(text for text in (first.strip(), second.strip()) if text)
    if not first.strip() or max(map(len, asked)) > LONGEST:
        raise UserError(f"your words are 1 to {LONGEST} characters; got {len(first.strip())}; mend them")
    return asked


def has_chat(loaded: Loaded) -> bool:
    """Whether a model has a chat template that can be rendered."""
    try:
        return turns(loaded.tokenizer) is not None
    except UserError:
        return False


def answers(loaded: Loaded, asked: Sequence[str], chat: bool) -> tuple[str, ...]:
    """Return what a model says after each text, the likeliest token each time.

    Args:
        loaded: The model.
        asked: The texts.
        chat: Whether they are what a user says to whom the model answers, where it has a chat template; else they are
            gone on with.
    """
    before, after = (turns(loaded.tokenizer) if chat and has_chat(loaded) else None) or ("", "")
    put = [f"{before}{text}{after}" for text in asked]
    return tuple(continuations(loaded.model, loaded.tokenizer, put, _TOKENS))


def beside(asked: Sequence[str], said: Sequence[Sequence[str]], chat: bool) -> str:
    """Return what was asked and both models' answers as HTML, those to one text side by side.

    Args:
        asked: The texts.
        said: Of the base model and of its repair, what each said to every text.
        chat: Whether they were answered, not gone on with.
    """
    rows = "".join(
        f'<div class="fh-pair">{"".join(_box(name, text, one, chat) for name, one in zip(_SIDES, both, strict=True))}'
        "</div>"
        for text, *both in zip(asked, *said, strict=True)
    )
    form = "asked in the model's chat form" if chat else "gone on with"
    return f'{rows}<p class="fh-why">Your words are {form}; the likeliest token each time, nothing is random.</p>'


def _box(name: str, text: str, said: str, chat: bool) -> str:
    dots = "" if chat else "… "
    return (
        f'<article class="fh-text"><h2>{name}</h2><p>{esc(text)}<span class="fh-said">{dots}'
        f"{esc(said.strip()) or '(it stops here)'}</span></p></article>"
    )


def kept(report: Report) -> str:
    """Return the keep tests of a run, base and repair side by side, as HTML; nothing where it has none."""
    rows = [
        (figure.metric.headline.get("held_out") or figure.name.replace("_", " "), level(figure, figure.before),
         level(figure, figure.after), shift(figure.change), reading(figure))
        for figure in report.figures
        if figure.split == "held_out" and figure.axis == "all" and figure.context == "all"
        and (figure.role == "keep" or figure.name == "perplexity")
    ]  # fmt: skip
    return f"<h2>What must stay, before and after</h2>{table(_HEAD, rows, _HEAD[0])}" if rows else ""
