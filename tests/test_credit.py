"""What of a repair did it: named by whole intervals of its parts alone, in one order and by one name everywhere."""

import re
from dataclasses import replace

import fake_report
import pytest
from test_verdict import lost, run

from fairhub import card, report
from fairhub.methods.registry import METHODS
from fairhub.publish.reproduce import _said
from fairhub.report import Control, verdict
from fairhub.report.credit import credit, in_order
from fairhub.report.notebook import report_html
from fairhub.report.wording import named, shift
from fairhub.space.overview import title

NONE, SOME = -0.01, -0.4


def gap(share, seed=0):
    return fake_report.figure(share, name="judgement", base=0.12, seed=seed)


def controls(units=NONE, refit=SOME, both=SOME):
    """The rows of a healed repair, in the order in which they are measured."""
    figures = {"this repair": both, "random": -0.02, "importance": -0.03, "pruning alone": units, "guard alone": refit}
    return tuple(Control(name, 3 if name == "random" else 1, (gap(share),)) for name, share in figures.items())


def healed(method="attention_pruning", guard=0.25, **parts):
    known = {"method": method, "healing": {"guard": guard, "ridge": 1.0}, "controls": controls()}
    return fake_report.report(**(known | parts))


def test_the_figures_of_these_tests_are_what_they_stand_for():
    assert gap(NONE).outcome == "not shown" and gap(SOME).outcome == "better"


@pytest.mark.parametrize(
    ("units", "refit", "said"),
    [
        (NONE, SOME, "the refit did it and not the removal: "),
        (SOME, NONE, "the removal did it and not the refit: "),
        (SOME, SOME, "the removal and the refit did it, each of which helps alone: "),
        (NONE, NONE, "neither the removal nor the refit helps alone, only both: "),
        (+0.4, SOME, "the refit did it and not the removal: "),
    ],
)
def test_a_verdict_names_what_did_it_by_the_whole_interval_of_each_part_alone(units, refit, said):
    measured = f"units alone {shift(gap(units).change)}, refit alone {shift(gap(refit).change)}"
    whole = verdict(run(), 4, controls(units, refit))
    assert f"); {said}{measured}; nothing that must stay" in whole and whole.startswith("Repaired: ")
    assert whole.replace(f"{said}{measured}; ", "") == verdict(run(), 4), "nothing else of it is said otherwise"


def test_damaged_and_duller_repairs_are_credited_too_and_where_nothing_fell_nobody_is():
    told = "; the refit did it and not the removal: "
    assert told in verdict(lost(run(), "recall", -0.4, -0.5, -0.3), 4, controls())
    assert told in verdict(lost(run(), "merit", -0.4, -0.5, -0.3), 4, controls())
    nothing = run(gap=gap(NONE))
    assert verdict(nothing, 4, controls()) == verdict(nothing, 4)
    assert verdict(run(), 0, controls()) == verdict(run(), 0)


def test_no_part_is_named_where_the_whole_cannot_be_told_from_none_on_the_prompts_of_parts():
    said = verdict(run(), 4, controls(both=NONE))
    told = "which part did it is not known: where parts were measured, both together do "
    assert f"{told}{shift(gap(NONE).change)}" in said


@pytest.mark.parametrize("missing", ["this repair", "pruning alone", "guard alone"])
def test_what_was_not_measured_is_not_credited(missing):
    some = [control for control in controls() if control.name != missing]
    assert credit(some) == "" and verdict(run(), 4, some) == verdict(run(), 4)
    assert credit([*some, Control(missing, 1, (fake_report.figure(SOME),))]) == "", "divergence is no judgement"


def test_an_erasure_removes_no_units_and_nobody_is_credited():
    names = ("this repair", "one-sided erasure", "random directions")
    beside = tuple(Control(name, 1, (gap(SOME),)) for name in names)
    assert credit(beside) == ""
    erased = fake_report.report(method="two_sided", pruning=[], healing={"strength": 1.0}, controls=beside)
    assert [row[0] for row in _rows(report.markdown(erased))] == list(names) and named(erased) == "two_sided"


def _rows(text):
    """The rows of the first table of alternatives, as cells."""
    head, *rest = text.partition("| Chosen by |")[2].split("\n\n")[0].split("\n")
    assert head and rest
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rest[1:]]


ORDER = [
    "units alone (refitted without a guard)", "refit alone (nothing removed)", "both (this repair)",
    "random (as many units, the same refit; 3 seeds)", "importance",
]  # fmt: skip


def test_units_refit_both_and_random_stand_in_this_order_in_report_card_and_terminal():
    made = healed()
    assert [row[0] for row in _rows(report.markdown(made))] == ORDER
    assert [row[0] for row in _rows(card.render(made))] == ORDER
    lines = report.table(made).partition("other ways to choose, held_out\n")[2].splitlines()
    assert [line.strip().partition(":")[0] for line in lines[:5]] == [
        "units alone", "refit alone", "both", "random", "importance"
    ]  # fmt: skip
    some = replace(made, controls=tuple(c for c in made.controls if c.name != "guard alone"))
    assert [row[0] for row in _rows(report.markdown(some))] == [name for name in ORDER if "refit alone" not in name]
    assert [c.name for c in in_order(reversed(made.controls))][:4] == [
        "pruning alone", "guard alone", "this repair", "random"
    ]  # fmt: skip


def test_what_is_only_removed_is_its_units_alone():
    made = fake_report.report(method="attention_pruning", healing=None, controls=controls()[:3])
    rows = [row[0] for row in _rows(report.markdown(made))]
    assert rows == ["units alone (this repair)", "random (as many units; 3 seeds)", "importance"]


@pytest.mark.parametrize(
    ("method", "healing", "name"),
    [
        ("attention_pruning", {"guard": 0.25}, "attention_pruning + guard"),
        ("attention_pruning", None, "attention_pruning"),
        ("fairness_pruning", {"guard": 0.0}, "fairness_pruning + refit"),
        ("robust", {"guard": 0.25}, "robust"),
        ("two_sided", {"strength": 0.5}, "two_sided"),
    ],
)
def test_a_published_method_that_was_healed_says_it_wherever_a_person_reads_its_name(method, healing, name):
    made = healed(method, healing=healing)
    assert named(made) == name
    assert f"Method `{name}`, seed" in report.markdown(made)
    assert report.table(made).splitlines()[0].endswith(f": {name}, seed 0")
    assert f"{name}, seed 0" in report_html(made) and f", {name}: " in title(made)
    more = name.removeprefix(method)
    assert f"- **Method:** {METHODS[method].title}{more}, seed 0" in card.render(made)
    assert (made.method, report.from_json(report.to_json(made)).method) == (method, method), "a record keeps its key"


def test_a_reproduction_takes_the_verdict_of_an_older_record_and_no_other():
    made = healed()
    now, before = (verdict(made.figures, 4, parts) for parts in (made.controls, ()))
    told = [
        _said(replace(made, verdict=said), 4).verdict for said in (now, before, now.replace("refit did", "units did"))
    ]
    assert now != before and told == ["same", "within tolerance", "different"]


def test_a_card_begins_with_who_did_it():
    made = healed()
    made = replace(made, verdict=verdict(made.figures, 15, made.controls))
    top = card.render(made).partition("## Model Details")[0]
    assert re.search(r"Verdict\.\*\* Repaired: .*; the refit did it and not the removal: units alone", top)
