"""The Space without a browser: visitors' folders, what may be loaded, how a pair is read, what is shown of a run."""

import json
import os
import time
from pathlib import Path

import gradio as gr
import planted
import pytest

from fairhub.data import Sizes
from fairhub.errors import UserError
from fairhub.loading import Loaded
from fairhub.methods import METHODS, Plan
from fairhub.report import read
from fairhub.space import compare_tab, gallery_tab, unitmap
from fairhub.space.asking import FULL, QUICK, methods, request
from fairhub.space.charts import course, front
from fairhub.space.live import choice_shown, front_of, live
from fairhub.space.models import Models
from fairhub.space.ranks import Ranks, probes, rank_shown
from fairhub.space.reading import checked, read_pair, side_by_side, words_table
from fairhub.space.running import Seen
from fairhub.space.shared import Shared
from fairhub.space.sizes import refuse
from fairhub.space.toasts import told
from fairhub.space.visitors import RUNS, Visitors
from fairhub.space.worker import Standing

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
    run = visitors.new_job(one) / "run"
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
    work = visitors.new_job(used) / "run" / "work"
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
    for _ in range(RUNS + 1):
        visitors.new_job(key).mkdir(parents=True)
    assert [job.name for job in visitors.jobs(key)] == ["2", "3", "4"]
    assert visitors.latest(key).name == "4"


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


def test_what_can_be_asked_is_what_the_package_has():
    assert list(methods().values()) == list(METHODS)
    full = request(["race", "gender"], [], "robust", 2, FULL)
    assert full.axes == ("gender", "race") and full.plan == Plan() and full.sizes == Sizes()
    assert request([], ["hiring"], "fasp", 1, QUICK).sizes.held_out < Sizes().held_out
    for wrong in (("x", [], "robust", 2, FULL), ([], [], "../x", 2, FULL), ([], [], "robust", 0, FULL)):
        with pytest.raises(UserError):
            request([wrong[0]] if wrong[0] else [], *wrong[1:])


def test_the_map_switches_the_planted_head(loaded, pair):
    found = unitmap.survey(loaded, frozenset({planted.PLANTED}))
    assert min(found.heads, key=found.heads.get) == planted.PLANTED  # it is blue where the bias is
    drawn = unitmap.drawn(found, frozenset({planted.PLANTED}))
    assert drawn.count('aria-pressed="true"') == 1 and f'data-unit="{unitmap.name_of(planted.PLANTED)}"' in drawn
    off = unitmap.named([unitmap.name_of(planted.PLANTED)])
    bare, cut = unitmap.effect(loaded, frozenset(), pair), unitmap.effect(loaded, off, pair)
    assert bare.after == bare.before == cut.before > 1.5 * cut.after
    assert read_pair(loaded, pair).divergence > 0  # the model itself is as it was


@pytest.mark.parametrize("told", [None, "head:0:0", ["head:0"], [7], ["head:0:0:0"], ["mlp:1:1"], ["head:-1:0"]])
def test_what_is_no_unit_is_refused(told):
    with pytest.raises(UserError, match="draw the map"):
        unitmap.named(told)


def test_a_unit_that_the_model_has_not_is_refused(loaded, pair):
    with pytest.raises(UserError):
        unitmap.effect(loaded, unitmap.named(["head:77:0"]), pair)


def test_charts_grow_and_say_in_words_what_they_show():
    assert course([], []) == front([]) == ""
    assert "3 steps" in course([1.0, None, 0.5], [1.0, 1.0, 0.5])
    choices = [
        {"perplexity_relative": 0.01, "bias_relative": -0.5},
        {"perplexity_relative": 0.0, "bias_relative": -0.1},
    ]
    assert front(choices, 1).count("marked") == 1 and "-50 %" in front(choices)


def test_a_run_is_shown_as_it_stands():
    shown = live(Seen(Standing("working", "<scoring>", 5, 10, 3), {"energy": [1.0], "best": [1.0]}, []))
    assert "&lt;scoring&gt;" in shown and 'value="5"' in shown and "<svg" in shown
    assert "kept" in live(Seen(Standing("stopped")))


def test_the_slider_says_what_each_choice_costs():
    report = next(found for path in sorted(CARDS.glob("*/report.json")) if front_of((found := read(path)).choices))
    shown = [choice_shown(report, place) for place in range(1, 1 + len(front_of(report.choices)))]
    assert len(set(shown)) == len(shown) and sum("was taken" in one for one in shown) == 1
    assert choice_shown(report, 0) == shown[0] and choice_shown(report, 99) == shown[-1]


def test_ranks_are_measured_once(loaded, tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))
    place = planted.save(planted.planted_model(), tmp_path / "model")
    models, ranks = Models({"planted": str(place)}), Ranks(chunk=16)
    known = list(ranks.grown(models, "planted", 0.0))[-1]
    assert len(known) == 16 and all(value >= 0 for value in known)
    more = list(Ranks(chunk=16).grown(models, "planted", 0.0))  # another process finds what this one measured
    assert more[-1][:16] == known and len(more[-1]) == 32
    assert "100 %" in rank_shown(1.0, known) and "More than 0 %" in rank_shown(0.0, known)
    assert len({p.axis for p in probes()[:16]}) > 4


def test_runs_beside_each_other(tmp_path):
    shared = Shared(Models(), Visitors(tmp_path), CARDS)
    key = shared.visitors.new()
    assert list(compare_tab.runs(shared, key)) == list(gallery_tab.finished(CARDS))
    with pytest.raises(UserError):
        compare_tab.chosen(shared, key, "my run 1")
    folder = next(iter(gallery_tab.finished(CARDS).values()))
    picture, tables = compare_tab.side_by_side([folder, folder])
    assert "<img" in picture and "compared" in tables
    with pytest.raises(UserError, match="2 runs"):
        compare_tab.side_by_side([folder])
    assert "<i>" not in compare_tab.beside("<i>", "<i>", "<i>")


def test_a_model_that_cannot_be_made_again_says_why_in_the_log(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))
    document = json.loads(next(CARDS.glob("*/report.json")).read_text())
    document["base_model"]["revision"] = "local"
    (tmp_path / "report.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match="could not be made again"):
        list(compare_tab._made(tmp_path))
    assert "settings; this one's are not known" in caplog.text
