"""Neural gas against a transcription of the papers, step by step, in plain Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.datasets import make_moons

from netwright.classical.gas.neural_gas import NeuralGas
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.schedules import inverse_time_decay


def falling(first: float, last: float) -> Any:
    return lambda t: first * (last / first) ** t


def of_the_paper(
    rows: np.ndarray, units: np.ndarray, eps: Any, lambda_: Any, T: Any
) -> tuple[np.ndarray, dict[Any, int]]:
    """Martinetz and Schulten 1991: all steps of a run; eps, lambda_ and T are functions of the time in [0, 1]."""
    number = rows.dtype.type
    w = [list(unit) for unit in units]
    age: dict[tuple[int, int], int] = {}
    for shown, x in enumerate(rows):
        t = shown / len(rows)
        squared = []
        for unit in w:
            total = number(0)
            for a, b in zip(x, unit, strict=True):
                total = total + (a - b) * (a - b)
            squared.append(total)
        order = sorted(range(len(w)), key=squared.__getitem__)
        for k, i in enumerate(order):
            share = number(number(eps(t)) * math.exp(-k / lambda_(t)))
            w[i] = [old + share * (new - old) for old, new in zip(w[i], x, strict=True)]
        if T is not None:
            i0, i1 = order[:2]
            age[min(i0, i1), max(i0, i1)] = 0
            for edge in [edge for edge in age if i0 in edge]:
                age[edge] += 1
                if age[edge] > T(t):
                    del age[edge]
    return np.array(w), dict(sorted(age.items()))


def data(seed: int, n: int, features: int, dtype: Any = np.float64) -> np.ndarray:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n, features)) + 3.0 * generator.integers(0, 3, (n, 1))
    return rows.astype(dtype)


def compare(
    gas: NeuralGas, rows: np.ndarray, n_units: int, eps: Any, lambda_: Any, T: Any, rtol: float = 1e-12
) -> None:
    first = rows[:n_units] + np.asarray(0.25, rows.dtype)
    gas.set_params(init=first, shuffle=False).fit(rows)
    weights, age = of_the_paper(np.concatenate([rows] * gas.epochs), first, eps, lambda_, T)
    np.testing.assert_allclose(gas.weights_, weights, rtol=rtol, atol=rtol)
    assert gas.weights_.dtype == rows.dtype
    assert dict(zip(map(tuple, gas.edges_.tolist()), gas.ages_.tolist(), strict=True)) == age


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("n_units", [2, 7, 60])
def test_the_defaults(n_units: int, dtype: Any, rtol: float) -> None:
    eps, lambda_, T = falling(0.5, 0.05), falling(10, 0.01), falling(20, 200)
    compare(NeuralGas(epochs=3), data(0, 120, 3, dtype), n_units, eps, lambda_, T, rtol)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 1000),
    n_units=st.integers(2, 30),
    eps=st.sampled_from([(0.3, 0.05), (1.0, 1e-3), (0.01, 0.9)]),
    lambda_=st.sampled_from([(30, 0.01), (0.05, 0.05), (0.5, 5.0)]),
    ages=st.sampled_from([None, (1, 1), (2, 20), (30, 3)]),
)
def test_every_option(seed: int, n_units: int, eps: Any, lambda_: Any, ages: Any) -> None:
    gas = NeuralGas(learning_rate=eps, neighborhood_range=lambda_, max_age=ages, epochs=2)
    compare(gas, data(seed, 60, 2), n_units, falling(*eps), falling(*lambda_), ages and falling(*ages))


def test_numbers_stay_and_schedules_do_as_they_say() -> None:
    gas = NeuralGas(learning_rate=0.1, neighborhood_range=inverse_time_decay(4.0, 1.0), max_age=7, epochs=4)
    compare(gas, data(1, 50, 2), 9, lambda t: 0.1, lambda t: 4.0 / (1 + 4 * t), lambda t: 7.0)


def test_more_neighbors_than_there_was_room_for() -> None:
    rows = data(2, 400, 8)
    gas = NeuralGas(epochs=1, max_age=1000, neighborhood_range=1.0, learning_rate=0.1)
    compare(gas, rows, 30, lambda t: 0.1, lambda t: 1.0, lambda t: 1000.0)
    assert np.bincount(gas.edges_.ravel()).max() > 8


def batch_of_the_paper(rows: np.ndarray, units: np.ndarray, lambda_: float) -> np.ndarray:
    """Cottrell et al. 2006: one step of batch neural gas."""
    sums, weights = np.zeros_like(units), np.zeros(len(units))
    for x in rows:
        squared = [sum((a - b) ** 2 for a, b in zip(x, unit, strict=True)) for unit in units]
        for k, i in enumerate(sorted(range(len(units)), key=squared.__getitem__)):
            h = math.exp(-k / lambda_)
            sums[i] += h * x
            weights[i] += h
    return np.array([s / n if n > 0 else w for s, n, w in zip(sums, weights, units, strict=True)])


@pytest.mark.parametrize("n", [30, 1500])  # within a chunk, and over several
def test_batch(n: int) -> None:
    rows = data(3, n, 3)
    gas = NeuralGas(algorithm="batch", init=rows[:7], neighborhood_range=(3.5, 0.01), epochs=4).fit(rows)
    units = rows[:7]
    for epoch in range(4):
        units = batch_of_the_paper(rows, units, 3.5 * (0.01 / 3.5) ** (epoch / 4))
    np.testing.assert_allclose(gas.weights_, units, rtol=1e-11)
    nearest = np.sort(np.argsort(cdist(rows, gas.weights_), axis=1)[:, :2], axis=1)
    assert {tuple(pair) for pair in nearest.tolist()} == {tuple(pair) for pair in gas.edges_.tolist()}
    assert not gas.ages_.any()


def test_batch_does_not_depend_on_the_order_of_rows() -> None:
    rows = data(4, 300, 2)
    options: dict[str, Any] = {"algorithm": "batch", "init": rows[:6], "epochs": 10}
    one, other = NeuralGas(**options).fit(rows), NeuralGas(**options).fit(rows[::-1])
    np.testing.assert_allclose(one.weights_, other.weights_, rtol=1e-12)


def test_batch_without_neighborhood_is_k_means() -> None:
    rows = data(5, 200, 2)
    gas = NeuralGas(algorithm="batch", init=rows[:5], neighborhood_range=1e-3, max_age=None, epochs=100).fit(rows)
    means = KMeans(5, init=rows[:5], n_init=1, tol=0).fit(rows)
    np.testing.assert_allclose(gas.weights_, means.cluster_centers_, rtol=1e-9)
    np.testing.assert_array_equal(gas.labels_, means.labels_)
    assert gas.edges_.shape == (0, 2)
    assert gas.component_.max() == 4


def test_a_unit_without_rows_stays_in_batch() -> None:
    rows = np.array([[0.0], [1.0]])
    gas = NeuralGas(algorithm="batch", init=[[0.0], [1.0], [50.0]], neighborhood_range=1e-3, epochs=3).fit(rows)
    assert gas.weights_.ravel().tolist() == [0, 1, 50]
    assert np.isfinite(NeuralGas(algorithm="batch", epochs=3, random_state=0).fit(np.eye(9)).weights_).all()


@pytest.mark.parametrize("algorithm", ["online", "batch"])
def test_fit_is_its_partial_fits(algorithm: str) -> None:
    rows = data(6, 90, 3)
    whole = NeuralGas(algorithm=algorithm, epochs=5, random_state=2).fit(rows)
    pieces = NeuralGas(algorithm=algorithm, epochs=5, random_state=2)
    for _ in range(5):
        pieces.partial_fit(rows)
    for name in ("weights_", "edges_", "ages_", "component_", "labels_"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name), err_msg=name)
    before = pieces.weights_.copy()
    pieces.partial_fit(rows)  # after the planned run, with the last rates
    assert np.abs(pieces.weights_ - before).max() < 2.0


def test_what_the_answers_are() -> None:
    rows, new = data(7, 200, 3), data(8, 50, 3)
    gas = NeuralGas(20, random_state=0).fit(rows)
    distance = cdist(new, gas.weights_)
    np.testing.assert_allclose(gas.transform(new), distance, rtol=1e-12)
    np.testing.assert_array_equal(gas.predict(new), distance.argmin(axis=1))
    np.testing.assert_array_equal(gas.predict(rows), gas.labels_)
    assert gas.quantization_error_ == pytest.approx(cdist(rows, gas.weights_).min(axis=1).mean(), rel=1e-12)
    assert gas.get_feature_names_out()[-1] == "neuralgas19"
    one, other = gas.edges_.T
    assert (one < other).all()
    assert (gas.component_[one] == gas.component_[other]).all()


def test_it_quantises_as_well_as_k_means_and_finds_the_moons() -> None:
    rows, y = make_moons(1000, noise=0.04, random_state=0)
    means = KMeans(80, n_init=1, random_state=0).fit(rows)
    error = np.linalg.norm(rows - means.cluster_centers_[means.labels_], axis=1).mean()
    for seed in range(3):
        gas = NeuralGas(80, random_state=seed).fit(rows)
        assert gas.quantization_error_ < 1.03 * error
        part = gas.component_[gas.labels_]
        assert part.max() == 1
        assert len({tuple(pair) for pair in zip(part.tolist(), y.tolist(), strict=True)}) == 2


def test_one_unit_is_the_mean() -> None:
    rows = data(9, 100, 2)
    gas = NeuralGas(1, learning_rate=inverse_time_decay(1.0, 100.0), epochs=1, shuffle=False).fit(rows)
    np.testing.assert_allclose(gas.weights_[0], rows.mean(axis=0), rtol=1e-12)
    assert gas.edges_.shape == (0, 2)
    batch = NeuralGas(1, algorithm="batch", random_state=0).fit(rows)
    np.testing.assert_allclose(batch.weights_[0], rows.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_long_runs_leave_no_subnormal_numbers(dtype: Any) -> None:
    rows = np.zeros((3000, 3), dtype=dtype)
    rows[:, 1] = np.arange(3000) % 2
    gas = NeuralGas(init=np.ones((6, 3), dtype) * np.arange(1, 7)[:, np.newaxis], learning_rate=0.3, shuffle=False)
    gas.set_params(neighborhood_range=2.0, epochs=2).fit(rows)
    assert (gas.weights_[:, 0] == 0).all()


@pytest.mark.parametrize(
    ("options", "rows", "error", "text"),
    [
        ({"n_units": 4}, np.eye(3), InvalidData, r"NeuralGas\.fit\(X\): expected at least 4 rows, one a unit, got n_"),
        (
            {"init": np.zeros((0, 3))},
            np.eye(3),
            InvalidParameter,
            r"NeuralGas\(init\): expected at least one unit, got",
        ),
        ({"init": np.eye(2)}, np.eye(3), InvalidParameter, r"NeuralGas\(init\): expected shape \(n_units, 3\)"),
        ({"algorithm": "onlin"}, np.eye(3), InvalidParameter, r"expected 'online' or 'batch', got 'onlin'\. Did you"),
        (
            {"neighborhood_range": (1, 0)},
            np.eye(3),
            InvalidParameter,
            r"neighborhood_range\): expected a number in",
        ),
        ({"max_age": 0}, np.eye(3), InvalidParameter, r"max_age\): expected a number in \(0, inf\).* or None, got 0"),
        ({"n_units": 2}, 1e155 * np.eye(3), InvalidData, r"X: expected numbers up to"),
    ],
)
def test_what_cannot_be(options: dict[str, Any], rows: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        NeuralGas(**options).fit(rows)


def test_warning_of_equal_units() -> None:
    with pytest.warns(
        UserWarning, match=r"NeuralGas, first units: expected different ones, got 2 that repeat"
    ) as caught:
        NeuralGas(3, epochs=1, random_state=0).fit(np.ones((5, 2)))
    assert caught[0].filename == __file__
