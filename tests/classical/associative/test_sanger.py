"""Sanger's rule against a transcription of its equation and principal axes by linear algebra."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from netwright.classical.associative.oja import Oja
from netwright.classical.associative.sanger import Sanger
from netwright.core.errors import InvalidParameter


@pytest.mark.parametrize(("units", "features"), [(k, m) for k in (1, 2, 3, 5) for m in (1, 3, 5, 8) if k <= m])
@pytest.mark.filterwarnings("ignore:Sanger.center:UserWarning")
def test_each_row_changes_the_weights_as_the_equation_says(units: int, features: int) -> None:
    """W <- W + rate (y x^T - LT[y y^T] W)."""
    rng = np.random.default_rng(features)
    X, W = rng.normal(size=(20, features)), rng.normal(size=(units, features)) / features
    sanger = Sanger(units, learning_rate=0.01, center=False, init=W, epochs=2, shuffle=False).fit(X)
    for x in np.vstack([X, X]):
        y = W @ x
        W = W + 0.01 * (np.outer(y, x) - np.tril(np.outer(y, y)) @ W)
    np.testing.assert_allclose(sanger.weights_, W, rtol=1e-12, atol=1e-14)


def test_the_first_unit_learns_by_ojas_rule() -> None:
    X = np.random.default_rng(0).normal(size=(40, 4)) * [3, 2, 1, 0.5]
    init = np.eye(4)[:3]
    first = Oja(1, init=init[:1], random_state=3, center=True).fit(X)
    np.testing.assert_allclose(
        Sanger(3, init=init, random_state=3, center=True).fit(X).weights_[0], first.weights_[0], rtol=1e-12
    )


@given(st.integers(0, 10_000))
@settings(max_examples=15)
def test_components_are_the_principal_axes_in_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    X = (rng.normal(size=(300, 5)) * [6, 4, 2.5, 1, 0.5]) @ turn + rng.normal(size=5)
    axes = PCA(3).fit(X)
    sanger = Sanger(3, epochs=60, random_state=seed, center=True).fit(X)
    assert (np.abs((sanger.weights_ * axes.components_).sum(axis=1)) > 0.98).all()
    np.testing.assert_allclose(sanger.explained_variance_, axes.explained_variance_, rtol=0.05)
    assert (np.diff(sanger.explained_variance_) < 0).all()


def test_digits_axes_in_order() -> None:
    X = load_digits().data
    axes = PCA(5).fit(X).components_
    found = Sanger(5, epochs=20, random_state=0, center=True).fit(X).weights_
    assert (np.abs((found * axes).sum(axis=1)) > 0.995).all()


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.filterwarnings("ignore:Sanger.center:UserWarning")
def test_fit_is_so_many_calls_of_partial_fit(shuffle: bool) -> None:
    X = np.random.default_rng(1).normal(size=(50, 4))
    whole = Sanger(2, epochs=3, shuffle=shuffle, random_state=1, center=True).fit(X)
    parts = Sanger(2, epochs=3, shuffle=shuffle, random_state=1, center=True)
    for _ in range(3):
        parts.partial_fit(X)
    for name, item in vars(whole).items():
        np.testing.assert_array_equal(item, getattr(parts, name), err_msg=name)


def test_a_rate_that_is_too_large_is_refused() -> None:
    X = np.random.default_rng(2).normal(size=(100, 4))
    with pytest.raises(
        InvalidParameter, match=r"Sanger\(learning_rate\): expected a rate at which the weights stay bou"
    ):
        Sanger(2, learning_rate=5.0, center=True).fit(X)
    np.testing.assert_array_equal(Sanger(2, center=True).fit(X).get_feature_names_out(), ["sanger0", "sanger1"])
