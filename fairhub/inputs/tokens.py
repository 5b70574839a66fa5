"""Token ids of a text as a model reads it: what its tokenizer puts in front stays, what it puts at the end does not."""

from transformers import PreTrainedTokenizerBase

from fairhub.errors import UserError


def encode(tokenizer: PreTrainedTokenizerBase, text: str, limit: int | None = None) -> tuple[int, ...]:
    """Return the token ids of a text, with the special tokens this tokenizer puts in front.

    One that it puts at the end (end of sequence) is left out: what is read is what comes after the text.

    Raises:
        UserError: The text is longer than the model's context window (`limit` tokens), or empty.
    """
    bare = content(tokenizer, text)
    if not bare:
        raise UserError(f"a text must have tokens; {text!r} has none; mend the probe")
    ids = (*_before(_whole(tokenizer, text), bare), *bare)
    if limit is not None and len(ids) > limit:
        raise UserError(
            f"a probe must fit the context window of {limit} tokens; {text[:60]!r} has {len(ids)}; shorten it"
        )
    return ids


def content(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Return the token ids of a text in the middle of others: no special tokens in front or at the end."""
    return tuple(tokenizer(text, add_special_tokens=False, verbose=False).input_ids)


def continued(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """Return the token ids of what goes on where other text ends: " nurse" after "a".

    Tokenizers of the SentencePiece kind take a text alone to begin with a space, so that " nurse" alone has two.
    """
    before = _TRIED if text.startswith(" ") else "\n"
    known, whole = content(tokenizer, before), content(tokenizer, before + text)
    apart = known and whole[: len(known)] == known
    return whole[len(known) :] if apart else content(tokenizer, text)


def front(tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """Return the special tokens that the tokenizer puts in front of a text (beginning of sequence), if any.

    A model that was trained with them reads nothing well without: the perplexity of a Gemma is four times as high.
    """
    return _before(_whole(tokenizer, _TRIED), content(tokenizer, _TRIED))


_TRIED = "a"


def _whole(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    return tuple(tokenizer(text, verbose=False).input_ids)


def _before(whole: tuple[int, ...], bare: tuple[int, ...]) -> tuple[int, ...]:
    """Return what stands before a text's own tokens among all."""
    places = (at for at in range(len(whole) - len(bare) + 1) if whole[at : at + len(bare)] == bare)
    return whole[: next(places, 0)]
