"""The pictures of energy models show what the machines give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from netwright.classical.energy.dbn import DBN
from netwright.classical.energy.rbm import RBM
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.plots.classical.energy_models import energy_curves, fantasies

BARS = np.repeat([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], 20, axis=0)


@pytest.fixture(scope="module")
def rbm() -> RBM:
    return RBM(4, epochs=5, random_state=0).fit(BARS)


@pytest.fixture(scope="module")
def dbn() -> DBN:
    return DBN((4, 3), epochs=5, random_state=0).fit(BARS)


@pytest.mark.parametrize("kind", ["rbm", "dbn"])
def test_each_image_is_the_mean_of_its_chain(kind: str, request: pytest.FixtureRequest) -> None:
    network = request.getfixturevalue(kind)
    ax = fantasies(network, (2, 3), count=4, sweeps=(1, 5, 1000), random_state=3)
    picture = np.ma.getdata(ax.images[0].get_array())
    assert picture.shape == (3 * 3 - 1, 4 * 4 - 1)
    for row, steps in enumerate((1, 5, 1000)):
        wanted = network.sample(4, steps, means=True, random_state=3)
        for column in range(4):
            tile = picture[3 * row : 3 * row + 2, 4 * column : 4 * column + 3]
            np.testing.assert_allclose(tile, wanted[column].reshape(2, 3))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "5", "1,000"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "3", "4"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("chain", "sweeps")
    assert ax.get_title(loc="left") == f"{kind.upper()}: 4 chains of Gibbs sampling"
    assert ax.images[0].get_clim() == (0.0, 1.0)


def test_chains_are_the_networks_own_without_a_seed(rbm: RBM) -> None:
    picture = np.ma.getdata(fantasies(rbm, (2, 3), count=1, sweeps=(7,)).images[0].get_array())
    np.testing.assert_allclose(picture, rbm.sample(1, 7, means=True).reshape(2, 3))
    assert fantasies(rbm, (2, 3), count=1, sweeps=(7,)).get_title(loc="left") == "RBM: 1 chain of Gibbs sampling"


def test_gaussian_units_are_scaled_to_grays_together() -> None:
    rng = np.random.default_rng(0)
    rbm = RBM(3, visible="gaussian", epochs=2, random_state=0).fit(rng.normal(size=(50, 6)))
    rbm.visible_bias_ = np.array([-5.0, 0, 0, 0, 0, 5])
    picture = np.ma.getdata(fantasies(rbm, (2, 3), count=3, sweeps=(1, 2)).images[0].get_array())
    assert np.nanmin(picture) == 0
    assert np.nanmax(picture) == 1


def test_many_chains_have_few_numbers(rbm: RBM) -> None:
    ax = fantasies(rbm, (2, 3), count=40, sweeps=(1,))
    assert [label.get_text() for label in ax.get_xticklabels()][:3] == ["1", "4", "7"]


def test_the_curves_are_the_records(rbm: RBM, dbn: DBN) -> None:
    axes = energy_curves(rbm)
    for ax, name in zip(axes, ("pseudo_likelihood", "reconstruction_error"), strict=True):
        (line,) = ax.get_lines()
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 6))
        np.testing.assert_array_equal(line.get_ydata(), [record[name] for record in rbm.history_])
        assert not ax.texts
    assert axes[0].get_title(loc="left") == "RBM: how well it knows some rows"
    assert axes[-1].get_xlabel() == "epoch"
    axes = energy_curves(dbn)
    for ax, name in zip(axes, ("pseudo_likelihood", "reconstruction_error"), strict=True):
        assert [text.get_text() for text in ax.texts] == ["layer 1", "layer 2"]
        for line, machine in zip(ax.get_lines(), dbn.rbms_, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), [record[name] for record in machine.history_])


def test_gaussian_units_have_one_curve_only() -> None:
    X = np.random.default_rng(0).normal(size=(50, 6))
    (ax,) = energy_curves(RBM(3, visible="gaussian", epochs=2, random_state=0).fit(X))
    assert ax.get_ylabel() == "reconstruction error"
    above, below = energy_curves(DBN((3, 2), visible="gaussian", epochs=2, random_state=0).fit(X))
    assert [line.get_label() for line in above.get_lines()] == ["layer 2"]
    assert [line.get_label() for line in below.get_lines()] == ["layer 1", "layer 2"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rbm: fantasies(5, (2, 3)), r"fantasies\(network\): expected a fitted RBM or DBN, got 5"),
        (lambda rbm: fantasies(rbm, (2, 2)), r"fantasies\(shape\): expected the shape .* of an image with 6 numbers"),
        (lambda rbm: fantasies(rbm, (6,)), r"fantasies\(shape\): expected a tuple of 2 or more"),
        (lambda rbm: fantasies(rbm, (1, 2, 3)), r"fantasies\(shape\): .* got \(1, 2, 3\)"),
        (lambda rbm: fantasies(rbm, (2, 3), 0), r"fantasies\(count\): expected an integer >= 1, got 0"),
        (lambda rbm: fantasies(rbm, (2, 3), sweeps=()), r"fantasies\(sweeps\): expected a tuple of 1 or more elements"),
        (lambda rbm: energy_curves([1]), r"energy_curves\(network\): expected a fitted RBM or DBN, got \[1\]"),
    ],
)
def test_what_cannot_be_drawn_is_refused(rbm: RBM, call: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        call(rbm)


def test_a_network_without_epochs_is_refused(rbm: RBM) -> None:
    with pytest.raises(NotFittedError, match="RBM"):
        fantasies(RBM(), (2, 3))
    with pytest.raises(NotFittedError, match="DBN"):
        energy_curves(DBN())
    empty = RBM(3, epochs=1).fit(BARS)
    empty.history_ = []
    with pytest.raises(
        InvalidData, match=r"energy_curves\(network\): expected at least one epoch, got none. Fit it at"
    ):
        energy_curves(empty)
    empty.history_ = None
    with pytest.raises(InvalidParameter, match=r"energy_curves\(network\): expected a fitted RBM or DBN, got RBM"):
        energy_curves(empty)
