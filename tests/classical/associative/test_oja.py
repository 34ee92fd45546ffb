"""Oja's rule against a transcription of its equations, principal components by linear algebra, and its guards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from netwright.classical.associative.components import explained
from netwright.classical.associative.oja import Oja
from netwright.classical.associative.sanger import Sanger
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.schedules import exponential_decay
from netwright.core.seeds import derive


def data(n: int = 60, features: int = 5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, features)) @ rng.normal(size=(features, features)) + rng.normal(size=features)


def by_loops(W: np.ndarray, rows: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """W_jf <- W_jf + rate y_j (x_f - sum_i y_i W_if), a row at a time."""
    W = W.copy()
    for x, rate in zip(rows, rates, strict=True):
        y = [sum(W[j, f] * x[f] for f in range(len(x))) for j in range(len(W))]
        old = W.copy()
        for j in range(len(W)):
            for f in range(len(x)):
                W[j, f] += rate * y[j] * (x[f] - sum(y[i] * old[i, f] for i in range(len(W))))
    return W


SIZES = [(k, m) for k in (1, 2, 3, 4, 5, 6, 9) for m in (1, 3, 4, 9, 10) if k <= m]


@pytest.mark.parametrize(("units", "features"), SIZES)
@pytest.mark.filterwarnings("ignore:Oja.center:UserWarning")
def test_each_row_changes_the_weights_as_the_equation_says(units: int, features: int) -> None:
    X = data(20, features)
    init = np.random.default_rng(1).normal(size=(units, features)) / features
    oja = Oja(units, learning_rate=0.002, center=False, init=init, epochs=2, shuffle=False).fit(X)
    expected = by_loops(init, np.vstack([X, X]), np.full(40, 0.002))
    np.testing.assert_allclose(oja.weights_, expected, rtol=1e-12, atol=1e-14)


def test_one_unit_is_the_rule_of_1982() -> None:
    X = data(30, 3) - data(30, 3).mean(axis=0)
    w = np.array([0.6, 0.0, 0.8])
    oja = Oja(learning_rate=0.01, center=False, init=w[None], epochs=1, shuffle=False).fit(X)
    for x in X:
        y = w @ x
        w = w + 0.01 * (y * x - y**2 * w)
    np.testing.assert_allclose(oja.weights_[0], w, rtol=1e-12)


@pytest.mark.parametrize("rate", [(0.01, 0.001), exponential_decay(0.01, 0.5), None])
def test_rates_centring_and_order_of_a_run(rate: Any) -> None:
    X = data(25, 4)
    oja = Oja(2, learning_rate=rate, epochs=3, random_state=4, center=True).fit(X)
    rows = X - X.mean(axis=0)
    largest = max(float(x @ x) for x in rows)
    weights = np.linalg.qr(np.random.default_rng(derive(4, "weights")).normal(size=(4, 2)))[0].T
    for epoch in range(3):
        order = np.random.default_rng(derive(4, "epoch", epoch)).permutation(25)
        times = [epoch + i / 25 for i in range(25)]
        if rate is None:
            rates = [(1 + (0.01 - 1) * t / 3) / largest for t in times]
        elif isinstance(rate, tuple):
            rates = [0.01 + (0.001 - 0.01) * t / 3 for t in times]
        else:
            rates = [rate.rate(t if rate.every_step else epoch, 3) for t in times]
        weights = by_loops(weights, rows[order], np.array(rates))
    np.testing.assert_allclose(oja.weights_, weights, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(oja.mean_, X.mean(axis=0), rtol=1e-12)
    assert oja.largest_square_ == pytest.approx(largest, rel=1e-12)
    assert (oja.n_iter_, oja.n_samples_seen_, oja.seed_) == (3, 75, 4)


@given(st.integers(0, 10_000), st.integers(2, 6), st.floats(0.0, 0.6))
@settings(max_examples=25)
def test_it_converges_to_the_first_principal_axis(seed: int, features: int, ratio: float) -> None:
    """For any axes whose second standard deviation is at most 0.6 of the first."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(features, features)))[0]
    scales = np.concatenate([[1.0], ratio * rng.random(features - 1)]) * 10.0 ** rng.integers(-3, 4)
    X = (rng.normal(size=(300, features)) * scales) @ turn + rng.normal(size=features)
    axis = np.linalg.svd(X - X.mean(axis=0))[2][0]
    oja = Oja(epochs=40, random_state=seed, center=True).fit(X)
    assert abs(oja.weights_[0] @ axis) > 0.99
    assert np.linalg.norm(oja.weights_[0]) == pytest.approx(1.0, abs=0.02)


@given(st.integers(0, 10_000))
@settings(max_examples=10)
def test_several_units_become_a_basis_of_the_principal_subspace(seed: int) -> None:
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    X = (rng.normal(size=(300, 6)) * [5, 4, 3, 0.5, 0.4, 0.3]) @ turn
    oja = Oja(3, epochs=40, random_state=seed, center=True).fit(X)
    axes = PCA(3).fit(X).components_
    np.testing.assert_allclose(oja.weights_ @ oja.weights_.T, np.eye(3), atol=0.05)
    assert np.linalg.svd(oja.weights_ @ axes.T)[1].min() > 0.99
    assert oja.explained_variance_ratio_.sum() == pytest.approx(PCA(3).fit(X).explained_variance_ratio_.sum(), abs=2e-3)


def test_digits_as_well_as_principal_components() -> None:
    X = load_digits().data
    oja = Oja(16, random_state=0, center=True).fit(X)
    best = PCA(16).fit(X).explained_variance_ratio_.sum()  # 0.8494
    found = oja.explained_variance_ratio_.sum()
    assert best - 0.001 < found <= best + 1e-9


def test_what_is_explained_is_what_the_reconstruction_gains() -> None:
    X = data(40, 6)
    oja = Oja(4, epochs=1, random_state=0, center=True).fit(X)
    rows = X - X.mean(axis=0)
    total = (rows**2).sum()
    before = total
    for k in range(1, 5):
        W = oja.weights_[:k]
        now = ((rows - rows @ W.T @ W) ** 2).sum()
        assert oja.explained_variance_ratio_[k - 1] == pytest.approx((before - now) / total, abs=1e-12)
        assert oja.explained_variance_[k - 1] == pytest.approx((before - now) / 39, rel=1e-9)
        before = now
    np.testing.assert_allclose(X - oja.inverse_transform(oja.transform(X)), rows - rows @ W.T @ W, atol=1e-12)
    axes = PCA(3).fit(X)
    np.testing.assert_allclose(explained(axes.components_, rows) / 39, axes.explained_variance_, rtol=1e-9)


@pytest.mark.parametrize("options", [{}, {"shuffle": False}, {"center": True}, {"learning_rate": (0.01, 0.0001)}])
@pytest.mark.filterwarnings("ignore:Oja.center:UserWarning")
def test_fit_is_so_many_calls_of_partial_fit(options: dict[str, Any]) -> None:
    X = data(50, 4)
    whole = Oja(2, epochs=4, random_state=1, **options).fit(X)
    parts = Oja(2, epochs=4, random_state=1, **options)
    for _ in range(4):
        parts.partial_fit(X)
    assert vars(whole).keys() == vars(parts).keys()
    for name, item in vars(whole).items():
        np.testing.assert_array_equal(item, getattr(parts, name), err_msg=name)


def test_a_stream_has_the_mean_of_all_its_rows() -> None:
    X = data(100, 3)
    oja = Oja(2, random_state=0, center=True)
    for part in np.split(X, [10, 40, 65]):
        oja.partial_fit(part)
    np.testing.assert_allclose(oja.mean_, X.mean(axis=0), rtol=1e-12)
    assert oja.n_samples_seen_ == 100
    assert oja.n_iter_ == 4


def test_transform_back_and_names() -> None:
    X = data(30, 4)
    oja = Oja(2, random_state=0, center=True).fit(X)
    np.testing.assert_allclose(oja.transform(X), (X - oja.mean_) @ oja.weights_.T)
    np.testing.assert_array_equal(oja.get_feature_names_out(), ["oja0", "oja1"])
    with pytest.raises(InvalidData, match=r"Oja\.inverse_transform\(X\): expected shape \(n, 2\), got shape \(30, 4\)"):
        oja.inverse_transform(X)


@pytest.mark.parametrize("factor", [10.0, 1e6])
def test_a_rate_that_is_too_large_is_refused_with_one_to_try(factor: float) -> None:
    X = data(200, 5)
    oja = Oja(2, random_state=0, center=True).fit(X)
    before, largest = oja.weights_, oja.largest_square_
    message = (
        rf"Oja\(learning_rate\): expected a rate at which the weights stay bounded, got .*Try {1 / largest:.3g}, which"
    )
    with pytest.raises(InvalidParameter, match=message.replace("+", r"\+")):
        oja.set_params(learning_rate=factor / largest).fit(X)
    assert oja.weights_ is before
    tried = Oja(2, learning_rate=1 / largest, random_state=0, center=True).fit(X)
    assert np.isfinite(tried.weights_).all()


def test_data_and_options_that_cannot_be() -> None:
    X = data(20, 3)
    with pytest.raises(
        InvalidParameter, match=r"Oja\(n_components\): expected an integer in \[1, 3\], with 3 features, got 4"
    ):
        Oja(4, center=True).fit(X)
    with pytest.raises(
        InvalidParameter, match=r"Oja\(init\): expected an array of finite numbers of shape \(1, 3\), got shape"
    ):
        Oja(init=np.ones((2, 3))).fit(X)
    with pytest.raises(InvalidParameter, match=r"Oja\(init\): .* got NaN or infinity"):
        Oja(init=[[np.nan, 0, 0]], center=True).fit(X)
    with pytest.raises(InvalidParameter, match=r"Oja\(init\): .* got \[\['a', 'b', 'c'\]\]"):
        Oja(init=[["a", "b", "c"]], center=True).fit(X)
    with pytest.raises(InvalidParameter, match=r"Oja\(init\): expected 'orthonormal' or an array .*Did you mean"):
        Oja(init="orthonormol", center=True).fit(X)
    with pytest.raises(
        InvalidParameter, match=r"Oja\(learning_rate\): expected None or a number in \(0, inf\), a pair"
    ):
        Oja(learning_rate=0, center=True).fit(X)
    with pytest.raises(
        InvalidData, match=r"Oja\.fit\(X\): expected rows of a finite length, got numbers up to 1e\+200"
    ):
        Oja(center=True).fit(np.array([[1e200], [-1e200]]))


def test_rows_that_do_not_differ_teach_nothing() -> None:
    oja = Oja(2, random_state=0, center=True).fit(np.full((10, 3), 7.0))
    np.testing.assert_allclose(oja.weights_ @ oja.weights_.T, np.eye(2), atol=1e-12)
    np.testing.assert_array_equal(oja.explained_variance_ratio_, [0.0, 0.0])


@pytest.mark.parametrize("kind", [Oja, Sanger])
def test_a_mean_that_outweighs_the_variance_is_said(kind: type) -> None:
    X = data(50, 3) - data(50, 3).mean(axis=0)
    kind(random_state=0).fit(X)
    text = (
        rf"{kind.__name__}\(center=False\): expected rows whose squared mean is at most .*, got 300\. Set center=True"
    )
    with pytest.warns(UserWarning, match=text):
        network = kind(random_state=0).fit(X / X.std() + 10)
    assert abs(network.weights_[0].sum()) > 0.99 * 3**0.5


def test_rows_that_grew_are_told_a_rate_of_their_own() -> None:
    rows = data()
    oja = Oja(2, center=True, random_state=0).fit(rows)
    before = oja.weights_.copy()
    far = 100 * rows
    with pytest.raises(InvalidParameter, match=r"grew .* in epoch 11\. Try (\S+), which is 1 / the") as caught:
        oja.partial_fit(far)
    np.testing.assert_array_equal(oja.weights_, before)
    assert "or None" not in str(caught.value)  # which it was
    rate = float(str(caught.value).split("Try ")[1].split(",")[0])
    assert np.isfinite(oja.set_params(learning_rate=rate).partial_fit(far).weights_).all()
    with pytest.raises(InvalidData, match=r"Oja\.fit\(X\): expected rows of a finite length, got numbers up to"):
        oja.partial_fit(1e200 * rows)


def test_weights_to_begin_with_that_lead_nowhere() -> None:
    for greatest in (0.0, 1e40):
        init = np.array([[1.0, 0, 0, 0, 0], [greatest, 0, 0, 0, 0]])
        text = r"Oja\(init\): expected rows that are not 0, of numbers up to 1e\+30, got \S+ as the greatest of row 1"
        with pytest.raises(InvalidParameter, match=text):
            Oja(2, init=init).fit(data())


def test_answers_that_overflow_are_refused() -> None:
    oja = Oja(2, init=2 * np.eye(2, 5), learning_rate=1e-9, epochs=1).fit(data() - data().mean(axis=0))
    for method in ("transform", "inverse_transform"):
        rows = np.full((1, 5 if method == "transform" else 2), 1.7e308)
        with pytest.raises(InvalidData, match=rf"Oja\.{method}\(X\): expected rows whose answers stay finite, got"):
            getattr(oja, method)(rows)
