"""CMAC: cells, hashes and every step of learning against loops; what it can represent, and its limits."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.classical.memory.cmac import CMAC
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.schedules import cosine, exponential_decay
from netwright.core.seeds import derive

MASK = 2**64 - 1


def places(seed: int, rows: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (rows, n))


def wave(X: np.ndarray) -> np.ndarray:
    return np.sin(2 * X[:, 0]) * np.cos(3 * X[:, -1])


def mixed(number: int) -> int:
    """SplitMix64 on Python's integers."""
    number = (number + 0x9E3779B97F4A7C15) & MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & MASK
    return number ^ (number >> 31)


def cells_by_loops(
    x: np.ndarray, bounds: np.ndarray, levels: list[int], A: int, offsets: str, cells: int | None
) -> Any:
    """The cell in each tiling, as its coordinates or, with a number of cells, as its hash."""
    found: list[Any] = []
    for t in range(A):
        corner = []
        for j, (low, high) in enumerate(bounds):
            q = math.floor((x[j] - low) / (high - low) * levels[j]) if high > low else 0
            shift = t if offsets == "diagonal" else t * (2 * j + 1) % A
            corner.append((min(max(q, 0), levels[j] - 1) + shift) // A)
        if cells is not None:
            hashed = t
            for coordinate in corner:
                hashed = mixed(hashed ^ int(coordinate))
            found.append((t, hashed % cells))
        else:
            found.append((t, *corner))
    return found


def learned_by_loops(network: CMAC, X: np.ndarray, Y: np.ndarray, rates: Any, orders: Any, start: float = 0.0) -> Any:
    """Albus's network as a dictionary of cells; gives the answers of a function of x, and the errors of each epoch."""
    A = network.n_tilings
    bounds = np.stack([X.min(axis=0), X.max(axis=0)], axis=1)
    levels = list(np.broadcast_to(network.resolution, X.shape[1]))
    hashed = network.weights_.shape[1] if network.hashed_ else None
    table: dict[Any, np.ndarray] = {}

    def cells(x: np.ndarray) -> Any:
        return cells_by_loops(x, bounds, levels, A, network.offsets, hashed)

    def answer(x: np.ndarray) -> Any:
        return sum(table.get(cell, np.full(Y.shape[1], start)) for cell in cells(x))

    errors = []
    for order, rate in zip(orders, rates, strict=True):
        total = 0.0
        for place, row in enumerate(order):
            error = Y[row] - answer(X[row])
            total += float((error**2).sum())
            for cell in cells(X[row]):
                table[cell] = table.get(cell, np.full(Y.shape[1], start)) + rate[place] * error / A
        errors.append(math.sqrt(total / Y.size))
    return answer, errors


@pytest.mark.parametrize("offsets", ["diagonal", "odd"])
@pytest.mark.parametrize("table_size", [2**20, 50])
@pytest.mark.parametrize(("n", "A", "resolution"), [(1, 1, 7), (1, 5, 12), (2, 4, (9, 16)), (3, 6, 10)])
def test_learning_goes_row_by_row(offsets: str, table_size: int, n: int, A: int, resolution: Any) -> None:
    X, Q = places(0, 60, n), places(1, 80, n) * 1.2
    options = {"offsets": offsets, "table_size": table_size, "shuffle": False, "epochs": 3, "learning_rate": 0.3}
    network = CMAC(A, resolution, **options).fit(X, wave(X))
    assert network.hashed_ == (table_size < A * np.prod([(r + A - 2) // A + 1 for r in np.broadcast_to(resolution, n)]))
    steps = [np.full(60, 0.3)] * 3, [range(60)] * 3
    answer, errors = learned_by_loops(network, X, wave(X)[:, None], *steps)
    np.testing.assert_allclose(network.predict(Q), [answer(q)[0] for q in Q], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(network.errors_, errors, rtol=1e-12)


def test_the_cases_cover_tables_and_hashes() -> None:
    X = places(0, 9, 3)
    assert CMAC(6, 10, table_size=50).fit(X, wave(X)).hashed_
    assert CMAC(6, 10, table_size=50).fit(X, wave(X)).weights_.shape == (6, 8, 1)
    assert CMAC(6, 10).fit(X, wave(X)).weights_.shape == (6, 27, 1)
    assert CMAC(6, 10, table_size=1).fit(X, wave(X)).weights_.shape == (6, 1, 1)


def test_orders_and_rates_are_those_of_the_epochs() -> None:
    X = places(0, 40, 2)
    Y = np.stack([wave(X), X[:, 0] - X[:, 1]], axis=1)
    for setting, at in (((0.8, 0.2), lambda e, i: 0.8 - 0.6 * (e + i / 40) / 4), (0.5, lambda e, i: 0.5)):
        network = CMAC(4, 12, learning_rate=setting, epochs=4, random_state=7).fit(X, Y)
        orders = [np.random.default_rng(derive(7, "epoch", e)).permutation(40) for e in range(4)]
        rates = [[at(e, i) for i in range(40)] for e in range(4)]
        answer, errors = learned_by_loops(network, X, Y, rates, orders)
        np.testing.assert_allclose(network.predict(X), [answer(x) for x in X], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(network.errors_, errors, rtol=1e-12)
    schedule = exponential_decay(0.5, 0.9)
    decayed = CMAC(4, 12, learning_rate=schedule, epochs=4, random_state=7).fit(X, Y)
    whole = [[schedule.rate(e + i / 40, 4) for i in range(40)] for e in range(4)]
    answer, _ = learned_by_loops(decayed, X, Y, whole, orders)
    np.testing.assert_allclose(decayed.predict(X), [answer(x) for x in X], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("options", [{}, {"shuffle": False}, {"learning_rate": (0.9, 0.1)}, {"init": "mean"}])
def test_epochs_one_by_one_are_the_same_bits(options: dict[str, Any]) -> None:
    X = places(0, 70, 2)
    whole, parts = (CMAC(4, 16, epochs=5, random_state=0, **options) for _ in range(2))
    whole.fit(X, wave(X))
    for _ in range(5):
        parts.partial_fit(X, wave(X))
    assert np.array_equal(whole.weights_, parts.weights_)
    assert whole.errors_ == parts.errors_
    assert (whole.n_iter_, parts.n_iter_) == (5, 5)
    assert np.array_equal(parts.partial_fit(X, wave(X)).fit(X, wave(X)).weights_, whole.weights_)


@pytest.mark.parametrize("offsets", ["diagonal", "odd"])
def test_rows_share_cells_by_their_distance(offsets: str) -> None:
    A, R = 7, 30
    network = CMAC(A, R, bounds=(0, R), learning_rate=1.0, epochs=1, offsets=offsets)
    answers = network.fit([[15.5]], [1.0]).predict(np.arange(R)[:, None] + 0.5)
    away = np.abs(np.arange(R) - 15)
    np.testing.assert_allclose(answers, np.maximum(A - away, 0) / A, atol=1e-14)
    cells = network.active_cells(np.arange(R)[:, None] + 0.5)
    assert cells.shape == (R, A)
    for a, b in itertools.combinations(range(R), 2):
        assert (cells[a] == cells[b]).sum() == max(A - (b - a), 0)


def test_cells_along_the_diagonal_and_off_it() -> None:
    corners = np.array([[10.5, 10.5], [13.5, 13.5], [13.5, 7.5], [13.5, 10.5]])
    shared = {}
    for offsets in ("diagonal", "odd"):
        network = CMAC(8, 24, bounds=(0, 24), offsets=offsets).fit(corners, np.zeros(4))
        cells = network.active_cells(corners)
        shared[offsets] = [(cells[0] == other).sum() for other in cells[1:]]
    assert shared["diagonal"] == [5, 2, 5]  # a square of cells stretched along the diagonal
    assert shared["odd"][0] < 5


def test_answers_are_those_of_neupy_with_weights_a_times_as_great() -> None:
    X = places(0, 50, 2)
    A, step = 5, 0.4
    network = CMAC(A, 20, bounds=(-1, 1), learning_rate=step, shuffle=False, epochs=2).fit(X, wave(X))
    table: dict[Any, float] = {}
    for x, y in [*zip(X, wave(X), strict=True)] * 2:
        q = [int((value + 1) * 10) for value in x]  # where the inputs are not negative, its cells are the same
        cells = [(*((level + t) // A for level in q), t) for t in range(A)]
        error = y - sum(table.get(cell, 0.0) for cell in cells) / A
        for cell in cells:
            table[cell] = table.get(cell, 0.0) + step * error
    expected = [sum(table.get((*((int((v + 1) * 10) + t) // A for v in x), t), 0.0) for t in range(A)) / A for x in X]
    np.testing.assert_allclose(network.predict(X), expected, rtol=1e-12, atol=1e-14)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 9), st.integers(1, 40), st.sampled_from((10, 2**20))
)
def test_what_a_row_is_told_it_answers_and_nothing_far_changes(seed: int, n: int, A: int, R: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    network = CMAC(A, R, learning_rate=1.0, bounds=(-1, 1), table_size=size, random_state=0)
    network.partial_fit(rng.uniform(-1, 1, (20, n)), rng.normal(size=20))
    x, Q = rng.uniform(-1, 1, (1, n)), rng.uniform(-1, 1, (30, n))
    before, weights = network.predict(Q), network.weights_.copy()
    error = 5.0 - network.predict(x)[0]
    np.testing.assert_array_equal(network.weights_, weights)  # predictions add and change nothing
    network.partial_fit(x, [5.0])
    np.testing.assert_allclose(network.predict(x), 5.0, rtol=1e-12)
    shared = (network.active_cells(Q) == network.active_cells(x)).sum(axis=1)
    np.testing.assert_allclose(network.predict(Q) - before, error * shared / A, atol=1e-12)


def test_a_smooth_function_is_learned() -> None:
    X, Q = places(0, 3000, 2), places(1, 500, 2)
    network = CMAC(8, 64, random_state=0).fit(X, wave(X))
    assert network.score(Q, wave(Q)) > 0.99
    assert network.errors_[0] > 3 * network.errors_[-1]
    assert CMAC(8, 64, table_size=300, random_state=0).fit(X, wave(X)).score(Q, wave(Q)) > 0.85  # in half the cells


def test_where_weights_begin() -> None:
    X, y = places(0, 20, 2) * 0.1, wave(places(0, 20, 2)) + 5
    far = [[0.9, 0.9]]
    options: dict[str, Any] = {"bounds": (-1, 1), "learning_rate": 0.2, "shuffle": False}
    assert CMAC(4, 16, **options).fit(X, y).predict(far)[0] == 0.0
    mean = CMAC(4, 16, init="mean", **options).fit(X, y)
    assert mean.predict(far)[0] == pytest.approx(y.mean(), rel=1e-14)
    given = np.full(mean.weights_.shape, y.mean() / 4)
    kept = given.copy()
    assert np.array_equal(CMAC(4, 16, init=given, **options).fit(X, y).weights_, mean.weights_)
    assert np.array_equal(given, kept)
    with pytest.raises(InvalidParameter, match=r"CMAC\(init\): expected weights \(4, 25, 1\), got \(3, 2\)"):
        CMAC(4, 16, init=np.zeros((3, 2)), **options).fit(X, y)


def test_the_form_of_the_targets_is_that_of_the_answers() -> None:
    X = places(0, 30, 2)
    y = wave(X)
    flat, column, two = (CMAC(random_state=0).fit(X, t) for t in (y, y[:, None], np.stack([y, -y], axis=1)))
    assert flat.predict(X).shape == (30,)
    assert column.predict(X).shape == (30, 1)
    assert np.array_equal(column.predict(X)[:, 0], flat.predict(X))
    assert np.array_equal(two.predict(X), np.stack([flat.predict(X), -flat.predict(X)], axis=1))
    with pytest.raises(InvalidData, match=r"CMAC, y: expected 2 columns, as at first, got 1. Give as many"):
        two.partial_fit(X, y)


def test_inputs_beyond_the_bounds() -> None:
    X = places(0, 40, 2)
    network = CMAC(4, 16, random_state=0).fit(X, wave(X))
    assert np.array_equal(network.bounds_, np.stack([X.min(axis=0), X.max(axis=0)], axis=1))
    far = np.array([[-50.0, 0.1], [0.2, 1e300]])
    assert np.array_equal(network.predict(far), network.predict(np.clip(far, *network.bounds_.T)))
    network.set_params(outside="refuse")
    for method in (network.predict, network.active_cells):
        with pytest.raises(
            InvalidData, match=r"CMAC, X. Row 0, column 0: expected a number within \[-0.\d+, 0.\d+\], got -"
        ):
            method(far)
    with pytest.raises(
        InvalidData, match=r"column 1: expected a number within .* got 2. Give wider bounds, or outside="
    ):
        CMAC(bounds=((-1, 1), (0, 1)), outside="refuse").fit([[0.5, 0.5], [0.5, 2.0]], [0, 1])
    each = CMAC(4, (8, 16), bounds=((-1, 1), (-2, 2)), random_state=0).fit(X, wave(X))
    assert each.bounds_.tolist() == [[-1, 1], [-2, 2]]
    assert each.weights_.shape == (4, 3 * 5, 1)


def test_inputs_of_all_sizes() -> None:
    y = np.arange(5.0)
    constant = CMAC(4, 8, learning_rate=1.0, epochs=40, random_state=0).fit(np.stack([y, np.ones(5)], axis=1), y)
    assert np.abs(constant.predict(np.stack([y, [1, 2, -7, 1, 1]], axis=1)) - y).max() < 0.01
    for scale in (1e308, 1e-300):
        X = np.linspace(-1, 1, 5)[:, None] * scale
        wide = CMAC(4, 8, learning_rate=1.0, epochs=40, shuffle=False).fit(X, y)
        plain = CMAC(4, 8, learning_rate=1.0, epochs=40, shuffle=False).fit(X / scale, y)
        assert np.array_equal(wide.predict(X), plain.predict(X / scale))
        assert np.isfinite(wide.predict([[1.7e308], [-1.7e308]])).all()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"n_tilings": 0}, r"CMAC\(n_tilings\): expected an integer in \[1, 2147483647\], got 0"),
        (
            {"resolution": (4, 0)},
            r"CMAC\(resolution\): expected an integer in \[1, 2147483647\] or a tuple of 1 or more elements, each",
        ),
        ({"resolution": (4, 4, 4)}, r"CMAC\(resolution\): expected one for each of 2 inputs, got 3"),
        (
            {"bounds": (1, 1)},
            r"CMAC\(bounds\): expected None, a pair \(low, high\) with low < high, or such a pair for",
        ),
        ({"bounds": ((0, 1), (0, 1), (0, 1))}, r"CMAC\(bounds\): expected one for each of 2 inputs, got 3"),
        ({"bounds": "wide"}, r"CMAC\(bounds\): expected None, a pair .* got 'wide'"),
        ({"learning_rate": 2.0}, r"CMAC\(learning_rate\): expected a number in \(0, 2\), a pair"),
        (
            {"learning_rate": exponential_decay(3.0, 0.5)},
            r"CMAC\(learning_rate\): expected a schedule in \[0, 2\], got 3 in epoch 0\. Scale",
        ),
        ({"outside": "cut"}, r"CMAC\(outside\): expected 'clip' or 'refuse', got 'cut'"),
        ({"table_size": 0}, r"CMAC\(table_size\): expected an integer in \[1, 2147483647\], got 0"),
        ({"init": "ones"}, r"CMAC\(init\): expected 'zeros' or 'mean' or an array of weights, got 'ones'"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], text: str) -> None:
    X = places(0, 10, 2)
    with pytest.raises(InvalidParameter, match=text):
        CMAC(**options).fit(X, wave(X))


def test_a_failure_leaves_what_was_learned() -> None:
    X = places(0, 30, 2)
    network = CMAC(4, 16, random_state=0).fit(X, wave(X))
    kept = network.weights_.copy()
    with pytest.raises(
        InvalidData, match=r"CMAC, y, row 3: expected a target between -1e\+150 and 1e\+150, got 1e\+200"
    ):
        network.partial_fit(X, np.where(np.arange(30) == 3, 1e200, 0))
    with pytest.raises(InvalidData, match=r"Input y contains NaN. Row 3"):
        network.partial_fit(X, np.where(np.arange(30) == 3, np.nan, 0))
    network.set_params(learning_rate=exponential_decay(3.0, 0.0))
    with pytest.raises(InvalidParameter, match="in epoch 10"):
        network.partial_fit(X, wave(X))
    assert np.array_equal(network.weights_, kept)
    assert (network.n_iter_, len(network.errors_)) == (10, 10)


def test_a_schedule_that_has_ended_teaches_nothing_more() -> None:
    X = places(0, 20, 2)
    network = CMAC(learning_rate=cosine(0.2), epochs=3, random_state=0).fit(X, wave(X))
    before = network.weights_.copy()
    np.testing.assert_array_equal(network.partial_fit(X, wave(X)).weights_, before)
    assert network.n_iter_ == 4


@pytest.mark.parametrize("weight", [np.nan, np.inf, 1e200])
def test_weights_to_begin_with_are_numbers(weight: float) -> None:
    init = np.zeros((1, 2, 1))
    init[0, 1, 0] = weight
    with pytest.raises(InvalidParameter, match=r"CMAC\(init\): expected weights between -1e\+150 and 1e\+150, got"):
        CMAC(1, 2, init=init).fit([[0.0], [1.0]], [0.0, 1.0])
