"""A metric is declared once: what is measured is declared, what is shown derives from it, and strangers' are others."""

import ast
from dataclasses import replace
from pathlib import Path

import fake_report
import pytest

from fairhub.measure.benchmarks.suite import BENCHMARKS
from fairhub.measure.keep import LIMITS
from fairhub.report import is_public, markdown
from fairhub.report.making import measured
from fairhub.report.metrics import METRICS, benchmarks, declared, meaning_of, metric_of
from fairhub.report.sections import sections
from fairhub.stats.statistics import Change, Interval

PACKAGE = Path(__file__).parent.parent / "fairhub"
MAKERS = {"report/making.py", "report/storage.py"}
"""Who may make a figure: of one's own measurement, and of what a file says."""


def calls(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_figures_are_made_in_one_place():
    named = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for call in calls(path)
        if isinstance(call.func, ast.Name) and call.func.id == "Figure"
    }
    # a picture of matplotlib's is called Figure too
    assert {path for path in named if not path.startswith("plots/")} == MAKERS


def test_nothing_is_told_by_how_a_name_begins_or_ends():
    names = {metric.name.partition(".")[0] for metric in METRICS}
    marks = [
        f"{path.relative_to(PACKAGE)}:{call.lineno}"
        for path in PACKAGE.rglob("*.py")
        if "report/metrics" not in str(path)
        for call in calls(path)
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("startswith", "endswith", "removeprefix")
        for word in ast.walk(call)
        if isinstance(word, ast.Constant) and isinstance(word.value, str) and word.value.rstrip("._") in names
    ]
    assert marks == []


def test_each_is_declared_once_and_says_what_it_is():
    assert len({(metric.name, metric.axis) for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.words and metric.role and metric.better in ("lower", "higher"), metric.name
        assert metric.public == (metric.section == "public") and (not metric.limit or metric.limit in LIMITS)


def test_a_figure_that_nobody_declared_is_not_made():
    part = Interval(0.1, 0.0, 0.2)
    made = measured("reaction", "held_out", "all", "all", 9, 8, part)
    assert (made.role, made.better, made.unit) == ("reaction", "lower", "nats")
    on_control = measured("divergence", "held_out", "control", "all", 9, 8, part)
    assert (on_control.role, on_control.better) == ("control", "higher")
    with pytest.raises(AssertionError, match="nobody declared the metric aura"):
        measured("aura", "held_out", "all", "all", 9, 8, part)


@pytest.mark.parametrize(
    ("name", "of", "section"),
    [
        ("judgement.bad", "judgement", "judged"),
        ("direction.cold", "direction", "gaps"),
        ("merit_in_chat", "merit", "otherwise"),
        ("judgement_in_text", "judgement", "otherwise"),
        ("judgement.against_repair", "judgement", "judged"),
        ("arc_easy_normalised", "arc_easy", "public"),
    ],
)
def test_names_derive_from_what_is_declared(name, of, section):
    metric, base = metric_of(name), metric_of(of)
    assert (metric.name, metric.section, metric.role, metric.unit) == (name, section, base.role, base.unit)
    assert metric.words not in ("", base.words) and not metric.short, "what it says is its own"


@pytest.mark.parametrize("name", ["aura", "aura_in_chat", "judgement.", "merit.bad", "merit_normalised", "bbq_2031"])
def test_other_names_are_nobodys(name):
    assert declared(name) is None and meaning_of(name) is None
    stranger = replace(fake_report.figure(-0.2, name=name), name=name)
    assert [section.title for section in sections([stranger])] == ["Other figures"] and not is_public(stranger)
    assert f"| {name} (".replace("_", "\\_") in markdown(fake_report.report((*fake_report.figures(), stranger)))


def test_a_benchmark_is_its_module_and_the_metrics_declared_of_it():
    assert tuple(BENCHMARKS) == tuple(benchmarks())
    modules = {path.stem for path in (PACKAGE / "measure" / "benchmarks").glob("*.py")}
    naming = {p.stem for p in (PACKAGE / "measure" / "benchmarks").glob("*.py") if "\nPUBLIC = " in p.read_text()}
    assert naming == modules - {"__init__", "benchmark", "sampling", "suite"}


def test_a_share_that_never_differed_has_an_interval():
    never = Interval(0.0, 0.0, 0.0)
    found = measured("last_word", "held_out", "all", "all", 13, 13, never, never, Change(0, 0, 0, None, None, None, 1))
    assert found.before == found.after == Interval(0.0, 0.0, pytest.approx(0.247, abs=1e-3))
    assert measured("merit", "held_out", "all", "all", 13, 13, never).before == never, "no share: nats know no bounds"
