"""The mixture density regressor: what it learns, on which scale it tells it, and what it refuses."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter, JoinError
from netwright.estimators.regression.densities import centres_of
from netwright.layers import Conv, Flatten, Linear, ReLU, Sigmoid, Softmax, Tanh

X, Y = load_diabetes(return_X_y=True)
X = X / X.std(0)


def two_valued(n: int = 1500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """3 of 10 near 4 + 2 x with deviation 0.2, 7 of 10 near -x with deviation 0.5."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 1))
    upper = rng.random(n) < 0.3
    y = np.where(upper, 4 + 2 * x[:, 0] + 0.2 * rng.normal(size=n), -x[:, 0] + 0.5 * rng.normal(size=n))
    return x, y


def true_log_density(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    parts = 0.3 * norm(4 + 2 * x[:, 0], 0.2).pdf(y) + 0.7 * norm(-x[:, 0], 0.5).pdf(y)
    logs: np.ndarray = np.log(parts)
    return logs


@pytest.fixture(scope="module")
def fitted() -> Any:
    x, y = two_valued()
    options: dict[str, Any] = {"optimizer": "Adam(0.01)", "epochs": 40, "random_state": 0}
    return nw.MixtureDensityRegressor(Tanh(20), components=2, **options).fit(x, y)


def test_it_recovers_the_mixture(fitted: Any) -> None:
    grid = np.linspace(-0.9, 0.9, 7)[:, None]
    weights, means, deviations = fitted.predict_dist(grid)
    low, high = means.argmin(1), means.argmax(1)
    rows = np.arange(7)
    np.testing.assert_allclose(weights[rows, high], 0.3, atol=0.07)
    np.testing.assert_allclose(means[rows, low], -grid[:, 0], atol=0.2)
    np.testing.assert_allclose(means[rows, high], 4 + 2 * grid[:, 0], atol=0.2)
    np.testing.assert_allclose(deviations[rows, low], 0.5, atol=0.12)
    np.testing.assert_allclose(deviations[rows, high], 0.2, atol=0.1)


def test_its_likelihood_is_near_the_truths_and_far_below_one_gaussians(fitted: Any) -> None:
    x, y = two_valued(2000, seed=1)
    truth = -true_log_density(x, y).mean()
    assert truth - 0.05 < fitted.nll(x, y) < truth + 0.06
    one = clone(fitted).set_params(components=1).fit(*two_valued())
    assert one.nll(x, y) > truth + 0.5
    assert kstest(fitted.cdf(x, y), "uniform").statistic < 0.05


def test_all_that_it_tells_is_of_the_same_distribution(fitted: Any) -> None:
    x, y = two_valued(200, seed=2)
    weights, means, deviations = fitted.predict_dist(x)
    np.testing.assert_allclose(fitted.predict(x), (weights * means).sum(1))
    mean, deviation = fitted.predict(x, return_std=True)
    np.testing.assert_allclose(deviation**2, (weights * (deviations**2 + means**2)).sum(1) - mean**2, rtol=1e-6)
    np.testing.assert_allclose(
        fitted.log_prob(x, y), np.log((weights * norm(means, deviations).pdf(y[:, None])).sum(1)), rtol=1e-8
    )
    assert fitted.nll(x, y) == pytest.approx(-fitted.log_prob(x, y).mean())
    weight = np.arange(200.0)
    assert fitted.nll(x, y, weight) == pytest.approx(-np.average(fitted.log_prob(x, y), weights=weight))
    quantiles = fitted.predict_quantile(x, [0.1, 0.5, 0.9])
    assert quantiles.shape == (200, 3)
    np.testing.assert_array_equal(quantiles[:, 1], fitted.predict_quantile(x, 0.5))
    np.testing.assert_allclose(fitted.cdf(x, quantiles[:, 2]), 0.9, rtol=1e-9)
    draws = fitted.sample(x, 300, random_state=0)
    np.testing.assert_array_equal(draws, fitted.sample(x, 300, random_state=0))
    assert (draws <= quantiles[:, 2:]).mean() == pytest.approx(0.9, abs=0.01)


def test_the_losses_in_the_history_are_likelihoods_of_the_standardised_target() -> None:
    x, y = two_valued(300)
    held = two_valued(100, seed=5)
    mdn = nw.MixtureDensityRegressor(
        Tanh(8), components=2, beta=0.5, epochs=3, validation=held, precision="float64", random_state=0
    ).fit(x, y)
    assert mdn.history_[-1]["validation_loss"] == pytest.approx(mdn.nll(*held) - np.log(y.std()), abs=1e-9)
    assert mdn.history_[-1]["validation_score"] == pytest.approx(mdn.score(*held))


@pytest.mark.parametrize("factor", [1e-150, 1.0, 1e200])
def test_the_scale_of_the_target_changes_nothing_but_the_scale(factor: float) -> None:
    options: dict[str, Any] = {"components": 3, "epochs": 5, "random_state": 0}
    plain = nw.MixtureDensityRegressor(Tanh(8), **options).fit(X, Y)
    scaled = nw.MixtureDensityRegressor(Tanh(8), **options).fit(X, Y * factor)
    np.testing.assert_allclose(scaled.predict(X) / factor, plain.predict(X), rtol=1e-6)
    assert scaled.nll(X, Y * factor) == pytest.approx(plain.nll(X, Y) + np.log(factor))


def test_one_component_learns_mean_and_deviation() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (1500, 1))
    y = np.sin(2 * x[:, 0]) + (0.1 + 0.4 * (x[:, 0] > 0)) * rng.normal(size=1500)
    mdn = nw.MixtureDensityRegressor(ReLU(50), components=1, optimizer="Adam(0.01)", epochs=40, random_state=0)
    mean, deviation = mdn.fit(x, y).predict(np.array([[-1.0], [1.0]]), return_std=True)
    np.testing.assert_allclose(mean, [-np.sin(2), np.sin(2)], atol=0.15)
    np.testing.assert_allclose(deviation, [0.1, 0.5], rtol=0.3)
    assert mdn.network_ == nw.Input(1) >> ReLU(50) >> mdn.network_.parts[-1]
    assert mdn.network_.output_shape == (2,)


def test_features_without_meaning_give_the_moments_of_the_target() -> None:
    y = np.random.default_rng(0).normal(3.0, 2.0, 400)
    mdn = nw.MixtureDensityRegressor(Linear(2), components=1, optimizer="Adam(0.05)", epochs=60, random_state=0)
    mean, deviation = mdn.fit(np.zeros((400, 1)), y).predict(np.zeros((1, 1)), return_std=True)
    assert mean[0] == pytest.approx(y.mean(), abs=0.15)
    assert deviation[0] == pytest.approx(y.std(), rel=0.1)
    rows = nw.MixtureDensityRegressor(Linear(2), components=1, optimizer="Adam(0.05)", epochs=60, random_state=0)
    weight = np.where(y > 3, 1.0, 0.0)
    above = rows.fit(np.zeros((400, 1)), y, sample_weight=weight).predict(np.zeros((1, 1)))
    assert above[0] == pytest.approx(y[y > 3].mean(), abs=0.15)


def test_several_targets() -> None:
    x, y = two_valued(600)
    both = np.stack([y, -10 * y + 3], axis=1)  # the two go together: high with low
    mdn = nw.MixtureDensityRegressor(Tanh(16), components=2, optimizer="Adam(0.02)", epochs=30, random_state=0)
    mdn.fit(x, both)
    assert mdn.predict(x).shape == (600, 2)
    weights, means, deviations = mdn.predict_dist(x)
    assert weights.shape == (600, 2)
    assert means.shape == deviations.shape == (600, 2, 2)
    assert mdn.predict_quantile(x, 0.5).shape == (600, 2)
    assert mdn.predict_quantile(x, [0.1, 0.5, 0.9]).shape == (600, 3, 2)
    assert mdn.sample(x, 5, random_state=0).shape == (600, 5, 2)
    assert mdn.cdf(x, both).shape == (600, 2)
    assert mdn.log_prob(x, both).shape == (600,)
    draws = mdn.sample(np.zeros((1, 1)), 500, random_state=0)[0]
    assert np.corrcoef(draws.T)[0, 1] < -0.9
    assert mdn.score(x, both) == pytest.approx(mdn.score(x, both[:, :1].repeat(2, 1) * [1, -10] + [0, 3]))


def test_a_column_stays_a_column() -> None:
    mdn = nw.MixtureDensityRegressor(Tanh(4), components=2, epochs=2, random_state=0).fit(X, Y[:, None])
    assert mdn.predict(X).shape == (442, 1)
    assert mdn.predict_dist(X).means.shape == (442, 2, 1)


@pytest.mark.parametrize(
    "network",
    [None, "ReLU(8)", "ReLU(8) >> Linear(9)", "INPUT -> FC8 -> RELU -> FC", Linear(9), torch.nn.Linear(10, 9)],
)
def test_networks_with_and_without_a_head(network: Any) -> None:
    mdn = nw.MixtureDensityRegressor(network, components=3, epochs=2, random_state=0).fit(X, Y)
    assert mdn.predict_dist(X).weights.shape == (442, 3)


def test_it_begins_at_quantiles_with_deviations_of_one() -> None:
    mdn = nw.MixtureDensityRegressor(Tanh(8), components=4, epochs=1, optimizer="SGD(1e-9)", random_state=0).fit(X, Y)
    weights, means, deviations = mdn.predict_dist(X)
    np.testing.assert_allclose(weights, 0.25, atol=0.05)
    np.testing.assert_allclose(means.mean(0), np.quantile(Y, [1 / 8, 3 / 8, 5 / 8, 7 / 8]), atol=0.1 * Y.std())
    np.testing.assert_allclose(deviations, Y.std(), rtol=0.1)


def test_centres_follow_weights_and_the_principal_axis() -> None:
    values = np.array([[1.0], [2.0], [3.0], [10.0]])
    assert centres_of(values, np.array([1.0, 1.0, 1.0, 9.0]), 2) == ((3.0,), (10.0,))
    assert centres_of(values[:1], None, 3) == ((1.0,),) * 3
    t = np.linspace(-1, 1, 101)
    points = np.array(centres_of(np.stack([t, -t], axis=1), None, 5))
    np.testing.assert_allclose(np.abs(points[:, 0]), [0.8, 0.4, 0, 0.4, 0.8], atol=0.02)
    np.testing.assert_allclose(points[:, 0], -points[:, 1], atol=1e-12)


def test_constant_and_far_targets() -> None:
    flat = nw.MixtureDensityRegressor(epochs=20, random_state=0).fit(X, np.full(442, 7.0))
    np.testing.assert_allclose(flat.predict(X), 7.0, atol=0.5)
    assert np.isfinite(flat.log_prob(X, np.full(442, 7.0))).all()
    wild = Y.copy()
    wild[0] = 1e9
    mdn = nw.MixtureDensityRegressor(epochs=5, random_state=0).fit(X, wild)
    assert np.isfinite(mdn.predict(X)).all()
    assert np.isfinite(mdn.log_prob(X, Y)).all()


@pytest.mark.parametrize("way", ["file", "pickle"])
def test_a_saved_regressor_tells_the_same_bits(way: str, fitted: Any, tmp_path: Any) -> None:
    x, y = two_valued(50)
    if way == "pickle":
        again = pickle.loads(pickle.dumps(fitted))
    else:
        fitted.save(tmp_path / "mdn.nw")
        again = nw.load(tmp_path / "mdn.nw")
    for ours, theirs in zip(fitted.predict_dist(x), again.predict_dist(x), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert again.nll(x, y) == fitted.nll(x, y)
    assert again.loss_function_ == fitted.loss_function_
    assert clone(again).get_params()["components"] == 2


def test_frames_searches_and_partial_fits() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X).rename(columns=str).assign(group=np.where(X[:, 1] > 0, "a", "b"))
    mdn = nw.MixtureDensityRegressor(components=2, epochs=3, random_state=0).fit(frame, pandas.Series(Y))
    assert mdn.predict_quantile(frame, 0.5).shape == (442,)
    search = GridSearchCV(mdn.set_params(network=ReLU(4)), {"components": [1, 2]}, cv=2).fit(X, Y)
    assert search.best_params_["components"] in (1, 2)
    steps = nw.MixtureDensityRegressor(components=2, random_state=0)
    for part in (slice(0, 10), slice(10, 442)):
        steps.partial_fit(X[part], Y[part])
    assert steps.n_iter_ == 2


def test_its_checks_find_no_fault_in_healthy_data() -> None:
    x, y = two_valued(400)
    mdn = nw.MixtureDensityRegressor(Tanh(16), components=2, optimizer="Adam(0.01)", epochs=15, random_state=0)
    assert not mdn.check(x, y).faults
    assert not mdn.fit(x, y).diagnosis_.faults


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"components": 0}, r"MixtureDensityRegressor\(components\): expected an integer >= 1, got 0"),
        ({"floor": 1.0}, r"\(floor\): expected a number in \(0, 1\), got 1"),
        ({"beta": -0.1}, r"\(beta\): expected None or a number in \[0, 1\], got -0.1"),
        (
            {"network": "ReLU(8) >> Linear(3)"},
            r"network: expected outputs of shape \(15,\): weights, means and deviations of 5 components, got \(3,\)\. "
            r"End it with Linear\(15\)\. Or leave the last layer out",
        ),
        ({"network": "ReLU(8) >> Linear(3)", "components": 1}, r"\(2,\): means and deviations of 1 component, got"),
        ({"network": Softmax(15)}, r"network: expected an end without an activation: .* got a softmax"),
        (
            {"network": torch.nn.Sequential(torch.nn.Linear(10, 15), torch.nn.ReLU())},
            r"expected outputs that can be any number, got an activation at its end\. End it with Linear\(15\)",
        ),
        ({"network": torch.nn.Linear(10, 3)}, r"expected outputs of shape \(15,\)"),
        ({"network": Tanh(3) | Sigmoid(3)}, r"network|Concat"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nw.MixtureDensityRegressor(**options).fit(X, Y)


def test_data_that_cannot_be(fitted: Any) -> None:
    x, y = two_valued(20)
    with pytest.raises(InvalidData, match=r"y: expected shape \(n,\) or \(n, m\), got samples of shape \(1, 2\)"):
        nw.MixtureDensityRegressor().fit(x, np.zeros((20, 1, 2)))
    with pytest.raises(InvalidData, match=r"y: expected numbers, got .*Use Classifier for labels"):
        nw.MixtureDensityRegressor().fit(x, ["a"] * 20)
    with pytest.raises(InvalidData, match=r"MixtureDensityRegressor\.partial_fit: expected no classes"):
        nw.MixtureDensityRegressor().partial_fit(x, y, classes=[0, 1])
    with pytest.raises(InvalidData, match=r"y: expected samples of shape \(\), as in fit, got \(1,\)"):
        fitted.log_prob(x, y[:, None])
    with pytest.raises(ValueError, match="NaN"):
        fitted.log_prob(x, np.full(20, np.nan))
    for q in (0, 1, -0.1, 2.0, [0.5, 1.5], float("nan")):
        with pytest.raises(InvalidParameter, match=r"q(\[1\])?: expected a number in \(0, 1\), got"):
            fitted.predict_quantile(x, q)
    with pytest.raises(InvalidParameter, match=r"sample\(n\): expected an integer >= 1, got 0"):
        fitted.sample(x, 0)
    with pytest.raises(JoinError, match="Flatten"):
        nw.MixtureDensityRegressor(Conv(2, 3) >> ReLU()).fit(np.zeros((20, 1, 5, 5)), y)
    images = np.random.default_rng(0).normal(size=(20, 1, 5, 5))
    assert nw.MixtureDensityRegressor(Conv(2, 3) >> ReLU() >> Flatten(), epochs=1).fit(images, y).predict(images).size
