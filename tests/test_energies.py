import numpy as np
import pytest

from fairhub.errors import UserError
from fairhub.search.energies import energies, energy, known


def test_base_model_has_the_energy_of_its_definition():
    zero = np.zeros(4)
    assert energy("robust", zero, 0.0, 3.0) == 0
    assert energy("weighted", zero, 0.0, 3.0) == pytest.approx(1)
    assert energy("step", zero, 0.0, 3.0) == pytest.approx(1)


def test_robust_prefers_agreement():
    even, uneven = np.full(4, -0.2), np.array([-0.8, 0.0, 0.0, 0.0])
    assert energy("robust", even, 0.0, 3.0) < energy("robust", uneven, 0.0, 3.0)
    assert even.mean() == pytest.approx(uneven.mean())


@pytest.mark.parametrize("name", ["robust", "weighted", "step"])
def test_less_bias_is_lower_and_loss_is_higher(name):
    values = [energy(known(name), np.full(3, r), loss, 3.0) for r, loss in ((-0.5, 0.0), (0.0, 0.0), (0.0, 0.1))]
    assert values[0] < values[1] < values[2]


@pytest.mark.parametrize("name", ["robust", "weighted", "step"])
def test_many_at_once_are_the_same_one_by_one(name):
    rng = np.random.default_rng(0)
    ratios, loss = rng.normal(size=(9, 4)), rng.normal(0, 0.05, 9)
    together = energies(name, ratios, loss, 3.0, epsilon=0.2)
    assert together.tolist() == [energy(name, r, float(x), 3.0, epsilon=0.2) for r, x in zip(ratios, loss, strict=True)]
    assert len(set(together)) > 1


def test_unknown_energy_is_refused():
    with pytest.raises(UserError, match="one of robust, weighted, step; got 'x'"):
        known("x")
