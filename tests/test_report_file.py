"""report.json: what was written comes back, older reports are read, and another shape is refused by name."""

import json
import math
import os
from dataclasses import fields, replace
from pathlib import Path

import fake_report
import numpy as np
import pytest

from fairhub.errors import UserError
from fairhub.report import Figure, Report, from_json, headline, markdown, read, table, to_json, write

OPTIONAL = ("groups", "limit", "freedom")
CARDS = Path(__file__).parent.parent / "model_cards"


@pytest.fixture(scope="module")
def repair():
    return fake_report.report()


@pytest.fixture(scope="module")
def audit():
    return fake_report.audit()


def test_reading_what_was_written_gives_the_same_report(repair, audit):
    for report in (repair, audit):
        assert from_json(to_json(report)) == report
        assert to_json(from_json(to_json(report))) == to_json(report)


def test_json_has_the_keys_of_the_schema_in_their_order(repair, audit):
    keys = list(json.loads(to_json(repair)))
    assert keys[:6] == ["schema", "fairhub", "method", "seed", "created", "base_model"]
    assert set(keys) == {field.name for field in fields(Report)}
    first = json.loads(to_json(repair))["figures"][0]
    assert list(first) == [field.name for field in fields(Figure) if field.name not in OPTIONAL]
    assert list(first["change"]) == [
        "value", "low", "high", "relative", "relative_low", "relative_high", "p",
    ]  # fmt: skip
    assert not {"healing", "choices"} & json.loads(to_json(audit)).keys(), "what a run had not is left out"


def test_groups_and_limits_are_written_where_there_are_any_and_come_back(repair):
    for figure, plain in zip(repair.figures, json.loads(to_json(repair))["figures"], strict=True):
        assert plain.get("groups") == (list(figure.groups) if figure.groups else None)
        assert (plain.get("limit"), plain.get("freedom")) == (figure.limit, figure.freedom)
        assert all((name in plain) == (getattr(figure, name) is not None) for name in OPTIONAL)
    assert {"groups", "limit"} <= {key for plain in json.loads(to_json(repair))["figures"] for key in plain}
    free = replace(repair, figures=(replace(repair.figures[0], freedom=6.5), *repair.figures[1:]))
    for report in (repair, free):
        read_back = from_json(to_json(report)).figures
        assert [[getattr(f, name) for name in OPTIONAL] for f in read_back] == [
            [getattr(f, name) for name in OPTIONAL] for f in report.figures
        ]


def of_schema_1(report):
    """The same run as a fairhub wrote it that knew of no judgements, groups or limits."""
    data = json.loads(to_json(report))
    new = ("judgement", "direction.", "systematic", "reaction")
    old = [f for f in data["figures"] if not f["name"].startswith(new) and f["role"] != "keep"]
    stripped = [{key: part for key, part in f.items() if key not in OPTIONAL} for f in old]
    return data | {"schema": 1, "figures": stripped, "verdict": "Repaired: divergence fell."}


def test_reports_of_schema_1_are_read_and_nothing_is_made_up(repair):
    old = from_json(json.dumps(of_schema_1(repair)))
    assert (old.schema, old.verdict) == (2, "Repaired: divergence fell.")
    assert [f.groups or f.limit for f in old.figures] == [None] * len(old.figures)
    assert old.figure("divergence", "held_out") == repair.figure("divergence", "held_out")
    assert (headline(old.figures), headline(repair.figures)) == ("divergence", "judgement")
    assert from_json(to_json(old)) == old
    assert "judgement" not in table(old) and "Who is judged worse" not in markdown(old)
    assert "divergence of single pairs" in table(old) and "## Divergence of single pairs" in markdown(old)


@pytest.mark.parametrize("path", sorted(CARDS.glob("*/report.json")), ids=lambda path: path.parent.name)
def test_published_reports_are_read(path):
    report = read(path)
    assert report.schema == 2 and json.loads(path.read_text())["schema"] in (1, 2)
    assert len(report.figures) > 20 and from_json(to_json(report)) == report
    assert max(map(len, table(report).splitlines())) <= 80 and report.verdict in table(report).replace("\n", " ")


def test_no_nan_reaches_the_file(repair):
    odd = replace(repair, cost={"seconds": math.nan, "rate": np.float32(0.5), "peak": np.array([1, np.inf])})
    assert json.loads(to_json(odd), parse_constant=pytest.fail)["cost"] == {
        "seconds": None,
        "rate": 0.5,
        "peak": [1.0, None],
    }


def test_writing_is_all_or_nothing(repair, tmp_path, monkeypatch):
    path = tmp_path / "run" / "report.json"
    write(repair, path)
    assert read(path) == repair
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write(replace(repair, seed=1), path)
    assert read(path) == repair
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]


def damaged(report, change):
    data = json.loads(to_json(report))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(schema=3), "schema 1 and 2; got 3; use"),
        (lambda data: data.pop("schema"), "schema 1 and 2; got None; use"),
        (lambda data: data.pop("cost"), "the report must have.*missing: cost"),
        (lambda data: data.update(extra=1), "unknown: extra"),
        (lambda data: data["figures"][2].pop("items"), r"figures\[2\] must have.*missing: items"),
        (lambda data: data["figures"][0]["before"].pop("low"), r"figures\[0\].before.*missing: low"),
        (lambda data: data["controls"][1]["figures"][0].pop("unit"), r"controls\[1\].figures\[0\].*unit"),
        (lambda data: data["figures"][0]["before"].update(low=None), "no figure without an interval"),
        (lambda data: data["figures"][0].update(before=None), "no figure without an interval"),
        (lambda data: data["figures"][0].update(groups=["a"]), r"figures\[0\].groups must be two names"),
        (lambda data: data["figures"][0].update(groups="ab"), r"figures\[0\].groups must be two names"),
        (lambda data: data["figures"][0].update(limit="5 %"), "a limit is a share .* '5 %'"),
        (lambda data: data.update(choices=3), "choices must be a JSON list; got 3"),
        (lambda data: data.update(choices=[3]), r"choices\[0\] must be a JSON object; got 3"),
        (lambda data: data.update(choices=[{"lost": {}}]), r"choices\[0\].strength must be above 0; got None"),
        (lambda data: data.update(choices=[{"lost": {}, "strength": "x"}]), "strength must be above 0; got 'x'"),
        (lambda data: data.update(choices=[{"lost": {}, "strength": -1}]), "strength must be above 0; got -1"),
        (lambda data: data.update(choices=[{"lost": [], "strength": 1}]), r"choices\[0\].lost must be shares by name"),
        (lambda data: data.update(choices=[{"lost": {"a": "b"}, "strength": 1}]), "lost must be shares by name"),
        (lambda data: data.update(figures={}), "figures must be a JSON list"),
        (lambda data: data.update(figures=[3]), r"figures\[0\] must be a JSON object; got 3"),
    ],
)
def test_another_shape_is_refused_by_name(repair, change, message):
    with pytest.raises(UserError, match=message) as caught:
        from_json(damaged(repair, change))
    assert "\n" not in str(caught.value)


def test_what_is_no_report_is_refused(tmp_path):
    for text in ("", "{", "[1]"):
        with pytest.raises(UserError, match="report"):
            from_json(text)
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / "none.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x80")
    with pytest.raises(UserError, match="is UTF-8 text"):
        read(tmp_path / "binary")
