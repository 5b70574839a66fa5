"""Whether a method refits what stays: as it is published unless it is asked, and an older record as it says."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from fairhub.defaults import HEALS
from fairhub.errors import UserError
from fairhub.methods import METHODS, Method, Plan, refuse_heal
from fairhub.request import Request, request_of, settings_of

DIALS = ("robust", "attention_pruning")


def told(name, plan):
    """What the method's own code is told of healing."""
    seen = []
    replace(METHODS[name], run=lambda _, asked: seen.append(asked.heal))(SimpleNamespace(), plan)
    return seen[0]


@pytest.mark.parametrize("name", METHODS)
def test_a_published_method_refits_nothing_unless_it_is_asked(name):
    assert told(name, Plan()) is (name in HEALS) is (name == "robust")
    assert told(name, Plan(heal=True)) is True and told(name, Plan(heal=False)) is False


def test_what_a_plan_leaves_to_the_method_is_all_that_changes():
    plan = Plan(budget=0.05, seed=3)
    assert METHODS["robust"].planned(plan) == replace(plan, heal=True)
    assert METHODS["robust"].planned(replace(plan, heal=False)) == replace(plan, heal=False)
    assert Method("new", lambda *_: None, "", "").planned(plan).heal is False, "a method added later is let be"


@pytest.mark.parametrize("heal", [True, False])
def test_an_older_record_means_what_it_said(heal):
    old = settings_of(Request("attention_pruning"))
    old["plan"] |= {"heal": heal}
    again = request_of(old)
    assert again.plan.heal is heal and told("attention_pruning", again.plan) is heal
    assert settings_of(again) == old
    assert asdict(Plan())["heal"] is None and request_of(settings_of(Request("attention_pruning"))).plan.heal is None


@pytest.mark.parametrize("name", METHODS)
def test_healing_is_refused_where_it_is_no_dial(name):
    refuse_heal(name, None), refuse_heal(name, False)
    if name in DIALS:
        return refuse_heal(name, True)
    with pytest.raises(UserError, match=f"--heal is of robust and attention_pruning; {name} has no such dial") as said:
        refuse_heal(name, True)
    assert ("variant heal=yes" in str(said.value)) == (name == "fairness_pruning")
