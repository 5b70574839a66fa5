"""The Space without a browser: how a pair is read, what can be asked, what is shown of a run, the unit map."""

import os
from importlib.util import find_spec
from pathlib import Path

import planted
import pytest

from fairhub.errors import UserError
from fairhub.inputs.probes import CONTROL, stratified
from fairhub.inputs.sizes import Sizes
from fairhub.methods import METHODS, Plan
from fairhub.model.loading import DEFAULT, EMBEDDED, Loaded, embedded_default
from fairhub.report import headline, read
from fairhub.space import app, gallery_tab, map_panel, unitmap
from fairhub.space.asking import FULL, QUICK, methods, request
from fairhub.space.charts import course, front
from fairhub.space.front import choice_shown, ordered
from fairhub.space.live import live
from fairhub.space.models import Models
from fairhub.space.ranks import Ranks, probes, rank_shown
from fairhub.space.reading import checked, read_pair, side_by_side, words_table
from fairhub.space.running import Seen
from fairhub.space.shared import Shared
from fairhub.space.unpacking import ahead
from fairhub.space.visitors import Visitors
from fairhub.space.worker import Standing

CARDS = Path(__file__).parent.parent / "model_cards"


@pytest.fixture(scope="module")
def loaded():
    return Loaded(planted.planted_model(), planted.tokenizer(), "planted", "local")


@pytest.fixture(scope="module")
def pair():
    probe = next(p for p in planted.aligned() if p.axis == "gender")
    return probe.text_a, probe.text_b


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


def test_what_differs_is_marked_where_it_stands_not_where_its_letters_come_first():
    shown = side_by_side(("The nurse said she was", "The nurse said he was"), ("", ""))
    assert "said <mark>she</mark> was" in shown and "The nurse said <mark>he</mark> was" in shown
    assert "n <mark>actor</mark> is" in side_by_side(("Here an actor is", "Here a nurse is"), ("", ""))


@pytest.mark.parametrize("texts", [("", "b"), ("a", "a "), ("a" * 601, "b")])
def test_a_pair_is_two_texts_that_differ(texts):
    with pytest.raises(UserError):
        checked(*texts)


def test_gallery_shows_what_reports_say(tmp_path):
    runs = gallery_tab.finished(CARDS)
    reports = [read(folder / "report.json") for folder in runs.values()]
    weak_ends = [made.figure(headline(made.figures), "held_out").change.relative_high or 0.0 for made in reports]
    kind = [not made.verdict.startswith("Repaired") for made in reports]
    order = list(zip(kind, weak_ends, strict=True))
    assert len(set(kind)) == 2 and order == sorted(order)  # a repair before what is none, the surest fall first

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
    assert full.axes == ("gender", "race") and full.plan == Plan() and full.sizes == Sizes(shown=3)
    assert request([], ["hiring"], "fasp", 1, QUICK).sizes.held_out < Sizes().held_out
    for wrong in (("x", [], "robust", 2, FULL), ([], [], "../x", 2, FULL), ([], [], "robust", 0, FULL)):
        with pytest.raises(UserError):
            request([wrong[0]] if wrong[0] else [], *wrong[1:])


def test_the_map_switches_the_planted_head(loaded, pair, monkeypatch):
    aligned = tuple(stratified((p for p in planted.aligned() if p.axis != CONTROL), 8))
    monkeypatch.setattr(unitmap, "pairs", lambda: aligned)  # of others, position tells as well as the planted head
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
    found = [ordered(read(path).choices) for path in sorted(CARDS.glob("*/report.json"))]
    choices = max(found, key=len)
    shown = [choice_shown(choices, place) for place in range(1, 1 + len(choices))]
    assert len(set(shown)) == len(shown) > 1 and sum("was taken" in one for one in shown) == 1
    assert choice_shown(choices, 0) == shown[0] and choice_shown(choices, 99) == shown[-1]


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


def test_switches_are_those_of_the_map_that_is_drawn(tmp_path, pair):
    place = str(planted.save(planted.planted_model(), tmp_path / "model"))
    shared = Shared(Models({"planted": place}), Visitors(tmp_path / "visitors"), CARDS)
    off = {"off": [unitmap.name_of(planted.PLANTED)]}
    assert "Switched off" in map_panel.switched(shared, off, (place,), pair)
    assert list(shared.models._held) == [place]
    with pytest.raises(UserError, match="draw the map first"):
        map_panel.switched(shared, off, (), pair)
    for clicked in (None, [], "off", {}):
        with pytest.raises(UserError, match="draw the map again"):
            map_panel.switched(shared, clicked, (place,), pair)


def test_a_space_never_loads_what_a_bot_made_of_pickles(tmp_path, monkeypatch):
    told = {name: value for name, value in os.environ.items() if name != "DISABLE_SAFETENSORS_CONVERSION"}
    monkeypatch.setattr(os, "environ", told)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(app, "stay_patient_", lambda seconds: None)
    at_launch, offered = [], []
    monkeypatch.setattr(app, "ahead", lambda models: offered.append(models.offered))
    monkeypatch.setattr("gradio.Blocks.launch", lambda *_, **__: at_launch.append(dict(told)))
    app.launch(CARDS)
    assert offered == [{DEFAULT: None}]
    assert at_launch[0]["DISABLE_SAFETENSORS_CONVERSION"] == "1"


@pytest.mark.slow
@pytest.mark.skipif(find_spec(EMBEDDED) is None, reason="needs the embedded default")
def test_the_default_is_unpacked_before_anybody_asks_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path))
    assert ahead(Models({"planted": "a folder"})) is None
    ahead(Models()).join()
    (made,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert made == embedded_default() and (made / "model.safetensors").is_file()


def test_what_holds_a_model_runs_in_turn(tmp_path):
    demo = app.build(Shared(Models(), Visitors(tmp_path), CARDS))
    turns = {}
    for fn in demo.fns.values():
        turns.setdefault((fn.concurrency_id, fn.concurrency_limit), set()).add(fn.name)
    assert turns["models", 24] == {"run", "rank", "begin", "switch", "talk", "publish", "diagnose", "streaming"}
    assert turns["repair", 12] == {
        "streaming",
        "audit",
        "repair",
    }  # Audit, Start, Resume, and another candidate: "streaming"


def test_nothing_can_be_pressed_that_needs_a_visit_before_there_is_one(tmp_path):
    demo = app.build(Shared(Models(), Visitors(tmp_path), CARDS))
    parts = {part["id"]: part["props"] for part in demo.config["components"] if part["type"] == "button"}
    waiting = {props["value"] for props in parts.values() if not props["interactive"]}
    assert {"Audit", "Start", "How long will it take?", "Draw the map", "Compare", "Put them side by side"} <= waiting
    assert {"Preview the card", "Publish", "Make a zip"} <= waiting
    states = {part["id"] for part in demo.config["components"] if part["type"] == "state"}
    opened = {
        parts[made["outputs"][0]]["value"]
        for made in demo.config["dependencies"]
        if len(made["outputs"]) == 1
        and made["outputs"][0] in parts
        and {target for target, _ in made["targets"]} <= states
    }
    assert waiting - {"Stop", "Resume"} == opened
