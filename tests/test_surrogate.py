"""The surrogates: faithful networks, an annealer that finds the optimum, data without repeats or a swamp of damage."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest

from fairhub.methods import Plan
from fairhub.model.units import Unit
from fairhub.run.folder import Run
from fairhub.search.annealing import Schedule
from fairhub.search.surrogate.additive import additive
from fairhub.search.surrogate.chains import anneal_chains
from fairhub.search.surrogate.direct import greedy
from fairhub.search.surrogate.doubt import Doubt, distance, left_out, root_of
from fairhub.search.surrogate.fidelity import ceiling, fidelity
from fairhub.search.surrogate.finalists import Finalists
from fairhub.search.surrogate.forecaster import Examples, Surrogate
from fairhub.search.surrogate.labelled import Labelled, scale_of, shifted
from fairhub.search.surrogate.labels import Label
from fairhub.search.surrogate.landscape import Landscape
from fairhub.search.surrogate.masks import Band, band_of, bits, draw, fresh, grown, mask_of, role_of
from fairhub.search.surrogate.neighbours import promised
from fairhub.search.surrogate.objective import RISES, Forecast, Objective, asked, sweep
from fairhub.search.surrogate.quadratic import interactions
from fairhub.search.surrogate.training import Surrogates, fit, train
from fairhub.search.surrogate.walkers import Walkers
from fairhub.stats.statistics import rank_correlation

HEADS = [Unit(layer, "head", index) for layer in range(3) for index in range(4)]
PLAN = Plan()


def random_surrogate(bits_, seed, scale):
    rng = np.random.default_rng(seed)
    return Surrogate(
        "residual",
        scale * rng.normal(size=bits_),
        rng.normal(size=(bits_, 3)),
        0.3 * scale * rng.normal(size=3),
        0.5 * rng.normal(size=(5, bits_, 8)),
        rng.normal(size=(5, 8)),
        scale * rng.normal(size=(5, 8)),
    )


def landscape(bits_=12, objectives=None, seed=0, caution=1.0):
    rng = np.random.default_rng(seed)
    parts = [random_surrogate(bits_, seed + number, scale) for number, scale in enumerate((0.1, 0.1, 0.02))]
    doubt = Doubt(root_of(rng.random((9, bits_)) < 0.3), np.array([0.02, 0.03, 0.004]))
    found = Surrogates(*parts, doubt, 0.0)
    return Landscape(found, 3.5, objectives or sweep(PLAN, 4), PLAN, caution), found


def every_mask(count, low, high):
    rows = np.array(list(itertools.product([False, True], repeat=count)))
    return rows[(rows.sum(1) >= low) & (rows.sum(1) <= high)]


def test_landscape_is_what_the_surrogates_forecast_and_charges_their_doubt():
    land, surrogates = landscape(caution=0.0)
    rows = every_mask(12, 0, 3)
    x = rows.astype(float)
    found, said = land.forecast(land.lifted(rows)), surrogates.forecast(x)
    for name in ("bias", "robust", "loss"):
        np.testing.assert_allclose(getattr(found, name), getattr(said, name), atol=1e-5)
    assert max(abs(one.forecast(x[:1])[0]) for one in surrogates.each) < 1e-9  # nothing removed changes nothing
    assert np.abs(found.bias).max() > 0.1  # positive control
    careful = landscape(caution=2.0)[0].forecast(land.lifted(rows))
    np.testing.assert_allclose(careful.loss - found.loss, 2 * surrogates.doubt.of(x)[:, 2], atol=1e-5)
    assert (careful.bias - found.bias)[1:].min() > 0


def test_slopes_of_a_surrogate_are_those_of_finite_differences():
    found, step = random_surrogate(12, 0, 0.1), 1e-6
    x = every_mask(12, 2, 2)[:7].astype(float)
    for bit in range(12):
        ends = [found.forecast(x + d * np.eye(12)[bit]) for d in (step, -step)]
        np.testing.assert_allclose(found.slopes(x)[:, bit], (ends[0] - ends[1]) / (2 * step), atol=1e-5)


def test_doubt_grows_with_the_distance_from_what_was_measured():
    measured = np.zeros((20, 12))
    measured[:, :6] = np.random.default_rng(0).random((20, 6)) < 0.5
    root, apart = root_of(measured), np.eye(12)
    assert distance(root, apart[6:]) == pytest.approx(1.0)  # of heads that no mask held
    assert distance(root, apart[:6]).max() < 0.6
    assert distance(root_of(np.vstack([measured, measured])), apart[:6]).max() < distance(root, apart[:6]).max()
    assert distance(root, np.zeros((1, 12)))[0] == 0
    alone = [distance(root_of(np.delete(measured, row, axis=0)), measured[[row]])[0] for row in range(20)]
    np.testing.assert_allclose(left_out(measured), alone, atol=1e-9)


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


def test_chains_stay_in_the_band_and_add_drop_or_swap():
    land, _ = landscape(20)
    walkers = Walkers(land, 2, 5, 30, np.random.default_rng(0))
    assert set(walkers.size) == {2, 3, 4, 5}
    for _ in range(300):
        before = walkers.state.copy()
        walkers.step(np.full(len(before), np.inf))
        flips, grown_ = (before != walkers.state).sum(1), walkers.state.sum(1) - before.sum(1)
        assert set(flips) == {1, 2} and (grown_[flips == 2] == 0).all()  # all is accepted
        assert np.array_equal(walkers.state.sum(1), walkers.size)
        assert walkers.size.min() >= 2 and walkers.size.max() <= 5
    expected = land.energies(land.lifted(walkers.state), walkers.objective)
    np.testing.assert_allclose(walkers.energy, expected, atol=1e-4)  # moves add up to the state
    assert walkers.step(np.zeros(len(before)))[2].mean() < 0.9  # positive control: frozen chains refuse


def test_every_other_chain_starts_from_the_masks_given():
    land, _ = landscape(20, [Objective("step"), Objective("robust")])
    given = np.zeros((2, 20), dtype=bool)
    given[0, :3] = given[1, 4:6] = True
    walkers = Walkers(land, 2, 5, 8, np.random.default_rng(0), [given, given[:0]])
    assert walkers.begun.tolist() == [True, False] * 4 + [False] * 8
    assert np.array_equal(walkers.state[[0, 2, 4, 6]], given[[0, 1, 0, 1]])
    for _ in range(5):
        walkers.step(np.full(16, np.inf))
    walkers.restart()
    assert np.array_equal(walkers.state[walkers.begun], given[[0, 1, 0, 1]])
    energy = land.energies(land.lifted(given), np.zeros(2, dtype=int))
    assert walkers.best_energy[:8].min() <= energy.min() + 1e-6


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


def examples(x, y, slopes=None):
    """The base model first, as surrogates learn it."""
    x, y = np.vstack([np.zeros(x.shape[1]), x]), np.append(0.0, y)
    rows = np.full(x.shape, np.nan) if slopes is None else np.vstack([slopes(np.zeros((1, x.shape[1]))), slopes(x[1:])])
    return Examples(x, y, np.where(x.any(1), 1.0, 5.0), rows)


def none_known(heads=30):
    return np.zeros((heads, 0))


def quadratic_truth(heads, seed=0, strength=0.5):
    rng = np.random.default_rng(seed)
    first, pairs = rng.normal(size=heads), strength * rng.normal(size=(heads, heads))
    pairs = (pairs + pairs.T) / 2
    np.fill_diagonal(pairs, 0)
    return lambda x: x @ first + 0.5 * np.einsum("nb,bc,nc->n", x, pairs, x), lambda x: first + x @ pairs, pairs


def test_networks_forecast_unseen_masks():
    rng = np.random.default_rng(1)
    x, effects = sampled(400), rng.normal(size=30)
    y = x @ effects + 0.1 * rng.normal(size=400)
    for kind, least in (("additive", 0.97), ("residual", 0.97), ("network", 0.8)):
        found = fit(kind, examples(x[:200], y[:200], lambda x: 0 * x), none_known(), 0)
        assert rank_correlation(found.forecast(x[200:]), y[200:]) > least, kind
    nothing = fit("additive", examples(x[:200], rng.permutation(y[:200])), none_known(), 0)
    assert abs(rank_correlation(nothing.forecast(x[200:]), y[200:])) < 0.5  # positive control


def test_residual_networks_learn_what_is_not_additive():
    rng = np.random.default_rng(2)
    x = sampled(900)
    y = x @ rng.normal(size=30) + 3 * np.maximum(x[:, :10].sum(1) - 1, 0)  # the second of a group costs, not the first
    error = {}
    for kind in ("additive", "residual"):
        found = fit(kind, examples(x[:700], y[:700], lambda x: 0 * x), none_known(), 0)
        error[kind] = float(((found.forecast(x[700:]) - y[700:]) ** 2).mean())
    assert error["residual"] < 0.8 * error["additive"]


def test_slopes_tell_of_pairs_that_no_mask_held():
    value, slopes, pairs = quadratic_truth(30)
    x = sampled(60)
    found = interactions(x, slopes(x), slopes(np.zeros((1, 30)))[0], np.ones(60))
    assert np.array_equal(found, found.T) and not found.diagonal().any()
    np.testing.assert_allclose(found, pairs, atol=0.15)  # 435 pairs from 60 masks
    unseen = sampled(300, seed=9)
    known = examples(x[:24], value(x[:24]), slopes)
    rank = {
        kind: rank_correlation(fit(kind, known, none_known(), 0).forecast(unseen), value(unseen))
        for kind in ("prior", "additive", "quadratic")
    }
    assert rank["quadratic"] > 0.97 and rank["quadratic"] > max(rank["prior"], rank["additive"]) + 0.02


@pytest.mark.parametrize("strength", [0.0, 0.4, 2.0])
def test_what_is_chosen_never_ranks_unseen_masks_worse_than_first_order_scores(strength, tmp_path):
    """Whether heads work together or not, and whether slopes are right or noise: the choice is no worse."""
    unseen = sampled(300, seed=9)
    for seed in range(3):
        value, slopes, _ = quadratic_truth(30, seed, strength)
        rng = np.random.default_rng(seed)
        x = sampled(40, seed)
        noisy = value(x) + 0.3 * seed * rng.normal(size=40)
        known = _Known(examples(x, noisy, lambda x, s=slopes, r=rng: s(x) + 0.2 * r.normal(size=x.shape)))
        found = train(Run(tmp_path / f"{seed}", {}, False), "surrogate_0", known, none_known(), 0)
        first = fit("prior", known.kept, none_known(), 0)
        ranks = [rank_correlation(one.forecast(unseen), value(unseen)) for one in (found.loss, first)]
        assert ranks[0] >= ranks[1] - 0.01, (seed, found.kinds)
        again = train(Run(tmp_path / f"{seed}", {}, True), "surrogate_0", None, none_known(), 0)
        assert np.array_equal(again.forecast(unseen).loss, found.forecast(unseen).loss)  # read, not trained again


class _Known:
    """As `Labelled`, with the same examples of every figure."""

    def __init__(self, kept):
        self.kept = kept

    def examples(self, target, role):
        return self.kept


def test_first_order_scores_stand_in_for_masks_that_are_missing():
    rng = np.random.default_rng(3)
    x, effects = sampled(25, heads=60), rng.normal(size=60)
    unseen = sampled(200, seed=9, heads=60)
    error = {}
    for name, prior in (("known", 0.2 * effects + 0.02 * rng.normal(size=60)), ("none", np.zeros(60))):
        found = additive(x, x @ effects, prior[:, None], np.ones(25))
        error[name] = float(((unseen @ (found - effects)) ** 2).mean())
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


def test_heads_are_drawn_evenly():
    rng, band = random.Random(0), Band(1, 4)
    drawn: dict = {}
    for _ in range(18):
        drawn[grown(HEADS, band, rng, np.zeros(12), 1.0, drawn)] = None
    held = bits(list(drawn), HEADS).sum(0)
    uneven = bits([draw(HEADS, band, rng) for _ in range(18)], HEADS).sum(0)  # positive control: as NeuFair draws
    assert held.max() - held.min() <= 1 < uneven.max() - uneven.min()


def test_masks_are_drawn_for_the_budget():
    rng, band = random.Random(0), Band(1, 8)
    rise = np.full(12, 0.01)
    rise[5] = 10.0  # breaks the model
    drawn: set = set()
    for _ in range(60):
        drawn.add(grown(HEADS, band, rng, rise, 0.06, drawn))
    costs = [sum(rise[HEADS.index(head)] for head in mask) for mask in drawn]
    assert len(drawn) == 60 and max(costs) <= 0.06 and max(map(len, drawn)) > 4
    few = Band(1, 1)
    left = {grown(HEADS, few, rng, rise, 0.06, drawn_) for drawn_ in [{frozenset({h}) for h in HEADS if h != HEADS[5]}]}
    assert left == {frozenset({HEADS[5]})}  # where all that is cheap is known, what is dear is next


def test_greedy_keeps_what_helps_and_stops_where_measurements_end():
    worth = {head: float(number % 3) - 1 for number, head in enumerate(HEADS)}
    asked_: list = []

    def energy(mask):
        asked_.append(mask)
        return sum(worth[head] for head in mask)

    assert greedy(energy, HEADS, Band(1, 12), 12) == -4 and len(asked_) == 12
    assert greedy(energy, HEADS, Band(1, 2), 12) == -2 and greedy(energy, HEADS, Band(1, 12), 0) is None


def test_roles_hang_on_the_mask_alone():
    rng = random.Random(4)
    roles = [role_of(draw(HEADS, Band(1, 8), rng)) for _ in range(3000)]
    assert roles.count("test") / len(roles) == pytest.approx(0.2, abs=0.06) and set(roles) == {"train", "test"}


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


def test_labels_on_few_items_are_corrected_by_slopes_on_many():
    rng = np.random.default_rng(7)
    effects, rises = 0.1 * rng.normal(size=12), 0.05 * rng.random(12)
    own, apart = 0.4 * rng.normal(size=(240, 12)), 0.1 * rng.normal(size=(80, 12))  # what each item makes of a head
    own, apart = own - own.mean(0), apart - apart.mean(0)

    def labelled(mask, probes, chunks, slopes=False):
        (x,) = bits([mask], HEADS)
        bias = 0.01 * np.exp((effects + own[:probes]) @ x)
        rows = np.vstack([bias[:, None] * (effects + own[:probes]), rises + apart[:chunks]]) if slopes else None
        return Label(bias, 3.5 + (rises + apart[:chunks]) @ x, 0.0, rows, mask)

    few, many = (
        scale_of(labelled(frozenset(), *count, slopes=True), [_Named(f"f{i % 4}") for i in range(count[0])])
        for count in ((12, 4), (240, 80))
    )
    better = shifted(few, HEADS, many)
    for name in ("bias", "robust", "loss"):  # where nothing is removed, slopes are those of the many
        slopes = [getattr(scale.slopes(scale.base), name) for scale in (better, many, few)]
        np.testing.assert_allclose(slopes[0], slopes[1], atol=1e-9)
        assert np.abs(slopes[2] - slopes[1]).max() > 0.01  # positive control
    draws = random.Random(0)
    masks = [draw(HEADS, Band(1, 3), draws) for _ in range(60)]
    truth = many.measured([labelled(mask, 240, 80) for mask in masks])
    labels = [labelled(mask, 12, 4) for mask in masks]
    for name in ("bias", "loss"):
        error = {
            scale: np.square(getattr(scale.measured(labels), name) - getattr(truth, name)).mean()
            for scale in (better, few)
        }
        assert error[better] < 0.5 * error[few], name
    nothing = better.measured([labelled(frozenset(), 12, 4)])
    assert abs(nothing.bias[0]) < 1e-9 and nothing.loss[0] == 0 and better.plain.shift is None


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
    np.testing.assert_allclose(train.y[1:], np.log(2))
    assert np.isnan(train.slopes).all()  # none was measured
    broken = known.examples("loss", known.roles[known.masks()[0]])
    assert broken.weight.min() < 0.01 < 0.9 < np.median(broken.weight)


def test_slopes_at_a_mask_promise_its_neighbours():
    base = Label(np.full(4, 0.02), np.full(2, 3.5), 0.0, np.zeros((6, 12)))
    known = Labelled(HEADS, scale_of(base, [_Named(f"f{i}") for i in range(4)]))
    slopes = np.zeros((6, 12))
    slopes[:4, 5], slopes[:4, 7] = (
        -0.01,
        -0.002,
    )  # beside head 0, head 5 carries half of the bias
    known.add(frozenset({HEADS[0]}), Label(np.full(4, 0.02), np.full(2, 3.5), 0.0, slopes), sampled=True)
    bias = [Objective("weighted", 1.0)]

    def first(k_max, most=1):
        return [(mask, energy) for _, mask, energy in promised(known, bias, 3.5, PLAN, Band(1, k_max), most)]

    ((mask, energy),) = first(4)
    assert mask == {HEADS[0], HEADS[5]} and energy == pytest.approx(bias[0].values(
        Forecast(np.array([-0.5]), np.array([-0.5]), np.array([0.0])), 3.5, PLAN)[0])  # fmt: skip
    assert first(1)[0][0] == {HEADS[5]}  # a full mask takes the head for one of its own
    assert [mask for mask, _ in first(4, most=2)] == [{HEADS[0], HEADS[5]}, {HEADS[0], HEADS[7]}]
    known.add(frozenset({HEADS[0], HEADS[5]}), Label(np.full(4, 0.01), np.full(2, 3.5), 0.0), sampled=False)
    assert not first(4)  # measured by now, and nothing else is promised to fall below it


def test_slopes_of_log_ratios_are_those_of_finite_differences():
    rng = np.random.default_rng(0)
    probes = [_Named(f"f{i % 3}") for i in range(9)]
    scale = scale_of(Label(rng.uniform(0.01, 0.1, 9), np.full(4, 3.5), 0.0), probes, kappa=1.5)
    slopes = 0.01 * rng.normal(size=(13, 5))
    label = Label(rng.uniform(0.01, 0.1, 9), 3.5 + rng.random(4), 0.0, slopes)
    found, step = scale.slopes(label), 1e-5
    for head in range(5):
        ends = [
            scale.measured([Label(label.bias + d * slopes[:9, head], label.loss + d * slopes[9:, head], 0.0)])
            for d in (step, -step)
        ]
        for name in ("bias", "robust", "loss"):
            wanted = (getattr(ends[0], name)[0] - getattr(ends[1], name)[0]) / (2 * step)
            assert getattr(found, name)[head] == pytest.approx(wanted, rel=1e-3, abs=1e-6), name


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
    steps = [objective for objective in sweep(PLAN, 3) if objective.energy == "step"]
    assert [objective.share for objective in steps] == sorted(RISES, reverse=True)
    rise = np.log1p(0.6 * PLAN.budget) * np.ones(1)
    cost = [float(o.values(Forecast(0 * rise, 0 * rise, rise), 3.5, PLAN)[0]) for o in steps]
    assert cost == [1, 1, 4, 4]  # whoever allows less than is spent


def test_finalists_are_asked_cheap_to_dear_each_the_least_biased_up_to_its_share_of_the_budget():
    masks = [frozenset({head}) for head in HEADS[:5]]
    bias, rise = np.array([-0.1, -0.3, -0.2, -0.4, 0.2]), np.array([0.2, 0.45, 0.6, 1.5, 0.1])
    front = Finalists(masks, Forecast(bias, bias, np.log1p(rise * 0.02)), True)
    assert front.along(0.02) == masks[:2]  # the third is dearer than the second for less, the fourth beyond the budget
    assert front.along(0.04) == [masks[1], masks[3]] and front.along(0.002) == []
