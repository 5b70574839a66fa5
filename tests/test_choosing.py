"""The rule of choosing on select: the dearest guard that fits the budget, found in a few steps."""

import math

import pytest

from fairhub.methods.choosing import Cost, _strongest


@pytest.mark.parametrize("count", [1, 4, 7, 10, 33])
def test_the_last_affordable_guard_is_found_wherever_one_begins(count):
    for last in range(-1, count):
        for near in range(count):
            asked: list[int] = []

            def affordable(guard: int, last: int = last, asked: list[int] = asked) -> bool:
                asked.append(guard)
                return guard <= last

            found = _strongest(affordable, near, count)
            assert (-1 if found is None else found) == last
            assert len(set(asked)) == len(asked) <= 2 * math.log2(abs(last - near) + 2) + 2  # none is measured twice


def test_a_guard_beside_the_last_costs_two_measurements():
    asked = []
    assert _strongest(lambda guard: asked.append(guard) or guard <= 3, 3, 10) == 3
    assert asked == [3, 4]


@pytest.mark.parametrize(
    ("value", "high", "fits"), [(0.017, 0.024, True), (0.019, 0.02, False), (0.01, 0.026, False), (-0.01, 0.0, True)]
)
def test_a_tenth_of_the_budget_is_held_back_and_the_upper_end_is_bounded(value, high, fits):
    assert Cost(value, value, high).affordable(0.02) is fits
