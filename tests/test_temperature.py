"""The annealer starts as hot as asked, and cools by its schedule."""

import itertools
import math

import pytest
from landscapes import POOL, rugged, uphill_acceptance

from fairhub.search.annealing import Schedule, anneal


@pytest.mark.parametrize("asked, scale", [(0.75, 1.0), (0.75, 1e-3), (0.4, 1.0)])
def test_first_temperature_accepts_what_was_asked(asked, scale):
    plain = rugged(POOL, 3)

    def energy(state):
        return scale * plain(state) - 5  # scale and origin of the energies must not matter

    schedule = Schedule(steps=1, k_min=2, k_max=7, acceptance=asked, uphill=6000)
    first = anneal(energy, POOL, schedule).initial_temperature
    assert uphill_acceptance(energy, 2, 7, first) == pytest.approx(asked, abs=0.025)
    assert uphill_acceptance(energy, 2, 7, 2 * first) > asked + 0.05  # the measure does tell temperatures apart


def test_twenty_climbs_come_near_and_are_reported():
    energy = rugged(POOL, 3)
    traces = [anneal(energy, POOL, Schedule(steps=1), seed=seed) for seed in range(30)]
    measured = [uphill_acceptance(energy, 1, 10, trace.initial_temperature, 2000) for trace in traces]
    assert sum(measured) / 30 == pytest.approx(0.75, abs=0.1)
    assert sum(trace.acceptance_at_start for trace in traces) / 30 == pytest.approx(0.75, abs=0.1)


def test_equal_climbs_are_accepted_exactly_as_asked():
    trace = anneal(len, POOL, Schedule(steps=1, acceptance=0.6))
    assert trace.initial_temperature == pytest.approx(-1 / math.log(0.6))
    assert trace.acceptance_at_start == pytest.approx(0.6)


def test_temperatures_follow_the_schedule():
    at = {name: Schedule(steps=1, cooling=name).temperature for name in ("logarithmic", "exponential", "geometric")}
    assert at["logarithmic"](2.0, 0) == 2 / math.log(2)
    assert at["logarithmic"](2.0, 98) == 2 / math.log(100)
    assert at["exponential"](2.0, 1000) == pytest.approx(2 * math.exp(-0.09))
    assert at["geometric"](2.0, 10) == pytest.approx(2 * 0.99**10)
    assert at["exponential"](2.0, 10**6) == at["geometric"](2.0, 10**6) == pytest.approx(2e-4)


def test_a_flat_landscape_is_walked_without_a_temperature():
    trace = anneal(lambda state: 1.0, POOL, Schedule(steps=50))
    assert (trace.initial_temperature, trace.acceptance_at_start) == (0, 1)
    assert all(step.accepted for step in trace.steps)
    assert trace.best == next(iter(trace.visited))  # the earliest of equals


def test_what_rises_after_a_flat_start_is_not_climbed():
    asked = itertools.count()
    trace = anneal(lambda state: float(next(asked) > 12), POOL, Schedule(steps=200, uphill=1))
    assert trace.initial_temperature == 0 and {step.energy for step in trace.steps} == {0}
    assert not all(step.accepted for step in trace.steps)
