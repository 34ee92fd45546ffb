"""The binned regressor: probabilities, answers, both forms, ties and outliers, and what it refuses."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.layers import Linear, ReLU, Softmax, Tanh

X, Y = load_diabetes(return_X_y=True)
X = X / X.std(0)
FORMS = ["softmax", "ordinal"]


def noisy(n: int = 1500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """3 x with normal noise of deviation 1."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 1))
    return x, 3 * x[:, 0] + rng.normal(size=n)


def made(form: str, **options: Any) -> Any:
    common: dict[str, Any] = {"bins": 12, "optimizer": "Adam(cosine(0.03))", "epochs": 20, "random_state": 0}
    return nw.BinnedRegressor(**{"network": Tanh(12), "form": form, **common, **options})


@pytest.fixture(scope="module", params=FORMS)
def fitted(request: Any) -> Any:
    return made(request.param).fit(*noisy())


@pytest.mark.slow
def test_it_finds_the_probabilities(fitted: Any) -> None:
    grid = np.linspace(-0.9, 0.9, 5)[:, None]
    inner = fitted.edges_[1:-1]
    truth = norm.cdf(inner, loc=3 * grid)
    found = fitted.predict_bins(grid).cumsum(1)[:, :-1]
    np.testing.assert_allclose(found, truth, atol=0.15)
    assert np.abs(found - truth).mean() < 0.02
    p = fitted.predict_bins(np.linspace(-30, 30, 50)[:, None])
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(1), 1)


def test_the_deviation_is_that_of_the_training_targets(fitted: Any, tmp_path: Any) -> None:
    x, _ = noisy(300, seed=1)
    answers, deviation = fitted.predict(x, return_std=True)
    np.testing.assert_array_equal(answers, fitted.predict(x))
    np.testing.assert_allclose(deviation, 1, atol=0.35)
    assert deviation.mean() == pytest.approx(1, abs=0.08)
    targets = noisy()[1]
    places = np.searchsorted(fitted.edges_[1:-1], targets, side="right")
    counts = np.bincount(places, minlength=12)
    for own, found in zip(fitted.predict_bins(x[:5]), deviation, strict=False):
        drawn = own[places] / counts[places]  # a weighted training set: its deviation by definition
        mean = np.average(targets, weights=drawn)
        assert found == pytest.approx(np.average((targets - mean) ** 2, weights=drawn) ** 0.5)
    fitted.save(tmp_path / "binned.nw")
    np.testing.assert_array_equal(nw.load(tmp_path / "binned.nw").predict(x, return_std=True)[1], deviation)


def test_an_ensemble_tells_the_noise() -> None:
    x, y = noisy(400)
    ensemble = nw.Ensemble(made("softmax", bins=8), 2, random_state=0).fit(x, y)
    each = np.stack([one.predict(x, return_std=True)[1] for one in ensemble.estimators_])
    np.testing.assert_allclose(ensemble.uncertainty(x).aleatoric, (each**2).mean(0))
    mean, deviation = ensemble.predict(x, return_std=True)
    assert 0.6 < ((y - mean) / deviation).std() < 1.5


def test_answers_follow_from_the_probabilities(fitted: Any) -> None:
    x, y = noisy(300, seed=1)
    p = fitted.predict_bins(x)
    assert p.shape == (300, 12)
    np.testing.assert_allclose(fitted.predict(x), p @ fitted.centres_)
    assert fitted.score(x, y) > 0.7
    other = clone(fitted).set_params(answer="median")
    other.__dict__.update({name: item for name, item in vars(fitted).items() if name not in other.get_params()})
    np.testing.assert_array_equal(other.predict(x), fitted.predict_quantile(x, 0.5))
    np.testing.assert_allclose(other.predict(x), 3 * x[:, 0], atol=0.6)
    other.set_params(answer="mode")
    densest = (p / np.diff(fitted.edges_)).argmax(1)
    np.testing.assert_array_equal(other.predict(x), fitted.centres_[densest])
    other.set_params(answer=0.9)
    np.testing.assert_array_equal(other.predict(x), fitted.predict_quantile(x, 0.9))
    with pytest.raises(InvalidParameter, match=r"BinnedRegressor\(answer\): .* got 'meen'\. Did you mean 'mean'\?"):
        other.set_params(answer="meen").predict(x)


def test_quantiles_rise_are_interpolated_and_cover_new_rows(fitted: Any) -> None:
    x, y = noisy(3000, seed=2)
    levels = [0.05, 0.2, 0.5, 0.8, 0.95]
    every = fitted.predict_quantile(x, levels)
    assert every.shape == (3000, 5)
    assert (np.diff(every, axis=1) >= 0).all()
    np.testing.assert_allclose((y[:, None] <= every).mean(0), levels, atol=0.06)
    assert len(np.unique(every[:, 2])) > 100
    training = noisy()[1]
    assert every.min() >= training.min()
    assert every.max() <= training.max()


def test_a_quantile_is_where_the_distribution_reaches_it(fitted: Any) -> None:
    p = np.array([[0.25, 0.25, 0.5] + [0.0] * 9])
    target = fitted._target
    assert target.quantile(p, 0.125)[0] == pytest.approx((target.low[0] + target.high[0]) / 2)
    assert target.quantile(p, 0.25)[0] == pytest.approx(target.high[0])
    assert target.quantile(p, 0.75)[0] == pytest.approx((target.low[2] + target.high[2]) / 2)
    assert target.quantile(p, 1 - 1e-12)[0] == pytest.approx(target.high[2])


@pytest.mark.parametrize("form", FORMS)
def test_features_without_meaning_give_the_shares(form: str) -> None:
    y = np.random.default_rng(0).gamma(2.0, 3.0, 400)
    model = made(form, edges="uniform", bins=5, epochs=10).fit(np.zeros((400, 1)), y)
    np.testing.assert_allclose(model.predict_bins(np.zeros((1, 1)))[0], np.histogram(y, 5)[0] / 400, atol=0.02)
    assert model.predict(np.zeros((1, 1)))[0] == pytest.approx(y.mean(), rel=0.05)
    assert model.predict_quantile(np.zeros((1, 1)), 0.5)[0] == pytest.approx(np.median(y), rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_wild_targets_spoil_one_bin(form: str) -> None:
    x, y = noisy()
    wild = np.where(np.arange(len(y)) % 20 == 0, 1e6, y)
    model = made(form, answer="median").fit(x, wild)
    new_x, new_y = noisy(500, seed=3)
    assert model.score(new_x, new_y) > 0.65
    assert LinearRegression().fit(x, wild).score(new_x, new_y) < -100


def test_several_peaks() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (1000, 1))
    y = np.where(rng.random(1000) < 0.6, 2 + x[:, 0], -2 - x[:, 0])
    model = made("softmax", answer="mode", edges="uniform", bins=30).fit(x, y)
    assert np.abs(model.predict(x) - (2 + x[:, 0])).mean() < 0.3
    low, high = model.predict_quantile([[0.0]], [0.2, 0.8])[0]
    assert abs(low + 2) < 0.4
    assert abs(high - 2) < 0.4


def test_given_edges() -> None:
    x, y = noisy(400)
    edges = np.array([-20.0, -1.0, 0.0, 2.0, 20.0])
    model = made("softmax", edges=edges).fit(x, y)
    np.testing.assert_array_equal(model.edges_, edges)
    which = np.searchsorted(edges[1:-1], y, side="right")
    np.testing.assert_allclose(model.centres_, [y[which == k].mean() for k in range(4)])
    assert model.notes_ == []
    assert np.isfinite(model.score(np.array([[0.0], [0.5]]), np.array([-1e3, 1e3])))  # rows outside of the edges


@pytest.mark.parametrize("form", FORMS)
def test_a_few_values_have_a_bin_each(form: str) -> None:
    x, y = noisy()
    grades = y.round().clip(-3, 3)
    model = made(form).fit(x, grades)
    assert model.predict_bins(x).shape == (1500, 7)
    np.testing.assert_array_equal(model.centres_, np.arange(-3, 4))
    assert model.notes_ == ["y has 7 different values in 1500 training rows: 7 of 12 bins are used, one for each."]
    assert set(model.predict_quantile(x, 0.5)) <= set(range(-3, 4))
    assert set(model.set_params(answer="mode").predict(x)) <= set(range(-3, 4))


@pytest.mark.parametrize("form", FORMS)
def test_constants_ties_and_few_rows(form: str) -> None:
    flat = made(form, epochs=2).fit(X, np.full(442, 7.0))
    np.testing.assert_array_equal(flat.predict(X), 7.0)
    assert flat.predict_bins(X).shape == (442, 1)
    assert "1 different value in 442 training rows: 1 of 12 bins are used" in flat.notes_[0]
    np.testing.assert_array_equal(flat.predict_quantile(X, 0.3), 7.0)
    mostly = made(form, epochs=2).fit(X, np.where(Y > 250, Y, 0.0))
    assert mostly.predict_bins(X).shape[1] < 12
    assert "of 12 bins are used." in mostly.notes_[0]
    few = made(form, epochs=2).fit(X[:5], Y[:5])
    assert len(few.centres_) == len(np.unique(Y[:5]))
    huge = made(form, epochs=2).fit(X, Y * 1e200)
    assert np.isfinite(huge.predict(X)).all()
    assert np.isfinite(huge.history_[-1]["train_score"])


@pytest.mark.parametrize("form", FORMS)
def test_the_score_in_the_history_is_that_of_the_answers(form: str) -> None:
    x, y = noisy(300)
    held = noisy(100, seed=7)
    held[1][0] = 50.0  # outside of the bins
    model = made(form, epochs=3, answer="median", validation=held).fit(x, y)
    assert model.history_[-1]["validation_score"] == pytest.approx(model.score(*held), abs=1e-4)


def test_weights_are_rows() -> None:
    x, y = noisy(200)
    weight = np.random.default_rng(0).integers(0, 4, 200)
    ours = made("softmax").fit(x, y, sample_weight=weight)
    theirs = made("softmax").fit(np.repeat(x, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(ours.edges_, theirs.edges_)
    np.testing.assert_allclose(ours.centres_, theirs.centres_)


@pytest.mark.parametrize("way", ["file", "pickle"])
def test_a_saved_regressor_tells_the_same_bits(way: str, fitted: Any, tmp_path: Any) -> None:
    x, _ = noisy(50)
    if way == "pickle":
        again = pickle.loads(pickle.dumps(fitted))
    else:
        fitted.save(tmp_path / "bins.nw")
        again = nw.load(tmp_path / "bins.nw")
    np.testing.assert_array_equal(again.predict_bins(x), fitted.predict_bins(x))
    np.testing.assert_array_equal(again.predict_quantile(x, [0.1, 0.9]), fitted.predict_quantile(x, [0.1, 0.9]))
    np.testing.assert_array_equal(again.edges_, fitted.edges_)
    again.partial_fit(*noisy(50, seed=4))


def test_files_keep_given_edges_and_notes(tmp_path: Any) -> None:
    given = made("softmax", edges=np.array([0.0, 100.0, 400.0]), epochs=1).fit(X, Y)
    few = made("softmax", epochs=1).fit(X, Y.round(-2))
    for model in (given, few):
        model.save(tmp_path / "bins.nw")
        again = nw.load(tmp_path / "bins.nw")
        assert again.notes_ == model.notes_
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        np.testing.assert_array_equal(again.fit(X, Y.round(-2)).edges_, model.fit(X, Y.round(-2)).edges_)


@pytest.mark.parametrize("form", FORMS)
def test_smoothing_widens_what_many_bins_and_few_rows_make_narrow(form: str) -> None:
    x, y = noisy(150)
    new_x, new_y = noisy(1000, seed=1)
    losses = []
    for smooth in (0.0, 1.0):
        model = made(form, bins=30, edges="uniform", smooth=smooth).fit(x, y)
        p = model.predict_bins(new_x)
        k = np.searchsorted(model.edges_[1:-1], new_y, side="right")
        losses.append(-np.log(np.maximum(p[np.arange(1000), k], 1e-6)).mean())
    assert losses[1] < losses[0]


def test_going_on_keeps_the_bins() -> None:
    model = made("softmax", warm_start=True, epochs=1).fit(X, Y)
    edges = model.edges_
    model.fit(X, 3 * Y)
    np.testing.assert_array_equal(model.edges_, edges)
    with pytest.raises(InvalidParameter, match=r"bins: expected 12, as when the fit began, got 30"):
        model.set_params(bins=30).fit(X, Y)


def test_networks_with_and_without_a_head() -> None:
    for network in (None, "ReLU(8) >> Linear(12)", "INPUT -> FC8 -> RELU -> FC"):
        assert nw.BinnedRegressor(network, bins=12, epochs=1).fit(X, Y).predict_bins(X).shape == (442, 12)
    assert made("ordinal", network=ReLU(4) >> Linear(11), epochs=1).fit(X, Y).predict_bins(X).shape == (442, 12)


def test_its_checks_find_no_fault_in_healthy_data() -> None:
    x, y = noisy(400)
    model = nw.BinnedRegressor(Tanh(16), bins=10, optimizer="Adam(0.01)", epochs=15, random_state=0)
    assert not model.check(x, y).faults
    assert not model.fit(x, y).diagnosis_.faults


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 1}, r"BinnedRegressor\(bins\): expected an integer >= 2, got 1"),
        ({"bins": 2.5}, r"\(bins\): expected an integer >= 2, got 2\.5"),
        ({"edges": "quantiles"}, r"\(edges\): .* got 'quantiles'\. Did you mean 'quantile'\?"),
        ({"edges": [0, 400]}, r"\(edges\): expected at least 3 edges, for 2 bins, got \[0, 400\]"),
        ({"edges": [0, 200, 100, 400]}, r"\(edges\): expected finite numbers that rise, got .* Sort them"),
        ({"edges": [0, 100, 100, 400]}, r"\(edges\): expected finite numbers that rise"),
        ({"edges": [0, np.nan, 400]}, r"\(edges\): expected finite numbers that rise"),
        ({"edges": ["a", "b", "c"]}, r"\(edges\): expected numbers that rise"),
        ({"edges": [0, 100, 200]}, r"y: expected training targets from 0 to 200, as edges says, got 25 to 346"),
        ({"answer": "average"}, r"\(answer\): expected 'mean' or 'median' or 'mode' or a number in \(0, 1\), got 'av"),
        ({"answer": 1.0}, r"\(answer\): expected .* got 1"),
        ({"form": "cumulative"}, r"\(form\): expected 'softmax' or 'ordinal', got 'cumulative'"),
        ({"smooth": -0.5}, r"\(smooth\): expected a number in \[0, inf\), got -0\.5"),
        ({"network": "ReLU(8) >> Linear(3)"}, r"network: expected outputs of shape \(20,\): 20 bins, got \(3,\)"),
        (
            {"network": "ReLU(8) >> Linear(20)", "form": "ordinal"},
            r"\(19,\): the 19 edges between 20 bins, got \(20,\)",
        ),
        ({"network": Softmax(20)}, r"network: expected an end without an activation: 20 bins, got a softmax"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nw.BinnedRegressor(**options).fit(X, Y)


def test_data_that_cannot_be() -> None:
    with pytest.raises(InvalidData, match=r"y: expected one number a row, \(n,\), got samples of shape \(2,\)\. Multi"):
        nw.BinnedRegressor().fit(X, np.stack([Y, Y], axis=1))
    with pytest.raises(ValueError, match="NaN"):
        nw.BinnedRegressor().fit(X, np.where(Y > 100, np.nan, Y))
    for name in ("edges_", "centres_"):
        with pytest.raises(NotFittedError):
            getattr(nw.BinnedRegressor(), name)


def test_nothing_is_drawn_from_global_states() -> None:
    state = torch.get_rng_state()
    made("softmax", epochs=1).fit(X, Y)
    assert torch.equal(state, torch.get_rng_state())
