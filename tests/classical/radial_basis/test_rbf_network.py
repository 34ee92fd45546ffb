"""RBFNetwork and its classifier: a linear readout of Gaussian units, rules, rows in parts."""

from __future__ import annotations

import hashlib

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits, make_friedman1
from sklearn.linear_model import Ridge

from netwright.classical.radial_basis.rbf_classifier import RBFNetworkClassifier
from netwright.classical.radial_basis.rbf_network import RBFNetwork
from netwright.core.errors import InvalidData, InvalidParameter

RNG = np.random.default_rng(8)
X, Q = RNG.normal(size=(90, 2)), RNG.normal(size=(20, 2))
Y = np.column_stack([np.sin(2 * X[:, 0]) + X[:, 1] ** 2, X[:, 0] * X[:, 1]]) + 0.05 * RNG.normal(size=(90, 2))
LABELS = np.where(np.square(X).sum(axis=1) > 1, "out", "in")
CENTERS = RNG.normal(size=(6, 2))


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("width", [0.9, [0.5, 1, 2, 1, 0.7, 0.9]])
def test_it_is_a_ridge_regression_on_gaussians(normalized: bool, width) -> None:
    def hidden(rows: np.ndarray) -> np.ndarray:
        answers = np.array(
            [[np.exp(-np.sum((r - c) ** 2) / (2 * s**2)) for c, s in zip(CENTERS, widths, strict=True)] for r in rows]
        )
        return answers / answers.sum(axis=1, keepdims=True) if normalized else answers

    widths = np.broadcast_to(width, 6)
    network = RBFNetwork(centers=CENTERS, width=width, ridge=0.1, normalized=normalized).fit(X, Y)
    expected = Ridge(alpha=0.1).fit(hidden(X), Y)
    np.testing.assert_allclose(network.transform(Q), hidden(Q), rtol=1e-9)
    np.testing.assert_allclose(network.predict(Q), expected.predict(hidden(Q)), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(network.readout_, expected.coef_.T, rtol=1e-7)
    np.testing.assert_allclose(network.intercept_, expected.intercept_, rtol=1e-8)
    single = RBFNetwork(centers=CENTERS, width=width, ridge=0.1, normalized=normalized).fit(X, Y[:, 0])
    assert single.predict(Q).shape == (20,)
    assert isinstance(single.intercept_, float)
    np.testing.assert_allclose(single.predict(Q), network.predict(Q)[:, 0], rtol=1e-8, atol=1e-10)


def test_with_a_unit_on_every_row_it_interpolates() -> None:
    network = RBFNetwork(centers="rows", width=0.3, ridge=0.0).fit(X[:40], Y[:40])
    assert len(network.centers_) == 40
    np.testing.assert_allclose(network.predict(X[:40]), Y[:40], atol=1e-6)


@pytest.mark.parametrize("centers", ["kmeans", "sample", "rows", "ols"])
@pytest.mark.parametrize("width", ["gcv", "nearest", "spread", 1.0])
def test_rules_predict(centers: str, width) -> None:
    if (centers, width) == ("ols", "nearest"):
        message = r"RBFNetwork\(width\): expected one width for all candidates with centers='ols', got 'nearest'\."
        with pytest.raises(InvalidParameter, match=message):
            RBFNetwork(20, centers=centers, width=width).fit(X, Y)
        return
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (200, 2))
    targets = np.sin(3 * rows[:, 0]) + rows[:, 1] ** 2 + 0.1 * rng.normal(size=200)
    network = RBFNetwork(20, centers=centers, width=width, random_state=0).fit(rows[:150], targets[:150])
    assert network.score(rows[150:], targets[150:]) > 0.9
    assert len(network.widths_) == len(network.centers_) <= (150 if centers == "rows" else 20)
    assert (network.error_ratios_ is not None) == (centers == "ols")
    assert network.gcv_error_ < 0.15
    if centers == "ols":
        assert all(tuple(center) in {tuple(row) for row in rows[:150]} for center in network.centers_)
        assert 0.9 < network.error_ratios_.sum() < 1


def test_the_width_of_least_error_is_found() -> None:
    errors = {}
    network = RBFNetwork(15, random_state=0).fit(X, Y)
    for width in np.geomspace(network.widths_[0] / 8, network.widths_[0] * 8, 60):
        errors[width] = RBFNetwork(15, width=width, random_state=0).fit(X, Y).gcv_error_
    assert network.gcv_error_ <= min(errors.values()) * 1.01


def test_few_rows_need_few_units() -> None:
    for n in (1, 2, 3):
        network = RBFNetwork(10, random_state=0).fit(X[:n], Y[:n])
        assert len(network.centers_) == n
        assert np.isfinite(network.predict(Q)).all()
    same = RBFNetwork(10, random_state=0).fit(np.ones((5, 2)), np.arange(5.0))
    np.testing.assert_allclose(same.predict([[1.0, 1.0]]), 2.0)
    for centers in ("ols", "sample"):
        assert np.isfinite(RBFNetwork(10, centers=centers).fit(np.ones((5, 2)), np.arange(5.0)).predict(Q)).all()


def test_far_rows_have_finite_answers() -> None:
    far = Q * 1e200
    network = RBFNetwork(10, random_state=0).fit(X, Y[:, 0])
    np.testing.assert_allclose(network.predict(far), network.intercept_)
    assert np.isfinite(RBFNetwork(10, normalized=True, random_state=0).fit(X, Y).predict(far)).all()


@pytest.mark.parametrize("ridge", ["gcv", 0.01])
def test_rows_may_come_bit_by_bit(ridge) -> None:
    network = RBFNetwork(centers=CENTERS, width=1.0, ridge=ridge).partial_fit(X[:30], Y[:30])
    network.partial_fit(X[30:31], Y[30:31]).partial_fit(X[31:], Y[31:])
    whole = RBFNetwork(centers=CENTERS, width=1.0, ridge=ridge).fit(X, Y)
    assert network.n_rows_ == whole.n_rows_ == 90
    np.testing.assert_allclose(network.predict(Q), whole.predict(Q), rtol=1e-6)


def test_centres_stay_until_fit() -> None:
    network = RBFNetwork(5, random_state=0).fit(X[:40], Y[:40])
    centers, widths = network.centers_.copy(), network.widths_.copy()
    network.partial_fit(X[40:], Y[40:])
    assert np.array_equal(network.centers_, centers)
    assert np.array_equal(network.widths_, widths)
    assert not np.array_equal(network.fit(X, Y).centers_, centers)
    assert network.n_rows_ == 90


def test_seeds_and_states() -> None:
    one, other, third = (RBFNetwork(5, random_state=seed).fit(X, Y) for seed in (1, np.random.RandomState(3), None))
    assert np.array_equal(one.centers_, RBFNetwork(5, random_state=1).fit(X, Y).centers_)
    assert one.seed_ == 1
    for network in (other, third):
        again = RBFNetwork(5, random_state=network.seed_).fit(X, Y)
        assert np.array_equal(network.centers_, again.centers_)


def test_float32_stays() -> None:
    network = RBFNetwork(8, random_state=0).fit(X.astype(np.float32), Y)
    assert network.centers_.dtype == network.predict(Q).dtype == network.transform(Q).dtype == np.float32
    exact = RBFNetwork(centers=network.centers_.astype(float), width=network.widths_[0]).fit(
        X.astype("f4").astype(float), Y
    )
    np.testing.assert_allclose(network.predict(Q), exact.predict(Q), rtol=1e-3, atol=1e-4)


def test_rows_need_not_be_in_memory() -> None:
    network = RBFNetwork(8, random_state=0, chunk_size=7).fit(X, Y)
    for method in (network.predict, network.transform):
        assert np.array_equal(method(Q[at : at + 3] for at in range(0, 20, 3)), method(Q))
    assert network.get_feature_names_out().tolist() == [f"rbfnetwork{i}" for i in range(8)]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_the_bits_do_not_depend_on_who_computes_them(backend: str) -> None:
    def digest(**options) -> str:
        with joblib.parallel_config(backend=backend):
            network = RBFNetwork(12, width=0.5, random_state=0, chunk_size=64, **options).fit(rows, targets)
            return hashlib.sha256(network.predict(rows).tobytes() + network.readout_.tobytes()).hexdigest()

    rows, targets = make_friedman1(500, n_features=5, random_state=0)
    assert digest(n_jobs=2) == digest()


def test_classes_are_told_by_the_greatest_readout() -> None:
    network = RBFNetworkClassifier(centers=CENTERS, width=0.8, ridge=0.1).fit(X, LABELS)
    readout = RBFNetwork(centers=CENTERS, width=0.8, ridge=0.1).fit(X, np.eye(2)[(LABELS == "out").astype(int)])
    scores = readout.predict(Q)
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    np.testing.assert_allclose(network.decision_function(Q), scores[:, 1] - scores[:, 0], rtol=1e-10)
    assert network.predict(Q).tolist() == np.array(["in", "out"])[scores.argmax(axis=1)].tolist()
    assert network.classes_.tolist() == ["in", "out"]
    assert network.score(X, LABELS) > 0.8


def test_many_classes_and_rows_in_parts() -> None:
    rows, labels = load_digits(return_X_y=True)
    network = RBFNetworkClassifier(100, random_state=0).fit(rows[:1200], labels[:1200])
    assert network.decision_function(rows[:5]).shape == (5, 10)
    assert network.score(rows[1200:], labels[1200:]) > 0.9
    parts = RBFNetworkClassifier(100, random_state=0).partial_fit(rows[:400], labels[:400], classes=range(10))
    first = parts.score(rows[1200:], labels[1200:])
    parts.partial_fit(rows[400:1200], labels[400:1200])
    assert parts.score(rows[1200:], labels[1200:]) > max(first, 0.9)


def test_what_is_refused() -> None:
    with pytest.raises(
        InvalidParameter, match=r"RBFNetwork\(centers\): expected an array for 2 features, got one for 3"
    ):
        RBFNetwork(centers=np.ones((4, 3))).fit(X, Y)
    with pytest.raises(InvalidParameter, match=r"RBFNetwork\(width\): expected an array for 6 units, got one for 2"):
        RBFNetwork(centers=CENTERS, width=[1.0, 2.0]).fit(X, Y)
    with pytest.raises(InvalidParameter, match=r"RBFNetwork\(centers\): expected 'kmeans' or .*, got array\(\[\[nan"):
        RBFNetwork(centers=np.full((2, 2), np.nan)).fit(X, Y)
    with pytest.raises(
        InvalidParameter, match=r"RBFNetwork\(width\): expected a number in \(0, inf\) or .*, got 'wide'"
    ):
        RBFNetwork(width="wide").fit(X, Y)
    with pytest.raises(
        InvalidParameter, match=r"RBFNetwork\(random_state\): expected None, an integer >= 0, .* got -1"
    ):
        RBFNetwork(random_state=-1).fit(X, Y)
    with pytest.raises(
        InvalidData, match=r"RBFNetwork\.partial_fit\(y\): expected targets of shape \(n, 2\) as before"
    ):
        RBFNetwork(5).fit(X, Y).partial_fit(X, Y[:, 0])
    with pytest.raises(
        InvalidData, match=r"RBFNetworkClassifier, label of row 0: expected one of \['in', 'out'\], got"
    ):
        RBFNetworkClassifier(5).fit(X, LABELS).partial_fit(X[:1], ["on"])
    with pytest.raises(
        InvalidParameter, match=r"RBFNetwork\(centers\): expected numbers up to 1e\+100 in size, got 1e\+2"
    ):
        RBFNetwork(centers=np.full((2, 2), -1e200)).fit(X, Y)
    with pytest.raises(
        InvalidParameter, match=r"RBFNetwork\(centers\): expected numbers up to 3\.4e\+38 in size, got 1e"
    ):
        RBFNetwork(centers=np.full((2, 2), 1e60)).fit(X.astype(np.float32), Y)
    with pytest.raises(InvalidData, match=r"y\. Row 0: expected a number up to 1\.8e\+305 in size, .* got 1\.7e\+308"):
        RBFNetwork(5).fit(X, np.where(Y > 0, 1.7e308, -1.7e308))


def test_no_worker_at_all_is_refused() -> None:
    with pytest.raises(
        InvalidParameter, match=r"RBFNetwork\(n_jobs\): expected .*an integer >= 1 or an integer <= -1.*, got 0"
    ):
        RBFNetwork(5, n_jobs=0).fit(X, Y)


def test_units_are_not_normalized_half_way() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 2))
    network = RBFNetwork(5, random_state=0).fit(rows, rows[:, 0])
    before = network.predict(rows)
    with pytest.raises(
        InvalidParameter, match=r"RBFNetwork\(normalized\) at partial_fit: expected False as before, got"
    ):
        network.set_params(normalized=True).partial_fit(rows, rows[:, 0])
    np.testing.assert_array_equal(network.predict(rows), before)
