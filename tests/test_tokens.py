"""Token ids: what a tokenizer puts in front is read and never scored, what it puts at the end is cut."""

import planted
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, processors
from transformers import PreTrainedTokenizerFast

from fairhub.compute.likelihood.questions import Question, encoded
from fairhub.errors import UserError
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.text import chunks
from fairhub.inputs.tokens import content, continued, encode, front
from fairhub.measure.benchmarks.wikitext import windows

TEXTS = ("The tenant was late again .", "a doctor and a nurse")


def tokenizer(template: str | None = None, **flags: bool) -> PreTrainedTokenizerFast:
    """The planted tokenizer with a post-processor: `<pad>` stands for the beginning of sequence."""
    backend = Tokenizer.from_str(planted.tokenizer().backend_tokenizer.to_str())  # the planted one is shared
    if template:
        special = [("<pad>", 0), ("<eos>", 1)]
        backend.post_processor = processors.TemplateProcessing(single=template, special_tokens=special)
    names = {"bos_token": "<pad>", "eos_token": "<eos>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **names, **flags)


MADE = {
    "neither": (tokenizer(), ()),
    "bos": (tokenizer("<pad> $A"), (0,)),
    "bos by a flag": (tokenizer(add_bos_token=True), (0,)),
    "eos": (tokenizer("$A <eos>"), ()),
    "eos by a flag": (tokenizer(add_eos_token=True), ()),
    "both": (tokenizer("<pad> $A <eos>"), (0,)),
    "two in front": (tokenizer("<eos> <pad> $A"), (1, 0)),
}


@pytest.mark.parametrize("name", MADE)
def test_what_is_put_in_front_stays_and_what_is_put_at_the_end_goes(name: str) -> None:
    made, first = MADE[name]
    assert front(made) == first
    for text in TEXTS:
        bare = tuple(planted.tokenizer()(text).input_ids)
        assert content(made, text) == bare and encode(made, text) == first + bare
    if "eos" in name:
        assert made(TEXTS[0]).input_ids[-1] == 1  # positive control: the tokenizer does put one there


@pytest.mark.parametrize("name", MADE)
def test_probes_are_read_out_after_their_own_last_token(name: str) -> None:
    made, _ = MADE[name]
    probes = planted.shipped()[:6]
    (batch, *_) = probe_batches(made, probes)
    for item, rows in zip(batch.items, batch.pairs.tolist(), strict=True):
        for row, text in zip(rows, (probes[item].text_a, probes[item].text_b), strict=True):
            assert batch.ids[row, batch.last[row]] == content(made, text)[-1]


@pytest.mark.parametrize("name", MADE)
def test_every_chunk_begins_with_what_stands_in_front_and_no_loss_is_taken_of_it(name: str) -> None:
    made, first = MADE[name]
    texts = [" ".join(["tenant doctor nurse"] * 40), " ".join(["doctor was late"] * 40)]
    found = chunks(made, texts, 96, length=32)
    assert found.ids.shape == (3, 32)
    inside = found.ids[:, len(first) :]
    assert (found.ids[:, : len(first)] == torch.tensor(first, dtype=torch.long)).all()
    assert not (inside == 0).any()
    taken = planted.tokenizer()(texts[0]).input_ids
    assert inside[0].tolist() == taken[: 32 - len(first)]
    # the token in front is no target: a loss is of ids[:, 1:]
    assert all(row[1:].tolist().count(0) == max(0, len(first) - 1) for row in found.ids)


@pytest.mark.parametrize("name", MADE)
def test_an_option_begins_after_its_prompt_and_keeps_what_stands_in_front(name: str) -> None:
    made, first = MADE[name]
    prompt, option = "The tenant was", " late again"
    (whole,) = encoded(made, [Question(prompt, (option,))])
    assert whole.ids == first + content(made, prompt + option)
    assert whole.ids[whole.start :] == content(made, option)
    (cut,) = encoded(made, [Question(prompt, (option,))], limit=4 + len(first))
    assert cut.ids[: len(first)] == first and cut.ids[cut.start :] == content(made, option)
    assert len(cut.ids) <= 4 + len(first)


def test_every_window_begins_with_what_stands_in_front() -> None:
    made, first = MADE["bos"]
    (row,) = encoded(made, [Question("", (" ".join(["tenant doctor nurse"] * 20),))])
    found = windows(row, 16, 8, len(first))
    assert all(window.ids[:1] == first and len(window.ids) <= 16 and window.start >= 1 for window in found)
    asked = [token for window in found for token in window.ids[window.start :]]
    assert asked == list(row.ids[1:])  # every other token once, in order


def test_a_text_without_tokens_is_refused_whatever_is_put_around_it() -> None:
    for name in ("neither", "both"):
        with pytest.raises(UserError, match="must have tokens"):
            encode(MADE[name][0], "")


def test_a_word_that_goes_on_is_one_token_whatever_a_text_alone_begins_with() -> None:
    """SentencePiece tokenizers (Llama 2, Phi-3) put a space before every text: " nurse" alone is two tokens."""
    words = ("a", "nurse", "lazy")
    pieces = ["<unk>", "<s>", "\u2581", *(f"\u2581{word}" for word in words), "<0x0A>", *dict.fromkeys("".join(words))]
    merges = [("\u2581", "a")]
    for word in words[1:]:
        parts = ["\u2581", *word]
        for end in range(2, len(parts) + 1):
            pair = ("".join(parts[: end - 1]), parts[end - 1])
            pieces += ["".join(pair)] * ("".join(pair) not in pieces)
            merges.append(pair)
    backend = Tokenizer(models.BPE(vocab={p: i for i, p in enumerate(pieces)}, merges=merges, unk_token="<unk>"))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    backend.decoder = decoders.Replace("\u2581", " ")
    made = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", bos_token="<s>")
    assert len(made(" nurse").input_ids) == 2  # positive control
    for word in words[1:]:
        assert continued(made, f" {word}") == (pieces.index(f"\u2581{word}"),)
