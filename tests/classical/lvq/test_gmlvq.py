"""Generalized matrix LVQ: rule, gradient, the matrix and the space that it spans."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.base import clone
from sklearn.datasets import load_wine, make_blobs
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from netwright.classical import GLVQ, GMLVQ
from netwright.classical.lvq.prototypes.labelled_rows import LabelledRows
from netwright.classical.lvq.prototypes.omega import principal_axes
from netwright.classical.lvq.prototypes.relative_cost import cost
from netwright.core.errors import DivergenceWarning, InvalidParameter

X, PLACES = make_blobs(60, 4, centers=6, cluster_std=3.0, random_state=1)
Y = np.array(["low", "middle", "high"])[PLACES % 3]
W = np.random.default_rng(0).normal(size=(6, 4)) * 4
LABELS = np.array(["high", "low", "middle"] * 2)
OMEGA = np.random.default_rng(1).normal(size=(2, 4))


def slope(mu: float, beta: float) -> float:
    value = 1 / (1 + np.exp(-beta * mu))
    return beta * value * (1 - value) if beta else 1.0


def transcription(W: np.ndarray, omega: np.ndarray, a: float, b: float, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """One epoch over X by the equations of Schneider, Biehl and Hammer, all with the gradient's own factors."""
    W, omega = W.copy(), omega / np.sqrt(np.trace(omega.T @ omega))
    for x, label in zip(X, Y, strict=True):
        matrix = omega.T @ omega
        d = np.array([(x - w) @ matrix @ (x - w) for w in W])
        own = min((i for i in range(6) if LABELS[i] == label), key=lambda i: d[i])
        other = min((i for i in range(6) if LABELS[i] != label), key=lambda i: d[i])
        total = d[own] + d[other]
        change = slope((d[own] - d[other]) / total, beta)
        p, q = 4 * change * d[other] / total**2, 4 * change * d[own] / total**2
        u, v = x - W[own], x - W[other]
        W[own] = W[own] + a * p * matrix @ u
        W[other] = W[other] - a * q * matrix @ v
        omega = omega - b * (p * np.outer(omega @ u, u) - q * np.outer(omega @ v, v))
        omega = omega / np.sqrt(np.trace(omega.T @ omega))
    return W, omega


@pytest.mark.parametrize("beta", [0.0, 2.0])
@pytest.mark.parametrize("b", [0.0, 0.05])
def test_rows_move_prototypes_and_omega_as_in_the_paper(beta: float, b: float) -> None:
    network = GMLVQ(init=W, labels=LABELS, omega=OMEGA, learning_rate=3.0, relevance_rate=b, epochs=1, shuffle=False)
    network.set_params(activation="sigmoid" if beta else "identity", beta=beta or 1.0).fit(X, Y)
    prototypes, omega = transcription(W, OMEGA, 3.0, b, beta)
    np.testing.assert_allclose(network.prototypes_, prototypes, rtol=1e-8)
    np.testing.assert_allclose(network.omega_, omega, rtol=1e-8)
    assert not np.allclose(prototypes, W)


@pytest.mark.parametrize("beta", [0.0, 2.0])
@pytest.mark.parametrize("chunk_size", [9, 1000])
def test_the_gradient_for_prototypes_and_omega_is_exact(beta: float, chunk_size: int) -> None:
    data = LabelledRows(GMLVQ(), X, Y, reset=True, chunk_size=chunk_size)
    codes = np.searchsorted(data.classes, LABELS)

    def value(theta: np.ndarray) -> float:
        return cost(data, theta[:24].reshape(6, 4), codes, beta, theta[24:].reshape(2, 4))[0]

    _, _, gradient, matrix = cost(data, W, codes, beta, OMEGA)
    assert matrix is not None
    numeric = approx_fprime(np.concatenate([W.ravel(), OMEGA.ravel()]), value, 1e-6)
    np.testing.assert_allclose(np.concatenate([gradient.ravel(), matrix.ravel()]), numeric, atol=2e-6)
    assert abs((matrix * OMEGA).sum()) < 1e-12  # mu does not depend on the size of Omega


def test_with_the_identity_and_no_step_of_omega_it_is_glvq() -> None:
    options: dict[str, Any] = {"init": W, "labels": LABELS, "epochs": 2, "shuffle": False, "beta": 3.0}
    plain = GLVQ(learning_rate=5.0, **options).fit(X, Y)
    matrix = GMLVQ(learning_rate=4 * 5.0 / 4, relevance_rate=0.0, **options).fit(X, Y)
    np.testing.assert_allclose(matrix.prototypes_, plain.prototypes_, rtol=1e-9)
    np.testing.assert_array_equal(matrix.predict(X), plain.predict(X))


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@pytest.mark.parametrize("rank", [None, 1, 2, 4])
def test_the_matrix_and_its_space(solver: str, rank: int | None) -> None:
    network = GMLVQ(2, rank=rank, solver=solver, epochs=5, random_state=0).fit(X, Y)
    rows = 4 if rank is None else rank
    assert network.omega_.shape == network.components_.shape == (rows, 4)
    matrix = network.relevance_matrix_
    assert np.trace(matrix) == pytest.approx(1.0)
    np.testing.assert_allclose(matrix, network.components_.T @ network.components_, atol=1e-12)
    np.testing.assert_allclose(network.relevances_, np.diag(matrix), rtol=1e-12)
    products = network.components_ @ network.components_.T
    np.testing.assert_allclose(products, np.diag(np.diag(products)), atol=1e-12)
    np.testing.assert_allclose(np.diag(products), np.linalg.eigvalsh(matrix)[::-1][:rows], atol=1e-12)
    greatest = network.components_[np.arange(rows), np.abs(network.components_).argmax(axis=1)]
    assert (greatest > 0).all()
    seen, places = network.transform(X), network.transform(network.prototypes_)
    by_space = ((seen[:, None] - places) ** 2).sum(axis=2)
    by_matrix = np.array([[(x - w) @ matrix @ (x - w) for w in network.prototypes_] for x in X])
    np.testing.assert_allclose(by_space, by_matrix, rtol=1e-8, atol=1e-10)
    np.testing.assert_array_equal(network.predict(X), network.labels_[by_matrix.argmin(axis=1)])
    assert network.get_feature_names_out().tolist() == [f"gmlvq{i}" for i in range(rows)]
    assert network.unit_ > 0


def test_omega_starts_as_the_identity_or_on_the_principal_axes() -> None:
    still: dict[str, Any] = {"learning_rate": 0.0, "relevance_rate": 0.0, "epochs": 1, "random_state": 0}
    np.testing.assert_allclose(GMLVQ(**still).fit(X, Y).omega_, np.eye(4) / 2, rtol=1e-12)
    axes = PCA(2).fit(X + 1e4).components_ / np.sqrt(2)
    for chunk_size in (7, 1000):
        omega = GMLVQ(rank=2, chunk_size=chunk_size, **still).fit(X + 1e4, Y).omega_
        np.testing.assert_allclose(np.abs(omega), np.abs(axes), rtol=1e-6)
    given = GMLVQ(omega=OMEGA * 1e6, **still).fit(X, Y).omega_
    np.testing.assert_allclose(given, OMEGA / np.sqrt((OMEGA**2).sum()), rtol=1e-12)


def test_axes_of_data_without_spread_are_axes() -> None:
    data = LabelledRows(GMLVQ(), np.ones((6, 3)), np.arange(6) % 2, reset=True, chunk_size=4)
    axes = principal_axes(data, 2)
    np.testing.assert_allclose(axes @ axes.T, np.eye(2) / 2, atol=1e-12)


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_features_that_tell_the_classes_are_found_among_noise(solver: str) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(400, 6))
    y = (rows[:, 2] - rows[:, 4] > 0).astype(int)
    network = GMLVQ(solver=solver, random_state=0).fit(rows, y)
    assert set(np.argsort(network.relevances_)[-2:]) == {2, 4}
    assert network.relevances_[[2, 4]].sum() > 0.9
    assert network.relevance_matrix_[2, 4] < -0.3
    assert network.score(rows, y) > 0.95 > GLVQ(random_state=0).fit(rows[:, [0, 1]], y).score(rows[:, [0, 1]], y)


def test_lbfgs_reaches_a_lower_cost_than_it_began_with() -> None:
    data = LabelledRows(GMLVQ(), X, Y, reset=True, chunk_size=1000)
    still = GMLVQ(2, learning_rate=0.0, relevance_rate=0.0, epochs=1, random_state=0).fit(X, Y)
    network = GMLVQ(2, solver="lbfgs", epochs=100, random_state=0).fit(X, Y)
    codes = np.searchsorted(data.classes, network.labels_)
    assert cost(data, network.prototypes_, codes, 2.0, network.omega_)[0] < (
        cost(data, still.prototypes_, codes, 2.0, still.omega_)[0] - 0.02
    )


def test_without_a_rate_the_course_is_the_same_for_data_of_any_scale() -> None:
    first = GMLVQ(2, epochs=3, random_state=0).fit(X, Y)
    scaled = GMLVQ(2, epochs=3, random_state=0).fit(X * 1024.0, Y)
    np.testing.assert_array_equal(scaled.prototypes_, first.prototypes_ * 1024.0)
    np.testing.assert_array_equal(scaled.omega_, first.omega_)


def test_data_far_from_the_origin_lose_no_digits() -> None:
    near = GMLVQ(2, epochs=3, random_state=0).fit(X, Y)
    far = GMLVQ(2, epochs=3, random_state=0).fit(X + 2.0**20, Y)
    np.testing.assert_allclose(far.prototypes_ - 2.0**20, near.prototypes_, atol=1e-7)
    np.testing.assert_array_equal(far.predict(X + 2.0**20), near.predict(X))


def test_float32_is_kept() -> None:
    network = GMLVQ(2, rank=2, epochs=2, random_state=0).fit(X.astype(np.float32), Y)
    learned = (network.omega_, network.components_, network.relevance_matrix_, network.transform(X.astype(np.float32)))
    assert all(array.dtype == np.float32 for array in learned)


def test_it_learns_wine_in_a_pipeline() -> None:
    rows, y = load_wine(return_X_y=True)
    for solver in ("sgd", "lbfgs"):
        model = make_pipeline(StandardScaler(), GMLVQ(rank=2, solver=solver, random_state=0))
        assert cross_val_score(clone(model), rows, y).mean() > 0.95


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 5}, r"GMLVQ\(rank\): expected an integer in \[1, 4\], as X has 4 feature\(s\), got 5\. Take at most"),
        ({"omega": [[1.0, 2.0]]}, r"GMLVQ\(omega\): expected shape \(rank, 4\), the columns of X, got shape \(1, 2\)"),
        ({"omega": OMEGA, "rank": 3}, r"GMLVQ\(omega\): expected shape \(3, 4\), the columns of X, got shape \(2, 4\)"),
        ({"omega": np.zeros((2, 4))}, r"GMLVQ\(omega\): expected finite numbers, not all 0, got \[\[0\.0"),
        ({"omega": [["a"]]}, r"GMLVQ\(omega\): expected an array of numbers, got \[\['a'\]\]"),
        ({"omega": 3}, r"GMLVQ\(omega\): expected None or an array \(rank, n_features\), got 3"),
        ({"relevance_rate": -1}, r"GMLVQ\(relevance_rate\): expected a number in \[0, inf\), a pair"),
    ],
)
def test_matrices_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        GMLVQ(**options).fit(X, Y)


def test_a_step_of_omega_that_is_too_great_is_refused_with_a_warning() -> None:
    network = GMLVQ(relevance_rate=1e308, epochs=2, random_state=0)
    with pytest.warns(DivergenceWarning, match="GMLVQ, epoch 1"):
        network.fit(X, Y)
    np.testing.assert_allclose(network.omega_, np.eye(4) / 2)


def test_the_space_is_not_there_before_a_fit() -> None:
    with pytest.raises(NotFittedError):
        GMLVQ().transform(X)
    assert not hasattr(GMLVQ(), "relevances_")
