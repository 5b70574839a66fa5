"""A repair with a suite reports every public benchmark before and after, and where its rows came from."""

import benchmark_rows
import planted
import pytest

from fairhub import report
from fairhub.errors import UserError
from fairhub.measure.benchmarks.suite import TITLES
from fairhub.methods import Plan
from fairhub.pipeline import repair
from fairhub.report import is_public
from fairhub.request import Request, request_of


@pytest.fixture(autouse=True)
def own_cache(brief, monkeypatch, tmp_path):
    monkeypatch.setenv("FAIRHUB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def request_(tmp_path):
    benchmark_rows.everything(tmp_path)
    text = planted.write_text(tmp_path / "neutral.txt")
    how = {"plan": Plan(units=1), "sizes": planted.SIZES, "suite": "quick"}
    return Request("random", text=str(text), rows=str(tmp_path), **how)  # as Python's users may give paths


@pytest.mark.wide
def test_the_report_has_every_benchmark_before_and_after(request_, tmp_path):
    made = repair(planted.loaded(planted.planted_model()), request_, str(tmp_path / "run"))
    found = {f.name: f for f in made.figures if is_public(f) and f.axis == "all"}
    assert set(found) >= {"bbq_bias_ambiguous", "crows_pairs", "winobias_gap", "honest", "lambada", "boolq"}
    assert all(f.after is not None and f.change is not None for f in found.values())
    assert (found["lambada"].role, found["lambada"].split, found["lambada"].axis) == ("keep", "held_out", "all")
    assert any(f.change.value != 0 for f in found.values()), "one head fewer shows somewhere"
    assert {entry["name"] for entry in made.data} & TITLES >= {"BBQ", "CrowS-Pairs", "BoolQ"}
    assert "## Public benchmarks" in (tmp_path / "run" / "report.md").read_text()
    assert "Blodgett" in made.settings["notes on benchmarks"]
    again = report.read(tmp_path / "run" / "report.json")
    assert request_of(again.settings).suite == "quick" and request_of(again.settings).rows == tmp_path


def test_paths_may_be_given_as_text(tmp_path):
    given = [{name: kind(tmp_path / name) for name in ("probes", "text", "rows")} for kind in (str, type(tmp_path))]
    assert Request(**given[0]) == Request(**given[1])


def test_an_unknown_suite_is_refused_before_anything_is_searched(request_, tmp_path):
    wrong = Request("random", text=request_.text, sizes=planted.SIZES, suite="huge")
    with pytest.raises(UserError, match="suite"):
        repair(planted.loaded(planted.planted_model()), wrong, tmp_path / "run")
    assert not (tmp_path / "run").exists()
