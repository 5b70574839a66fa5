"""Groups and pairs of a visitor's own: read within bounds, mistakes named by their line, names only ever text."""

import json
from types import SimpleNamespace

import pytest

from fairhub.errors import UserError
from fairhub.inputs.groups import in_line
from fairhub.inputs.probes import AXES
from fairhub.methods import METHODS
from fairhub.request import request_of, settings_of
from fairhub.space import forecasting, own
from fairhub.space.asking import QUICK, explained, methods, request
from fairhub.space.own_boxes import said

GROUPS = "nurses: nurse, male nurse\n\nsurgeons: surgeon, lady surgeon; clerks: clerk\n"
PAIRS = "\n".join(f"The {who}, a man, was | The {who}, a woman, was" for who in ("nurse", "cook", "judge", "guard"))
HOSTILE = "<img src=x onerror=alert(1)>"


def test_groups_stand_one_a_line():
    assert own.read(GROUPS, "").terms == in_line(GROUPS.replace("\n", ";"))
    assert own.read("", " \n") == own.Own() and own.Own().axes == ()


MISTAKES = {
    "nurses: nurse\nsurgeons surgeon": "line 2 must be 'group: term, term'",
    "nurses: nurse\n\nsurgeons: nurse": "line 3 must have a term of its own",
    "nurses: nurse": "there must be two or more",
    "a: /etc/passwd\nb: c": "line 1 must not begin as a path does",
    "\n".join(f"g{n}: t{n}" for n in range(20)): "line 13 is one too many",
    "a: b\n" * 4000: "at most 12,000 letters",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_groups_is_named_in_place(text, tmp_path):
    with pytest.raises(UserError, match=MISTAKES[text]):
        own.read(text, "")
    assert "fh-mistake" in said(text, "", tmp_path)


PAIR_MISTAKES = {
    "A man was | A woman was\nno bar": "line 2 must be two texts parted by one |",
    "a | b | c": "line 1 must be two texts",
    "same | same": "line 1: a pair is two texts that differ",
    "one |": "line 1: a pair is two texts of 1 to 600",
    "\n".join("a | b" for _ in range(61)): "pairs of your own are at most 60; got 61",
}


@pytest.mark.parametrize("text", PAIR_MISTAKES)
def test_a_mistake_in_pairs_is_named_in_place(text, tmp_path):
    with pytest.raises(UserError) as mistake:
        own.read("", text)
    assert PAIR_MISTAKES[text] in str(mistake.value)
    assert "fh-mistake" in said("", text, tmp_path)


def test_what_was_understood_is_said(tmp_path):
    shown = said(GROUPS, "", tmp_path)
    assert "3 groups, 5 terms" in shown and "fh-mistake" not in shown
    assert said("", "", tmp_path) == ""


def test_names_are_only_text(tmp_path):
    for groups, pairs in ((f"{HOSTILE} nurse", ""), (f"a: {HOSTILE}\nb: {HOSTILE}", ""), ("", HOSTILE)):
        shown = said(groups, pairs, tmp_path)
        assert "<img" not in shown and "&lt;img" in shown


def test_pairs_are_written_once_and_some_must_be_unseen(tmp_path):
    mine = own.read("", PAIRS)
    path = own.written(own.Own(in_line("a: b; c: d"), mine.pairs), tmp_path)
    assert path == own.written(own.Own(in_line("a: b; c: d"), mine.pairs), tmp_path)
    assert [json.loads(line)["axis"] for line in path.read_text().splitlines()] == ["pairs"] * 4
    for pair in mine.pairs:
        alone, there = own.Own(pairs=(pair,)), own.written(own.Own(in_line("a: b; c: d"), (pair,)), tmp_path)
        if own.unseen(there):
            assert own.written(alone, tmp_path) == there
        else:
            with pytest.raises(UserError, match="read one under Diagnose"):
                own.written(alone, tmp_path)
    assert own.written(own.Own(), tmp_path) is None


def test_a_repair_is_asked_with_them_beside_the_axes(tmp_path):
    mine = own.read(GROUPS, PAIRS)
    path = own.written(mine, tmp_path)
    every = request([], [], "two_sided", 2, QUICK, own=mine, probes=path)
    assert (every.axes, every.own, every.probes) == ((), mine.terms, path)
    some = request([AXES[0]], [], "two_sided", 2, QUICK, own=mine, probes=path)
    kept = request_of(settings_of(some))
    assert some.axes == (AXES[0], "own", "pairs") == kept.axes and (kept.own, kept.probes) == (some.own, some.probes)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"seconds": 40.0}, "About 40 seconds here"),
        ({"seconds": 600.0}, "About 10 minutes here"),
        ({"fits": False, "bytes": 8e9}, "It needs 8 GB of memory"),
        ({"method": "another"}, "cannot be told before"),
    ],
)
def test_a_forecast_is_said_in_one_sentence(monkeypatch, found, words):
    row = SimpleNamespace(**{"method": "robust", "machine": "this machine", "fits": True, "seconds": 1.0, "bytes": 1})
    row.__dict__.update(found)
    monkeypatch.setattr(forecasting, "forecast", lambda *_: SimpleNamespace(rows=[row]))
    assert words in forecasting.said(None, request([], [], "robust", 2, QUICK), "cpu", None)


def test_a_method_has_a_name_and_one_sentence():
    assert list(methods().values()) == list(METHODS)
    for title, name in methods().items():
        assert len(title) < 60 and title[0].isupper()
        assert explained(name).endswith(".") and explained(name).count(". ") == 0
    with pytest.raises(UserError):
        explained("../x")
