"""The gallery's doors: runs of the Hub by their tag, and what an address may name."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from fairhub.errors import UserError
from fairhub.report import read
from fairhub.space import app, gallery_tab, hub_runs
from fairhub.space.hub_runs import REPORT, HubRuns
from fairhub.space.sizes import Found

CARDS = Path(__file__).parent.parent / "model_cards"
RUN = "smollm2-135m-instruct-two-sided"


@pytest.fixture
def hub(monkeypatch):
    """A Hub that lists some models; counts how often it is asked, and can go away."""
    there = SimpleNamespace(asked=0, away=False, ids=["ada/fair", "bob/fair", "<b>/x", "../../etc"])

    def list_models(**how):
        there.asked += 1
        assert how["filter"] == "fairhub" and how["limit"] <= 50
        if there.away:
            raise OSError("no route")
        return iter(SimpleNamespace(id=name) for name in there.ids)

    monkeypatch.setattr(hub_runs, "HfApi", lambda **_: SimpleNamespace(list_models=list_models))
    return there


def test_published_runs_are_listed_once_in_a_while(hub, monkeypatch):
    runs = HubRuns()
    assert runs.names() == runs.names() == ["ada/fair", "bob/fair"] and hub.asked == 1
    hub.away = True
    monkeypatch.setattr(runs, "_asked", runs._asked - 601)
    assert runs.names() == ["ada/fair", "bob/fair"] and hub.asked == 2  # those that were known stay
    assert HubRuns().names() == []  # and where none were, the shipped ones are all there is


@pytest.fixture
def published(monkeypatch, tmp_path):
    """A run on the Hub; returns the sizes of its files, and what was downloaded."""
    sizes = {REPORT: 1000, "figures/fronts.png": 10, "model.safetensors": 10**12, "figures/../x.png": 1}
    fetched = []

    def download(repo, path, **how):
        assert how["revision"] == "c0ffee" and how["token"] is False
        fetched.append(path)
        place = tmp_path / repo / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CARDS / RUN / "report.json", place)
        return str(place)

    monkeypatch.setattr(hub_runs, "looked_up", lambda name: Found("c0ffee", sizes))
    monkeypatch.setattr(hub_runs, "hf_hub_download", download)
    return sizes, fetched


def test_of_a_published_run_the_report_alone_is_read(published):
    _, fetched = published
    found, folder = gallery_tab.named(CARDS, " ada/fair ")
    assert found == read(CARDS / RUN / "report.json") and (folder / REPORT).is_file()
    assert fetched == [REPORT, "figures/fronts.png"]


@pytest.mark.parametrize("change", [{REPORT: 10**9}, {"figures/fronts.png": 10**8}, {REPORT: None}])
def test_what_is_larger_than_any_run_is_not_downloaded(published, change):
    sizes, fetched = published
    sizes |= change
    if change.get(REPORT, 0) is None:
        del sizes[REPORT]
    with pytest.raises(UserError, match="choose another"):
        hub_runs.fetched("ada/fair")
    assert not fetched


@pytest.mark.parametrize("name", ["", "../..", "/etc/passwd", "a/b/c", "<img src=x>/y", "ada/fair@main", "x" * 500])
def test_what_names_no_run_is_refused(name):
    with pytest.raises(UserError, match="org/name"):
        gallery_tab.named(CARDS, name)


def test_an_address_opens_a_run_of_the_gallery():
    assert gallery_tab.named(CARDS, RUN)[0] == read(CARDS / RUN / "report.json")
    assert f"?run={RUN}" in gallery_tab._link(RUN)
    assert "<img" not in gallery_tab._link('"><img src=x>')


def test_what_an_address_says_is_bounded():
    def said(**query):
        return app.asked(SimpleNamespace(query_params=query), "model", 200)

    assert said(model=" org/name ") == "org/name" and said(run="x") == "" and len(said(model="x" * 9999)) == 200
