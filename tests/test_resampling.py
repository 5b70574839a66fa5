"""Figures of sums: intervals that cover, changes that are seen and chance that is not, means as in statistics."""

import numpy as np
import pytest

from fairhub.errors import UserError
from fairhub.stats import resampling, statistics


def mean(sums):
    return sums[..., 0] / sums[..., 1]


def gap(sums):
    return np.abs(sums[..., 0] / sums[..., 1] - 0.5)


def items(values):
    return np.column_stack([values, np.ones(len(values))])


def test_a_mean_has_the_interval_of_statistics():
    rng = np.random.default_rng(0)
    values, clusters = rng.normal(size=300) + 1, rng.integers(40, size=300)
    found, expected = resampling.interval(items(values), mean, clusters), statistics.interval(values, clusters)
    assert found.value == pytest.approx(expected.value)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.01)


def test_a_change_of_a_mean_is_that_of_statistics():
    rng = np.random.default_rng(1)
    before = rng.normal(size=200) + 5
    after, clusters = before - 0.1 + 0.5 * rng.normal(size=200), np.arange(200) // 4
    found = resampling.change(items(before), items(after), mean, clusters)
    expected = statistics.change(before, after, clusters)
    assert (found.value, found.relative) == pytest.approx((expected.value, expected.relative))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.01)
    assert found.p == pytest.approx(expected.p, abs=0.03)


def test_the_same_figure_is_recomputed_in_each_resample():
    """A distance from 50 % is no mean of items: resampling its items' mean would give an interval around 0."""
    chosen = np.array([1.0] * 70 + [0.0] * 30)
    found = resampling.interval(items(chosen), gap, range(100))
    assert found.value == pytest.approx(0.2)
    assert 0.05 < found.low < 0.15 and 0.25 < found.high < 0.35


def test_intervals_cover():
    rng = np.random.default_rng(2)
    inside = 0
    for seed in range(200):
        draws = rng.random(60) < 0.7
        found = resampling.interval(items(draws.astype(float)), mean, range(60), 200, seed)
        inside += found.low <= 0.7 <= found.high
    assert inside >= 180


def test_chance_is_not_taken_for_change_and_a_change_is_seen():
    rng = np.random.default_rng(3)
    p = []
    for seed in range(100):
        one, two = (items((rng.random(40) < 0.7).astype(float)) for _ in range(2))
        p.append(resampling.change(one, two, gap, range(40), 200, seed).p)
    assert 0.0 < np.mean(np.array(p) < 0.05) < 0.1
    biased, fair = items(np.ones(100)), items((np.arange(100) % 2).astype(float))
    found = resampling.change(biased, fair, gap, range(100))
    assert found.p < 0.001 and found.high < -0.3
    assert resampling.change(biased, biased, gap, range(100)).p == 1


def test_few_clusters_are_tested_exactly():
    one, two = items(np.zeros(4)), items(np.ones(4))
    assert resampling.change(one, two, mean, range(4)).p == 2 / 16


def test_power_is_the_smallest_change_that_would_be_shown():
    """Positive control: changes of that size are shown about four times in five, half of it far less often."""
    rng = np.random.default_rng(4)
    clusters, shown = range(80), {1.0: 0, 0.5: 0}
    noise = [rng.normal(size=80) for _ in range(100)]
    first = resampling.change(items(np.zeros(80)), items(noise[0]), mean, clusters, 200)
    least = resampling.smallest_shown(first)
    for share in shown:
        for after in noise:
            found = resampling.change(items(np.zeros(80)), items(after + share * least), mean, clusters, 200)
            shown[share] += found.low > 0
    assert 65 <= shown[1.0] <= 95
    assert shown[0.5] < shown[1.0] - 20


def test_one_cluster_says_nothing():
    with pytest.raises(UserError, match="clusters"):
        resampling.interval(items(np.ones(3)), mean, ["a"] * 3)
