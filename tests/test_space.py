"""The Space without a browser: visitors' folders, what may be loaded, how a pair is read, what is shown of a run."""

import os
import time
from pathlib import Path

import gradio as gr
import planted
import pytest

from fairhub.errors import UserError
from fairhub.loading import Loaded
from fairhub.space import gallery_tab
from fairhub.space.models import Models
from fairhub.space.reading import checked, read_pair, side_by_side, words_table
from fairhub.space.sizes import refuse
from fairhub.space.toasts import told
from fairhub.space.visitors import RUNS, Visitors

CARDS = Path(__file__).parent.parent / "model_cards"


@pytest.fixture(scope="module")
def loaded():
    return Loaded(planted.planted_model(), planted.tokenizer(), "planted", "local")


@pytest.fixture(scope="module")
def pair():
    probe = next(p for p in planted.aligned() if p.axis == "gender")
    return probe.text_a, probe.text_b


def test_visitors_share_nothing(tmp_path):
    visitors = Visitors(tmp_path / "all")
    one, other = visitors.new(), visitors.new()
    assert one != other and visitors.folder(one) != visitors.folder(other)
    run = visitors.new_run(one)
    run.mkdir(parents=True)
    (run / "report.json").write_text("{}")
    assert visitors.finished(one) == {"run 1": run} and visitors.finished(other) == {}
    with pytest.raises(UserError, match="finished run"):
        visitors.run(other, "run 1")


@pytest.mark.parametrize("key", ["", "..", "../../etc", "0" * 32, "/", "a\n" * 16])
def test_no_key_but_one_drawn_here_opens_a_folder(tmp_path, key):
    with pytest.raises(UserError, match="reload"):
        Visitors(tmp_path).folder(key)


def test_folders_expire_and_used_ones_stay(tmp_path):
    visitors = Visitors(tmp_path, seconds=60)
    old, used, new = visitors.new(), visitors.new(), visitors.new()
    long_ago = time.time() - 3600
    work = visitors.new_run(used) / "work"
    work.mkdir(parents=True)
    (work / "scores.npz").write_bytes(b"")
    for folder in (old, used):
        os.utime(visitors.folder(folder), (long_ago, long_ago))
    visitors.expire()
    assert visitors.folder(used) and visitors.folder(new)
    with pytest.raises(UserError):
        visitors.folder(old)


def test_a_visitor_has_few_runs(tmp_path):
    visitors = Visitors(tmp_path)
    key = visitors.new()
    for _ in range(RUNS):
        visitors.new_run(key).mkdir(parents=True)
    with pytest.raises(UserError, match="at a time"):
        visitors.new_run(key)


@pytest.fixture
def on_hub(hub, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", hub.url)
    place = planted.save(planted.planted_model(), tmp_path / "model")
    hub.put("ada/good", {path.name: path.read_bytes() for path in place.iterdir()})
    hub.put("ada/pickled", {"config.json": b"{}", "pytorch_model.bin": b"\x80\x04."})
    return place


def test_what_may_be_loaded_is_known_before_a_download(on_hub):
    refuse("ada/good", 10**9)
    with pytest.raises(UserError, match="pickles"):
        refuse("ada/pickled", 10**9)
    with pytest.raises(UserError, match="GB of weights here"):
        refuse("ada/good", 1000)
    with pytest.raises(UserError, match="must exist"):
        refuse("ada/none", 10**9)


def test_a_path_is_never_a_model(on_hub, monkeypatch):
    monkeypatch.chdir(on_hub.parent)
    (on_hub.parent / "some" / "where").mkdir(parents=True)
    for name in (str(on_hub), "../x/y", "~/x", "some/where", "ada/good/../..", "a/b\n"):
        with pytest.raises(UserError, match="Hub id"):
            refuse(name, 10**9)


def test_models_are_kept_few_and_lent_to_one_at_a_time(tmp_path):
    names = ("one", "two", "three")
    place = planted.save(planted.planted_model(), tmp_path / "model")
    models = Models({name: str(place) for name in names}, keep=2)
    first = {}
    for name in names:
        with models.borrowed(name) as first[name]:
            assert models._locks[name].locked()
        assert not models._locks[name].locked()
    with models.borrowed("three") as again:
        assert again is first["three"]
    with models.borrowed("one") as again:
        assert again is not first["one"]  # it had to make room


def test_reading_a_pair(loaded, pair):
    found = read_pair(loaded, pair)
    assert 0 < found.divergence < 0.6932 and len(found.words) == 10
    assert all(word.first != word.second for word in found.words)
    fair = Loaded(planted.fair_model(), planted.tokenizer(), "fair", "local")
    assert read_pair(fair, pair).divergence < 1e-6  # what is shown vanishes with the bias
    assert "<table>" in words_table(found.words)


def test_what_people_and_models_write_is_no_markup():
    shown = side_by_side(("<b>A</b> man said", "<b>A</b> woman said"), ("<script>1</script>", "x"))
    assert "<script>" not in shown and "<b>" not in shown and "<mark>man</mark>" in shown


@pytest.mark.parametrize("texts", [("", "b"), ("a", "a "), ("a" * 601, "b")])
def test_a_pair_is_two_texts_that_differ(texts):
    with pytest.raises(UserError):
        checked(*texts)


def test_a_mistake_is_one_toast():
    @told
    def once():
        raise UserError("got <img src=x>; mend it")

    @told
    def streaming():
        yield 1
        raise UserError("late")

    with pytest.raises(gr.Error) as toast:
        once()
    assert "&lt;img" in toast.value.message
    stream = streaming()
    assert next(stream) == 1
    with pytest.raises(gr.Error, match="late"):
        next(stream)


def test_gallery_shows_what_reports_say(tmp_path):
    runs = gallery_tab.finished(CARDS)
    assert runs
    found, folder = gallery_tab.read(CARDS, next(iter(runs)))
    shown = gallery_tab.overview(found, folder)
    assert found.verdict.split(":")[0] in shown and shown.count("<img") == len(list((folder / "figures").glob("*.png")))
    assert 'alt=""' not in shown
    assert gallery_tab.finished(tmp_path) == {}
    with pytest.raises(UserError):
        gallery_tab.read(CARDS, "../..")
