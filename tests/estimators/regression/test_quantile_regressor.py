"""The quantile regressor: coverage, order, scale, and what it refuses."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_pinball_loss

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.estimators.regression.levels import deviation_of
from netwright.layers import Linear, ReLU, Tanh

X, Y = load_diabetes(return_X_y=True)
X = X / X.std(0)
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def widening(n: int = 1500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Normal noise whose deviation goes from 0.5 to 2."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (n, 1))
    return x, 10 + 3 * x[:, 0] + (0.5 + 1.5 * x[:, 0]) * rng.normal(size=n)


@pytest.fixture(scope="module")
def fitted() -> Any:
    options: dict[str, Any] = {"optimizer": "Adam(cosine(0.02))", "epochs": 50, "random_state": 0}
    return nw.QuantileRegressor(ReLU(20), quantiles=LEVELS, **options).fit(*widening())


@pytest.mark.slow
def test_it_finds_the_quantiles(fitted: Any) -> None:
    grid = np.linspace(0.1, 0.9, 5)[:, None]
    truth = 10 + 3 * grid + (0.5 + 1.5 * grid) * norm.ppf(LEVELS)
    np.testing.assert_allclose(fitted.predict_quantiles(grid), truth, atol=0.45)


def test_new_rows_are_covered_as_the_levels_say(fitted: Any) -> None:
    x, y = widening(3000, seed=1)
    np.testing.assert_allclose(fitted.coverage(x, y), LEVELS, atol=0.03)
    narrow, wide = x[:, 0] < 0.3, x[:, 0] > 0.7  # everywhere, and not only on average
    for part in (narrow, wide):
        np.testing.assert_allclose(fitted.coverage(x[part], y[part]), LEVELS, atol=0.09)
    every, weight = fitted.predict_quantiles(x), np.arange(3000.0)
    np.testing.assert_allclose(fitted.coverage(x, y), (y[:, None] <= every).mean(0))
    np.testing.assert_allclose(fitted.coverage(x, y, weight), np.average(y[:, None] <= every, axis=0, weights=weight))


def test_the_deviation_is_that_of_straight_pieces(fitted: Any) -> None:
    grid = np.linspace(0.1, 0.9, 5)[:, None]
    answers, deviation = fitted.predict(grid, return_std=True)
    np.testing.assert_array_equal(answers, fitted.predict(grid))
    np.testing.assert_allclose(deviation, 0.5 + 1.5 * grid[:, 0], rtol=0.15)
    u = (np.arange(200_000) + 0.5) / 200_000
    for own, found in zip(fitted.predict_quantiles(grid), deviation, strict=True):
        slopes = np.diff(own) / np.diff(LEVELS)
        ends = [own[0] - slopes[0] * LEVELS[0], *own, own[-1] + slopes[-1] * (1 - LEVELS[-1])]
        assert found == pytest.approx(np.interp(u, [0, *LEVELS, 1], ends).std(), rel=1e-6)
    pairs = deviation_of(norm.ppf(np.tile(np.array(LEVELS)[None, :, None], (2, 1, 3))), np.array(LEVELS))
    np.testing.assert_allclose(pairs, np.full((2, 3), 0.98), atol=0.005)
    one = nw.QuantileRegressor(ReLU(2), quantiles=(0.5,), epochs=1, random_state=0).fit(grid, grid[:, 0])
    with pytest.raises(InvalidParameter, match=r"expected False for a single quantile, got True\. Give s"):
        one.predict(grid, return_std=True)


def test_an_ensemble_tells_the_noise_and_the_quantiles() -> None:
    x, y = widening(400)
    member = nw.QuantileRegressor(ReLU(8), quantiles=LEVELS, optimizer="Adam(0.02)", epochs=15)
    ensemble = nw.Ensemble(member, 2, random_state=0).fit(x, y)
    each = np.stack([one.predict(x, return_std=True) for one in ensemble.estimators_])  # (2, mean and deviation, n)
    found = ensemble.uncertainty(x)
    np.testing.assert_allclose(found.aleatoric, (each[:, 1] ** 2).mean(0))
    np.testing.assert_allclose(found.epistemic, each[:, 0].var(0))
    mean, deviation = ensemble.predict(x, return_std=True)
    assert 0.5 < ((y - mean) / deviation).std() < 2
    quantiles = [one.predict_quantiles(x) for one in ensemble.estimators_]
    np.testing.assert_allclose(ensemble.predict_quantiles(x), np.mean(quantiles, axis=0))
    assert not hasattr(nw.Ensemble(nw.Regressor()), "predict_quantiles")
    ensemble.estimators_[1].quantiles = (0.1, 0.9)
    with pytest.raises(InvalidParameter, match=r"quantiles of member 1: .*, as of member 0, got \(0\.1, 0\.9\)"):
        ensemble.predict_quantiles(x)


def test_its_loss_is_scikit_learns(fitted: Any) -> None:
    x, y = widening(200, seed=2)
    every = fitted.predict_quantiles(x)
    expected = np.mean([mean_pinball_loss(y, every[:, i], alpha=level) for i, level in enumerate(LEVELS)])
    assert fitted.pinball(x, y) == pytest.approx(expected)
    held = nw.QuantileRegressor(ReLU(8), epochs=2, validation=(x, y), random_state=0).fit(*widening(300))
    scale = widening(300)[1].std()
    assert held.history_[-1]["validation_loss"] * scale == pytest.approx(held.pinball(x, y), rel=1e-5)
    assert held.history_[-1]["validation_score"] == pytest.approx(held.score(x, y), abs=1e-5)


def test_the_answer_is_the_median_or_what_is_nearest_to_it(fitted: Any) -> None:
    x, y = widening(100, seed=3)
    np.testing.assert_array_equal(fitted.predict(x), fitted.predict_quantiles(x)[:, 2])
    assert fitted.score(x, y) > 0.1
    for levels, place in [((0.1, 0.4), 1), ((0.4, 0.6), 0), ((0.9,), 0), ((0.2, 0.7, 0.9), 1)]:
        other = nw.QuantileRegressor(quantiles=levels, epochs=1, random_state=0).fit(x, y)
        np.testing.assert_array_equal(other.predict(x), other.predict_quantiles(x)[:, place])


def test_quantiles_do_not_cross_where_there_are_no_rows(fitted: Any) -> None:
    far = np.linspace(-50, 50, 201)[:, None]
    assert (np.diff(fitted.predict_quantiles(far), axis=1) >= 0).all()
    small = nw.QuantileRegressor(quantiles=LEVELS, epochs=60, optimizer="Adam(0.02)", random_state=0).fit(
        X[:25], Y[:25]
    )
    assert (np.diff(small.predict_quantiles(X), axis=1) >= 0).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_features_without_meaning_give_the_empirical_quantiles(weighted: bool) -> None:
    rng = np.random.default_rng(0)
    y = rng.gamma(2.0, 3.0, 401)
    weight = rng.integers(1, 5, 401) if weighted else np.ones(401, dtype=int)
    model = nw.QuantileRegressor(
        Linear(3), optimizer="Adam(polynomial_decay(0.05))", epochs=250, batch_size=401, random_state=0
    )
    model.fit(np.zeros((401, 1)), y, sample_weight=weight)
    expected = np.quantile(np.repeat(y, weight), [0.05, 0.5, 0.95])
    np.testing.assert_allclose(model.predict_quantiles(np.zeros((1, 1)))[0], expected, atol=0.04 * y.std())


def test_several_targets() -> None:
    x, y = widening(400)
    both = np.stack([y, -100 * y], axis=1)
    model = nw.QuantileRegressor(ReLU(16), optimizer="Adam(0.02)", epochs=30, random_state=0).fit(x, both)
    every = model.predict_quantiles(x)
    assert every.shape == (400, 3, 2)
    assert model.predict(x).shape == (400, 2)
    assert model.coverage(x, both).shape == (3, 2)
    np.testing.assert_allclose(model.coverage(x, both), np.array([[0.05, 0.5, 0.95]] * 2).T, atol=0.06)
    levels = [mean_pinball_loss(both, every[:, i], alpha=level) for i, level in enumerate((0.05, 0.5, 0.95))]
    assert model.pinball(x, both) == pytest.approx(np.mean(levels))
    assert nw.QuantileRegressor(epochs=1).fit(x, y[:, None]).predict(x).shape == (400, 1)


@pytest.mark.parametrize("way", ["file", "pickle"])
def test_a_saved_regressor_tells_the_same_bits(way: str, fitted: Any, tmp_path: Any) -> None:
    x, _ = widening(50)
    if way == "pickle":
        again = pickle.loads(pickle.dumps(fitted))
    else:
        fitted.save(tmp_path / "quantiles.nw")
        again = nw.load(tmp_path / "quantiles.nw")
    np.testing.assert_array_equal(again.predict_quantiles(x), fitted.predict_quantiles(x))
    assert again.loss_function_ == fitted.loss_function_
    assert clone(again).get_params()["quantiles"] == LEVELS


def test_unusual_targets_and_levels() -> None:
    flat = nw.QuantileRegressor(epochs=20, random_state=0).fit(X, np.full(442, 7.0))
    assert np.isfinite(flat.predict_quantiles(X)).all()
    assert nw.QuantileRegressor(quantiles=np.array([0.2, 0.8]), epochs=1).fit(X, Y * 1e200).predict(X).max() < 1e205
    assert nw.QuantileRegressor(quantiles=[0.5], epochs=1).fit(X, Y).predict_quantiles(X).shape == (442, 1)


NETWORKS = [None, "ReLU(8) >> Linear(3)", "INPUT -> FC8 -> RELU -> FC", torch.nn.Linear(10, 3)]


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_with_and_without_a_head(network: Any) -> None:
    assert nw.QuantileRegressor(network, epochs=1).fit(X, Y).predict_quantiles(X).shape == (442, 3)


def test_its_checks_find_no_fault_in_healthy_data() -> None:
    x, y = widening(400)
    model = nw.QuantileRegressor(Tanh(16), optimizer="Adam(0.01)", epochs=15, random_state=0)
    assert not model.check(x, y).faults
    assert not model.fit(x, y).diagnosis_.faults


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantiles": (0.1, 1.0)}, r"QuantileRegressor\(quantiles\[1\]\): expected a number in \(0, 1\), got 1"),
        ({"quantiles": (0.0, 0.5)}, r"\(quantiles\[0\]\): expected a number in \(0, 1\), got 0"),
        ({"quantiles": (0.9, 0.1)}, r"\(quantiles\): expected levels that rise, each once, .*Give quantiles=\(0\.1, 0"),
        ({"quantiles": (0.5, 0.5)}, r"\(quantiles\): expected levels that rise, each once"),
        ({"quantiles": ()}, r"\(quantiles\): expected levels in \(0, 1\), got \(\)"),
        ({"quantiles": 0.5}, r"\(quantiles\): expected levels in \(0, 1\), got 0\.5"),
        ({"quantiles": "median"}, r"\(quantiles\): expected levels in \(0, 1\), got 'median'"),
        ({"quantiles": ("a",)}, r"\(quantiles\[0\]\): expected a number in \(0, 1\), got 'a'"),
        (
            {"network": "ReLU(8) >> Linear(4)"},
            r"network: expected outputs of shape \(3,\): 3 quantiles, got \(4,\)\. End it with Linear\(3\)\. Or leave",
        ),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nw.QuantileRegressor(**options).fit(X, Y)


def test_data_that_cannot_be(fitted: Any) -> None:
    with pytest.raises(InvalidData, match=r"y: expected samples of shape \(\), as in fit, got \(1,\)"):
        fitted.coverage(*[part[:, None] if part.ndim == 1 else part for part in widening(10)])
    with pytest.raises(ValueError, match="NaN"):
        nw.QuantileRegressor().fit(X, np.where(Y > 100, np.nan, Y))
    with pytest.raises(InvalidData, match=r"y: expected shape \(n,\) or \(n, m\)"):
        nw.QuantileRegressor().fit(X, np.zeros((442, 2, 2)))
