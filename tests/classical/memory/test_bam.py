"""BAM: pairs against loops, against all states of small memories, and at its limits."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.classical.memory.bam import BAM
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.seeds import derive


def pairs(seed: int, rows: int, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2, (rows, n)), rng.integers(0, 2, (rows, m))


def quiet(**options: Any) -> BAM:
    return BAM(check_capacity=False, random_state=0, **options)


def all_states(n: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=n)))


def step(field: float, state: float) -> float:
    return state if field == 0 else float(np.sign(field))


def recalled_by_loops(W: np.ndarray, row: np.ndarray, mode: str, max_iter: int, seed: int) -> np.ndarray:
    """From the row's layer to the other one and back, unit by unit."""
    n, m = W.shape
    x = 2.0 * row - 1
    y = np.array([1.0 if sum(x[i] * W[i, j] for i in range(n)) > 0 else -1.0 for j in range(m)])
    for sweep in range(max_iter):
        start = np.concatenate([x, y])
        if mode == "sync":
            y = np.array([step(sum(x[i] * W[i, j] for i in range(n)), y[j]) for j in range(m)])
            x = np.array([step(sum(y[j] * W[i, j] for j in range(m)), x[i]) for i in range(n)])
        else:
            for unit in np.random.default_rng(derive(seed, "sweep", sweep)).permutation(n + m):
                if unit < n:
                    x[unit] = step(sum(y[j] * W[unit, j] for j in range(m)), x[unit])
                else:
                    y[unit - n] = step(sum(x[i] * W[i, unit - n] for i in range(n)), y[unit - n])
        if (np.concatenate([x, y]) == start).all():
            break
    return (y > 0).astype(int)


def test_weights_are_the_sum_of_the_products() -> None:
    X, Y = pairs(0, 5, 9, 7)
    network = quiet().fit(X, Y)
    W = np.zeros((9, 7))
    for x, y in zip(2 * X - 1, 2 * Y - 1, strict=True):
        for i, j in itertools.product(range(9), range(7)):
            W[i, j] += x[i] * y[j]
    assert np.array_equal(network.weights_, W)
    assert network.weights_.dtype == np.float32
    assert (network.n_patterns_, network.n_outputs_, network.n_features_in_) == (5, 7, 9)
    both = zip(2 * X - 1, 2 * Y - 1, strict=True)
    energies = [-sum(x[i] * W[i, j] * y[j] for i in range(9) for j in range(7)) for x, y in both]
    assert np.array_equal(network.energy(X, Y), energies)


def test_pairs_that_come_later_are_stored_beside_the_first() -> None:
    X, Y = pairs(1, 9, 30, 20)
    whole, parts = quiet().fit(X, Y), quiet()
    for start, stop in ((0, 2), (2, 3), (3, 9)):
        parts.partial_fit(X[start:stop], Y[start:stop])
    assert np.array_equal(parts.weights_, whole.weights_)
    assert (parts.n_patterns_, parts.n_iter_) == (9, 3)
    other = quiet().fit(X, Y[:, :5])
    assert np.array_equal(parts.fit(X, Y[:, :5]).weights_, other.weights_)  # fit begins anew, with another width
    assert parts.n_outputs_ == 5


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("max_iter", [1, 2, 3, 60])
@pytest.mark.filterwarnings("ignore:BAM.predict:UserWarning")  # rows that still move
def test_recall_goes_step_by_step_in_both_directions(mode: str, max_iter: int) -> None:
    for n, m, rows in ((4, 6, 2), (12, 8, 4), (15, 14, 7)):
        X, Y = pairs(n, rows, n, m)
        network = quiet(mode=mode, max_iter=max_iter).fit(X, Y)
        A, B = pairs(n + 1, 30, n, m)
        W = network.weights_.astype(float)
        there = [recalled_by_loops(W, row, mode, max_iter, network.seed_) for row in A]
        back = [recalled_by_loops(W.T, row, mode, max_iter, network.seed_) for row in B]
        np.testing.assert_array_equal(network.predict(A), there)
        np.testing.assert_array_equal(network.predict_input(B), back)


def test_every_recall_ends_in_a_pair_that_neither_side_can_improve() -> None:
    A, B = all_states(7), all_states(5)  # three pairs of odd sides: no field is 0
    network = quiet().fit(A[[11, 52, 94]], B[[7, 21, 18]])
    E = -((2.0 * A - 1) @ network.weights_ @ (2.0 * B - 1).T)  # all pairs of states
    assert (E != 0).all()
    rows, columns = np.arange(128)[:, None] ^ (1 << np.arange(7)), np.arange(32)[:, None] ^ (1 << np.arange(5))
    for mode in ("sync", "async"):
        network.set_params(mode=mode)
        Y = network.predict(A)
        number = Y @ (1 << np.arange(5)[::-1])
        partner = network.set_params(max_iter=200).predict_input(Y)
        back = partner @ (1 << np.arange(7)[::-1])
        E_found = E[back, number]
        assert (E[rows[back], number[:, None]] >= E_found[:, None]).all()
        assert (E[back[:, None], columns[number]] >= E_found[:, None]).all()
        assert (E_found <= E.min(axis=1)).all()  # the first answer is already the best Y for X
        np.testing.assert_array_equal(network.predict(partner), Y)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 25), st.integers(2, 25), st.integers(1, 10))
def test_energy_never_rises(seed: int, n: int, m: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    network = quiet().fit(rng.integers(0, 2, (rows, n)), rng.integers(0, 2, (rows, m)))
    x = rng.integers(0, 2, (8, n))
    y = network.set_params(max_iter=1).predict(x)
    before = network.energy(x, y)
    for _ in range(5):
        x = network.predict_input(y)
        middle = network.energy(x, y)
        y = network.predict(x)
        after = network.energy(x, y)
        assert (middle <= before).all()
        assert (after <= middle).all()
        before = after
    for mode in ("sync", "async"):
        network.set_params(max_iter=500, mode=mode)
        ends = network.predict(x)  # warns, and so fails, where a row has not settled
        assert (network.energy(network.predict_input(ends), ends) <= before).all()


def test_going_there_and_back_mends_what_one_pass_does_not() -> None:
    X, Y = pairs(0, 50, 512, 256)
    noisy = np.where(np.random.default_rng(1).random(X.shape) < 0.1, 1 - X, X)
    network = quiet().fit(X, Y)
    exact = (network.predict(noisy) == Y).all(axis=1).mean()
    one_pass = (quiet(max_iter=1).fit(X, Y).predict(noisy) == Y).all(axis=1).mean()
    assert exact > 0.6 > 0.55 > one_pass


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_row_is_recalled_as_it_is_alone(mode: str) -> None:
    network, (A, B) = quiet(mode=mode).fit(*pairs(0, 6, 20, 15)), pairs(1, 25, 20, 15)
    np.testing.assert_array_equal(network.predict(A), np.concatenate([network.predict(row[None]) for row in A]))
    alone = np.concatenate([network.predict_input(row[None]) for row in B])
    np.testing.assert_array_equal(network.predict_input(B), alone)


def test_a_field_of_zero_keeps_a_unit_and_makes_a_new_one_0() -> None:
    network = quiet().fit([[1, 1], [1, 0]], [[1, 0], [1, 0]])  # W = [[2, -2], [0, 0]]: the second unit of X is free
    assert network.weights_.tolist() == [[2, -2], [0, 0]]
    for mode in ("sync", "async"):
        network.set_params(mode=mode)
        assert network.predict([[1, 0], [1, 1], [0, 1]]).tolist() == [[1, 0], [1, 0], [0, 1]]
        assert network.predict_input([[1, 0], [1, 1]])[0].tolist() == [1, 0]
    empty = quiet().fit([[1, 0], [1, 0]], [[1, 0], [0, 1]])
    assert empty.weights_.tolist() == [[0, 0], [0, 0]]
    assert empty.predict([[1, 1]]).tolist() == [[0, 0]]


@pytest.mark.parametrize(("mode", "what"), [("sync", "times there and back"), ("async", "sweeps")])
def test_rows_that_do_not_settle_are_named(mode: str, what: str) -> None:
    network = quiet(mode=mode, max_iter=2).fit(*pairs(0, 40, 200, 200))
    A, B = pairs(1, 30, 200, 200)
    for method, rows in (("predict", A), ("predict_input", B)):
        text = rf"BAM.{method}, rows .* more: expected a fixed point, got units that still change after 2 {what}"
        with pytest.warns(UserWarning, match=text):
            getattr(network, method)(rows)
    network.set_params(max_iter=1).predict(A)  # one pass was asked for


def test_more_pairs_than_it_holds_are_stored_with_a_warning() -> None:
    BAM().fit(*pairs(0, 6, 64, 64))
    X, Y = pairs(0, 20, 64, 57)
    a, b = 2.0 * X - 1, 2.0 * Y - 1
    w = a.T @ b
    lost = sum(not (np.all(p @ w * q >= 0) and np.all(w @ q * p >= 0)) for p, q in zip(a, b, strict=True))
    assert lost
    text = rf"BAM: expected at most 6.9 pairs of 64 and 57 bits \(n / .*got 20, and {lost} of the 20 just"
    with pytest.warns(UserWarning, match=text):
        network = BAM().fit(X, Y)
    assert network.n_patterns_ == 20
    with pytest.warns(
        UserWarning, match=r"got 50, and .* of the 30 .*estimate is below min\(n, m\) = 57\), or code th"
    ):
        network.partial_fit(*pairs(2, 30, 64, 57))


def test_pairs_that_are_all_held_are_no_reason_to_warn() -> None:
    X = np.array([[1, 1, 1, 0, 0, 0], [1, 0, 1, 0, 1, 0]])
    Y = np.array([[1, 1, 0, 0], [1, 0, 1, 0]])
    np.testing.assert_array_equal(BAM().fit(X, Y).predict(X), Y)  # above the figure for random pairs, and yet exact


def test_sides_that_do_not_fit_are_refused() -> None:
    X, Y = pairs(0, 4, 9, 6)
    network = quiet().fit(X, Y)
    with pytest.raises(InvalidData, match=r"BAM, Y: expected shape \(n, n_outputs\), got shape \(4,\). Give a column"):
        network.fit(X, Y[:, 0])
    with pytest.raises(InvalidData, match="requires y to be passed, but the target y is None"):
        network.fit(X, None)
    with pytest.raises(InvalidData, match=r"inconsistent numbers of samples: \[4, 3\]. BAM, Y: expected 4 rows"):
        network.fit(X, Y[:3])
    with pytest.raises(InvalidData, match="BAM, Y: expected 6 columns, as at the fit, got 5"):
        network.partial_fit(X, Y[:, :5])
    with pytest.raises(InvalidData, match="BAM, Y: expected 6 columns"):
        network.predict_input(X)
    with pytest.raises(InvalidData, match=r"Y. Row 2, column 1: expected 0 or 1, got 7. Code Y as 0 and 1, or set bin"):
        network.fit(X, np.where(np.arange(24).reshape(4, 6) == 13, 7, Y))
    with pytest.raises(InvalidData, match=r"Input y contains NaN. Row 0, column 3"):
        network.predict_input([[0, 1, 0, np.nan, 1, 1]])
    with pytest.raises(InvalidData, match=r"Input X contains NaN"):
        network.predict(np.full((1, 9), np.nan))
    with pytest.raises(InvalidParameter, match=r"BAM\(mode\): expected 'sync' or 'async', got 'both'"):
        quiet(mode="both").fit(X, Y)
    assert np.array_equal(network.predict(X), quiet().fit(X, Y).predict(X))  # what was learned stayed


def test_both_sides_are_cut_at_the_threshold() -> None:
    X, Y = pairs(0, 3, 20, 30)
    grey = np.random.default_rng(1).uniform(0.0, 0.4, X.shape) + 0.5 * X
    network = quiet(binarize=0.45).fit(grey, 0.9 * Y)
    assert np.array_equal(network.weights_, quiet().fit(X, Y).weights_)
    assert np.array_equal(network.predict(grey), Y)
    assert np.array_equal(network.energy(grey, 0.9 * Y), quiet().fit(X, Y).energy(X, Y))
