"""The tab Compare without a browser: which runs are offered, what is shown of them, and whether their base is here."""

import json
import threading
from pathlib import Path

import planted
import pytest

from fairhub.errors import UserError
from fairhub.model.loading import EMBEDDED, Loaded
from fairhub.report import read
from fairhub.space import compare_tab, gallery_tab, rebuilding, talking
from fairhub.space.models import Models
from fairhub.space.shared import Shared
from fairhub.space.visitors import Visitors

CARDS = Path(__file__).parent.parent / "model_cards"


@pytest.fixture(scope="module")
def loaded():
    return Loaded(planted.planted_model(), planted.tokenizer(), "planted", "local")


def test_runs_beside_each_other(tmp_path):
    shared = Shared(Models(), Visitors(tmp_path), CARDS)
    key = shared.visitors.new()
    assert list(compare_tab.runs(shared, key)) == list(gallery_tab.finished(CARDS))
    with pytest.raises(UserError):
        compare_tab.chosen(shared, key, "my run 1")
    folder = next(iter(gallery_tab.finished(CARDS).values()))
    picture, tables = compare_tab.side_by_side({"my run 1": folder, "the gallery's": folder})
    assert "<img" in picture and "compared" in tables and "my run 1" in tables
    assert str(CARDS) not in tables and "compare.png" not in tables  # no folder of the server's
    with pytest.raises(UserError, match="2 runs"):
        compare_tab.side_by_side({"one": folder})


def test_words_are_put_to_both_models_side_by_side(loaded):
    assert talking.prompts(" a ", " ") == ("a",) and talking.prompts("a", "b") == ("a", "b")
    for wrong in (("", "b"), ("a" * 601, ""), ("a", "b" * 601)):
        with pytest.raises(UserError, match="your words are 1 to 600"):
            talking.prompts(*wrong)
    assert not talking.has_chat(loaded)
    once, again = (talking.answers(loaded, ("the man is", "the woman is"), True) for _ in range(2))
    assert once == again and len(once) == 2  # nothing is random
    shown = talking.beside(("<i>", "b"), (("<i>", "x"), ("y", "<i>")), chat=False)
    assert "<i>" not in shown and shown.count("<article") == 4 and shown.count("fh-pair") == 2


def test_a_chat_is_asked_in_the_models_own_form(loaded, monkeypatch):
    put = []
    monkeypatch.setattr(talking, "turns", lambda tokenizer: ("<user> ", " <model> "))
    monkeypatch.setattr(talking, "continuations", lambda model, tokenizer, texts, tokens: put.extend(texts) or texts)
    talking.answers(loaded, ("a", "b"), True)
    talking.answers(loaded, ("a",), False)
    assert put == ["<user> a <model> ", "<user> b <model> ", "a"]


def test_what_must_stay_stands_below():
    shown = talking.kept(read(CARDS / "smollm2-135m-instruct-two-sided" / "report.json"))
    assert shown.count("<tr>") > 4 and "recall" in shown.lower() and "perplexity" in shown.lower()


@pytest.fixture
def of_bases(tmp_path):
    """Runs of which only the report is here, by the base model that each says it had."""
    document = json.loads(next(CARDS.glob("*/report.json")).read_text())

    def made(**bases):
        for name, base in bases.items():
            (tmp_path / name).mkdir()
            told = document | {"base_model": document["base_model"] | base}
            (tmp_path / name / "report.json").write_text(json.dumps(told))
        return {name: tmp_path / name for name in bases}

    return made


def test_only_runs_of_the_first_ones_base_model_are_ticked(of_bases):
    known = of_bases(a={"sha256": "1"}, b={"sha256": "2"}, c={"sha256": "1"})
    assert compare_tab.comparable(known) == ["a", "c"] and compare_tab.comparable({}) == []


@pytest.mark.parametrize("here", [True, False])
def test_only_runs_whose_base_model_is_here_are_offered(of_bases, monkeypatch, here):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: "a module" if here and name == EMBEDDED else None)
    bases = {"embedded": EMBEDDED, "hub": "0" * 40, "folder": "local"}
    known = of_bases(**{name: {"revision": revision} for name, revision in bases.items()})
    assert compare_tab.speaking(known) == (["embedded", "hub"] if here else ["hub"])


def test_a_base_model_that_stands_in_for_another_is_refused(of_bases, loaded):
    other, same = of_bases(a={"revision": EMBEDDED}, b={"revision": EMBEDDED, "sha256": loaded.sha256()}).values()
    rebuilding.refuse_other(loaded, read(same / "report.json"))
    with pytest.raises(UserError, match="has other weights"):
        rebuilding.refuse_other(loaded, read(other / "report.json"))


@pytest.mark.wide
def test_a_model_that_cannot_be_made_again_says_why_in_the_log(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))
    document = json.loads(next(CARDS.glob("*/report.json")).read_text())
    document["base_model"]["revision"] = "local"
    (tmp_path / "report.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match="could not be made again"):
        list(compare_tab._made(tmp_path, threading.Lock()))
    assert "settings; this one's are not known" in caplog.text
