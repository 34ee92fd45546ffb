"""Hopfield network: storage and recall against loops, against all states of small networks, and at its limits."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from netwright.classical.memory.bipolar import exact_type
from netwright.classical.memory.hopfield import Hopfield
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.seeds import derive

RULES = ("hebb", "pseudo_inverse", "storkey")
each_rule = pytest.mark.parametrize("rule", RULES)


def bits(seed: int, rows: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (rows, n))


def quiet(**options: Any) -> Hopfield:
    return Hopfield(check_capacity=False, random_state=0, **options)


def all_states(n: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=n)))


def stored_by_loops(X: np.ndarray, rule: str) -> np.ndarray:
    """The rules as in the papers, one weight after the other; the pseudo-inverse by its definition."""
    S, n = 2.0 * X - 1, X.shape[1]
    if rule == "pseudo_inverse":
        W = np.linalg.pinv(S) @ S
        return W - np.diag(np.diag(W))
    W = np.zeros((n, n))
    for x in S:
        old = W.copy()
        for i, j in itertools.permutations(range(n), 2):
            if rule == "hebb":
                W[i, j] += x[i] * x[j]
            else:
                h_ij = sum(old[i, k] * x[k] for k in range(n) if k not in (i, j))
                h_ji = sum(old[j, k] * x[k] for k in range(n) if k not in (i, j))
                W[i, j] += (x[i] * x[j] - x[i] * h_ji - x[j] * h_ij) / n
    return W


def recalled_by_loops(network: Hopfield, row: np.ndarray, mode: str, max_iter: int) -> np.ndarray:
    """The dynamics, unit by unit; fields that are 0 but for rounding keep the state."""
    W, n = network.weights_.astype(float), len(row)
    x = 2.0 * row - 1
    for sweep in range(max_iter):
        if mode == "sync":
            order: Any = range(n)
        else:
            order = np.random.default_rng(derive(network.seed_, "sweep", sweep)).permutation(n)
        start = x.copy()
        for i in order:
            h = math.fsum(W[i, j] * (start if mode == "sync" else x)[j] for j in range(n))
            if abs(h) > 1e-9:
                x[i] = math.copysign(1, h)
        if (x == start).all():
            break
    return (x > 0).astype(int)


@each_rule
@pytest.mark.parametrize(("rows", "n"), [(1, 6), (3, 9), (4, 15), (7, 5)])
def test_weights_are_those_of_the_rule(rule: str, rows: int, n: int) -> None:
    X = bits(rows, rows, n)
    W = quiet(rule=rule).fit(X).weights_
    np.testing.assert_allclose(W, stored_by_loops(X, rule), rtol=1e-12, atol=0 if rule == "hebb" else 1e-12)
    assert (np.diag(W) == 0).all()
    assert np.array_equal(W, W.T)


@each_rule
def test_patterns_that_come_later_are_stored_beside_the_first(rule: str) -> None:
    X = bits(5, 9, 40)
    X[4] = X[1]  # known already: nothing new to the projection
    whole, parts = quiet(rule=rule).fit(X), quiet(rule=rule)
    for start, stop in ((0, 1), (1, 6), (6, 9)):
        parts.partial_fit(X[start:stop])
    if rule == "pseudo_inverse":
        np.testing.assert_allclose(parts.weights_, whole.weights_, atol=1e-13)
        np.testing.assert_allclose(parts._diagonal, whole._diagonal, atol=1e-13)
    else:
        assert np.array_equal(parts.weights_, whole.weights_)
    assert (parts.n_patterns_, parts.n_iter_, whole.n_patterns_, whole.n_iter_) == (9, 3, 9, 1)
    assert np.array_equal(parts.fit(X[:2]).weights_, quiet(rule=rule).fit(X[:2]).weights_)  # fit begins anew
    assert parts.n_patterns_ == 2


@each_rule
@pytest.mark.parametrize("mode", ["async", "sync"])
@pytest.mark.parametrize("max_iter", [1, 2, 3, 4, 50])
@pytest.mark.filterwarnings("ignore:Hopfield.predict, row:UserWarning")  # cycles, rows that still move
def test_recall_goes_step_by_step(rule: str, mode: str, max_iter: int) -> None:
    for n, rows in ((6, 2), (12, 3), (17, 6), (24, 4)):
        network = quiet(rule=rule, mode=mode, max_iter=max_iter).fit(bits(n, rows, n))
        X = bits(n + 1, 40, n)
        expected = [recalled_by_loops(network, row, mode, max_iter) for row in X]
        np.testing.assert_array_equal(network.predict(X), expected)


@each_rule
def test_recall_ends_in_the_states_that_no_single_unit_can_improve(rule: str) -> None:
    X = all_states(9)
    network = quiet(rule=rule).fit(X[[37, 290, 411]])
    S = 2.0 * X - 1
    E = -0.5 * np.einsum("ri,ij,rj->r", S, network.weights_, S)
    np.testing.assert_allclose(network.energy(X), E, rtol=1e-12, atol=1e-12)
    neighbours = np.arange(512)[:, None] ^ (1 << np.arange(9))  # the numbers of the states with one bit turned
    minima = (E[neighbours] >= E[:, None] - 1e-9).all(axis=1)
    ends = network.predict(X)
    number = ends @ (1 << np.arange(9)[::-1])
    assert 0 < minima.sum() < 200
    assert minima[number].all()
    assert (E[number] <= E + 1e-9).all()
    np.testing.assert_array_equal(network.predict(X[minima]), X[minima])
    assert E[number].min() == E.min()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 12), st.sampled_from(RULES))
def test_energy_never_rises_from_sweep_to_sweep(seed: int, n: int, rows: int, rule: str) -> None:
    rng = np.random.default_rng(seed)
    network = quiet(rule=rule).fit(rng.integers(0, 2, (rows, n)))
    X = rng.integers(0, 2, (10, n))
    before = network.energy(X)
    for _ in range(4):  # a sweep in one order after the other, each from where the last one ended
        X = network.set_params(max_iter=1).predict(X)
        after = network.energy(X)
        assert (after <= before + 1e-9 * np.abs(before)).all()
        before = after
    ends = network.set_params(max_iter=1000).predict(X)  # warns, and so fails, where a row has not settled
    assert (network.energy(ends) <= before + 1e-9 * np.abs(before)).all()
    np.testing.assert_array_equal(network.predict(ends), ends)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.data())
def test_the_pseudo_inverse_keeps_every_pattern(seed: int, n: int, data: st.DataObject) -> None:
    X = np.random.default_rng(seed).integers(0, 2, (data.draw(st.integers(1, n)), n))
    for mode in ("async", "sync"):
        np.testing.assert_array_equal(quiet(rule="pseudo_inverse", mode=mode).fit(X).predict(X), X)


def test_hebb_keeps_half_of_the_patterns_at_a_load_where_the_others_keep_all() -> None:
    X = bits(0, 50, 512)
    noisy = np.where(np.random.default_rng(1).random(X.shape) < 0.1, 1 - X, X)
    exact = {rule: (quiet(rule=rule).fit(X).predict(noisy) == X).all(axis=1).mean() for rule in RULES}
    assert 0.3 < exact["hebb"] < 0.8
    assert exact["pseudo_inverse"] == exact["storkey"] == 1.0


@pytest.mark.parametrize("mode", ["async", "sync"])
@each_rule
@pytest.mark.filterwarnings("ignore:Hopfield.predict, row:UserWarning")
def test_a_row_is_recalled_as_it_is_alone(mode: str, rule: str) -> None:
    X = bits(2, 6, 30)
    network, rows = quiet(mode=mode, rule=rule).fit(X), bits(3, 25, 30)
    together = network.predict(rows)
    assert not (together == rows).all()
    np.testing.assert_array_equal(together, np.concatenate([network.predict(row[None]) for row in rows]))
    np.testing.assert_array_equal(together[::-1], network.predict(rows[::-1]))


def test_a_field_of_zero_keeps_the_state() -> None:
    network = quiet().fit([[1, 1, 1, 1], [1, 1, 0, 0]])  # w = 2 within the halves, 0 between them
    np.testing.assert_array_equal(network.weights_, [[0, 2, 0, 0], [2, 0, 0, 0], [0, 0, 0, 2], [0, 0, 2, 0]])
    assert quiet().fit(all_states(3)).weights_.tolist() == [[0.0] * 3] * 3
    for mode in ("async", "sync"):
        np.testing.assert_array_equal(quiet(mode=mode).fit(all_states(3)).predict(all_states(3)), all_states(3))


def test_a_cycle_of_two_is_found_and_named() -> None:
    X = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])
    text = r"Hopfield.predict, rows 0, 2: expected a fixed point, got a cycle of two states. Use mode=\"async\", which"
    for max_iter, ends in ((50, X), (51, [[0, 1], [1, 1], [1, 0], [0, 0]])):
        network = quiet(mode="sync", max_iter=max_iter).fit([[1, 1]])
        with pytest.warns(UserWarning, match=text):
            np.testing.assert_array_equal(network.predict(X), ends)
    np.testing.assert_array_equal(network.set_params(max_iter=1).predict(X), ends)  # one pass, and nothing to say
    settled = quiet().fit([[1, 1]]).predict(X)
    assert (settled[:, 0] == settled[:, 1]).all()


@pytest.mark.parametrize(("mode", "what"), [("async", "sweeps"), ("sync", "passes")])
def test_rows_that_do_not_settle_are_named(mode: str, what: str) -> None:
    network = quiet(mode=mode, max_iter=2).fit(bits(3, 30, 200))
    rows = bits(4, 20, 200)
    text = r"Hopfield.predict, rows (\d+, ){7}\d+ and \d+ more: expected a fixed point, got units that still change"
    with pytest.warns(UserWarning, match=rf"{text} after 2 {what}. Give a greater max_iter"):
        network.predict(rows)
    network.set_params(max_iter=1).predict(rows)  # one sweep was asked for


def test_more_patterns_than_the_rule_holds_are_stored_with_a_warning() -> None:
    limit = 64 / (2 * math.log(64))  # 7.7
    Hopfield().fit(bits(0, 7, 64))
    text = r"at most n / \(2 ln n\) = 7.7 patterns of 64 bits.*got 8; beyond 0.138 n = 8.8 recall of .* use rule="
    with pytest.warns(UserWarning, match=rf"Hopfield\(rule='hebb'\): expected {text}"):
        network = Hopfield().fit(bits(0, 8, 64))
    assert network.n_patterns_ == 8 > limit
    with pytest.warns(UserWarning, match="got 9; beyond"):
        network.partial_fit(bits(1, 1, 64))
    Hopfield(check_capacity=False).fit(bits(0, 40, 64))
    Hopfield(rule="storkey").fit(bits(0, 22, 64))
    with pytest.warns(
        UserWarning, match=r"at most n / sqrt\(2 ln n\) = 22.2 patterns of 64 bits.*got 23\. Store fewer"
    ):
        Hopfield(rule="storkey").fit(bits(0, 23, 64))
    Hopfield(rule="pseudo_inverse").fit(np.tile(bits(0, 20, 21), (4, 1)))  # the same again is not independent
    with pytest.warns(UserWarning, match=r"at most n - 1 = 2 independent.*got 3, with which every state is a fixed"):
        Hopfield(rule="pseudo_inverse").fit(all_states(3))
    with pytest.warns(UserWarning, match="patterns of 1 bits"):
        Hopfield().fit([[1]])


def test_whole_weights_are_exact_in_the_type_they_are_held_in() -> None:
    assert exact_type(2**24) is np.float32
    assert exact_type(2**24 + 1) is np.float64
    X = bits(0, 30, 64)
    network = quiet().fit(X)
    assert network.weights_.dtype == np.float32
    S = 2 * X - 1
    assert np.array_equal(network.energy(X), -0.5 * ((S @ (S.T @ S)) * S).sum(axis=1) + 0.5 * 30 * 64)
    assert network.energy(X).dtype == np.float64
    assert quiet(rule="storkey").fit(X).weights_.dtype == np.float64


def test_what_is_not_a_bit_is_refused_or_cut() -> None:
    with pytest.raises(
        InvalidData, match=r"X. Row 1, column 2: expected 0 or 1, got 0.5. Code X as 0 and 1, or set bi"
    ):
        Hopfield().fit([[0, 1, 1], [1, 0, 0.5]])
    with pytest.raises(InvalidData, match=r"Row 0, column 0: expected 0 or 1, got -1"):
        quiet().fit([[0, 1, 1]]).predict([[-1, 1, 1]])
    grey = quiet(binarize=0.5).fit([[0.2, 0.9, 0.5, 0.6]])
    assert np.array_equal(grey.weights_, quiet().fit([[0, 1, 0, 1]]).weights_)
    assert grey.energy([[0.1, 0.7, 0.4, 0.8]]) == -6.0


def test_the_rule_cannot_change_between_patterns() -> None:
    network = quiet().fit(bits(0, 2, 20)).set_params(rule="storkey")
    with pytest.raises(InvalidParameter, match=r"at partial_fit: expected 'hebb', by which the memory was filled, got"):
        network.partial_fit(bits(1, 1, 20))
    assert network.fit(bits(0, 2, 20)).weights_.dtype == np.float64


def test_an_unknown_option_is_told() -> None:
    with pytest.raises(
        InvalidParameter, match=r"Hopfield: expected one of its options, got 'modes'. Did you mean 'mode'"
    ):
        Hopfield(modes="sync")
    with pytest.raises(
        InvalidParameter, match=r"Hopfield\(rule\): expected 'hebb' or .*got 'heb'. Did you mean 'hebb'"
    ):
        Hopfield(rule="heb").fit([[0, 1]])


def test_orders_come_from_the_seed_and_every_unit_is_visited() -> None:
    X, rows = bits(0, 12, 40), bits(1, 60, 40)
    first, other = (Hopfield(check_capacity=False, random_state=seed).fit(X).predict(rows) for seed in (0, 1))
    assert not np.array_equal(first, other)
    flipped = 1 - X[:1]
    assert np.array_equal(quiet(max_iter=1).fit(X[:1]).predict(np.where(np.arange(40) < 15, flipped, X[:1])), X[:1])


def test_it_mends_rows_in_a_pipeline() -> None:
    X = bits(0, 4, 100)
    noisy = np.where(np.random.default_rng(1).random((80, 100)) < 0.15, 1 - np.tile(X, (20, 1)), np.tile(X, (20, 1)))
    y = np.tile(np.arange(4), 20)
    pipe = make_pipeline(Hopfield(random_state=0), DecisionTreeClassifier(random_state=0))
    pipe[0].fit(X)
    mended = pipe[0].transform(noisy)
    assert np.array_equal(mended, np.tile(X, (20, 1)))
    assert pipe[0].get_feature_names_out().tolist() == [f"x{i}" for i in range(100)]
    assert DecisionTreeClassifier(random_state=0).fit(X, range(4)).score(mended, y) == 1.0


def test_weights_are_n_times_those_of_hopfieldnetwork() -> None:
    library = pytest.importorskip("hopfieldnetwork")
    X = bits(0, 3, 30)
    other = library.HopfieldNetwork(N=30)
    other.train_pattern((2 * X.T - 1).astype("int8"))
    np.testing.assert_allclose(quiet().fit(X).weights_, 30 * other.w, atol=1e-12)


def test_storkeys_weights_do_not_overflow_in_silence() -> None:
    memory = quiet(rule="storkey").fit(bits(0, 9, 20))
    before = memory.weights_.copy()
    text = r'Hopfield\(rule="storkey"\): expected patterns of 20 bits so few that weights stay finite, got 9009'
    with pytest.raises(InvalidData, match=text):
        memory.partial_fit(bits(1, 9000, 20))
    np.testing.assert_array_equal(memory.weights_, before)


@pytest.mark.parametrize("method", ["predict", "transform"])
def test_warnings_name_the_method_and_its_caller(method: str) -> None:
    memory = quiet(mode="sync").fit([[1, 0]])
    with pytest.warns(UserWarning, match=rf"Hopfield\.{method}, row 0: expected a fixed point, got a cycle") as caught:
        getattr(memory, method)([[1, 1]])
    assert caught[0].filename == __file__
