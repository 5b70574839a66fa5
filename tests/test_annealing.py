"""The annealer finds the optimum, and its trace depends on its arguments alone."""

import itertools
import json
import math
import random
import subprocess
import sys
from dataclasses import replace

import pytest
from landscapes import POOL, Counted, rugged, subsets
from scipy import stats

from fairhub.errors import UserError
from fairhub.search.annealing import Schedule, anneal, pareto


# Exponential cooling is still at T0/2.5 after 10,000 steps, geometric frozen after 1,000: each its budget.
@pytest.mark.parametrize(
    "cooling, steps, restarts", [("logarithmic", 1500, 1), ("exponential", 20_000, 1), ("geometric", 400, 8)]
)
@pytest.mark.parametrize("seed", range(5))
def test_finds_the_brute_force_optimum(seed, cooling, steps, restarts):
    pool = [f"unit{i}" for i in range(12)]
    energy = rugged(pool, seed)
    schedule = Schedule(steps=steps, k_max=8, cooling=cooling, restarts=restarts)
    trace = anneal(energy, pool, schedule, seed=seed)
    states = subsets(pool, 1, 8)
    best = min(states, key=energy)
    assert (trace.best, trace.best_energy) == (best, energy(best))
    assert len(trace.visited) < len(states) / 3 or cooling == "exponential"  # not an enumeration


def test_a_random_walk_is_worse():
    pool = list(range(60))
    schedule = Schedule(steps=600, k_max=30, cooling="geometric")
    walks, runs = [], []
    for seed in range(5):
        energy = rugged(pool, seed)
        runs.append(anneal(energy, pool, schedule, seed=seed).best_energy)
        walk = anneal(energy, pool, replace(schedule, walk=True), seed=seed)
        walks.append(walk.best_energy)
        assert all(step.accepted for step in walk.steps)
    assert all(run < 1.5 * walk < 0 for run, walk in zip(runs, walks, strict=True))


def test_same_seed_same_trace():
    energy, schedule = rugged(POOL, 0), Schedule(steps=200, restarts=2)
    assert anneal(energy, POOL, schedule, seed=5) == anneal(energy, POOL, schedule, seed=5)
    traces = {anneal(energy, POOL, schedule, seed=seed).steps for seed in (-1, 0, 1, 2)}
    assert len(traces) == 4


def test_trace_does_not_depend_on_the_hash_seed():
    code = (
        "from fairhub.search.annealing import *\n"
        "energy = lambda s: sum(hash(len(u)) * i % 7 for i, u in enumerate(sorted(s)))\n"
        "trace = anneal(energy, [f'u{i}' for i in range(30)], Schedule(steps=300, k_max=9))\n"
        "print([(s.energy, s.flipped, s.accepted) for s in trace.steps], sorted(trace.best))\n"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": h}, capture_output=True, check=True)
        for h in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout != b""


def test_states_stay_in_the_band_and_moves_flip_one_unit():
    energy = rugged(POOL, 1)
    seen = Counted(energy)
    start = frozenset(POOL[:3])
    trace = anneal(seen, POOL, Schedule(steps=500, k_min=2, k_max=5), start=start)
    assert {len(state) for state in seen.asked} == {2, 3, 4, 5}
    state = start
    for step in trace.steps:
        state = state ^ {step.flipped} if step.accepted else state
        assert (step.energy, step.size) == (energy(state), len(state))
    assert {step.accepted for step in trace.steps} == {True, False}
    assert (trace.initial_energy, next(iter(trace.visited))) == (energy(start), start)


def test_moves_are_uniform_among_those_the_band_allows():
    trace = anneal(lambda state: 0.0, POOL, Schedule(steps=8000, k_min=2, k_max=5), seed=4)
    counts = [sum(step.flipped == unit for step in trace.steps) for unit in POOL]
    # Successive flips repel each other at the edges of the band: only a gross preference would show here.
    assert stats.chisquare(counts).pvalue > 1e-3


def test_first_counts_are_uniform_and_first_subsets_too():
    firsts = [
        next(iter(anneal(len, POOL, Schedule(steps=1, k_min=2, k_max=6, uphill=1), seed=seed).visited))
        for seed in range(1500)
    ]
    sizes = [sum(len(first) == k for first in firsts) for k in range(2, 7)]
    units = [sum(unit in first for first in firsts) for unit in POOL]
    assert stats.chisquare(sizes).pvalue > 1e-3
    assert stats.chisquare(units).pvalue > 1e-3
    assert stats.chisquare([sum(len(first) <= k for first in firsts) for k in range(2, 7)]).pvalue < 1e-3


def test_no_state_is_asked_twice_and_the_best_is_the_lowest_asked():
    seen = Counted(rugged(POOL, 2))
    asked = []
    trace = anneal(lambda s: asked.append(s) or seen(s), POOL, Schedule(steps=400, restarts=3))
    assert asked == list(trace.visited) and len(set(asked)) == len(asked) < 1200
    assert trace.best_energy == min(trace.visited.values()) == trace.visited[trace.best]
    bests = [step.best for step in trace.steps]
    assert bests == sorted(bests, reverse=True) and bests[-1] == trace.best_energy


@pytest.mark.parametrize("limit", [1, 10, 60])
def test_a_killed_search_resumes_by_replay(limit):
    schedule = Schedule(steps=300, restarts=2)
    whole = Counted(rugged(POOL, 6))
    expected = anneal(whole, POOL, schedule, seed=3)
    killed = Counted(rugged(POOL, 6), limit=limit)
    with pytest.raises(RuntimeError, match="killed"):
        anneal(killed, POOL, schedule, seed=3)
    resumed = Counted(rugged(POOL, 6), known=killed.known)
    assert anneal(resumed, POOL, schedule, seed=3) == expected
    assert killed.asked + resumed.asked == whole.asked


def test_an_interrupt_passes_through():
    def interrupt(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        anneal(len, POOL, Schedule(steps=5), on_step=interrupt)


def test_seconds_cut_the_trace_to_a_prefix():
    energy, schedule = rugged(POOL, 1), Schedule(steps=100)
    whole = anneal(energy, POOL, schedule, seed=2)
    cut = anneal(energy, POOL, replace(schedule, seconds=31), seed=2, clock=itertools.count().__next__)
    assert len(cut.steps) == 30 and cut.steps == whole.steps[:30]
    assert list(cut.visited) == list(whole.visited)[: len(cut.visited)]
    assert cut.best_energy == min(cut.visited.values())
    late = anneal(energy, POOL, replace(schedule, seconds=0.5), seed=2, clock=itertools.count().__next__)
    assert late.steps == () and late.initial_temperature == whole.initial_temperature


def test_restarts_begin_hot_from_the_best_state():
    trace = anneal(rugged(POOL, 4), POOL, Schedule(steps=80, restarts=3), seed=1)
    once = anneal(rugged(POOL, 4), POOL, Schedule(steps=80), seed=1)
    assert trace.steps[:80] == once.steps
    assert [step.restart for step in trace.steps] == [0] * 80 + [1] * 80 + [2] * 80
    for first in (80, 160):
        step, best = trace.steps[first], trace.steps[first - 1].best
        assert step.temperature == trace.steps[0].temperature
        assert step.accepted or step.energy == best
        if step.accepted:  # undoing the flip leads back to the best state
            assert any(e == best and len(s) in (step.size - 1, step.size + 1) for s, e in trace.visited.items())


@pytest.mark.parametrize("walk", [False, True])
def test_forbidden_states_are_never_entered(walk):
    energy = rugged(POOL, 0)

    def fenced(state):
        return math.inf if "unit0" in state else energy(state)

    schedule = Schedule(steps=400, walk=walk)
    trace = anneal(fenced, POOL, schedule, start=frozenset(POOL[1:3]))
    assert any(step.flipped == "unit0" for step in trace.steps)
    assert all(math.isfinite(step.energy) for step in trace.steps)
    assert all(state - {"unit0"} in trace.visited for state in trace.visited)  # met only from outside
    assert walk or 0 < trace.initial_temperature < 100
    escaped = anneal(fenced, POOL, schedule, start=frozenset(POOL[:3]))
    assert escaped.initial_energy == math.inf > escaped.steps[-1].energy


@pytest.mark.parametrize("walk", [False, True])
def test_as_dict_is_strict_json(walk):
    trace = anneal(rugged(POOL, 0), POOL, Schedule(steps=20, walk=walk))
    told = json.loads(json.dumps(trace.as_dict(), allow_nan=False))
    assert told["energy"] == [step.energy for step in trace.steps]
    assert told["best"][-1] == trace.best_energy
    assert told["initial_temperature"] == (None if walk else trace.initial_temperature)
    assert set(told) == {
        *("energy", "best", "accepted", "temperature", "size"),
        *("initial_temperature", "acceptance_at_start"),
    }


def test_on_step_hears_every_step():
    heard = []
    assert anneal(len, POOL, Schedule(steps=30), on_step=heard.append).steps == tuple(heard)


@pytest.mark.parametrize("seed", range(5))
def test_pareto_is_what_brute_force_says(seed):
    rng = random.Random(seed)
    points = {s: (rng.randrange(12), rng.randrange(12)) for s in subsets(POOL, 1, 3)[:60]}

    def beaten(state):
        a, b = points[state]
        return any(c <= a and d <= b and (c, d) != (a, b) for c, d in points.values())

    front = pareto(points)
    assert set(front) == {state for state in points if not beaten(state)} != set(points)
    assert [points[s][1] for s in front] == sorted(points[s][1] for s in front)
    assert pareto({}) == []


@pytest.mark.parametrize(
    "fields, rule",
    [
        ({"steps": 0}, "steps must be at least 1; got 0"),
        ({"k_min": -1}, "k_min must be at least 0; got -1"),
        ({"k_min": 5, "k_max": 5}, "k_max must be above k_min"),
        ({"acceptance": 1.0}, "acceptance must lie strictly between 0 and 1; got 1.0"),
        ({"acceptance": math.nan}, "acceptance must lie"),
        ({"cooling": "linear"}, "cooling must be one of logarithmic, exponential, geometric; got 'linear'"),
        ({"restarts": 0}, "restarts must be at least 1"),
        ({"uphill": 0}, "uphill must be at least 1"),
        ({"seconds": 0}, "seconds must be positive or None; got 0"),
    ],
)
def test_contradictory_schedules_are_refused(fields, rule):
    with pytest.raises(UserError, match=rule) as error:
        Schedule(**{"steps": 10} | fields)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change, rule",
    [
        ({"pool": POOL[:1]}, "pool must exceed k_min=1 units; got 1"),
        ({"pool": [*POOL, "unit0"]}, "pool must hold each unit once"),
        ({"start": frozenset({"stranger"})}, "start must be drawn from the pool; it also holds {'stranger'}"),
        ({"start": frozenset()}, "start must hold 1 to 10 units; got 0"),
        ({"energy": lambda state: math.nan}, "energy must be a number or .inf; got nan"),
        ({"energy": lambda state: -math.inf}, "energy must be a number or .inf; got -inf"),
    ],
)
def test_what_cannot_be_searched_is_refused(change, rule):
    arguments = {"energy": len, "pool": POOL} | change
    with pytest.raises(UserError, match=rule):
        anneal(schedule=Schedule(steps=5), **arguments)
    with pytest.raises(UserError, match="objectives must be numbers"):
        pareto({frozenset(): (0.0, math.nan)})
