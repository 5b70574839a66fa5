"""A gate holds exactly where every measured value keeps its limit, and says which does not, in every format."""

import dataclasses
import json
import math
import re
from xml.etree import ElementTree

import fake_report
import pytest

from fairhub.errors import UserError
from fairhub.report import find
from fairhub.report.gate import gate_of, junit, limits_of, sarif
from fairhub.stats.statistics import Interval

AXES = ("gender", "race", "control")
HOSTILE = "org/<b>\x1b[31m\"&'\n]]>\ud800\u202eevil"


def figures():
    return list(fake_report.audit().figures)


def gate(*over, under=(), measured=None, base=None, model="org/name"):
    return gate_of(limits_of(over, under), figures() if measured is None else measured, model, base)


def with_level(name, low, value, high, measured=None, **place):
    """The same figures, one of them at another level."""
    found = figures() if measured is None else measured
    at = find(found, name, "held_out", **place)
    return [dataclasses.replace(f, before=Interval(value, low, high)) if f is at else f for f in found]


@pytest.mark.parametrize("over, said", [
    ("", "NAME=NUMBER"), ("=", "NAME=NUMBER"), ("judgement", "NAME=NUMBER"), ("=0.1", "NAME=NUMBER"),
    ("judgement=", "finite number"), ("judgement=nan", "finite number"), ("judgement=1e999", "finite number"),
    ("judgement=-inf", "finite number"), ("judgement=much", "finite number"), ("judgement=0x1", "finite number"),
    ("magic=1", "got 'magic'"), ("Judgement=1", "got 'Judgement'"),
    ("judgement.evil=1", "judgement.DIMENSION is one of bad"), ("kl=1", "got 'kl'"), ("specificity=1", "specificity"),
    ("direction.bad=1", "got 'direction.bad'"), ("judgement.against_repair=1", "against_repair"),
    ("judgement.leave_one_frame_out=1", "leave_one_frame_out"), ("\x1b[31mred=1", "a limit is on a figure"),
    ("judgement@=1", "one axis and one split"), ("judgement@race@gender=1", "one axis and one split"),
    ("judgement@held_out@external=1", "one axis and one split"), ("judgement@search=1", "held_out and external"),
    ("judgement@height=1", "an axis must be one of gender"), ("recall=0.9", "recall is better when higher"),
])  # fmt: skip
def test_what_is_no_limit_is_refused_in_one_line(over, said):
    with pytest.raises(UserError) as refused:
        limits_of([over], [], AXES, ("bad", "cold"))
    assert said in str(refused.value) and str(refused.value).isprintable()
    assert "--fail-" in str(refused.value)


def test_every_refusal_of_a_name_lists_what_there_is():
    with pytest.raises(UserError) as refused:
        limits_of(["magic=1"], [])
    assert all(f" {name}," in str(refused.value) for name in ("judgement", "systematic", "recall", "crows_pairs"))


@pytest.mark.parametrize("text, parts", [
    ("judgement=0.001", ("judgement", "all", "")), ("judgement@race=1", ("judgement", "race", "")),
    ("judgement@external=-1", ("judgement", "all", "external")), (" judgement @race@external = 1e-3 ",
    ("judgement", "race", "external")), ("judgement@external@race=1", ("judgement", "race", "external")),
    ("judgement.cold=1", ("judgement.cold", "all", "")), ("judgement_in_chat=1", ("judgement_in_chat", "all", "")),
    ("crows_pairs=3", ("crows_pairs", "all", "")), ("reaction=1", ("reaction", "all", "")),
])  # fmt: skip
def test_a_limit_names_a_figure(text, parts):
    (limit,) = limits_of([text], [], AXES, ("bad", "cold"))
    assert (limit.metric, limit.axis, limit.split) == parts
    assert limits_of([limit.typed.partition(" ")[2]], []) == (limit,), "what it says of itself is that limit"


def test_a_limit_is_given_once_from_each_side():
    for again in ("judgement@race=1", "judgement@race=2"):
        with pytest.raises(UserError, match="given once"):
            limits_of(["judgement@race=1", again], [])
    assert (
        len(limits_of(["judgement=1", "judgement@race=1", "judgement@external=1", "reaction=1"], ["reaction=1"])) == 5
    )


def test_own_probes_may_bring_an_axis():
    assert limits_of(["judgement@height=1"], [])[0].axis == "height"


def test_the_measured_value_decides_and_a_limit_is_not_broken_at_itself():
    value = find(figures(), "judgement", "held_out").before.value
    for shift, held in ((0, True), (1e-12, True), (-1e-12, False)):
        assert gate(f"judgement={value + shift!r}").held is held
    value = find(figures(), "recall", "held_out").before.value
    for shift, held in ((0, True), (-1e-12, True), (1e-12, False)):
        assert gate(under=[f"recall={value + shift!r}"]).held is held


@pytest.mark.parametrize("low, high, held, surely, words", [
    (0.5, 0.9, False, False, "over the limit but its interval reaches to the other side"),
    (0.7, 0.9, False, True, "over the limit by the whole interval"),
])  # fmt: skip
def test_the_line_says_whether_the_whole_interval_is_beyond(low, high, held, surely, words):
    made = gate("judgement=0.6", measured=with_level("judgement", low, 0.8, high))
    (check,) = made.checks
    assert (check.held, check.surely) == (held, surely) and words in check.said
    assert f"0.8 [{low}, {high}] nats²" in check.said and "held_out" in check.said and "--fail-over" in check.said
    kept = gate("judgement=1", measured=with_level("judgement", low, 0.8, high)).checks[0]
    assert kept.held and kept.surely and "not over the limit by the whole interval" in kept.said


def test_only_what_is_broken_is_listed():
    made = gate("judgement=-1", "judgement@race=1000", "systematic=1000", under=["recall=-1000", "merit=1000"])
    assert [check.limit.place for check in made.broken] == ["judgement", "merit"] and not made.held
    assert gate("judgement=1000").held and gate("judgement=1000").broken == ()


def test_a_figure_that_was_not_measured_breaks_the_gate_and_says_where_it_was():
    for typed in ("judgement@wealth=1000", "judgement@race@external=1000", "crows_pairs=1000", "judgement_in_chat=9"):
        (check,) = gate(typed).checks
        assert not check.held and not check.surely and "was not measured" in check.said
    assert "it was: all on held_out, all on external, gender on held_out" in gate("judgement@wealth=9").checks[0].said
    assert "nowhere" in gate("crows_pairs=1000").checks[0].said
    assert not gate("judgement=1000", measured=[]).held


def test_a_public_benchmark_is_found_on_the_split_that_it_belongs_to():
    own = fake_report.figure(-0.2, "external", name="winobias_gap", after=False)
    assert gate("winobias_gap=1000", measured=[own]).checks[0].split == "external"
    alone = [f for f in figures() if f.split == "external"]
    assert not gate("judgement=1000", measured=alone).held, "a figure of fairhub's own is never taken of another split"


def test_against_a_base_values_are_shares_of_its_figures():
    base = ("org/base", figures())
    same = gate("judgement=1", under=["recall=1"], base=base)
    assert same.held and [check.measured.value for check in same.checks] == [1, 1]
    half = gate(under=["recall=0.9"], base=base, measured=with_level("recall", 0.1, 0.2, 0.3))
    share = 0.2 / find(figures(), "recall", "held_out").before.value
    assert half.checks[0].measured.value == share < 0.9 and not half.held
    assert "of that of org/base" in half.checks[0].said and half.record()["against"] == "org/base"
    assert gate(under=["recall=0.1"], measured=with_level("recall", 0.1, 0.2, 0.3)).held, "alone it is absolute"


def test_the_interval_of_a_share_holds_every_ratio_of_both_intervals():
    mine, theirs = with_level("recall", 1, 2, 3), with_level("recall", 4, 5, 10)
    (check,) = gate(under=["recall=0.5"], measured=mine, base=("org/base", theirs)).checks
    assert (check.measured.low, check.measured.value, check.measured.high) == (0.1, 0.4, 0.75) and not check.surely


@pytest.mark.parametrize("low, value, high", [(-0.2, -0.1, 0.1), (0, 0, 0), (0, 5e-324, 0)])
def test_a_share_of_nothing_breaks_the_gate(low, value, high):
    base = ("org/base", with_level("judgement", low, value, high))
    (check,) = gate("judgement=1e300", base=base).checks
    assert not check.held and "a share needs more than 0" in check.said


def test_a_base_that_may_be_nothing_leaves_no_interval():
    made = gate("judgement=1e9", base=("org/base", with_level("judgement", -0.1, 0.1, 0.2)))
    assert made.held and not made.checks[0].surely and "[no end, no end]" in made.checks[0].said
    row = made.record()["limits"][0]
    assert row["low"] is row["high"] is None and json.dumps(made.record(), allow_nan=False)


def test_what_the_base_lacks_breaks_the_gate():
    (check,) = gate("judgement=1000", base=("org/base", [])).checks
    assert not check.held and "of org/base, judgement was not measured" in check.said


def test_junit_has_a_case_a_limit_and_a_failure_in_each_broken_one():
    made = gate("judgement=-1", "judgement@wealth=1", under=["recall=-1000"], model=HOSTILE, base=(HOSTILE, figures()))
    read = ElementTree.fromstring(junit(made))
    (suite,) = read
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2") == (read.get("tests"), read.get("failures"))
    cases = {case.get("name"): case.find("failure") for case in suite.iter("testcase")}
    assert list(cases) == ["--fail-over judgement=-1", "--fail-over judgement@wealth=1", "--fail-under recall=-1000"]
    assert [failure is not None for failure in cases.values()] == [True, True, False]
    assert "<b>" in suite.find("testcase").get("classname") and b"\x1b" not in junit(made)
    assert ElementTree.fromstring(junit(gate("judgement=1000"))).find(".//failure") is None


def test_sarif_has_a_rule_a_metric_and_a_result_a_broken_limit():
    made = gate("judgement=-1", "judgement@race=-1", "systematic=1000", under=["recall=1000"], model=HOSTILE)
    read = json.loads(sarif(made, "0.2.0"))
    (run,) = read["runs"]
    assert read["version"] == "2.1.0" and read["$schema"].endswith("sarif-schema-2.1.0.json")
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["judgement", "systematic", "recall"]
    assert [rules[r["ruleIndex"]] for r in run["results"]] == [r["ruleId"] for r in run["results"]]
    assert [r["ruleId"] for r in run["results"]] == ["judgement", "judgement", "recall"]
    assert len({r["partialFingerprints"]["limit/v1"] for r in run["results"]}) == 3
    for found in run["results"]:
        uri = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[\w.~%/-]+", uri) and found["message"]["text"].isprintable()
    assert json.loads(sarif(gate("judgement=1000"), "0"))["runs"][0]["results"] == []


def test_a_record_is_json():
    made = gate("judgement=-1", "crows_pairs=1", model=HOSTILE)
    row, lacking = json.loads(json.dumps(made.record(), allow_nan=False))["limits"]
    assert row["metric"] == "judgement" and row["low"] <= row["value"] <= row["high"] and row["held"] is False
    assert lacking["value"] is None and "was not measured" in lacking["said"]
    assert math.isclose(row["value"], find(figures(), "judgement", "held_out").before.value)
