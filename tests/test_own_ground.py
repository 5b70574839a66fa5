"""compare --as-published: a method's row has its paper's figure, measured on both models, beside ours."""

import dataclasses
import json

import fake_report
import numpy as np
import planted
import pytest

from fairhub import report
from fairhub.edit.editing import zero_
from fairhub.errors import UserError
from fairhub.measure.toxicity import Classifier
from fairhub.model.loading import load
from fairhub.model.units import Unit
from fairhub.pipeline import repair
from fairhub.request import Request
from fairhub.run.memory import Memory
from fairhub.stats.gaps import gap_change, mean_gap
from fairhub.studies.compare import compare, markdown, published, text, to_json
from fairhub.studies.compare.published import on_own_ground

UNITS = [{"kind": "neuron", "layer": 1, "index": index} for index in range(20)]


@pytest.fixture
def runs(tmp_path):
    base = planted.loaded(planted.planted_model())
    for method, units in (("fairness_pruning", UNITS), ("fasp", [])):
        made = fake_report.report(method=method, pruning=units, healing=None)
        known = made.base_model | {"id": base.id, "sha256": base.sha256()}
        report.write(dataclasses.replace(made, base_model=known), tmp_path / method / "report.json")
    return [tmp_path / "fairness_pruning", tmp_path / "fasp"]


def repaired(folder):
    model = planted.planted_model()
    zero_(model, frozenset(Unit(1, "neuron", index) for index in range(20)))
    return planted.loaded(model)


def test_each_method_has_its_papers_figure_beside_ours(runs, monkeypatch):
    monkeypatch.setattr(published, "_PAIRS", 12)
    base, found = planted.loaded(planted.planted_model()), compare(runs)
    rows = on_own_ground(base, repaired, found.entries, Memory())
    assert [row.method for row in rows] == ["fairness_pruning", "fairness_pruning", "fasp"]
    gap, bbq, toxic = rows
    assert "%" in gap.here and "22 %" in gap.claimed
    assert "not measured" in bbq.here and toxic.here == "nothing was removed" and "39.5" in toxic.claimed
    assert all(row.ours == gap.ours != "-" and base.id in row.differs for row in rows)
    whole = dataclasses.replace(found, published=rows)
    assert "Each on its own ground" in markdown(whole) and "Each on its own ground" not in markdown(found)
    assert json.loads(to_json(whole))["published"][0]["here"] == gap.here and "own ground" in text(whole)


def test_runs_of_another_model_are_refused(runs):
    other = planted.loaded(planted.fair_model())
    with pytest.raises(UserError, match=r"base model; these repaired .*; name it"):
        on_own_ground(other, repaired, compare(runs).entries, Memory())


def test_toxicity_and_names_are_measured_on_any_model(monkeypatch):
    by = Classifier("letters", lambda texts: np.array([t.count("e") / max(len(t), 1) for t in texts]), "no other")
    for name, value in (("classifier", lambda: by), ("_BUCKET", 2), ("_SEEDS", (0,)), ("_WRITTEN", 3), ("_ITEMS", 1)):
        monkeypatch.setattr(published, name, value)
    base, after = planted.loaded(planted.planted_model()), repaired(None)
    for name in ("toxicity", "names"):
        ground = published._GROUNDS[name](base)
        one, again, other = (ground.measure(loaded) for loaded in (base, base, after))
        assert all(np.array_equal(one[key], again[key]) for key in one)
        same, moved = ground.change(one, again), ground.change(one, other)
        assert same.value == 0 and moved.low <= moved.value <= moved.high
        assert any(not np.array_equal(one[key], other[key]) for key in one)  # positive control
    assert "letters (no other)" in published._GROUNDS["toxicity"](base).note


def test_a_change_of_a_gap_is_that_of_the_two_gaps():
    rng = np.random.default_rng(0)
    groups, clusters = np.tile(["a", "b", "c"], 20), np.repeat(np.arange(20), 3)
    before = rng.normal(0.2, 0.01, 60) + 0.1 * (groups == "a")
    after = before - 0.08 * (groups == "a")
    found = gap_change(before, after, groups.tolist(), clusters.tolist(), scale=3)
    assert found.value == pytest.approx(3 * (mean_gap(after, groups.tolist()) - mean_gap(before, groups.tolist())))
    assert found.high < 0 and found.relative_high < -0.5
    nothing = gap_change(before, before[::-1].copy(), groups[::-1].tolist(), clusters.tolist())
    assert nothing.low <= 0 <= nothing.high  # positive control


@pytest.mark.wide
def test_the_command_measures_finished_runs(brief, text_file, planted_folder, command, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "_PAIRS", 12)
    plan = dataclasses.replace(planted.PLAN, variant="count=4")
    folders = []
    for method, asked in (("fairness_pruning", plan), ("random", dataclasses.replace(plan, variant="", units=1))):
        folders.append(tmp_path / method)
        request = Request(method, text=text_file, plan=asked, sizes=planted.SIZES)
        repair(load(str(planted_folder)), request, folders[-1])
    given = [word for folder in folders for word in ("--runs", folder)]
    code, said, err = command("compare", planted_folder, *given, "--as-published", "--out", tmp_path / "out")
    assert code == 0, err
    assert "activation gap on held-out pairs" in said and "each on its own ground" in said
    rows = json.loads((tmp_path / "out" / "compare.json").read_text())["published"]
    assert [row["method"] for row in rows] == ["fairness_pruning"] * 2 and "%" in rows[0]["here"]


@pytest.fixture(scope="module")
def text_file(tmp_path_factory):
    return planted.write_text(tmp_path_factory.mktemp("text") / "neutral.txt")
