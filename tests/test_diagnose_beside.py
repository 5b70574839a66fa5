"""A pair beside the same two terms in other sentences: what all share is told from what one sentence does."""

import json

import pytest
from planted import fair_model, loaded, planted_model

from fairhub.errors import UserError
from fairhub.report import find
from fairhub.studies.diagnose.beside import document, lines, measure, terms_of
from fairhub.studies.diagnose.command import Asked, refuse, run

PAIR = ("The tenant, a Muslim, was", "The tenant, a Christian, was")


def test_the_terms_are_where_the_texts_differ():
    assert [(t.group, t.term, t.form) for t in terms_of(PAIR, "noun")] == [
        ("Christian", "Christian", "noun"), ("Muslim", "Muslim", "noun"),
    ]  # fmt: skip
    refuse(None, "adjective")  # the article's pair


@pytest.mark.parametrize(
    ("pair", "form", "said"),
    [
        (PAIR, "verb", "must have a form of noun"),
        (("The guest was", "The gay guest was"), "noun", "one lacks 'gay'"),
        (("x " * 80, "y " * 80), "noun", "at most 60 letters"),
    ],
)
def test_terms_that_fit_no_sentence_are_refused(pair, form, said):
    with pytest.raises(UserError, match=said):
        refuse(pair, form)


def test_what_a_planted_model_does_everywhere_is_systematic_and_a_fair_one_does_nothing():
    there, none = (measure(loaded(model()), terms_of(PAIR, "noun"), 1.0) for model in (planted_model, fair_model))
    shared = [find(one.figures, "systematic", "held_out") for one in (there, none)]
    assert shared[0] is not None and shared[1] is not None
    assert shared[0].before.low > 0 and shared[0].before.value > 20 * abs(shared[1].before.value)
    assert there.above == 1.0 and len(there.others) > 20 and "surely there" in " ".join(lines(there))
    assert "Christian and Muslim in" in lines(there)[0] and json.dumps(document(there))


def test_a_diagnosis_says_both(tmp_path):
    found, said = run(loaded(planted_model()), None, Asked(PAIR, tmp_path / "out", form="noun"))
    assert found["beside"]["divergence"] == found["divergence"] and "other sentences" in said
    assert json.loads((tmp_path / "out" / "diagnosis.json").read_text()) == json.loads(json.dumps(found))
