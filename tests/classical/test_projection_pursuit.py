"""Projection pursuit regression: planted directions, the invariances that it has, inputs that are odd."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import BSpline
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.linear_model import LinearRegression

import netwright as nw
from netwright.classical.projection_pursuit import ProjectionPursuitRegressor
from netwright.core.errors import InvalidData, InvalidParameter

RNG = np.random.default_rng(6)
X = RNG.normal(size=(600, 5))
DIRECTION = np.array([2.0, -1.0, 0.5, 0.0, 1.0]) / 2.5
Y = np.tanh(X @ DIRECTION) + 0.05 * RNG.normal(size=600)
SMALL = ProjectionPursuitRegressor(2, splines=8)


def angle(first: np.ndarray, second: np.ndarray) -> float:
    """Greatest difference of two unit vectors up to their signs."""
    return float(min(abs(first - second).max(), abs(first + second).max()))


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("g", [np.tanh, np.square, np.sin, lambda v: v**3, lambda v: np.exp(-(v**2))])
def test_a_planted_direction_is_found(g: Any, standardize: bool) -> None:
    network = ProjectionPursuitRegressor(1, standardize=standardize).fit(X, g(X @ DIRECTION))
    scaled = DIRECTION * network.scale_
    assert angle(network.directions_[0], scaled / np.linalg.norm(scaled)) < 1e-3
    assert network.score(X, g(X @ DIRECTION)) > 1 - 1e-5
    assert network.importances_.tolist() == [1.0]


def test_a_product_is_two_terms() -> None:
    """x1 x2 = ((a x1 + b x2)^2 - (a x1 - b x2)^2) / (4 a b), for any a and b."""
    network = ProjectionPursuitRegressor(standardize=False).fit(X, X[:, 0] * X[:, 1])
    assert network.n_terms_ == 2
    assert network.score(X, X[:, 0] * X[:, 1]) > 1 - 1e-6
    assert abs(network.directions_[:, 2:]).max() < 1e-3
    (a, b), (c, d) = network.directions_[:, :2]
    assert a * b * c * d < 0
    bends = [network.ridge(m, [-1.0, 0.0, 1.0]) @ [1, -2, 1] for m in (0, 1)]
    assert bends[0] * bends[1] < 0
    assert bends[0] / 2 * 2 * a * b + bends[1] / 2 * 2 * c * d == pytest.approx(1.0, abs=1e-3)  # the mixed derivative


def test_the_number_of_terms_is_chosen() -> None:
    assert ProjectionPursuitRegressor().fit(X, Y).n_terms_ == 1
    network = ProjectionPursuitRegressor(max_terms=5).fit(X, X[:, 0] ** 2 + np.sin(2 * X[:, 1]) + 0.1 * Y)
    assert network.n_terms_ == min(network.gcv_, key=network.gcv_.__getitem__)
    assert set(network.gcv_) == {0, 1, 2, 3, 4, 5}
    counts, gcv = network.path_.T
    same = counts[1:] == counts[:-1]
    assert (gcv[1:][same] <= gcv[:-1][same]).all()
    assert network.n_iter_ == len(network.path_)


def test_friedman_is_learned_from_noisy_rows() -> None:
    noisy, target = make_friedman1(1000, noise=1.0, random_state=0)
    clean, truth = make_friedman1(2000, random_state=1)
    network = ProjectionPursuitRegressor(5).fit(noisy, target)
    assert np.sqrt(np.mean((network.predict(clean) - truth) ** 2)) < 0.4
    assert network.feature_importances_[5:].max() < 0.01
    assert network.feature_importances_.sum() == pytest.approx(1)
    assert network.importances_.sum() == pytest.approx(1)
    assert (np.diff(network.importances_) <= 0).all()


def test_predictions_are_the_sum_of_ridge_functions() -> None:
    network = clone(SMALL).fit(X, Y)
    projections = (X - network.mean_) / network.scale_ @ network.directions_.T
    np.testing.assert_allclose(network.transform(X), projections)
    np.testing.assert_allclose(np.linalg.norm(network.directions_, axis=1), 1)
    rows = np.arange(len(network.directions_))
    assert (network.directions_[rows, abs(network.directions_).argmax(axis=1)] > 0).all()
    expected = np.full(600, Y.mean())
    for m, v in enumerate(projections.T):
        expected += BSpline(network.knots_[m], network.coefficients_[m], 3)(v)
    np.testing.assert_allclose(network.predict(X), expected)
    for m in range(network.n_terms_):
        assert network.ridge(m, projections[:, m]).mean() == pytest.approx(0, abs=1e-9)
        assert network.knots_[m, 3] == pytest.approx(projections[:, m].min())
        assert network.knots_[m, -4] == pytest.approx(projections[:, m].max())


def test_ridge_functions_have_slopes_and_go_on_as_lines() -> None:
    network = clone(SMALL).fit(X, Y)
    v = np.linspace(-9, 9, 61).reshape(1, 61)
    step = 1e-5
    slopes = (network.ridge(0, v + step) - network.ridge(0, v - step)) / (2 * step)
    np.testing.assert_allclose(network.ridge(0, v, derivative=True), slopes, atol=1e-6)
    assert network.ridge(0, v).shape == (1, 61)
    ends = network.ridge(0, [-30.0, -20.0, -10.0, 10.0, 20.0, 30.0])
    assert abs(np.diff(ends[:3], 2)) < 1e-9
    assert abs(np.diff(ends[3:], 2)) < 1e-9


def test_two_degrees_of_freedom_and_one_term_are_linear_regression() -> None:
    network = ProjectionPursuitRegressor(1, smoothing=2, tol=0.0).fit(X, Y)
    np.testing.assert_allclose(network.predict(X), LinearRegression().fit(X, Y).predict(X), atol=2e-3)
    assert ProjectionPursuitRegressor(2, smoothing=4.5).fit(X, Y).freedom_ == pytest.approx([4.5, 4.5])


def test_units_of_inputs_and_targets_do_not_matter() -> None:
    plain = clone(SMALL).fit(X, Y)
    factors = np.array([1e-3, 1.0, 7.0, 1e5, -2.0])
    other = clone(SMALL).fit(X * factors + 3.0, 100 * Y - 5)
    np.testing.assert_allclose(other.predict(X * factors + 3.0), 100 * plain.predict(X) - 5, rtol=1e-5, atol=1e-3)
    assert other.gcv_[2] == pytest.approx(plain.gcv_[2], rel=1e-6)
    np.testing.assert_allclose(other.feature_importances_, plain.feature_importances_, atol=1e-5)


def test_a_rotation_of_the_inputs_rotates_the_directions() -> None:
    network = ProjectionPursuitRegressor(1, standardize=False)
    rotation = np.linalg.qr(RNG.normal(size=(5, 5)))[0]
    plain, turned = clone(network).fit(X, Y), clone(network).fit(X @ rotation, Y)
    assert angle(turned.directions_[0], plain.directions_[0] @ rotation) < 2e-3
    np.testing.assert_allclose(turned.predict(X @ rotation), plain.predict(X), atol=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("n_terms", [1, 3, "gcv"])
def test_weights_are_repeated_rows(n_terms: Any) -> None:
    weights = RNG.integers(0, 4, size=200)
    rows, target = X[:200], np.sin(X[:200, 0]) + X[:200, 1] ** 2 + 0.2 * Y[:200]
    weighted = ProjectionPursuitRegressor(n_terms, max_terms=3).fit(rows, target, sample_weight=weights)
    repeated = ProjectionPursuitRegressor(n_terms, max_terms=3).fit(rows.repeat(weights, 0), target.repeat(weights))
    np.testing.assert_allclose(weighted.predict(rows), repeated.predict(rows), rtol=1e-6, atol=1e-8)
    assert weighted.gcv_ == pytest.approx(repeated.gcv_)


def test_several_targets_share_directions() -> None:
    first, second = np.sin(2 * X[:, 0]), X[:, 1] * X[:, 2]
    targets = np.column_stack([first, 10 * first + 4, second - 3 * first, np.full(600, 2.0)])
    network = ProjectionPursuitRegressor(4).fit(X, targets)
    assert network.output_weights_.shape == (4, 4)
    np.testing.assert_allclose(np.linalg.norm(network.output_weights_, axis=0), 1)
    predicted = network.predict(X)
    assert predicted.shape == targets.shape
    np.testing.assert_allclose(predicted[:, 3], 2)
    assert (1 - ((predicted - targets)[:, :3] ** 2).mean(0) / targets[:, :3].var(0) > 0.99).all()
    column = clone(SMALL).fit(X, Y[:, None])
    assert column.predict(X).shape == (600, 1)
    assert np.array_equal(column.predict(X)[:, 0], clone(SMALL).fit(X, Y).predict(X))
    assert (column.output_weights_ == 1).all()


def test_growing_beyond_and_taking_out_is_no_worse() -> None:
    noisy, target = make_friedman1(500, noise=1.0, random_state=3)
    plain = ProjectionPursuitRegressor(3).fit(noisy, target)
    grown = ProjectionPursuitRegressor(3, max_terms=6).fit(noisy, target)
    assert grown.n_terms_ == plain.n_terms_ == 3
    assert set(grown.gcv_) == {0, 1, 2, 3, 4, 5, 6}
    assert grown.gcv_[3] <= plain.gcv_[3] * 1.001


def test_random_starts_come_from_the_seed() -> None:
    network = ProjectionPursuitRegressor(2, n_starts=5, random_state=1)
    first, second = clone(network).fit(X, Y), clone(network).fit(X, Y)
    assert np.array_equal(first.predict(X), second.predict(X))
    assert first.seed_ == 1
    seeds = {clone(network).set_params(random_state=None).fit(X, Y).seed_ for _ in range(2)}
    assert len(seeds) == 2
    plain = clone(SMALL).set_params(random_state=np.random.default_rng(0)).fit(X, Y)
    assert np.array_equal(plain.predict(X), clone(SMALL).fit(X, Y).predict(X))


def test_columns_that_say_nothing_change_nothing() -> None:
    wide = np.column_stack([X, np.full(600, 3.0), X[:, 0], X[:, 1] + X[:, 2]])
    network, plain = clone(SMALL).fit(wide, Y), clone(SMALL).fit(X, Y)
    np.testing.assert_allclose(network.predict(wide), plain.predict(X), atol=0.02)
    assert not network.directions_[:, 5].any()


@pytest.mark.parametrize("shape", [(1, 3), (2, 3), (3, 1), (5, 2), (5, 40), (12, 3), (30, 100), (50, 1)])
def test_few_rows_and_many_columns(shape: tuple[int, int]) -> None:
    rows = RNG.normal(size=shape)
    target = rows[:, 0] + 0.1 * RNG.normal(size=len(rows))
    network = ProjectionPursuitRegressor().fit(rows, target)
    far = 100 * RNG.normal(size=(20, shape[1]))
    assert np.isfinite(network.predict(far)).all()
    assert network.transform(far).shape == (20, network.n_terms_)
    assert len(network.get_feature_names_out()) == network.n_terms_
    assert network.n_terms_ == (0 if len(rows) < 4 else 1) or shape[0] > 10


def test_one_input_is_a_smoothing_spline() -> None:
    v = np.linspace(0, 10, 200)
    network = ProjectionPursuitRegressor(4).fit(v[:, None], np.sin(v))
    assert network.n_terms_ == 1
    assert network.directions_.tolist() == [[1.0]]
    assert network.score(v[:, None], np.sin(v)) > 1 - 1e-4


def test_where_nothing_varies_the_mean_is_predicted() -> None:
    flat = ProjectionPursuitRegressor(2).fit(X, np.full(600, 4.0))
    same = ProjectionPursuitRegressor(2).fit(np.ones((20, 3)), np.arange(20.0))
    for network, wanted in ((flat, 4.0), (same, 9.5)):
        assert network.n_terms_ == 0
        assert network.predict(X[:4, : network.n_features_in_]) == pytest.approx([wanted] * 4)
        assert network.directions_.shape == (0, network.n_features_in_)
        assert network.feature_importances_.tolist() == [0.0] * network.n_features_in_
        assert network.get_feature_names_out().shape == (0,)


@pytest.mark.parametrize("values", [2, 3, 7])
def test_columns_of_few_values(values: int) -> None:
    rows = RNG.integers(0, values, size=(400, 3)).astype(float)
    target = rows[:, 0] * rows[:, 1] + 0.1 * RNG.normal(size=400)
    network = ProjectionPursuitRegressor().fit(rows, target)
    assert network.score(rows, rows[:, 0] * rows[:, 1]) > 0.9


@pytest.mark.parametrize("size", [1e-200, 1e12, 1e300])
def test_very_large_and_small_numbers(size: float) -> None:
    plain = clone(SMALL).fit(X, Y)
    other = clone(SMALL).fit(X * size, Y * size)
    np.testing.assert_allclose(other.predict(X * size) / size, plain.predict(X), atol=1e-4)


def test_heavy_tails_do_not_spoil_the_fit() -> None:
    draw = np.random.default_rng(0)
    rows = draw.standard_t(2, size=(3000, 3))
    truth = 3 * np.tanh(rows @ [1.0, -1.0, 0.0])
    network = ProjectionPursuitRegressor(1).fit(rows[:1500], truth[:1500] + 0.1 * draw.normal(size=1500))
    assert np.median(abs(network.predict(rows[1500:]) - truth[1500:])) < 0.05


def test_a_file_keeps_a_network_without_terms(tmp_path: Path) -> None:
    network = ProjectionPursuitRegressor().fit(X[:1], Y[:1])
    assert network.gcv_ == {0: np.inf}
    network.save(tmp_path / "model.nw")
    again = nw.load(tmp_path / "model.nw")
    assert np.array_equal(again.predict(X), network.predict(X))
    assert again.gcv_ == network.gcv_


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_terms": 0}, r"\(n_terms\): expected an integer >= 1 or 'gcv', got 0"),
        ({"n_terms": "gvc"}, r"\(n_terms\): .*, got 'gvc'\. Did you mean 'gcv'\?"),
        ({"n_terms": 4, "max_terms": 3}, r"\(max_terms\): expected at least n_terms=4, got 3"),
        ({"smoothing": 1.5}, r"\(smoothing\): expected a number in \[2, inf\) or 'gcv', got 1\.5"),
        ({"smoothing": 9, "splines": 8}, r"\(smoothing\): expected at most splines=8, got 9\. A ridge function has"),
        ({"splines": 3}, r"\(splines\): expected an integer >= 4, got 3"),
        ({"cost": 0}, r"\(cost\): expected a number in \(0, inf\), got 0"),
        ({"passes": -1}, r"\(passes\): expected an integer >= 0, got -1"),
        ({"tol": -1e-3}, r"\(tol\): expected a number in \[0, inf\), got -0\.001"),
        ({"random_state": "now"}, r"\(random_state\): expected None, an integer >= 0, a RandomState or"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=f"ProjectionPursuitRegressor{words}"):
        ProjectionPursuitRegressor(**options).fit(X, Y)


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(InvalidParameter, match=r"one of its options, got 'nterms'\. Did you mean 'n_terms'"):
        ProjectionPursuitRegressor(nterms=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.ones(3), r"fit\(sample_weight\): expected 600 weights, one a row, got shape \(3,\)"),
        (np.ones((600, 1)), r"expected 600 weights, one a row, got shape \(600, 1\)"),
        (-np.ones(600), r"fit\(sample_weight\), row 0: expected a finite number >= 0, got -1"),
        (np.zeros(600), r"fit\(sample_weight\): expected a weight above 0, got zeros only"),
        (np.full(600, np.nan), r"row 0: expected a finite number >= 0, got nan"),
    ],
)
def test_weights_that_cannot_be(weights: np.ndarray, words: str) -> None:
    with pytest.raises(InvalidData, match=words):
        clone(SMALL).fit(X, Y, sample_weight=weights)


def test_terms_and_places_that_cannot_be() -> None:
    network = clone(SMALL).fit(X, Y)
    for term in (2, -1, 0.5):
        with pytest.raises(InvalidParameter, match=rf"ridge\(term\): expected one of the 2 terms, from 0, got {term}"):
            network.ridge(term, [0.0])  # type: ignore[arg-type]
    with pytest.raises(InvalidData, match=r"Input v contains NaN\. Row 1"):
        network.ridge(0, [0.0, np.nan])


def test_numbers_beyond_reach_are_named() -> None:
    with pytest.raises(
        InvalidData, match=r"X\. Row 2: expected a number up to 1e\+303 in size, got 1\.7e\+308\. Scale"
    ):
        clone(SMALL).fit(np.vstack([X[:2], X[2:] * 0 - 1.7e308]), Y)
    with pytest.raises(InvalidData, match=r"y\. Row 0: expected a number up to 1e\+303 in size, got 1\.7e\+308"):
        clone(SMALL).fit(X, Y * 0 + 1.7e308)
    text = r"X\. Row 1: expected a row nearer to those of the fit, got one so far away that its {} are no numbers"
    far = np.vstack([X[0], np.sign(X[1]) * 1.7e308])
    network = clone(SMALL).set_params(standardize=True).fit(X * 1e-3, Y)
    with pytest.raises(InvalidData, match=text.format("projections")):
        network.predict(far)
    steep = clone(SMALL).fit(X, Y * 1e300)
    with pytest.raises(InvalidData, match=text.format("predictions")):
        steep.predict(np.vstack([X[0], X[1] * 1e200]))
