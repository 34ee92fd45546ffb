"""The four rules of Kohonen, row by row, against transcriptions of the papers in plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.classical import LVQ1, LVQ2, LVQ3, LVQ21
from netwright.classical.lvq.prototypes.window import ratio_of
from netwright.core.schedules import step_decay

RULES = {"LVQ1": LVQ1, "LVQ2": LVQ2, "LVQ21": LVQ21, "LVQ3": LVQ3}


def two_nearest(W: np.ndarray, x: np.ndarray) -> tuple[list[int], list[float]]:
    """The nearest and the second nearest prototype, earlier ones first, and their distances."""
    squares = []
    for w in W:
        total = 0.0
        for a, b in zip(x, w, strict=True):
            total += (float(a) - float(b)) ** 2
        squares.append(total)
    order = sorted(range(len(W)), key=lambda i: (squares[i], i))[:2]
    return order, [squares[i] ** 0.5 for i in order]


def transcription(
    rule: str,
    W: np.ndarray,
    labels: np.ndarray,
    X: np.ndarray,
    y: np.ndarray,
    rates: np.ndarray,
    window: float = 0.2,
    epsilon: float = 0.1,
) -> np.ndarray:
    """One epoch by the equations: LVQ_PAK's report, and the paper of 1990 for LVQ2 and LVQ3."""
    W = W.astype(float).copy()
    s = (1 - window) / (1 + window)
    for x, label, a in zip(X, y, rates, strict=True):
        (i, j), (di, dj) = two_nearest(W, x)
        right_i, right_j = labels[i] == label, labels[j] == label
        inside = di > 0 and dj > 0 and min(di / dj, dj / di) > s
        if rule == "LVQ1":
            W[i] = W[i] + a * (x - W[i]) if right_i else W[i] - a * (x - W[i])
        elif rule == "LVQ2" and not right_i and right_j and inside:
            W[i], W[j] = W[i] - a * (x - W[i]), W[j] + a * (x - W[j])
        elif rule in ("LVQ21", "LVQ3") and right_i != right_j and inside:
            right, wrong = (i, j) if right_i else (j, i)
            W[right], W[wrong] = W[right] + a * (x - W[right]), W[wrong] - a * (x - W[wrong])
        elif rule == "LVQ3" and right_i and right_j:
            W[i], W[j] = W[i] + epsilon * a * (x - W[i]), W[j] + epsilon * a * (x - W[j])
    return W


def problem_of(seed: int, n: int = 60, features: int = 3, m: int = 6, classes: int = 3) -> tuple[Any, ...]:
    random = np.random.default_rng(seed)
    X, y = random.normal(size=(n, features)), random.integers(0, classes, n)
    y[:classes] = np.arange(classes)
    return X, y, random.normal(size=(m, features)), np.arange(m) % classes


def network_of(rule: str, W: np.ndarray, labels: np.ndarray, **options: Any) -> Any:
    return RULES[rule](init=W, labels=labels, **{"shuffle": False, "random_state": 0, **options})


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(4))
def test_an_epoch_at_a_constant_rate_is_the_papers(rule: str, seed: int) -> None:
    X, y, W, labels = problem_of(seed)
    window = {} if rule == "LVQ1" else {"window": 0.4}
    network = network_of(rule, W, labels, learning_rate=0.1, epochs=1, **window).fit(X, y)
    expected = transcription(rule, W, labels, X, y, np.full(len(X), 0.1), 0.4)
    assert not np.array_equal(expected, W)
    np.testing.assert_array_equal(network.prototypes_, expected)
    np.testing.assert_array_equal(network.labels_, labels)


@pytest.mark.parametrize("rule", RULES)
def test_a_pair_falls_row_by_row_over_the_epochs(rule: str) -> None:
    X, y, W, labels = problem_of(5)
    network = network_of(rule, W, labels, learning_rate=(0.3, 0.1), epochs=4).fit(X, y)
    expected = W
    for epoch in range(4):
        rates = 0.3 - 0.2 * (epoch + np.arange(len(X)) / len(X)) / 4
        expected = transcription(rule, expected, labels, X, y, rates)
    np.testing.assert_allclose(network.prototypes_, expected, rtol=1e-12)


def test_a_schedule_is_asked_for_its_rates() -> None:
    X, y, W, labels = problem_of(6)
    schedule = step_decay(0.2, every=1, factor=0.5)
    network = network_of("LVQ1", W, labels, learning_rate=schedule, epochs=3).fit(X, y)
    expected = W
    for rate in (0.2, 0.1, 0.05):
        expected = transcription("LVQ1", expected, labels, X, y, np.full(len(X), rate))
    np.testing.assert_allclose(network.prototypes_, expected, rtol=1e-12)


@pytest.mark.parametrize("window", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("rule", ["LVQ2", "LVQ21", "LVQ3"])
def test_the_window_lets_in_what_the_paper_lets_in(rule: str, window: float) -> None:
    X, y, W, labels = problem_of(7)
    network = network_of(rule, W, labels, learning_rate=0.05, epochs=1, window=window).fit(X, y)
    expected = transcription(rule, W, labels, X, y, np.full(len(X), 0.05), window)
    np.testing.assert_array_equal(network.prototypes_, expected)
    if window == 0 and rule != "LVQ3":
        np.testing.assert_array_equal(network.prototypes_, W)


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_epsilon_scales_the_step_of_two_right_prototypes_in_the_window_or_not(epsilon: float) -> None:
    W, labels = np.array([[0.0], [1.0], [9.0]]), np.array(["a", "a", "b"])
    X, y = np.array([[0.1], [9.0]]), np.array(["a", "b"])  # d = 0.1 and 0.9: far outside of a window of 0.2
    network = network_of("LVQ3", W, labels, learning_rate=0.5, epochs=1, epsilon=epsilon).fit(X, y)
    step = 0.5 * epsilon
    np.testing.assert_allclose(network.prototypes_[:2, 0], [0.1 * step, 1 - 0.9 * step], rtol=1e-12)


def test_outside_of_the_window_nothing_moves_at_all() -> None:
    W, labels = np.array([[0.0], [4.0]]), np.array([0, 1])
    X, y = np.array([[0.5], [3.5], [3.9]]), np.array([1, 0, 1])  # wrong, but 0.5 / 3.5 < (1 - 0.2) / (1 + 0.2)
    for rule in ("LVQ2", "LVQ21", "LVQ3"):
        network = network_of(rule, W, labels, learning_rate=0.5, epochs=3).fit(X, y)
        np.testing.assert_array_equal(network.prototypes_, W)


def test_lvq2_learns_only_where_the_nearest_is_wrong() -> None:
    W, labels = np.array([[0.0], [4.0]]), np.array([0, 1])
    X, y = np.array([[1.9], [2.1]]), np.array([0, 1])  # right, and in the window
    assert np.array_equal(network_of("LVQ2", W, labels, epochs=1).fit(X, y).prototypes_, W)
    assert not np.array_equal(network_of("LVQ21", W, labels, epochs=1).fit(X, y).prototypes_, W)
    moved = network_of("LVQ2", W, labels, learning_rate=0.1, epochs=1).fit(X[:, :], y[::-1]).prototypes_
    assert not np.array_equal(moved, W)


def test_the_second_prototype_itself_moves_where_a_class_has_several() -> None:
    W = np.array([[0.0, 0.0], [5.0, 5.0], [1.0, 0.0], [6.0, 5.0]])
    labels = np.array([0, 0, 1, 1])
    X, y = np.array([[5.5, 5.0], [0.0, 0.0], [1.0, 0.0]]), np.array([1, 0, 1])
    network = network_of("LVQ21", W, labels, learning_rate=0.1, epochs=1, window=0.5).fit(X, y)
    np.testing.assert_array_equal(network.prototypes_[[0, 2]], W[[0, 2]])
    np.testing.assert_allclose(network.prototypes_[1], [4.95, 5.0])
    np.testing.assert_allclose(network.prototypes_[3], [5.95, 5.0])


@pytest.mark.parametrize("rule", ["LVQ2", "LVQ21", "LVQ3"])
def test_warm_epochs_are_lvq1_and_then_the_rate_begins_anew(rule: str) -> None:
    X, y, W, labels = problem_of(8)
    network = network_of(rule, W, labels, learning_rate=(0.2, 0.0), warm_epochs=2, epochs=3).fit(X, y)
    assert network.n_iter_ == 5
    expected, times = W, np.arange(len(X)) / len(X)
    for epoch in range(2):
        expected = transcription("LVQ1", expected, labels, X, y, 0.2 * (1 - (epoch + times) / 2))
    for epoch in range(3):
        expected = transcription(rule, expected, labels, X, y, 0.2 * (1 - (epoch + times) / 3))
    np.testing.assert_allclose(network.prototypes_, expected, rtol=1e-12)
    first = network_of("LVQ1", W, labels, learning_rate=(0.2, 0.0), epochs=2).fit(X, y)
    by_hand = network_of(rule, first.prototypes_, labels, learning_rate=(0.2, 0.0), epochs=3).fit(X, y)
    np.testing.assert_array_equal(network.prototypes_, by_hand.prototypes_)


def test_shuffled_epochs_show_each_row_once_in_the_seeds_order() -> None:
    from netwright.core.seeds import derive

    X, y, W, labels = problem_of(9)
    network = network_of("LVQ1", W, labels, learning_rate=0.1, epochs=2, shuffle=True, random_state=3).fit(X, y)
    expected = W
    for epoch in range(2):
        order = np.random.default_rng(derive(3, "epoch", epoch)).permutation(len(X))
        expected = transcription("LVQ1", expected, labels, X[order], y[order], np.full(len(X), 0.1))
    np.testing.assert_array_equal(network.prototypes_, expected)


@given(
    rule=st.sampled_from(list(RULES)),
    rows=st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.booleans()), min_size=2, max_size=30),
    units=st.sets(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=7),
    window=st.sampled_from([0.1, 0.3, 1.0]),
    power=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_ties_on_a_grid_go_to_the_earlier_prototype(
    rule: str, rows: Any, units: Any, window: float, power: int
) -> None:
    """Distances on a grid are equal often, and sums in another order could not tell which comes first."""
    X, y = np.array([row[:2] for row in rows], dtype=float), np.array([row[2] for row in rows], dtype=int)
    W = np.array(sorted(units), dtype=float)
    y[:2], labels = [0, 1], np.arange(len(W)) % 2
    options = {} if rule == "LVQ1" else {"window": window}
    rate = 2.0**-power
    network = network_of(rule, W, labels, learning_rate=rate, epochs=2, **options).fit(X, y)
    expected = W
    for _ in range(2):
        expected = transcription(rule, expected, labels, X, y, np.full(len(X), rate), window)
    np.testing.assert_array_equal(network.prototypes_, expected)


def test_near_ties_in_many_features_are_decided_by_plain_sums() -> None:
    """Prototypes that are images of each other: sums differ in their last places, by the order of the features."""
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 37))
    W = np.stack([np.roll(np.full(37, 0.1) * np.arange(37), k) for k in range(6)])
    X[::2] = X[::2, :1]  # equal features: all prototypes are equally far, but for rounding
    y, labels = np.arange(200) % 2, np.arange(6) % 2
    for rule in RULES:
        network = network_of(rule, W, labels, learning_rate=1e-9, epochs=1).fit(X, y)
        expected = transcription(rule, W, labels, X, y, np.full(200, 1e-9))
        np.testing.assert_array_equal(network.prototypes_, expected)


@pytest.mark.parametrize("rule", RULES)
def test_float32_rows_give_float32_prototypes_of_the_same_course(rule: str) -> None:
    X, y, W, labels = problem_of(11)
    X = X.astype(np.float32)
    network = network_of(rule, W, labels, learning_rate=0.1, epochs=1).fit(X, y)
    expected = transcription(rule, W.astype(np.float32), labels, X.astype(float), y, np.full(len(X), 0.1))
    assert network.prototypes_.dtype == np.float32
    np.testing.assert_array_equal(network.prototypes_, expected.astype(np.float32))
    assert network.decision_function(X).dtype == network.predict_proba(X).dtype == np.float32


def test_features_that_are_mostly_zero_do_not_slow_float32_down() -> None:
    """A weight that decays stays a normal number, of any type: no difference below 1e-150 is halved further."""
    X = np.zeros((400, 2), dtype=np.float32)
    X[::2, 1], y = 1.0, np.arange(400) % 2
    W = np.array([[1.0, 1.0], [1.0, 0.0]], dtype=np.float32)
    network = LVQ1(init=W, labels=[0, 1], learning_rate=0.5, epochs=10, shuffle=False).fit(X, y)
    assert np.all((network.prototypes_ == 0) | (np.abs(network.prototypes_) >= np.finfo(np.float32).tiny))
    assert np.array_equal(network.predict(X), y)


def test_the_ratio_of_a_window() -> None:
    assert ratio_of(0.0) == 1.0
    assert ratio_of(1.0) == 0.0
    assert ratio_of(0.2) == pytest.approx(2 / 3)


@pytest.mark.parametrize("rule", RULES)
def test_the_rules_learn_the_digits(rule: str) -> None:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
    network = RULES[rule](5, random_state=0).fit(X_train, y_train)
    assert network.score(X_test, y_test) > 0.95
