"""Scaling against scikit-learn and beyond its range."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from netwright import BinnedRegressor, Ensemble, MixtureDensityRegressor, QuantileRegressor, Regressor
from netwright.core.errors import InvalidData
from netwright.estimators.scaling import fit_scaler, scaler_of_parts


def test_it_is_the_standard_scaler_with_weights():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(3, 7, (200, 5)), rng.uniform(0.1, 4, 200)
    X[:, 2] = 4.0
    for w in (None, weight):
        oracle = StandardScaler().fit(X, sample_weight=w)
        scaler = fit_scaler(X, w)
        np.testing.assert_allclose(scaler.mean, oracle.mean_, rtol=1e-12)
        np.testing.assert_allclose(scaler.scale, oracle.scale_, rtol=1e-12)
        np.testing.assert_allclose(scaler.transform(X), oracle.transform(X), atol=1e-12)
        np.testing.assert_allclose(scaler.inverse(scaler.transform(X)), X, atol=1e-12)


def test_weights_are_repetitions():
    X = np.random.default_rng(1).normal(size=(20, 3))
    weight = np.arange(20) % 4
    a, b = fit_scaler(X[weight > 0], weight[weight > 0].astype(float)), fit_scaler(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(a.mean, b.mean, rtol=1e-13)
    np.testing.assert_allclose(a.scale, b.scale, rtol=1e-13)


def test_huge_tiny_and_constant_columns_stay_finite():
    X = np.random.default_rng(2).normal(size=(50, 4)) * [1e300, 1e-300, 1.0, 0.0] + [0, 0, 1e8, 5.0]
    scaled = fit_scaler(X).transform(X)
    np.testing.assert_allclose(scaled[:, :3].std(axis=0), 1, rtol=1e-6)
    assert (scaled[:, 3] == 0).all()


def test_deviations_below_all_numbers_do_not_divide_by_zero():
    X = np.array([[0.0, 1.0]] * 6 + [[5e-324, 2.0]])
    assert np.isfinite(fit_scaler(X).transform(X)).all()
    assert (fit_scaler(X).scale > 0).all()


@pytest.mark.parametrize("size", [1.0, 1e-160, 1e200, 8e307])
@pytest.mark.parametrize("weighted", [False, True])
def test_parts_give_the_scaler_of_all(size, weighted):
    rng = np.random.default_rng(4)
    X = np.clip(rng.normal([3, -5, 0], [1, 0.01, 0], (500, 3)), -6, 6) * (size / 6)
    weight = rng.uniform(0.1, 4, 500) if weighted else None
    whole, joined = fit_scaler(X, weight), scaler_of_parts(np.split(X, [1, 40, 300]), weight)
    np.testing.assert_allclose(joined.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(joined.scale, whole.scale, rtol=1e-11)


def test_a_number_that_the_scale_makes_infinite_is_named():
    scaler = fit_scaler(np.array([-1e300, 1e300]))
    with pytest.raises(InvalidData, match=r"^predict\. Row 2: expected an answer within 1\.8e308"):
        scaler.inverse(np.array([0.0, 1e8, -1e9]))
    assert np.isinf(scaler.inverse(np.array([np.inf]))).all()


@pytest.mark.parametrize("kind", [Regressor, QuantileRegressor, MixtureDensityRegressor, BinnedRegressor, None])
def test_targets_without_room_for_answers_are_refused(kind):
    X = np.random.default_rng(3).normal(size=(20, 2))
    make = kind(epochs=1, random_state=0) if kind else Ensemble(Regressor(epochs=1, random_state=0), 2)
    for y in (np.sign(X[:, 0]) * 1e308, np.full(20, 1.7e308)):
        with pytest.raises(InvalidData, match=r"^y: expected numbers within 1e305, got 1"):
            make.fit(X, y)
    assert np.isfinite(make.fit(X, np.sign(X[:, 0]) * 1e304).predict(X)).all()
