"""One record, to its file and back, and into words that hide nothing."""

import json
import math
import os
from dataclasses import fields, replace

import fake_report
import numpy as np
import pytest

from fairhub.errors import UserError
from fairhub.report import SPLITS, Figure, Report, from_json, markdown, read, table, to_json, verdict, write
from fairhub.report.wording import number, percent
from fairhub.statistics import Interval


@pytest.fixture(scope="module")
def repair():
    return fake_report.report()


@pytest.fixture(scope="module")
def audit():
    return fake_report.audit()


def only(**effects):
    """Figures of a run with these held-out (and external) effects, and nothing else but its cost."""
    splits = [fake_report.figure(effect, split) for split, effect in effects.items()]
    return [*splits, fake_report.utility()[0]]


def test_reading_what_was_written_gives_the_same_report(repair, audit):
    for report in (repair, audit):
        assert from_json(to_json(report)) == report
        assert to_json(from_json(to_json(report))) == to_json(report)


def test_json_has_the_keys_of_the_schema_in_their_order(repair, audit):
    keys = list(json.loads(to_json(repair)))
    assert keys[:6] == ["schema", "fairhub", "method", "seed", "created", "base_model"]
    assert set(keys) == {field.name for field in fields(Report)}
    first = json.loads(to_json(repair))["figures"][0]
    assert list(first) == [field.name for field in fields(Figure)]
    assert list(first["change"]) == [
        "value", "low", "high", "relative", "relative_low", "relative_high", "p",
    ]  # fmt: skip
    assert not {"healing", "choices"} & json.loads(to_json(audit)).keys(), "what a run had not is left out"


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
        (lambda data: data.update(schema=2), "schema 1; got 2; use"),
        (lambda data: data.pop("schema"), "schema 1; got None; use"),
        (lambda data: data.pop("cost"), "the report must have.*missing: cost"),
        (lambda data: data.update(extra=1), "unknown: extra"),
        (lambda data: data["figures"][2].pop("items"), r"figures\[2\] must have.*missing: items"),
        (lambda data: data["figures"][0]["before"].pop("low"), r"figures\[0\].before.*missing: low"),
        (lambda data: data["controls"][1]["figures"][0].pop("unit"), r"controls\[1\].figures\[0\].*unit"),
        (lambda data: data["figures"][0]["before"].update(low=None), "no figure without an interval"),
        (lambda data: data["figures"][0].update(before=None), "no figure without an interval"),
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
    with pytest.raises(UserError, match="not UTF-8"):
        read(tmp_path / "binary")


def test_no_figure_without_an_interval(repair):
    good = repair.figures[0]
    for change in (
        {"before": None},
        {"before": 0.3},
        {"before": Interval(0.3, math.nan, 0.4)},
        {"after": Interval(math.inf, 0, 1)},
        {"change": replace(good.change, low=None)},
        {"change": replace(good.change, relative_low=None)},
    ):
        with pytest.raises(UserError, match="no figure without an interval"):
            replace(good, **change)
    with pytest.raises(UserError, match="go together"):
        replace(good, change=None)
    with pytest.raises(UserError, match="direction"):
        replace(good, better="smaller")


def test_outcome_needs_the_whole_interval():
    assert fake_report.figure(-0.5).outcome == "better"
    assert fake_report.figure(+0.5).outcome == "worse"
    assert fake_report.figure(0.0, seed=3).outcome == "not shown"
    assert fake_report.figure(0.0, after=False).outcome == "not compared"
    assert replace(fake_report.figure(+0.5), better="higher").outcome == "better"
    kl = fake_report.utility()[2]
    assert (kl.name, kl.outcome) == ("kl", "worse"), "compared with a base that is 0 by definition"


def test_lookup_finds_the_place_or_says_where_it_was_measured(repair):
    assert repair.figure("divergence", "held_out", axis="race").axis == "race"
    assert repair.figure("divergence", "external").axis == "all"
    with pytest.raises(KeyError, match="not measured on search .*held_out, axis all"):
        repair.figure("perplexity", "search")
    with pytest.raises(KeyError, match="measured: nowhere"):
        repair.figure("lambada", "held_out")


def test_verdict_repaired_says_how_much_at_what_cost_and_how_specific(repair):
    said = verdict(repair.figures)
    assert said.startswith("Repaired: divergence on unseen prompts fell by 35 %")
    assert "at +1.8 %" in said and "perplexity" in said
    assert "relative to control pairs it fell" in said and "carries over to external" in said
    assert said.endswith(".") and "\n" not in said


def test_verdict_follows_the_interval_not_the_mean():
    unsure = verdict(only(held_out=-0.03))
    assert unsure.startswith("Not repaired") and "may not have changed" in unsure
    assert verdict(only(held_out=+0.4)).startswith("Made worse: divergence on unseen prompts rose by")
    assert verdict(only(held_out=-0.4)).startswith("Repaired")


def test_verdict_names_what_was_not_measured():
    said = verdict([fake_report.figure(-0.4)])
    assert "utility was not measured" in said and "specificity was not measured" in said
    assert verdict([]) == "Nothing is proved: divergence was not measured on held-out prompts."


def test_verdict_is_not_repaired_where_control_pairs_fell_more():
    said = verdict([*only(held_out=-0.3), *fake_report.specific(-0.3, control=-0.8)])
    assert said.startswith("Duller, not fairer") and "relative to control pairs it rose" in said
    alike = verdict([*only(held_out=-0.3), *fake_report.specific(-0.3, control=-0.33)])
    assert "perhaps only duller" in alike


def test_verdict_names_an_axis_that_got_worse():
    worse = fake_report.figure(+0.4, axis="gender", clusters=20, seed=2)
    assert "gender got significantly worse (+" in verdict([*only(held_out=-0.4), worse])
    better = fake_report.figure(-0.4, axis="race", clusters=20, seed=2)
    assert "worse" not in verdict([*only(held_out=-0.4), better])


def test_verdict_corrects_for_the_number_of_axes():
    slight = replace(fake_report.figure(+0.4, axis="gender"), change=None, after=None)
    change = replace(fake_report.figure(+0.4).change, p=0.03)
    slight = replace(slight, after=fake_report.figure(+0.4).after, change=change)
    others = [fake_report.figure(-0.3, axis=f"axis {i}", clusters=8, seed=i) for i in range(3)]
    unsure = [replace(other, change=replace(other.change, p=0.5)) for other in others]
    assert "gender got significantly worse" in verdict([*only(held_out=-0.4), slight])
    assert "worse" not in verdict([*only(held_out=-0.4), slight, *unsure])


def test_verdict_says_where_the_gain_does_not_carry_over():
    assert "not shown to carry over to external sources" in verdict(only(held_out=-0.4, external=-0.02))
    assert "on external sources it rose" in verdict(only(held_out=-0.4, external=+0.4))


def test_nothing_to_repair_is_a_result(audit):
    nothing = "Nothing significant to repair: divergence on 320 unseen prompts is"
    same = fake_report.figure(-0.4)
    still = replace(same.change, value=0, low=0, high=0, relative=0, relative_low=0, relative_high=0, p=1)
    assert verdict([replace(same, after=same.before, change=still)]).startswith(nothing)
    assert verdict(audit.figures, units=0).startswith(nothing)
    assert verdict(audit.figures).startswith("Audit only")


def cells(text):
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if "|" in line]


def test_markdown_shows_every_figure_with_interval_split_and_counts(repair):
    rows = cells(markdown(repair).replace("\\", ""))
    figures = [*repair.figures, *(figure for control in repair.controls for figure in control.figures)]
    for figure in figures:
        part = figure.after if figure.name == "specificity" else figure.before
        low = f"{100 * part.low:+.0f}" if figure.name == "specificity" else number(part.low)
        matching = [
            row
            for row in rows
            if any(cell.startswith(f"{figure.name} (") and f"{figure.better} is better" in cell for cell in row)
            and figure.split in row
            and f"{figure.items} / {figure.clusters}" in row
            and (figure.axis == "all" or figure.axis in row)
            and (figure.context == "all" or figure.context in row)
            and any(f"[{low}, " in cell or cell == low == "0" for cell in row)
        ]
        assert matching, figure.label


def test_markdown_says_failures_as_plainly(repair):
    text = markdown(repair)
    section = text.split("## Where it does not carry over")[1].split("\n## ")[0]
    assert "10 of 12 bias figures" in section
    assert "axis gender" in section and "context housing" in section and "no change shown" in section
    assert "axis race" not in section
    harmed = replace(repair, figures=(*repair.figures, fake_report.figure(+0.5, axis="disability", seed=8)))
    assert "axis disability, context all): **worse**" in markdown(harmed)


def test_markdown_orders_splits_from_near_to_far(repair):
    section = markdown(repair).split("## Bias, from near to far")[1].split("\n## ")[0].replace("\\", "")
    places = [section.index(f"| {split} |") for split in SPLITS]
    assert places == sorted(places)


def test_markdown_quotes_model_output_without_obeying_it(repair):
    text = markdown(repair)
    assert "a \\| thief &lt;b&gt;" in text and "a \\*cat\\* lady" in text and "<b>" not in text


def test_markdown_leaves_out_what_was_not_done(audit):
    text = markdown(audit)
    for absent in (
        "does not carry over",
        "to choose from",
        "Against other",
        "repeatable",
        "it writes",
        "nan",
    ):
        assert absent not in text
    assert "removed nothing" in text


def test_table_fits_a_terminal(repair, audit):
    long = replace(repair, base_model={"id": "somebody/" + "a-very-long-model-name" * 5})
    long = replace(long, figures=(*repair.figures, fake_report.figure(0.1, "external", name="n" * 40)))
    for report in (repair, audit, long):
        lines = table(report).splitlines()
        assert max(map(len, lines)) <= 80 and len(lines) <= 40
    text = table(repair)
    for needed in (*SPLITS, "gender", "specificity", "perplexity", "random", "Repaired"):
        assert needed in text


def test_numbers_are_rounded_alike_everywhere():
    assert [number(v) for v in (0.027, 23.456, 640, 12345, 0, -0.0412)] == [
        "0.0270", "23.5", "640", "12,345", "0", "-0.0412",
    ]  # fmt: skip
    assert [percent(v) for v in (-0.344, 0.018, 0.0, 0.0996)] == ["-34 %", "+1.8 %", "+0.0 %", "+10 %"]
