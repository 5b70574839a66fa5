"""Intervals over crossed templates, term sets and words hold the truth as often as they say."""

import numpy as np
import pytest
from crossing import grid
from wide import wide_but

from fairhub.measure.judgement import gaps
from fairhub.measure.judgement.figures import figure
from fairhub.measure.judgement.gaps import Drawn, Words
from fairhub.report.verdict import beyond_chance
from fairhub.stats import crossed
from fairhub.stats.crossed import FACTORS, RESAMPLES, item_weights, level_weights

DESIGN = (18, 8, 10)
"""Templates, term sets, words a side."""


def reacted(rng, gap, sizes, of_sets, shrink):
    """[cells, words] of a gap before and after a repair, under random reactions of templates, term sets and words.

    The repair takes a share of gap and reactions, and each template and term set answers to it in its own way too.
    """
    templates, sets, words = sizes
    by_template, by_set = rng.normal(0, 0.3, (templates, 1)), rng.normal(0, of_sets, (1, sets))
    by_word, noise = rng.normal(0, 0.3, 2 * words), rng.normal(0, 0.5, (templates * sets, 2 * words))
    own = rng.normal(0, 0.15, (templates, 1)) + rng.normal(0, 0.15, (1, sets))
    cells, side, kept = gap + by_template + by_set, np.repeat([0.5, -0.5], words), 1 - shrink
    before = cells.reshape(-1, 1) * side + by_word + noise
    after = (kept * cells + own).reshape(-1, 1) * side + kept * (by_word + noise)
    return before, after + rng.normal(0, 0.1, noise.shape)


def coverage(draws, gap, factors=FACTORS, sizes=DESIGN, of_sets=0.3, shrink=0.4, thin=False):
    """How often intervals hold the truth: of the signed gap, of its square, and of the square's relative change.

    Args:
        draws: How many planted models.
        gap: The truth.
        factors: Those whose levels are drawn anew; the others are taken for fixed.
        sizes: Templates, term sets, words a side.
        of_sets: How far term sets differ.
        shrink: What share of the gap the repair takes.
        thin: Whether a template meets one term set only, as shipped ones do, or all.
    """
    rng, held = np.random.default_rng(0), np.zeros(3)
    for draw in range(draws):
        cells, said = grid(*sizes, draw)
        met = [i for i in range(len(cells)) if not thin or i % sizes[1] == i // sizes[1] % sizes[1]]
        cells = [cells[i] for i in met]
        words = Words(said) if "word" in factors else Words.fixed(said, 1 + RESAMPLES)
        names = {name: levels for name, levels in gaps.factors(cells).items() if name in factors}
        weights = crossed.with_figure(item_weights(names))
        before, after = (values[met] for values in reacted(rng, gap, sizes, of_sets, shrink))
        signed = gaps.signed(before, cells, words, "bad", weights)
        old, new = (gaps.squared(values, cells, words, "bad", weights) for values in (before, after))
        levels = {name: found for name, found in old.factors.items() if name in factors}
        straight = crossed.interval(signed.value, signed.draws[1:], levels)
        square = crossed.interval(old.value, old.draws[1:], levels, linear=False)
        change = crossed.change(old.value, new.value, old.draws[1:], new.draws[1:], levels, linear=False)
        share = (1 - shrink) ** 2 - 1
        held += [
            straight.low <= gap <= straight.high,
            square.low <= gap**2 <= square.high,
            change.share is None or change.share.low <= share <= change.share.high,
        ]
    return held / draws


THIN = {"sizes": (48, 8, 10), "thin": True}
NAMES = ("signed gap", "its square", "relative change")


@pytest.mark.slow
@pytest.mark.parametrize(("design", "most"), [({}, 0.98), (THIN, 0.99)], ids=["crossed", "thin"])
def test_intervals_hold_the_truth_as_often_as_they_say(design, most):
    for name, held in zip(NAMES, coverage(500, 1.0, **design), strict=True):
        assert 0.92 <= held <= most, name  # where templates meet one term set each they err on the wide side


@pytest.mark.parametrize("design", wide_but(({}, THIN), THIN), ids=["crossed", "thin"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(design):
    for name, held in zip(NAMES, coverage(150, 1.0, **design), strict=True):
        assert 0.90 <= held <= 0.995, name


def test_intervals_hold_it_where_there_is_nothing():
    signed, square, change = coverage(100, 0.0, **THIN)
    assert signed >= 0.90 and square >= 0.95 and change >= 0.95


@pytest.mark.parametrize(("left_out", "design"), [("term set", {"of_sets": 0.6}), ("word", {})])
def test_intervals_that_take_a_factor_for_fixed_hold_it_too_seldom(left_out, design):
    signed, square, _ = coverage(100, 1.0, factors=[name for name in FACTORS if name != left_out], **design)
    assert signed < 0.88 and square < 0.88


def test_the_weights_of_a_level_hang_on_its_name_alone():
    names = ["a", "b", "c", "a"]
    weights = item_weights({"template": names})
    np.testing.assert_array_equal(weights[:, 0], weights[:, 3])
    np.testing.assert_array_equal(weights[:, 1:3], item_weights({"template": ["b", "c"]}))
    np.testing.assert_array_equal(weights[:, 0], level_weights("template", "a"))
    crossed._weights.cache_clear()
    np.testing.assert_array_equal(weights, item_weights({"template": names}))
    assert not np.array_equal(level_weights("template", "a"), level_weights("word", "a"))
    assert level_weights("word", "a")[:512].mean() == pytest.approx(1, abs=0.15)


def test_in_its_own_block_a_factor_varies_alone():
    blocks = {"all": slice(0, 512), **{name: slice(512 + 160 * i, 672 + 160 * i) for i, name in enumerate(FACTORS)}}
    for factor in FACTORS:
        weights = level_weights(factor, "x")
        assert len(weights) == RESAMPLES == 512 + 3 * 160
        for name, block in blocks.items():
            assert (weights[block] == 1).all() == (name not in ("all", factor))


def test_items_weigh_the_product_of_their_levels():
    weights = item_weights({"template": ["t", "u"], "term set": ["s", "r"]})
    np.testing.assert_array_equal(weights[:, 1], level_weights("template", "u") * level_weights("term set", "r"))
    np.testing.assert_array_equal(crossed.with_figure(weights)[1:], weights)
    assert (crossed.with_figure(weights)[0] == 1).all()


def test_a_factor_of_one_level_is_fixed():
    once = item_weights({"template": ["t", "u"], "term set": ["s", "s"]})
    np.testing.assert_array_equal(once, item_weights({"template": ["t", "u"]}))
    draws = once @ np.array([1.0, 3.0]) / once.sum(1)
    levels = {"template": {"t", "u"}}
    assert crossed.error_of(draws, levels) == crossed.error_of(draws, levels | {"term set": {"s"}})
    with pytest.raises(AssertionError, match="two levels"):
        crossed.error_of(draws, {"template": {"t"}})


@pytest.mark.parametrize("count", wide_but((6, 12, 40), 12))
def test_the_interval_of_a_plain_mean_is_that_of_student(count):
    errors, wide = [], []
    for draw in range(60):
        values = np.random.default_rng(draw).normal(size=count)
        names = [f"{draw}-{i}" for i in range(count)]
        weights = item_weights({"template": names})
        error, freedom = crossed.error_of(weights @ values / weights.sum(1), {"template": names})
        errors.append(error / (values.std(ddof=1) / count**0.5))
        wide.append(freedom)
    assert np.median(errors) == pytest.approx(1, abs=0.06) and wide == pytest.approx([count - 1] * 60)


def test_degrees_of_freedom_are_those_of_the_factor_that_makes_the_error():
    rng = np.random.default_rng(0)
    templates, sets = ([f"{name}{i}" for i in range(n) for _ in range(m)] for name, n, m in (("t", 40, 5), ("s", 5, 1)))
    sets = sets * 40
    weights = item_weights({"template": templates, "term set": sets})
    levels = {"template": set(templates), "term set": set(sets)}
    for of_sets, near in ((1.0, 4), (0.0, 39)):
        values = of_sets * np.tile(rng.normal(size=5), 40) + (1 - of_sets) * np.repeat(rng.normal(size=40), 5)
        _, freedom = crossed.error_of(weights @ values / weights.sum(1), levels)
        assert freedom == pytest.approx(near, rel=0.2)
        assert crossed.error_of(weights @ values / weights.sum(1), levels, linear=False)[1] == 4


@pytest.mark.parametrize("templates", wide_but((6, 12, 40), 12))
def test_chance_alone_makes_a_gap_beyond_chance_as_seldom_as_promised(templates):
    """Of families of 60 gaps that are none, at most one in twenty shows any, however few templates there are."""
    names = [f"t{i}" for i in range(templates)]
    weights = crossed.with_figure(item_weights({"template": names}))
    rng, found = np.random.default_rng(0), 0
    for _ in range(150):
        values = rng.normal(size=(templates, 60))
        drawn = (weights @ values / weights.sum(1, keepdims=True)).T
        made = [
            figure("direction.bad", "held_out", "x", "all", [Drawn(row, {"template": frozenset(names)}, 1)],
                   groups=("a", "others"))
            for row in drawn
        ]  # fmt: skip
        found += bool(beyond_chance(made))
    assert found / 150 < 0.1


def test_chance_interval_and_change_tell_the_same():
    names = [f"n{i}" for i in range(20)]
    weights, noise = item_weights({"template": names}), np.random.default_rng(0).normal(size=20)
    for shift in np.linspace(0, 1.2, 13):
        values = noise - noise.mean() + shift
        draws = weights @ values / weights.sum(1)
        part = crossed.interval(values.mean(), draws, {"template": names})
        assert (crossed.chance_of(values.mean(), draws, {"template": names}) < 0.05) == (part.low > 0)
        half = crossed.change(values.mean(), values.mean() / 2, draws, draws / 2, {"template": names})
        assert (half.p < 0.05) == (half.high < 0) == (half.relative is not None) == (part.low > 0)
        if half.relative is not None:
            assert half.share.value == pytest.approx(-0.5) and half.share.high - half.share.low < 1e-6
    still = crossed.change(1.0, 1.0, draws, draws, {"template": names})
    assert (still.value, still.low, still.high, still.p) == (0, 0, 0, 1)


def test_what_moved_alike_in_two_templates_is_not_beyond_chance():
    """Two levels that moved one way do so by chance half of the time, however little they differ."""
    for levels, p in ((2, 0.5), (6, 2 / 2**6)):
        names = [str(level) for level in range(levels)]
        weights = item_weights({"template": names})
        draws = weights @ np.full(levels, 2 / 3) / weights.sum(1)
        assert 0 < np.ptp(draws) < 1e-6, "alike but for rounding"
        assert crossed.chance_of(2 / 3, draws, {"template": names}) == pytest.approx(p)
    assert crossed.chance_of(0.0, 0 * draws, {"template": names}) == 1.0
