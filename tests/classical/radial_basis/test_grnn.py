"""GRNN: Specht's equation, its bandwidths, and rows that come bit by bit or need not be in memory."""

from __future__ import annotations

import hashlib

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_friedman1
from sklearn.metrics.pairwise import rbf_kernel

from netwright.classical.radial_basis.grnn import GRNN
from netwright.core.errors import InvalidData, InvalidParameter

RNG = np.random.default_rng(3)
X, Q = RNG.normal(size=(60, 3)), RNG.normal(size=(25, 3))
Y = np.column_stack([np.sin(X[:, 0]) + X[:, 1], 100 + 5 * X[:, 2]])
RULES = ["loo", "loo-scaled", "loo-per-feature", "scott", "silverman"]


def by_equation(query: np.ndarray, sigma, weights=None) -> tuple[np.ndarray, np.ndarray]:
    """y(x) and s(x) as in the header, one row after another."""
    top, bottom = np.zeros(Y.shape[1]), 0.0
    kernel = []
    for i in range(len(X)):
        k = np.exp(-np.sum((query - X[i]) ** 2 / (2 * np.square(sigma)))) * (1.0 if weights is None else weights[i])
        kernel.append(k)
        top, bottom = top + k * Y[i], bottom + k
    mean = top / bottom
    squares = sum(k * (row - mean) ** 2 for k, row in zip(kernel, Y, strict=True))
    return mean, np.sqrt(squares / bottom)


@pytest.mark.parametrize("sigma", [0.7, (0.5, 1.0, 3.0), [1, 2, 1]])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_answer_is_that_of_the_equation(sigma, weighted: bool) -> None:
    weights = RNG.uniform(0.2, 2, 60) if weighted else None
    network = GRNN(sigma).fit(X, Y, weights)
    expected = [by_equation(query, np.array(sigma), weights) for query in Q]
    means, deviations = network.predict(Q, return_std=True)
    np.testing.assert_allclose(network.predict(Q), [mean for mean, _ in expected], rtol=1e-12)
    np.testing.assert_allclose(means, [mean for mean, _ in expected], rtol=1e-12)
    np.testing.assert_allclose(deviations, [deviation for _, deviation in expected], rtol=1e-9)
    single = GRNN(sigma).fit(X, Y[:, 0], weights)
    assert single.predict(Q).shape == (25,)
    np.testing.assert_allclose(single.predict(Q), [mean[0] for mean, _ in expected], rtol=1e-12)
    np.testing.assert_allclose(single.predict(Q, return_std=True)[1], deviations[:, 0], rtol=1e-9)


def test_it_is_the_recipe_with_scikit_learns_kernel() -> None:
    kernel = rbf_kernel(Q, X, gamma=1 / (2 * 0.8**2))
    np.testing.assert_allclose(GRNN(0.8).fit(X, Y).predict(Q), kernel @ Y / kernel.sum(axis=1, keepdims=True))


def test_shapes_of_targets_are_kept() -> None:
    for y in (Y, Y[:, :1], Y[:, 0]):
        network = GRNN(0.5).fit(X, y)
        assert network.predict(Q).shape == (25, *y.shape[1:])
        assert network.predict(Q, return_std=True)[1].shape == (25, *y.shape[1:])
        assert network.score(X, y) > 0.5


def test_a_query_far_away_gets_what_the_nearest_row_says() -> None:
    network = GRNN(0.3).fit(X, Y)
    far = np.array([[1e6, 0.0, 0.0], [0.0, -1e200, 0.0]])
    np.testing.assert_allclose(network.predict(far), [Y[X[:, 0].argmax()], Y[X[:, 1].argmin()]])
    means, deviations = network.predict(far, return_std=True)
    assert np.isfinite(means).all()
    np.testing.assert_allclose(deviations, 0, atol=1e-6)


def test_great_targets_stay_finite() -> None:
    network = GRNN("loo").fit(X, Y[:, 0] * 1e200)
    means, deviations = network.predict(Q, return_std=True)
    plain, spread = GRNN("loo").fit(X, Y[:, 0]).predict(Q, return_std=True)
    np.testing.assert_allclose(means, plain * 1e200, rtol=1e-6)
    np.testing.assert_allclose(deviations, spread * 1e200, rtol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_rules_give_what_they_say(rule: str) -> None:
    network = GRNN(rule).fit(X, Y)
    if rule == "loo":
        assert isinstance(network.bandwidth_, float)
    else:
        assert network.bandwidth_.shape == (3,)
    if rule in ("scott", "silverman"):
        assert network.loo_error_ is None
        assert network.loo_curve_ is None
        return
    assert network.loo_error_ == pytest.approx(left_out_error(network.bandwidth_), rel=1e-9)
    assert network.loo_curve_.shape == (2, 16)
    factor = network.loo_curve_[0, 7]
    sigma = factor if rule == "loo" else factor * X.std(axis=0)
    assert network.loo_curve_[1, 7] == pytest.approx(left_out_error(sigma), rel=1e-9)
    assert network.loo_error_ <= network.loo_curve_[1].min()
    if rule == "loo-scaled":
        np.testing.assert_allclose(network.bandwidth_ / X.std(axis=0), (network.bandwidth_ / X.std(axis=0))[0])


def left_out_error(sigma) -> float:
    """Each row predicted by a network that was fitted on all others; over the variance, the mean of the outputs."""
    errors = []
    for i in range(len(X)):
        others = np.arange(len(X)) != i
        errors.append(GRNN(sigma).fit(X[others], Y[others]).predict(X[i : i + 1])[0] - Y[i])
    return float(np.mean(np.square(errors).mean(axis=0) / Y.var(axis=0)))


def test_the_rule_of_one_number_a_feature_finds_the_features_that_matter() -> None:
    rows, targets = make_friedman1(400, n_features=8, noise=0.5, random_state=0)
    network, plain = GRNN("loo-per-feature").fit(rows[:300], targets[:300]), GRNN().fit(rows[:300], targets[:300])
    assert network.bandwidth_[:4].max() < 0.5 * network.bandwidth_[5:].min()
    assert network.score(rows[300:], targets[300:]) > plain.score(rows[300:], targets[300:]) + 0.1


def test_units_of_features_do_not_matter() -> None:
    units = np.array([1e-6, 1.0, 1e8])
    plain, other = GRNN("loo-scaled").fit(X, Y), GRNN("loo-scaled").fit(X * units, Y)
    np.testing.assert_allclose(other.predict(Q * units), plain.predict(Q), rtol=1e-6)


def test_the_default_is_the_better_of_one_number_and_one_factor() -> None:
    for rows in (X, X * [1, 100, 1]):
        both = [GRNN(rule).fit(rows, Y) for rule in ("loo", "loo-scaled")]
        best = min(both, key=lambda network: network.loo_error_)
        network = GRNN().fit(rows, Y)
        assert network.loo_error_ == best.loo_error_
        assert np.array_equal(network.bandwidth_, best.bandwidth_)
        assert np.array_equal(network.loo_curve_, best.loo_curve_)
    assert both[1].loo_error_ < both[0].loo_error_


def test_the_error_counts_what_rows_of_equal_features_differ_in() -> None:
    """Two rows at each of four places, a hundred apart: the mean of a pair predicts each within 1, no other place."""
    rows = np.repeat(np.arange(4.0) * 100, 2)[:, None]
    targets = np.repeat([0.0, 1.0, 0.0, 1.0], 2) + np.tile([-1.0, 1.0], 4)
    network = GRNN("loo").fit(rows, targets)
    assert network.loo_error_ >= 1 / targets.var()
    assert network.loo_error_ == pytest.approx(network.loo_curve_[1].min(), rel=0.05)


@pytest.mark.parametrize("rule", ["loo-scaled", "loo-per-feature", "scott"])
def test_a_weight_of_two_is_two_rows_and_of_zero_none(rule: str) -> None:
    counts = RNG.integers(0, 3, 60)
    weighted = GRNN(rule).fit(X, Y, sample_weight=counts)
    repeated = GRNN(rule).fit(np.repeat(X, counts, axis=0), np.repeat(Y, counts, axis=0))
    assert len(weighted.rows_) == np.count_nonzero(counts)
    np.testing.assert_allclose(weighted.bandwidth_, repeated.bandwidth_, rtol=1e-4)
    np.testing.assert_allclose(weighted.predict(Q), repeated.predict(Q), rtol=1e-4)


def test_duplicated_rows_do_not_shrink_the_bandwidth() -> None:
    once, twice = GRNN("loo").fit(X, Y[:, 0]), GRNN("loo").fit(np.tile(X, (2, 1)), np.tile(Y[:, 0], 2))
    assert twice.bandwidth_ == pytest.approx(once.bandwidth_, rel=1e-6)
    np.testing.assert_allclose(twice.predict(Q), once.predict(Q), rtol=1e-6)


@pytest.mark.parametrize("rule", [0.7, "scott", "silverman"])
def test_rows_may_come_bit_by_bit(rule) -> None:
    whole, pieces = GRNN(rule).fit(X, Y), GRNN(rule)
    for start in (0, 10, 45):
        pieces.partial_fit(X[start : {0: 10, 10: 45, 45: 60}[start]], Y[start : {0: 10, 10: 45, 45: 60}[start]])
    assert np.array_equal(whole.bandwidth_, pieces.bandwidth_)
    assert np.array_equal(whole.predict(Q), pieces.predict(Q))


def test_a_searched_bandwidth_stays_until_fit() -> None:
    network = GRNN("loo").fit(X[:30], Y[:30])
    first = network.bandwidth_
    assert network.partial_fit(X[30:], Y[30:]).bandwidth_ == first
    assert len(network.rows_) == 60
    assert network.fit(X, Y).bandwidth_ != first


@pytest.mark.parametrize(("rows", "targets"), [(X[:1], Y[:1]), (X, np.ones(60)), (np.ones((5, 3)), np.arange(5.0))])
def test_where_leaving_out_says_nothing_scotts_rule_is_taken(rows, targets) -> None:
    network = GRNN().fit(rows, targets)
    np.testing.assert_array_equal(network.bandwidth_, GRNN("scott").fit(rows, targets).bandwidth_)
    assert network.loo_error_ is None
    np.testing.assert_allclose(
        network.predict(rows), np.broadcast_to(targets.mean(axis=0), network.predict(rows).shape)
    )


def test_fewer_rows_are_left_out_when_asked() -> None:
    some, every = GRNN("loo", loo_rows=20).fit(X, Y), GRNN("loo", loo_rows=None).fit(X, Y)
    assert some.loo_error_ != every.loo_error_
    assert some.bandwidth_ == GRNN("loo", loo_rows=20).fit(X, Y).bandwidth_
    assert every.bandwidth_ == GRNN("loo", loo_rows=60).fit(X, Y).bandwidth_


def test_float32_stays_and_is_as_exact_as_it_can_be() -> None:
    exact = GRNN(0.5).fit(X.astype(np.float32).astype(float), Y).predict(Q.astype(np.float32).astype(float))
    network = GRNN(0.5).fit(X.astype(np.float32), Y)
    assert network.predict(Q.astype(np.float32)).dtype == np.float32
    assert network.predict(Q).dtype == np.float32
    np.testing.assert_allclose(network.predict(Q.astype(np.float32)), exact, rtol=2e-5, atol=2e-5)


class Pieces:
    """An iterable that begins anew."""

    def __init__(self, rows: np.ndarray, size: int) -> None:
        self.rows, self.size = rows, size

    def __iter__(self):
        return (self.rows[start : start + self.size] for start in range(0, len(self.rows), self.size))


def test_queries_need_not_be_in_memory(tmp_path) -> None:
    queries = RNG.normal(size=(103, 3))
    network = GRNN(0.6, chunk_size=16).fit(X, Y)
    expected = network.predict(queries)
    np.save(tmp_path / "q.npy", queries)
    on_disk = np.load(tmp_path / "q.npy", mmap_mode="r")
    for source in (
        on_disk,
        Pieces(queries, 7),
        lambda: Pieces(queries, 40),
        (queries[i : i + 5] for i in range(0, 103, 5)),
    ):
        assert np.array_equal(network.predict(source), expected)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_the_bits_do_not_depend_on_who_computes_them(backend: str) -> None:
    def digest(network: GRNN) -> str:
        with joblib.parallel_config(backend=backend):
            fitted = network.fit(rows, targets)
            answer = np.column_stack([fitted.predict(rows), fitted.predict(rows, return_std=True)[1]])
        return hashlib.sha256(answer.tobytes() + np.asarray(fitted.bandwidth_).tobytes()).hexdigest()

    rows, targets = make_friedman1(1200, n_features=5, random_state=0)
    options = {"loo_rows": None, "chunk_size": 100}
    assert digest(GRNN("loo", n_jobs=2, **options)) == digest(GRNN("loo", **options))


def test_nothing_that_was_given_is_kept_or_changed() -> None:
    rows, targets = X.copy(), Y.copy()
    network = GRNN(0.5).fit(rows, targets)
    expected = network.predict(Q)
    rows[:], targets[:] = 0, 0
    assert np.array_equal(network.predict(Q), expected)


@given(st.permutations(range(12)), st.floats(0.05, 5))
@settings(max_examples=20)
def test_the_order_of_rows_does_not_matter(order: list[int], sigma: float) -> None:
    first = GRNN(sigma).fit(X[:12], Y[:12]).predict(Q)
    np.testing.assert_allclose(GRNN(sigma).fit(X[order], Y[order]).predict(Q), first, rtol=1e-9)


def test_what_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"GRNN\(bandwidth\): expected 3 numbers, one a feature, got 2"):
        GRNN([1.0, 2.0]).fit(X, Y)
    with pytest.raises(InvalidParameter, match=r"GRNN\(bandwidth\): expected a number in \(0, inf\) or an .*, got 'l"):
        GRNN("lop").fit(X, Y)
    with pytest.raises(InvalidParameter, match=r"GRNN: expected one of its options, got 'std'\."):
        GRNN(std=0.5)
    with pytest.raises(
        InvalidData, match=r"GRNN\.partial_fit\(y\): expected shape \(n, 2\) as before, got shape \(60,"
    ):
        GRNN(1.0).fit(X, Y).partial_fit(X, Y[:, 0])
    with pytest.raises(
        InvalidData, match=r"GRNN\.partial_fit\(y\): expected shape \(n,\) as before, got shape \(60, 2"
    ):
        GRNN(1.0).fit(X, Y[:, 0]).partial_fit(X, Y)
    with pytest.raises(InvalidData, match=r"X\. Row 0, column 1: expected a number in"):
        GRNN(1.0).fit([[0.0, 1e101]], [0.0])
    with pytest.raises(InvalidData, match=r"y\. Row 1: expected a number up to 1\.8e\+305 in size, .* got 1\.7e\+308"):
        GRNN(1.0).fit([[0.0], [1.0]], [0.0, -1.7e308])
    with pytest.raises(InvalidData, match=r"y\. Row 0: expected .* for answers in float32, got 1e\+38"):
        GRNN(1.0).fit(np.ones((1, 1), np.float32), [1e38])


@pytest.mark.parametrize("rule", ["auto", "loo", "loo-per-feature"])
@pytest.mark.parametrize("size", [1e-200, 1e-12, 1e90])
def test_the_unit_of_the_rows_does_not_matter(rule: str, size: float) -> None:
    plain = GRNN(rule).fit(X, Y[:, 0])
    columns = np.column_stack([X * size, np.full(len(X), size)])  # a constant column says nothing about the unit
    other = GRNN(rule).fit(columns, Y[:, 0])
    np.testing.assert_allclose(other.predict(columns), plain.predict(X), rtol=0.02, atol=0.02)


def test_rows_that_hardly_differ_are_the_same() -> None:
    network = GRNN().fit(X * 1e-310, Y[:, 0])
    np.testing.assert_allclose(network.predict(X[:2] * 1e-310), Y[:, 0].mean())


def test_weights_may_be_next_to_nothing() -> None:
    weights = np.full(len(X), 1e-300)
    np.testing.assert_allclose(GRNN("scott").fit(X, Y, weights).bandwidth_, GRNN("scott").fit(X, Y).bandwidth_)


def test_no_worker_at_all_is_refused() -> None:
    with pytest.raises(
        InvalidParameter, match=r"GRNN\(n_jobs\): expected .*an integer >= 1 or an integer <= -1.*, got 0"
    ):
        GRNN(1.0, n_jobs=0).fit(X, Y)
