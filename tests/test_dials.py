"""Dials of published methods: one front on select, what is too dear ends a sequence, the paper's own setting first."""

from dataclasses import replace

import numpy as np
import planted
import pytest

from fairhub import report
from fairhub.inputs.gathering import gather
from fairhub.methods import METHODS, Plan
from fairhub.methods.choosing import Cost, Gain, Tried
from fairhub.methods.dials import Setting, front
from fairhub.model.units import Unit
from fairhub.pipeline import task_of
from fairhub.run.folder import Run

PLAN = replace(planted.PLAN, alternatives=False)


def heads(count, first=0):
    return frozenset(Unit(0, "head", first + i) for i in range(count))


@pytest.fixture
def bench(monkeypatch):
    """A bench on which every unit takes 1 % of bias and costs 1 % of perplexity; returns what it was asked."""
    asked = []

    class Bench:
        def __init__(self, task, budget, risk):
            asked.append(risk)

        def tried(self, repair, strength):
            size = len(repair.pruning)
            asked.append(size)
            cost = Cost(0.01 * size, 0.01 * size, 0.01 * size)
            return Tried(repair.pruning, strength, cost, Gain(-0.01 * size, -0.01 * size, 0.0) if size < 9 else None)

    monkeypatch.setattr("fairhub.methods.choosing._Bench", Bench)
    return asked


def test_a_sequence_ends_at_the_first_that_is_too_dear_and_the_best_within_the_budget_is_taken(bench):
    one = [Setting(f"one, {n}", heads(n)) for n in (0, 2, 4, 6)]
    other = [Setting(f"other, {n}", heads(n, first=20)) for n in (1, 3, 9, 10)]
    found = front(None, Plan(budget=0.045), [one, other])
    assert bench[1:] == [0, 2, 4, 6, 1, 3, 9] and bench[0] == pytest.approx(0.05)  # the risk is shared by two
    assert found.chosen is not None and found.chosen.words == "one, 4"
    assert found.unasked == ("other, 10",)
    assert [(row["setting"], row["units"], row["chosen"]) for row in found.choices] == [
        ("one, 0", 0, False), ("one, 2", 2, False), ("one, 4", 4, True), ("one, 6", 6, False), ("other, 1", 1, False),
        ("other, 3", 3, False), ("other, 9", 9, False),
    ]  # fmt: skip
    assert [setting.words for setting in found.shown] == ["one, 0", "one, 4"]
    none = front(None, Plan(budget=0.005), [one, other])
    assert none.chosen is None and [setting.words for setting in none.shown] == ["one, 0"]


def test_settings_that_remove_the_same_are_one(bench):
    found = front(None, Plan(budget=0.5), [[Setting("a", heads(2))], [Setting("b", heads(2)), Setting("c", heads(3))]])
    assert bench[1:] == [2, 3] and [row["setting"] for row in found.choices] == ["a; b", "c"]


def test_what_a_user_asks_for_is_taken_whatever_it_costs(bench):
    only = [[Setting("asked for", heads(8))]]
    found = front(None, Plan(budget=1e-9), only, at_any_price=True)
    assert found.chosen == only[0][0] and bench[1:] == [8] and found.choices[0]["chosen"]
    assert front(None, Plan(budget=1e-9), only).chosen is None  # positive control: the front keeps to the budget
    del bench[:]
    quiet = front(None, replace(PLAN, budget=1e-9), only, at_any_price=True)
    assert quiet.chosen == only[0][0] and not bench and not quiet.choices


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    folder = tmp_path_factory.mktemp("task")
    loaded = planted.loaded(planted.planted_model())
    data = gather(("gender",), (), None, planted.write_text(folder / "text.txt"), loaded.tokenizer, planted.SIZES)
    return lambda name, resume=False: task_of(loaded, data, Run(folder / name, {}, resume=resume))


FIRST = {
    "fairness_pruning": "every layer, 1 of 48 neurons each, bias weighs 0.5",
    "breaking_down_bias": "neurons in the set of every item, as published",
}


@pytest.mark.parametrize("method", FIRST)
def test_a_published_method_tries_its_front_and_a_resumed_run_measures_nothing_again(task, method, monkeypatch):
    plan = replace(planted.PLAN, alternatives=True)
    made = METHODS[method](task(method), plan)
    assert made.choices[0]["setting"].startswith(FIRST[method]) and len(made.choices) > 3
    assert sum(row["chosen"] for row in made.choices) <= 1
    taken = next((row for row in made.choices if row["chosen"]), None)
    assert len(made.repair.pruning) == (taken["units"] if taken else 0) and made.strength is None
    rows = made.trace["own"]["rows"]
    assert made.trace["own"]["name"] in rows[0] and len(rows) == (2 if taken and taken is not made.choices[0] else 1)
    for name in ("fairhub.methods.choosing.values_of", "fairhub.methods.own_figures.gaps_by_layer",
                 "fairhub.methods.own_figures.expected", "fairhub.methods.own_figures.reading.read"):  # fmt: skip
        monkeypatch.setattr(name, lambda *_, **__: pytest.fail("measured again"))
    again = METHODS[method](task(method, resume=True), plan)
    assert again.choices == made.choices and again.trace == made.trace
    assert again.repair.pruning == made.repair.pruning


@pytest.mark.parametrize("method", FIRST)
def test_a_dial_that_is_asked_for_is_the_only_setting(task, method):
    plan = replace(planted.PLAN, variant=METHODS[method].published, budget=1e-9)
    made = METHODS[method](task(f"{method} alone"), plan)
    (only,) = made.choices
    assert only["chosen"] and only["units"] == len(made.repair.pruning)


def test_signed_gaps_are_counted_both_ways(task):
    made = METHODS["fairness_pruning"](task("signs"), replace(planted.PLAN, variant="count=20"))
    (row,) = made.trace["own"]["rows"]
    total = row["signed gaps that shrank"] + row["that grew"]
    assert total > 0 and row["surely shrank"] + row["surely grew"] <= total
    assert len(made.trace["own"]["layers"]) == 2 and "%" in row["activation gap"]


def test_the_report_has_the_whole_front_in_words():
    import fake_report

    choices = [
        {"setting": "neurons in the set of every item", "units": 0, "guard": None, "bias_relative": 0.0,
         "perplexity_relative": 0.0, "chosen": False},
        {"setting": "neurons in the set of 50 %", "units": 7, "guard": None, "bias_relative": -0.1,
         "perplexity_relative": 0.01, "chosen": True},
    ]  # fmt: skip
    own = {
        "name": "name gap",
        "rows": [{"setting": "a", "name gap": "-3 %"}, {"setting": "b", "judgement gap": "-1 %"}],
    }
    trace = {"unasked": ["neurons in the set of 25 %"], "own": own,
             "looked": {"rows": [{"setting": "1 head", "bias": "-1 %", "perplexity": "+2 %"}]}}  # fmt: skip
    made = fake_report.report(choices=choices, trace=trace)
    assert report.from_json(report.to_json(made)) == made
    written = report.markdown(made)
    for said in ("set of every item", "25 %", "a weaker one was too dear", "Its own figure beside ours", "1 head"):
        assert said in written, said


def test_votes_are_counted_once_for_every_share(task):
    from fairhub.methods.group_sets import Recipe, neurons, texts_of, voted, votes_of

    asked = task("votes")
    found, items = votes_of(asked, Recipe()), len(texts_of(asked))
    assert np.max([row.max() for row in found.values()]) <= items
    nested = [voted(found, items, share) for share in (1.0, 0.75, 0.5, 0.25)]
    assert all(a <= b for a, b in zip(nested, nested[1:], strict=False)) and nested[-1]
    assert [neurons(asked, Recipe(agree=share)) for share in (1.0, 0.25)] == [nested[0], nested[-1]]
