"""The rule of choosing on select: the dearest guard that fits the budget, found in a few steps."""

from functools import partial

import numpy as np
import pytest
from scipy import stats
from wide import wide_but

from fairhub.edit.repair import Repair
from fairhub.methods import Plan, keeping
from fairhub.methods.choosing import RISK, Cost, Gain, Tried, choose, choose_from
from fairhub.methods.guards import strongest
from fairhub.model.units import Unit

GUARDS = (0.05, 0.1, 0.17, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
SHAPES = {
    "power": lambda guard, limit: (guard / limit) ** 1.6,
    "steep": lambda guard, limit: (guard / limit) ** 6,
    "flat": lambda guard, limit: (guard / limit) ** 0.2,
    "free at first": lambda guard, limit: (guard / limit) ** 2 - 0.3 if guard < limit else guard / limit + 1,
    "step": lambda guard, limit: 0.0 if guard <= limit else 100.0,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 4, 10])
def test_the_last_affordable_guard_is_found_wherever_one_begins(count, shape):
    guards = GUARDS[:count]
    for limit in (0.01, *(guard * 1.01 for guard in guards), 9.0):
        last = sum(guard <= limit for guard in guards) - 1
        for near in range(count):
            asked: list[int] = []

            def burden(guard: int, limit: float = limit, asked: list[int] = asked) -> float:
                asked.append(guard)
                return SHAPES[shape](guards[guard], limit)

            found = strongest(burden, near, guards)
            assert (-1 if found is None else found) == last
            assert len(set(asked)) == len(asked) <= 7  # none is measured twice


def test_few_guards_are_asked_where_the_price_is_a_power():
    asked = []
    assert strongest(lambda at: asked.append(at) or (GUARDS[at] / 1.1) ** 1.5, 3, GUARDS) == 7
    assert asked == [3, 7, 8]  # the guess, and the next, which shows that it is the last


@pytest.mark.parametrize(
    ("value", "high", "fits"), [(0.017, 0.021, True), (0.019, 0.024, False), (0.01, 0.03, False), (-0.01, 0.0, True)]
)
def test_the_upper_bound_must_lie_within_the_budget(value, high, fits):
    assert Cost(value, value, high).affordable(0.02) is fits


def test_a_budget_is_broken_on_other_text_as_rarely_as_promised():
    """The strongest guard is chosen on a few chunks; what each truly costs is known, and one is just too dear."""
    rng = np.random.default_rng(0)
    true = 0.02 * (np.array(GUARDS) / 0.49) ** 1.5
    broken = {"bound": 0, "value": 0}
    for _ in range(600):
        loss = true[:, None] * (1 + rng.normal(0, 0.8, 64))  # the same text for all guards
        spread = 1.96 * loss.std(1, ddof=1) / 8
        costs = [Cost(v, v - s, v + s) for v, s in zip(loss.mean(1), spread, strict=True)]
        for rule, fits in (("bound", [c.affordable(0.02) for c in costs]), ("value", [c.value <= 0.02 for c in costs])):
            broken[rule] += any(fit and cost > 0.02 for fit, cost in zip(fits, true, strict=True))
    assert broken["bound"] / 600 <= RISK + 0.03
    assert broken["value"] / 600 > 0.3  # positive control: without the bound a promise is worth little


def too_dear_passes(sequences, split, monkeypatch, runs=500):
    """How often `choose` lets a candidate through that is truly too dear: of every pruning one guard just is."""
    rng = np.random.default_rng(0)
    true = 0.02 * (np.array(GUARDS) / 0.4999) ** 1.5
    sizes = [frozenset(Unit(0, "head", i) for i in range(1 + size)) for size in range(sequences)]

    class Bench:
        def __init__(self, task, budget, risk):
            self.risk = risk if split else RISK
            self.noise = {size: 1 + rng.normal(0, 0.8, 64) for size in sizes}  # the same text for all guards of one

        def tried(self, repair, strength):
            loss = true[GUARDS.index(strength.guard)] * self.noise[repair.pruning]
            spread = stats.t.ppf(0.975, 63) * loss.std(ddof=1) / 8
            cost = Cost(loss.mean(), loss.mean() - spread, loss.mean() + spread, self.risk, 63)
            return Tried(repair.pruning, strength, cost, Gain(-strength.guard, -0.01, 0))

    monkeypatch.setattr("fairhub.methods.choosing._Bench", Bench)
    found = [
        choose(None, Plan(guards=GUARDS, heal=True), sizes, lambda pruning, _: Repair(pruning))[0] for _ in range(runs)
    ]
    return np.mean([one is not None and true[GUARDS.index(one.strength.guard)] > 0.02 for one in found])


@pytest.mark.parametrize("sequences", wide_but((1, 2, 5), 2))
def test_the_promise_holds_for_a_whole_search_of_several_sequences(sequences, monkeypatch):
    assert too_dear_passes(sequences, True, monkeypatch) <= RISK + 0.03
    if sequences > 1:  # positive control: each at the full risk, several break it more often
        assert too_dear_passes(sequences, False, monkeypatch) > RISK + 0.04


def test_every_sequence_that_may_be_tried_shares_the_risk(monkeypatch):
    given = []

    class Bench:
        def __init__(self, task, budget, risk):
            given.append(risk)

        def tried(self, repair, strength):
            return Tried(repair.pruning, strength, Cost(9.0, 9.0, 9.0), None)

    monkeypatch.setattr("fairhub.methods.choosing._Bench", Bench)
    sizes = [frozenset(Unit(0, "head", i) for i in range(size)) for size in (4, 2, 1)]
    choose(None, Plan(heal=True), sizes[:2], lambda *_: Repair(), smaller=sizes[2:])
    choose(None, Plan(heal=True), sizes, lambda *_: Repair(), bare=True)
    choose_from(None, Plan(), [[size] for size in sizes], lambda *_: Repair())
    assert given == pytest.approx([RISK / 3, RISK / 6, RISK / 3])


def test_the_best_that_leaves_what_must_stay_is_taken_and_without_limits_the_best(monkeypatch):
    sizes = [frozenset(Unit(0, "head", i) for i in range(size)) for size in (1, 2, 3)]

    class Bench:
        def __init__(self, *_):
            pass

        def tried(self, repair, strength):
            cost = Cost(0.0, 0.0, 0.0)
            return Tried(repair.pruning, strength, cost, Gain(-0.1 * len(repair.pruning), -0.01, 0))

    monkeypatch.setattr("fairhub.methods.choosing._Bench", Bench)
    asked = [[size] for size in sizes]
    best, _ = choose_from(None, Plan(), asked, lambda units, _: Repair(units))
    assert best.pruning == sizes[2]
    order = []

    def stays(candidate, build):
        order.append(len(candidate.pruning))
        assert build().pruning == candidate.pruning
        return len(candidate.pruning) < 2

    kept, tried = choose_from(None, Plan(), asked, lambda units, _: Repair(units), stays=stays)
    assert kept.pruning == sizes[0] and order == [3, 2, 1] and len(tried) == 3
    assert choose_from(None, Plan(), asked, lambda units, _: Repair(units), stays=lambda *_: False)[0] is None


def test_limits_of_a_user_are_asked_of_few_candidates_at_a_shared_risk(monkeypatch):
    made, burdens = [], {1: 2.0, 2: 1.5, 3: 0.5}

    class Bench:
        def __init__(self, task, limits, risk):
            made.append((dict(limits), risk))

        def burden(self, name, build):
            return burdens[len(build().pruning)]

    monkeypatch.setattr("fairhub.methods.keeping.Bench", Bench)
    cost, gain = Cost(0.0, 0.0, 0.0), Gain(-0.1, -0.01, 0)

    built = []

    def build(units):
        built.append(units)
        return Repair(units)

    def asked(plan, sizes):
        within = keeping.stays(None, plan)
        sets = [frozenset(Unit(0, "head", i) for i in range(size)) for size in sizes]
        return [within(Tried(units, None, cost, gain), partial(build, units)) for units in sets]

    assert asked(Plan(), (1, 2, 3)) == [True, True, True] and made == [] and built == []  # nothing is refitted anew
    assert asked(Plan(keep="merit=0.2"), (1, 2, 3, 3, 3)) == [False, False, True, True, False]  # no fifth is asked
    ((limits, risk),) = made
    assert limits["merit"] == 0.2 and risk == pytest.approx(RISK / 4)


def test_fewer_documents_make_a_wider_bound():
    few, many = (Cost(0.01, 0.0, 0.02, 0.01, freedom).bound for freedom in (5, 60))
    assert few > many > Cost(0.01, 0.0, 0.02).bound


@pytest.mark.parametrize(("dearest", "asked", "chosen"), [(8, [4, 2], 4), (1, [4, 2, 1], 1), (0, [4, 2, 1], None)])
def test_smaller_prunings_are_tried_only_while_none_is_affordable(dearest, asked, chosen, monkeypatch):
    class Bench:
        def __init__(self, *_):
            pass

        def tried(self, repair, strength):
            price = 0.01 if len(repair.pruning) <= dearest else 0.05
            return Tried(
                repair.pruning, strength, Cost(price, price, price), Gain(-0.1 * len(repair.pruning), -0.01, 0)
            )

    monkeypatch.setattr("fairhub.methods.choosing._Bench", Bench)
    sizes = [frozenset(Unit(0, "head", i) for i in range(size)) for size in (4, 2, 1)]
    plan = Plan(guards=(0.1,))
    found, tried = choose(None, plan, sizes[:2], lambda pruning, _: Repair(pruning), smaller=sizes[2:])
    assert [len(one.pruning) for one in tried] == asked
    assert (found and len(found.pruning)) == chosen
