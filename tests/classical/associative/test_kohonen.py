"""The winner-take-all layer against transcriptions of its rules, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import normalize

from netwright.classical.associative.kohonen import Kohonen
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.schedules import inverse_time_decay


def by_distance(rows: np.ndarray, units: np.ndarray, rate: Any, C: float = 0.0, B: float = 0.0) -> Any:
    """DeSieno 1988; with C = 0 simple competitive learning. The rate is a function of the step."""
    number = rows.dtype.type
    w = [list(unit) for unit in units]
    n = len(w)
    p = np.full(n, 1 / n, rows.dtype)
    for step, x in enumerate(rows):
        squared = []
        for unit in w:
            total = number(0)
            for a, b in zip(x, unit, strict=True):
                total = total + (a - b) * (a - b)
            squared.append(total)
        y = [i == min(range(n), key=squared.__getitem__) for i in range(n)]
        if C:
            p = np.array([p[i] + B * (y[i] - p[i]) for i in range(n)])
        biased = [squared[i] - C * (1 / n - p[i]) for i in range(n)]
        c = min(range(n), key=biased.__getitem__) if C else y.index(True)
        w[c] = [old + number(rate(step)) * (new - old) for old, new in zip(w[c], x, strict=True)]
    return np.array(w), p


def by_product(rows: np.ndarray, units: np.ndarray, rate: Any) -> np.ndarray:
    w = units.copy()
    for step, x in enumerate(rows):
        c = int(np.argmax(w @ x))
        w[c] += rate(step) * (x - w[c])
    return w


def data(seed: int, n: int, features: int, dtype: Any = np.float64) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (generator.normal(size=(n, features)) + 3.0 * generator.integers(0, 3, (n, 1))).astype(dtype)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 1000),
    n_units=st.integers(1, 12),
    features=st.integers(1, 7),
    rate=st.sampled_from([0.01, 0.3, 1.0]),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_the_nearest_learns(seed: int, n_units: int, features: int, rate: float, dtype: Any) -> None:
    rows = data(seed, 80, features, dtype)
    layer = Kohonen(init=rows[:n_units] + dtype(0.5), learning_rate=rate, shuffle=False, epochs=2).fit(rows)
    expected, shares = by_distance(np.concatenate([rows, rows]), rows[:n_units] + dtype(0.5), lambda _: rate)
    np.testing.assert_array_equal(layer.weights_, expected)
    np.testing.assert_array_equal(layer.shares_, shares)
    assert layer.weights_.dtype == dtype


@settings(max_examples=20)
@given(
    seed=st.integers(0, 1000),
    n_units=st.integers(1, 9),
    C=st.sampled_from([0.1, 5.0, 100.0]),
    B=st.sampled_from([0.01, 1.0]),
)
def test_conscience(seed: int, n_units: int, C: float, B: float) -> None:
    rows = data(seed, 100, 3)
    layer = Kohonen(init=rows[:n_units], learning_rate=0.1, conscience=C, conscience_rate=B, shuffle=False, epochs=1)
    layer.fit(rows)
    expected, shares = by_distance(rows, rows[:n_units], lambda _: 0.1, C, B)
    np.testing.assert_allclose(layer.weights_, expected, rtol=1e-12)
    np.testing.assert_allclose(layer.shares_, shares, rtol=1e-12, atol=1e-15)


def test_products() -> None:
    rows = normalize(data(0, 100, 5))
    layer = Kohonen(winner="product", init=rows[:6], learning_rate=0.1, shuffle=False, epochs=2).fit(rows)
    expected = by_product(np.concatenate([rows, rows]), rows[:6], lambda _: 0.1)
    np.testing.assert_allclose(layer.weights_, expected, rtol=1e-12)
    np.testing.assert_allclose(layer.transform(rows), rows @ layer.weights_.T, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(layer.predict(rows), (rows @ layer.weights_.T).argmax(axis=1))
    np.testing.assert_array_equal(layer.labels_, layer.predict(rows))


def test_rates_that_change() -> None:
    rows = data(1, 60, 2)
    pair = Kohonen(init=rows[:4], learning_rate=(0.5, 0.1), shuffle=False, epochs=3).fit(rows)
    expected, _ = by_distance(np.concatenate([rows] * 3), rows[:4], lambda step: 0.5 - 0.4 * step / 180)
    np.testing.assert_allclose(pair.weights_, expected, rtol=1e-12)
    means = Kohonen(1, learning_rate=inverse_time_decay(1.0, 60.0), shuffle=False, epochs=1).fit(rows)
    np.testing.assert_allclose(means.weights_[0], rows.mean(axis=0), rtol=1e-12)


def test_conscience_wakes_dead_units() -> None:
    rows, _ = make_blobs(600, centers=4, cluster_std=0.3, random_state=0)
    first = np.vstack([rows[:1], np.full((3, 2), 100.0) + np.arange(3)[:, np.newaxis]])
    dead = Kohonen(init=first, random_state=0).fit(rows)
    assert len(np.unique(dead.labels_)) == 1
    awake = Kohonen(init=first, conscience=1e5, conscience_rate=0.01, random_state=0, epochs=60)
    for _ in range(40):
        awake.partial_fit(rows)
    awake.set_params(conscience=0.0).partial_fit(rows)
    assert len(np.unique(awake.labels_)) == 4


def test_it_finds_clusters() -> None:
    rows, y = make_blobs(300, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    layer = Kohonen(init=rows[[np.flatnonzero(y == label)[0] for label in range(3)]], random_state=0).fit(rows)
    assert adjusted_rand_score(y, layer.labels_) == 1.0
    np.testing.assert_array_equal(layer.labels_, y)
    np.testing.assert_allclose(layer.weights_, [rows[y == label].mean(axis=0) for label in range(3)], atol=0.15)


@pytest.mark.parametrize("options", [{}, {"winner": "product"}, {"conscience": 1.0, "conscience_rate": 0.02}])
def test_fit_is_its_partial_fits(options: dict[str, Any]) -> None:
    rows = data(2, 70, 3)
    whole = Kohonen(5, epochs=4, random_state=1, **options).fit(rows)
    pieces = Kohonen(5, epochs=4, random_state=1, **options)
    for _ in range(4):
        pieces.partial_fit(rows)
    np.testing.assert_array_equal(whole.weights_, pieces.weights_)
    np.testing.assert_array_equal(whole.shares_, pieces.shares_)
    np.testing.assert_array_equal(whole.labels_, pieces.labels_)
    assert whole.n_iter_ == 4


def test_what_the_answers_are() -> None:
    rows, new = data(3, 100, 4), data(4, 30, 4)
    layer = Kohonen(random_state=0).fit(rows)
    distance = cdist(new, layer.weights_)
    np.testing.assert_allclose(layer.transform(new), distance, rtol=1e-12)
    np.testing.assert_array_equal(layer.predict(new), distance.argmin(axis=1))
    np.testing.assert_array_equal(layer.labels_, layer.predict(rows))
    assert layer.get_feature_names_out().tolist() == [f"kohonen{i}" for i in range(8)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("winner", ["distance", "product"])
def test_long_runs_leave_no_subnormal_numbers(winner: str, dtype: Any) -> None:
    rows = np.zeros((2000, 2), dtype=dtype)
    rows[:, 1] = 1
    layer = Kohonen(winner=winner, init=np.ones((1, 2), dtype), learning_rate=0.5, epochs=1).fit(rows)
    assert layer.weights_.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("options", "rows", "error", "text"),
    [
        (
            {"n_units": 4},
            np.eye(3),
            InvalidData,
            r"Kohonen\.fit\(X\): expected at least 4 rows, one a unit, got n_",
        ),
        (
            {"init": np.zeros((0, 3))},
            np.eye(3),
            InvalidParameter,
            r"Kohonen\(init\): expected at least one unit, got",
        ),
        ({"init": np.eye(2)}, np.eye(3), InvalidParameter, r"Kohonen\(init\): expected shape \(n_units, 3\)"),
        ({"winner": "dot"}, np.eye(3), InvalidParameter, r"winner\): expected 'distance' or 'product', got 'dot'"),
        (
            {"winner": "product", "conscience": 1.0},
            np.eye(9),
            InvalidParameter,
            r"conscience\): expected 0 with winner='product', got 1\.0\. Leave out one",
        ),
        (
            {"conscience_rate": 0},
            np.eye(9),
            InvalidParameter,
            r"conscience_rate\): expected a number in \(0, 1\]",
        ),
        ({"n_units": 2}, 1e155 * np.eye(3), InvalidData, r"X: expected numbers up to"),
    ],
)
def test_what_cannot_be(options: dict[str, Any], rows: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Kohonen(**options).fit(rows)


def test_warning_of_equal_units() -> None:
    with pytest.warns(UserWarning, match=r"Kohonen, first units: expected different ones, got 2 that repeat") as caught:
        Kohonen(3, epochs=1, random_state=0).fit(np.ones((5, 2)))
    assert caught[0].filename == __file__
