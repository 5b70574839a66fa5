"""The surrogates: faithful networks, an annealer that finds the optimum, data without repeats or a swamp of damage."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest

from fairhub.methods import Plan
from fairhub.model.units import Unit
from fairhub.search.annealing import Schedule
from fairhub.search.surrogate.additive import additive
from fairhub.search.surrogate.chains import anneal_chains
from fairhub.search.surrogate.fidelity import ceiling, fidelity
from fairhub.search.surrogate.labelled import Labelled, scale_of
from fairhub.search.surrogate.labels import Label
from fairhub.search.surrogate.landscape import Landscape
from fairhub.search.surrogate.masks import STRATA, Band, balanced, band_of, bits, draw, fresh, mask_of, role_of, stratum
from fairhub.search.surrogate.network import Examples, Surrogate, fit
from fairhub.search.surrogate.objective import Objective, asked, sweep
from fairhub.search.surrogate.walkers import Walkers
from fairhub.stats.statistics import rank_correlation

HEADS = [Unit(layer, "head", index) for layer in range(3) for index in range(4)]
PLAN = Plan()


def random_surrogate(bits_, targets, seed, scale):
    rng = np.random.default_rng(seed)
    parts = (
        scale * rng.normal(size=(5, bits_, targets)),
        0.5 * rng.normal(size=(5, bits_, 8)),
        rng.normal(size=(5, 8)),
        scale * rng.normal(size=(5, 8, targets)),
    )
    return Surrogate("residual", *(part.astype(np.float32) for part in parts))


def landscape(bits_=12, objectives=None, seed=0):
    parts = random_surrogate(bits_, 5, seed, 0.1), random_surrogate(bits_, 1, seed + 1, 0.02)
    return Landscape(*parts, 3.5, objectives or sweep(PLAN, 4), PLAN), parts


def every_mask(count, low, high):
    rows = np.array(list(itertools.product([False, True], repeat=count)))
    return rows[(rows.sum(1) >= low) & (rows.sum(1) <= high)]


def test_landscape_is_the_mean_of_the_ensembles():
    land, (bias, loss) = landscape()
    rows = every_mask(12, 0, 3)
    found = land.forecast(land.lifted(rows))
    x = rows.astype(np.float32)
    np.testing.assert_allclose(np.column_stack([found.bias, found.clusters]), bias.mean(x), atol=1e-5)
    np.testing.assert_allclose(found.loss, loss.mean(x)[:, 0], atol=1e-5)
    assert np.abs(bias.members(0 * x[:1])).max() < 1e-6  # nothing removed changes nothing
    assert np.abs(found.bias).max() > 0.1  # positive control


@pytest.mark.parametrize("seed", range(3))
def test_chains_find_the_brute_force_optimum_of_every_objective(seed):
    land, _ = landscape(seed=10 * seed)
    found = anneal_chains(land, Schedule(steps=150, k_min=2, k_max=6), 40, seed)
    rows = every_mask(12, 2, 6)
    for number, objective in enumerate(land.objectives):
        energy = land.energies(land.lifted(rows), np.full(len(rows), number))
        at = np.flatnonzero(found.objective == number)
        assert found.energy[at[0]] == pytest.approx(energy.min(), abs=1e-5), objective.name
        assert np.array_equal(found.states[at[0]], rows[energy.argmin()]), objective.name
        assert (np.diff(found.energy[at]) >= 0).all()
    short = Walkers(
        land, 2, 6, 40, np.random.default_rng(seed)
    )  # positive control: where chains begin, they do not end
    assert (short.best_energy.reshape(len(land.objectives), -1).min(1) > [
        found.energy[found.objective == n].min() + 1e-6 for n in range(len(land.objectives))
    ]).any()  # fmt: skip


@pytest.mark.parametrize("wanted", [0.75, 0.85])
def test_acceptance_at_the_first_temperature(wanted):
    land, _ = landscape(40)
    found = anneal_chains(land, Schedule(steps=1, k_max=12, acceptance=wanted), 300, 0)
    np.testing.assert_allclose(found.acceptance, wanted, atol=0.05)


def test_chains_stay_in_the_band_and_move_one_head_at_a_time():
    land, _ = landscape(20)
    walkers = Walkers(land, 2, 5, 30, np.random.default_rng(0))
    assert set(walkers.size) == {2, 3, 4, 5}
    for _ in range(300):
        before = walkers.state.copy()
        walkers.step(np.full(len(before), np.inf))
        assert ((before != walkers.state).sum(1) == 1).all()  # all is accepted
        assert np.array_equal(walkers.state.sum(1), walkers.size)
        assert walkers.size.min() >= 2 and walkers.size.max() <= 5
    expected = land.energies(land.lifted(walkers.state), walkers.objective)
    np.testing.assert_allclose(walkers.energy, expected, atol=1e-4)  # moves add up to the state
    assert walkers.step(np.zeros(len(before)))[2].mean() < 0.9  # positive control: frozen chains refuse


def test_chains_repeat_with_their_seed():
    land, _ = landscape()
    first, again, other = (anneal_chains(land, Schedule(steps=30, k_max=5), 10, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.course, again.course) and np.array_equal(first.states, again.states)
    assert not np.array_equal(first.course, other.course)


def test_the_ends_of_the_sweep_are_bias_alone_and_utility_alone():
    land, _ = landscape()
    rows = every_mask(12, 1, 5)
    forecast = land.forecast(land.lifted(rows))
    found = anneal_chains(land, Schedule(steps=150, k_max=5), 40, 0)
    ends = {o.epsilon: n for n, o in enumerate(land.objectives) if o.energy == "weighted"}
    least_loss, least_bias = (
        found.states[np.flatnonzero(found.objective == ends[epsilon])[0]] for epsilon in (0.0, 1.0)
    )
    assert np.array_equal(least_loss, rows[forecast.loss.argmin()])
    assert np.array_equal(least_bias, rows[forecast.bias.argmin()])
    assert not np.array_equal(least_loss, least_bias)


def sampled(count, seed=0, heads=30):
    rng = np.random.default_rng(seed)
    order = rng.random((count, heads)).argsort(1)
    return (order < rng.integers(1, 9, count)[:, None]).astype(np.float32)


def split(x, y):
    whole = Examples(x, y[:, None], np.ones(len(x)))
    return whole.part(np.arange(160)), whole.part(np.arange(160, 200)), whole.part(np.arange(200, len(x)))


def test_networks_forecast_unseen_masks():
    rng = np.random.default_rng(1)
    x, effects = sampled(400), rng.normal(size=30)
    train, validation, test = split(x, x @ effects + 0.1 * rng.normal(size=400))
    prior = np.zeros((1, 30, 1))
    for kind, least in (("additive", 0.97), ("residual", 0.97), ("network", 0.8)):
        found = fit(kind, train, validation, prior, 0)
        assert rank_correlation(found.mean(test.x)[:, 0], test.y[:, 0]) > least, kind
        assert found.spread(test.x).min() > 0
    shuffled = Examples(train.x, rng.permutation(train.y), train.weight)
    nothing = fit("additive", shuffled, validation, prior, 0)
    assert abs(rank_correlation(nothing.mean(test.x)[:, 0], test.y[:, 0])) < 0.5  # positive control


def test_residual_networks_learn_what_is_not_additive():
    rng = np.random.default_rng(2)
    x = sampled(900)
    y = x @ rng.normal(size=30) + 3 * np.maximum(x[:, :10].sum(1) - 1, 0)  # the second of a group costs, not the first
    whole = Examples(x, y[:, None], np.ones(len(x)))
    train, validation, test = (whole.part(np.arange(*ends)) for ends in ((0, 600), (600, 700), (700, 900)))
    error = {
        kind: float(((fit(kind, train, validation, np.zeros((1, 30, 1)), 0).mean(test.x) - test.y) ** 2).mean())
        for kind in ("additive", "residual")
    }
    assert error["residual"] < 0.8 * error["additive"]


def test_first_order_scores_stand_in_for_masks_that_are_missing():
    rng = np.random.default_rng(3)
    x, effects = sampled(25, heads=60), rng.normal(size=60)
    unseen = sampled(200, seed=9, heads=60)
    error = {}
    for name, prior in (("known", 0.2 * effects + 0.02 * rng.normal(size=60)), ("none", np.zeros(60))):
        found = additive(x, (x @ effects)[:, None], prior[None, :, None], np.ones(25))
        error[name] = float(((unseen @ (found[:, 0] - effects)) ** 2).mean())
    assert error["known"] < 0.3 * error["none"]


def test_masks_are_uniform_in_count_and_never_drawn_twice():
    rng, band = random.Random(0), Band(2, 5)
    sizes = [len(draw(HEADS, band, rng)) for _ in range(4000)]
    assert set(sizes) == {2, 3, 4, 5}
    assert max(np.bincount(sizes)[2:]) < 1.15 * min(np.bincount(sizes)[2:])
    known = set()
    while (mask := fresh(HEADS[:6], Band(1, 2), rng, known)) is not None:
        assert mask not in known
        known.add(mask)
    assert len(known) >= 20  # of 21: the search for a new one gives up, it does not run for ever
    assert band_of(270).k_max == 27 and band_of(8).k_max == 4 and band_of(4).k_max == 3
    assert [mask_of(row, HEADS) for row in bits(list(known), HEADS)] == list(known)


def test_damaged_masks_do_not_swamp_the_data():
    vital, band = HEADS[5], Band(1, 11)

    def rise(masks):
        return np.array([10.0 * (vital in mask) + 0.01 * len(mask) for mask in masks])

    shares = {}
    for name in ("balanced", "uniform"):
        rng, filled = random.Random(0), {}
        for _ in range(150):
            one = balanced(HEADS, band, rng, filled, rise) if name == "balanced" else fresh(HEADS, band, rng, filled)
            filled[one] = float(rise([one])[0])
        counts = np.bincount([stratum(value) for value in filled.values()], minlength=len(STRATA) + 1)
        shares[name] = counts[-1] / counts.sum()
    assert shares["uniform"] > 0.45  # positive control
    assert 0.2 < shares["balanced"] < 0.45


def test_roles_hang_on_the_mask_alone():
    rng = random.Random(4)
    roles = [role_of(draw(HEADS, Band(1, 8), rng)) for _ in range(3000)]
    shares = {role: roles.count(role) / len(roles) for role in ("train", "validation", "test")}
    assert shares["test"] == pytest.approx(0.2, abs=0.06) and shares["validation"] == pytest.approx(0.15, abs=0.06)


class _Named:
    def __init__(self, name):
        self.axis, self.frame, self.context = "gender", name, "hiring"


def test_ceiling_tells_noise_from_signal():
    rng = np.random.default_rng(5)
    probes = [_Named(f"f{i}") for i in range(24)]
    scale = scale_of(Label(np.full(24, 0.01), np.full(6, 3.5), 0.0), probes)
    truth = rng.uniform(0.5, 1.5, 60)

    def labels(noise):
        return [
            Label(0.01 * t * np.exp(noise * rng.normal(size=24)), 3.5 + 0.1 * t + 0.1 * noise * rng.normal(size=6), 0.0)
            for t in truth
        ]

    def bias(forecast):
        return forecast.bias

    assert ceiling(scale, labels(0.01), bias) > 0.99
    assert 0.3 < ceiling(scale, labels(1.5), bias) < 0.95
    truth = np.ones(60)
    assert ceiling(scale, labels(1.0), bias) < 0.4
    assert ceiling(scale, labels(0.1)[:2], bias) is None


def test_fidelity_of_good_and_bad_forecasts():
    real = np.linspace(0, 1, 40)
    assert fidelity(real, real) == pytest.approx({"mse": 0, "r2": 1, "spearman": 1, "regret": 0})
    bad = fidelity(real, -real)
    assert bad["spearman"] == -1 and bad["regret"] > 0.8 and bad["r2"] < 0
    assert fidelity(real[:2], real[:2]) == {}


def test_winners_never_test_and_test_masks_never_train():
    scale = scale_of(Label(np.full(4, 0.01), np.full(2, 3.5), 0.0), [_Named(f"f{i}") for i in range(4)])
    known, rng = Labelled(HEADS, scale), random.Random(0)
    for number in range(80):
        mask = fresh(HEADS, Band(1, 6), rng, known.labels)
        rise = 20.0 if number == 0 else 0.01
        known.add(mask, Label(np.full(4, 0.02), np.full(2, 3.5 + rise), 0.0), sampled=number < 60)
    winners = known.masks()[60:]
    assert all(known.roles[mask] == "train" for mask in winners)
    (tested, *_) = known.masks("test")
    known.add(tested, known.labels[tested], sampled=False)
    assert known.roles[tested] == "test"  # found again by the annealer: still unseen
    train = known.examples("bias", "train")
    assert len(train.x) == 1 + len(known.masks("train")) and not train.x[0].any()
    np.testing.assert_allclose(train.y[1:, 0], np.log(2))
    broken = known.examples("loss", known.roles[known.masks()[0]])
    assert broken.weight.min() < 0.01 < 0.9 < np.median(broken.weight)


@pytest.mark.parametrize("energy", ["robust", "weighted", "step"])
def test_an_energy_that_is_asked_is_the_only_one_lowered(energy):
    plan = replace(PLAN, energy=energy, epsilon=0.2)
    (only,) = sweep(plan, 3)
    assert (only.energy, only.epsilon, asked(plan, [only])) == (energy, 0.2, 0)
    found = sweep(PLAN, 3)  # where none is asked, all three
    assert {o.energy for o in found} == {"robust", "weighted", "step"} and found[asked(PLAN, found)].energy == "robust"


def test_objectives_have_names_and_ends():
    names = [objective.name for objective in sweep(PLAN, 3)]
    assert len(set(names)) == len(names) and {"step", "robust"} < set(names)
    assert {0.0, 1.0, PLAN.epsilon} < {o.epsilon for o in sweep(PLAN, 3) if o.energy == "weighted"}
    assert "robust" not in [objective.name for objective in sweep(PLAN, 1)]
    assert Objective("weighted", 0.25).name == "weighted, epsilon 0.25"
