"""Judgement words: each in one split, one dimension, on one side; what a tokenizer cannot say is left out by name."""

import json
from collections import defaultdict

import planted
import pytest
from probing import write

from fairhub.errors import UserError
from fairhub.inputs.judgement.lexicon import FORMS, Word, checked, lexicon, split_of_word, words
from fairhub.inputs.probes.shipped import rows
from fairhub.measure.judgement.gaps import MEANT
from fairhub.model.loading import Loaded
from fairhub.proof.assembly import _unread

SPLITS = ("search", "select", "held_out")
SIDES = ("negative", "positive")


def row(word="lazy", **other):
    return {"word": word, "dimension": "bad", "side": "negative", "form": "adjective", **other}


def of(dimension, count, side, form="adjective", split="held_out", skip=0):
    """Words of a dimension that the planted tokenizer has as one token each; `skip` gives others."""
    known = [word.word for word in words() if word.side == side and planted.tokenizer()(word.word).input_ids != [2]]
    one = [word for word in known if len(planted.tokenizer()(f" {word}").input_ids) == 1]
    return [Word(word, dimension, side, form, split) for word in one[skip : skip + count]]


def test_no_word_is_in_two_splits_and_related_words_stay_together():
    splits, stems = defaultdict(set), defaultdict(set)
    for word in words():
        splits[word.word.lower()].add(word.split)
        stems[word.word[:5].lower()].add(word.split)
    assert len(splits) == len(words()) and all(len(found) == 1 for found in splits.values())
    assert all(len(found) == 1 for found in stems.values()) and len(stems) < len(words())
    assert split_of_word("criminal") == split_of_word("criminals") == split_of_word("Criminality")
    assert {split_of_word(word.word) for word in words()} == set(SPLITS)


def test_every_dimension_has_words_of_both_sides_and_forms_in_every_split():
    counts = defaultdict(int)
    for word in words():
        counts[word.split, word.dimension, word.side, word.form] += 1
    dimensions = {word.dimension for word in words()}
    assert dimensions == {"bad", "incompetent", "cold", "criminal", "poor", "menial"}
    for split in SPLITS:
        for dimension in dimensions:
            for side in SIDES:
                assert sum(counts[split, dimension, side, form] for form in FORMS) >= 10
                assert max(counts[split, dimension, side, form] for form in FORMS) >= 5


def test_a_judgement_word_names_no_group_but_where_that_is_left_out():
    named = {(row["axis"], term.lower()) for row in rows("terms.jsonl") for term in row["terms"].values()}
    shipped = words()
    judged = [(axis, word) for axis, term in named for word in shipped if word.word.lower() == term]
    people = {(axis, word.dimension) for axis, word in judged if axis != "control"}
    assert people == {("wealth", "poor")} <= MEANT


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([row(), row(dimension="cold")], "'lazy' stands twice"),
        ([row(), row("kind", side="good")], "side is negative or positive; own.jsonl line 2 has 'good'"),
        ([row(form="verb")], "form is adjective or noun; own.jsonl line 1 has 'verb'"),
        ([row(split="external")], "split is search or select or held_out; own.jsonl line 1 has 'external'"),
        ([{"word": "lazy", "dimension": "bad", "form": "noun"}], 'line 1 lacks "side"'),
        ([row(" ")], 'line 1 lacks "word"'),
        ([row(7)], 'line 1 lacks "word"'),
        (["{"], "a lexicon is JSONL in UTF-8, a word a line"),
        (["[1]"], "each line of a lexicon is a JSON object"),
    ],
)
def test_what_is_no_lexicon_is_refused_in_one_line(tmp_path, lines, said):
    with pytest.raises(UserError, match=said.replace("(", r"\(")) as caught:
        words(write(tmp_path / "own.jsonl", *lines))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x80")
    for name in ("none", "binary"):
        with pytest.raises(UserError, match="a lexicon is JSONL"):
            words(tmp_path / name)


def test_an_own_lexicon_is_read_and_its_words_have_their_splits(tmp_path):
    path = write(tmp_path / "own.jsonl", row("grumpy"), "", row("sunny", side="positive", split="select"))
    assert words(path) == [
        Word("grumpy", "bad", "negative", "adjective", split_of_word("grumpy")),
        Word("sunny", "bad", "positive", "adjective", "select"),
    ]
    assert checked([json.loads(json.dumps(row()))], "x")[0].word == "lazy"


def test_a_lexicon_has_the_words_of_its_split_that_are_one_token():
    tokenizer = planted.tokenizer()
    for split in (*SPLITS, "external"):
        found = lexicon(tokenizer, split)
        own = "held_out" if split == "external" else split
        assert {word.split for word in found.words} == {own} and found.skipped == ()
        for word, token in zip(found.words, found.ids, strict=True):
            assert tokenizer(f" {word.word}").input_ids == [token] and token != tokenizer.unk_token_id
        several = {word.word for word in words() if word.split == own} - {word.word for word in found.words}
        assert all(len(tokenizer(f" {word}").input_ids) > 1 for word in several)
        for dimension in found.dimensions:
            for form in found.forms(dimension):
                for side in SIDES:
                    columns = found.columns(dimension, side, form)
                    assert len(columns) >= 3
                    asked = [(found.words[c].dimension, found.words[c].side, found.words[c].form) for c in columns]
                    assert set(asked) == {(dimension, side, form)}


@pytest.mark.parametrize(
    ("fewer", "kept"),
    [
        ([*of("cold", 5, "negative"), *of("cold", 5, "positive")], True),
        ([*of("cold", 4, "negative"), *of("cold", 5, "positive")], False),
        ([*of("cold", 5, "negative"), *of("cold", 4, "positive")], False),
        ([*of("cold", 5, "negative"), *of("cold", 5, "positive", "noun")], False),  # no form has both sides
        ([*of("cold", 9, "negative", split="select"), *of("cold", 9, "positive", split="select")], None),
    ],
)
def test_a_dimension_with_too_few_words_is_left_out_and_named(fewer, kept):
    full = [*of("bad", 6, "negative", skip=20), *of("bad", 6, "positive", skip=20)]
    found = lexicon(planted.tokenizer(), "held_out", [*full, *fewer])
    assert found.dimensions == (("bad", "cold") if kept else ("bad",))
    assert found.skipped == (("cold",) if kept is False else ())


def test_words_of_several_tokens_do_not_count(tokenizer):
    many = [Word(f"kind-{i}", "cold", side, "adjective", "held_out") for side in SIDES for i in range(9)]
    many = [Word(f"{word.word}{word.side}", *list(vars(word).values())[1:]) for word in many]
    full = [*of("bad", 6, "negative"), *of("bad", 6, "positive")]
    assert lexicon(planted.tokenizer(), "held_out", [*full, *many]).skipped == ("cold",)
    with pytest.raises(UserError, match="a judgement needs 5 words of one token .* 0 of 12 words"):
        lexicon(tokenizer, "held_out", full)  # letters: words that were given are refused


def test_a_tokenizer_without_the_shipped_words_has_none_and_names_every_dimension(tokenizer):
    found = lexicon(tokenizer, "held_out")
    assert (found.words, found.ids, found.dimensions) == ((), (), ())
    assert set(found.skipped) == {word.dimension for word in words()}


def test_a_report_names_the_dimensions_that_its_tokenizer_cannot_be_asked(tokenizer):
    named = _unread(planted.loaded(planted.planted_model()))
    assert named == {}
    (said,) = _unread(Loaded(planted.planted_model(), tokenizer, "letters", "local")).values()
    assert set(said.split(", ")) == {word.dimension for word in words()}
