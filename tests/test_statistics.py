"""Intervals cover, duplicates add no certainty, p-values mean what they say."""

import itertools
from dataclasses import asdict

import numpy as np
import pytest
from scipy import stats

from fairhub.errors import UserError
from fairhub.stats import statistics
from fairhub.stats.bounds import share_of
from fairhub.stats.statistics import (
    Interval,
    change,
    holm,
    interval,
    rank_correlation,
    sign_flip,
    spearman_brown,
    specificity,
)


def clustered(clusters=30, size=6, seed=0, spread=1.0):
    """Values whose clusters differ by `spread` and whose items differ by 0.3; the true mean is 2."""
    rng = np.random.default_rng(seed)
    labels = np.arange(clusters).repeat(size)
    return 2 + spread * rng.normal(size=clusters)[labels] + 0.3 * rng.normal(size=labels.size), labels


def effect(share, seed=0, clusters=30):
    """Positive values before and after a change by `share`, noisy by cluster."""
    values, labels = clustered(clusters, seed=seed, spread=0.2)
    rng = np.random.default_rng(seed + 1000)
    return values, values * (1 + share + 0.1 * rng.normal(size=clusters)[labels]), labels


def width(part):
    return part.high - part.low


@pytest.mark.parametrize("clusters", [5, 12, 40])
def test_intervals_cover_the_truth_about_95_times_in_100(clusters):
    parts = [interval(*clustered(clusters, seed=seed), resamples=400) for seed in range(300)]
    assert 0.90 <= np.mean([part.low <= 2 <= part.high for part in parts]) <= 0.99


def test_ignoring_clusters_would_not_cover():
    covered = []
    for seed in range(200):
        values, labels = clustered(30, seed=seed)
        naive = interval(values, range(len(labels)), resamples=200)
        covered.append(naive.low <= 2 <= naive.high)
    assert np.mean(covered) < 0.8, "the positive control: these data do need cluster intervals"


def test_change_intervals_cover_the_true_relative_change():
    changes = [change(*effect(-0.3, seed), resamples=300) for seed in range(200)]
    assert 0.90 <= np.mean([c.relative_low <= -0.3 <= c.relative_high for c in changes]) <= 0.99


def test_duplicated_rows_add_no_certainty():
    values, labels = clustered()
    once, thrice = interval(values, labels), interval(np.tile(values, 3), np.tile(labels, 3))
    assert (thrice.value, thrice.low, thrice.high) == pytest.approx((once.value, once.low, once.high))
    more = interval(*clustered(120))
    assert width(more) < 0.7 * width(once), "the positive control: more clusters do"


def test_the_order_of_items_changes_nothing():
    before, after, labels = effect(-0.2)
    order = np.random.default_rng(5).permutation(len(labels))
    straight, shuffled = change(before, after, labels), change(before[order], after[order], labels[order])
    assert asdict(shuffled) == pytest.approx(asdict(straight), rel=1e-9)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    values, labels = clustered()
    assert interval(values, labels, seed=3) == interval(values, labels, seed=3)
    assert interval(values, labels, seed=3) != interval(values, labels, seed=4)


def test_labels_may_be_of_any_hashable_kind():
    values, labels = clustered(5)
    assert interval(values, [f"t{label}" for label in labels]) == interval(values, labels)
    assert interval(values, [("frame", int(label)) for label in labels]).value == pytest.approx(values.mean())


def test_weights_count_as_repetition():
    values, labels = clustered(12, size=3)
    weights = np.arange(len(values)) % 4 + 1
    repeated = interval(values.repeat(weights), labels.repeat(weights))
    weighted = interval(values, labels, weights=weights)
    assert asdict(weighted) == pytest.approx(asdict(repeated))
    before, after, labels = effect(0.2, clusters=12)
    weights = np.arange(len(labels)) % 3 + 1
    repeated = change(before.repeat(weights), after.repeat(weights), labels.repeat(weights))
    assert vars(change(before, after, labels, weights=weights)) == pytest.approx(asdict(repeated))


def test_transform_turns_loss_into_perplexity():
    nll, labels = clustered(20, spread=0.2)
    plain, perplexity = interval(nll, labels), interval(nll, labels, transform=np.exp)
    assert perplexity.value == pytest.approx(np.exp(nll.mean()))
    assert (perplexity.low, perplexity.high) == pytest.approx((np.exp(plain.low), np.exp(plain.high)), rel=1e-3)
    dearer = change(nll, nll + np.log(1.02), labels, transform=np.exp)
    assert [dearer.relative, dearer.relative_low, dearer.relative_high] == pytest.approx([0.02] * 3)


def test_a_change_of_nothing_is_nothing():
    values, labels = clustered()
    still = change(values, values, labels)
    assert (still.value, still.low, still.high, still.relative, still.p) == (0, 0, 0, 0, 1)


def test_relative_change_is_missing_where_the_base_may_be_zero():
    rng = np.random.default_rng(0)
    labels = np.arange(20).repeat(2)
    unclear = change(rng.normal(size=40), rng.normal(size=40), labels)
    assert unclear.relative is unclear.relative_low is unclear.relative_high is unclear.share is None
    assert np.isfinite([unclear.value, unclear.low, unclear.high, unclear.p]).all()
    zero = change(np.zeros(40), np.ones(40), labels)
    assert zero.relative is None and zero.value == 1


def test_relative_change_of_a_negative_base_measures_its_size():
    before, after, labels = effect(-0.5)
    assert change(-before, -after, labels).relative == pytest.approx(change(before, after, labels).relative)


def test_p_is_uniform_without_an_effect_and_small_with_one():
    rng = np.random.default_rng(1)
    for clusters in (10, 40):
        null = [sign_flip(rng.normal(size=clusters), 200, rng) for _ in range(2000)]
        assert stats.kstest(null, "uniform").statistic < 0.05
        assert np.mean(np.array(null) <= 0.05) < 0.07
        assert sign_flip(rng.normal(1.5, 1, size=clusters), 500, rng) < 0.02


def test_exact_p_equals_brute_force_and_scipy():
    differences = np.random.default_rng(2).normal(0.4, 1, size=9)
    observed = abs(differences.sum())
    flips = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=9)]
    brute = np.mean([flip >= observed - 1e-12 for flip in flips])
    library = stats.permutation_test(
        (differences, np.zeros(9)), lambda x, y: (x - y).sum(), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip(differences) == pytest.approx(brute) == pytest.approx(library.pvalue)


def test_sampled_p_agrees_with_exact_and_is_never_zero():
    differences = np.random.default_rng(3).normal(0.5, 1, size=13)
    signs = np.array(list(itertools.product((-1, 1), repeat=13)))
    exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12)
    assert sign_flip(differences, 20000) == pytest.approx(exact, abs=0.01)
    assert sign_flip(np.ones(50), 999) == pytest.approx(1 / 1000)


def test_specificity_is_nothing_when_both_fall_alike():
    people, control = effect(-0.3, seed=1), effect(-0.3, seed=2)
    alike = specificity(*people, *control)
    assert alike.low < 0 < alike.high
    before, _, labels = people
    same = specificity(before, 0.7 * before, labels, 2 * before, 1.4 * before, labels)
    assert [same.value, same.low, same.high] == pytest.approx([0, 0, 0], abs=1e-12)


def test_specificity_is_negative_when_only_people_fall():
    special = specificity(*effect(-0.4, seed=1), *effect(0.0, seed=2))
    assert special.high < 0
    assert special.value == pytest.approx(-0.4, abs=0.08)


def test_specificity_needs_a_base_away_from_zero():
    noise = np.random.default_rng(0).normal(size=60)
    with pytest.raises(ValueError, match="cannot be told from zero"):
        specificity(*effect(-0.4, clusters=10), noise, noise, np.arange(60))


def test_rank_correlation_equals_scipy_with_ties():
    rng = np.random.default_rng(4)
    a = rng.integers(6, size=50)
    b = a + rng.integers(6, size=50)
    assert rank_correlation(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert rank_correlation(a, np.exp(a)) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)


def test_equal_scores_rank_nothing():
    with pytest.raises(ValueError, match="different scores"):
        rank_correlation([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])


def test_spearman_brown_predicts_the_reliability_of_the_whole():
    rng = np.random.default_rng(5)
    truth = rng.normal(size=20000)
    halves = [truth + 2 * rng.normal(size=truth.size) for _ in range(4)]
    half = np.corrcoef(halves[0], halves[1])[0, 1]
    whole = np.corrcoef(halves[0] + halves[1], halves[2] + halves[3])[0, 1]
    assert spearman_brown(half) == pytest.approx(whole, abs=0.02)
    assert [spearman_brown(r) for r in (1, 0, -1)] == [1, 0, -1]


def test_holm_equals_its_definition_and_keeps_the_order():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx((0.06, 0.03, 0.06))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([0.02]) == (0.02,) and holm([]) == ()


def test_the_t_quantile_is_near_enough():
    for freedom in (4, 10, 100):
        assert statistics._student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.005)


@pytest.mark.parametrize(
    ("values", "clusters", "error", "message"),
    [
        ([], [], UserError, "at least 1 item"),
        ([1.0, 2.0], ["a", "a"], UserError, "at least 2 clusters.*'a'"),
        ([1.0, np.nan], ["a", "b"], ValueError, "NaN"),
        ([1.0, np.inf], ["a", "b"], ValueError, "infinite"),
    ],
)
def test_missing_is_refused_not_zero(values, clusters, error, message):
    with pytest.raises(error, match=message):
        interval(values, clusters)
    with pytest.raises(error, match=message):
        change(values, values, clusters)


def test_weights_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        interval([1.0, 2.0], ["a", "b"], weights=[1, 0])


@pytest.mark.parametrize(("value", "clusters", "low", "high"), [(0, 13, 0, 0.247), (1, 13, 0.753, 1), (2 / 3, 2, 0, 1)])
def test_a_share_without_spread_is_no_point(value, clusters, low, high):
    """0 of 13: the exact interval of a share reaches to 0.247 (Clopper & Pearson); two clusters alike say nothing."""
    found = share_of(Interval(value, value, value), clusters)
    assert (found.value, found.low, found.high) == (value, pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


def test_a_share_lies_between_0_and_1():
    assert share_of(Interval(0.25, -1.03, 1.53), 3) == Interval(0.25, 0.0, 1.0)
    assert share_of(Interval(0.25, 0.2, 0.4), 30) == Interval(0.25, 0.2, 0.4), "what is right is left"
