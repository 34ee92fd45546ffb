"""PNN: Bayes' rule with Specht's densities, its priors, bandwidths and labels."""

from __future__ import annotations

import hashlib

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.neighbors import KernelDensity

from netwright.classical.radial_basis.pnn import PNN
from netwright.core.errors import InvalidData, InvalidParameter

RNG = np.random.default_rng(4)
Y = np.repeat([0, 1, 2], [30, 12, 6])
X, Q = RNG.normal(size=(48, 3)) + Y[:, None], RNG.normal(size=(25, 3)) + 1
RULES = ["loo", "loo-scaled", "loo-per-feature", "scott", "silverman"]


def by_equation(query: np.ndarray, sigma, priors, weights) -> np.ndarray:
    """P(c | x) as in the header, one row after another."""
    densities = np.zeros(3)
    totals = [weights[c == Y].sum() for c in range(3)]
    for i in range(len(X)):
        k = np.exp(-np.sum((query - X[i]) ** 2 / (2 * np.square(sigma))))
        densities[Y[i]] += weights[i] * k / totals[Y[i]]
    products = np.asarray(priors) * densities
    return products / products.sum()


@pytest.mark.parametrize("sigma", [0.8, (0.5, 1.0, 3.0)])
@pytest.mark.parametrize(
    ("priors", "shares"),
    [("equal", [1, 1, 1]), ("frequencies", [30, 12, 6]), ([0.2, 0.3, 0.5], [2, 3, 5]), ((0.5, 0.5, 0.0), [1, 1, 0])],
)
def test_probabilities_are_those_of_the_equation(sigma, priors, shares) -> None:
    network = PNN(sigma, priors=priors).fit(X, Y)
    expected = [by_equation(query, np.array(sigma), shares, np.ones(48)) for query in Q]
    np.testing.assert_allclose(network.predict_proba(Q), expected, rtol=1e-12)
    assert network.predict(Q).tolist() == np.argmax(expected, axis=1).tolist()
    np.testing.assert_allclose(network.priors_, np.array(shares) / sum(shares))


def test_weights_count_within_a_class_and_in_frequencies() -> None:
    weights = RNG.uniform(0.2, 3, 48)
    totals = np.bincount(Y, weights=weights)
    for priors, shares in (("equal", np.ones(3)), ("frequencies", totals)):
        network = PNN(0.8, priors=priors).fit(X, Y, weights)
        expected = [by_equation(query, 0.8, shares, weights) for query in Q]
        np.testing.assert_allclose(network.predict_proba(Q), expected, rtol=1e-12)


def test_it_is_bayes_rule_with_scikit_learns_densities() -> None:
    rows, labels = load_iris(return_X_y=True)
    densities = [KernelDensity(bandwidth=0.4, rtol=1e-12).fit(rows[labels == c]).score_samples(rows) for c in range(3)]
    posterior = np.exp(densities - np.logaddexp.reduce(densities, axis=0)).T
    np.testing.assert_allclose(PNN(0.4).fit(rows, labels).predict_proba(rows), posterior, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_add_up_to_one_at_any_distance(dtype) -> None:
    network = PNN(0.2).fit(X.astype(dtype), Y)
    for length in (1.0, 1e3, 1e8, 1e30):
        found = network.predict_proba((Q * length).astype(dtype))
        assert found.dtype == dtype
        assert (found >= 0).all()
        np.testing.assert_allclose(found.sum(axis=1, dtype=float), 1, rtol=3e-7)


@given(st.integers(0, 2**32 - 1), st.floats(-2, 2))
@settings(max_examples=20)
def test_probabilities_are_probabilities(seed: int, exponent: float) -> None:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(4), rng.integers(0, 4, 20)])
    network = PNN(10.0**exponent).fit(rng.normal(size=(24, 2)), labels)
    found = network.predict_proba(rng.normal(size=(9, 2)) * 10)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-14)


def test_a_query_far_away_is_of_the_class_of_its_nearest_row() -> None:
    far = np.array([[1e6, 0.0, 0.0], [0.0, -1e200, 0.0]])
    found = PNN(0.3).fit(X, Y).predict_proba(far)
    np.testing.assert_allclose(found, np.eye(3)[[Y[X[:, 0].argmax()], Y[X[:, 1].argmin()]]], atol=1e-100)


@pytest.mark.parametrize(
    "names",
    [["c", "a", "b"], [7, -3, 100], [True, False], [1.0, 2.0, -4.0], np.array(["x", "yy", "zzz"], dtype=object)],
    ids=["text", "integers", "booleans", "floats", "objects"],
)
def test_labels_may_be_anything(names) -> None:
    codes = Y % len(names)
    labels = np.asarray(names)[codes]
    network = PNN(0.5).fit(X, labels)
    assert network.classes_.tolist() == sorted(np.asarray(names).tolist())
    assert network.labels_.tolist() == labels.tolist()
    expected = PNN(0.5).fit(X, codes).predict(Q)
    if len(names) == 3:
        assert network.predict(Q).tolist() == np.asarray(names)[expected].tolist()
    assert network.predict(Q).dtype == labels.dtype


@pytest.mark.parametrize("rule", RULES)
def test_rules_give_what_they_say(rule: str) -> None:
    network = PNN(rule).fit(X, Y)
    assert isinstance(network.bandwidth_, float) if rule == "loo" else network.bandwidth_.shape == (3,)
    if rule in ("scott", "silverman"):
        assert network.loo_error_ is None
        return
    assert network.loo_error_ == pytest.approx(left_out_loss(network.bandwidth_), rel=1e-9)
    assert network.loo_error_ <= network.loo_curve_[1].min()


def left_out_loss(sigma) -> float:
    """The log loss of each row by a network that was fitted on all others; classes count the same."""
    losses = np.zeros(3)
    for i in range(len(X)):
        others = np.arange(len(X)) != i
        probability = PNN(sigma).fit(X[others], Y[others]).predict_proba(X[i : i + 1])[0, Y[i]]
        losses[Y[i]] -= np.log(probability) / np.count_nonzero(Y[i] == Y)
    return float(losses.mean())


def test_the_search_chooses_what_predicts_well() -> None:
    rows, labels = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    rows = np.column_stack([rows, rng.normal(size=(150, 4)) * 5])  # and four features that say nothing
    train = rng.permutation(150) < 100
    scores = {rule: PNN(rule).fit(rows[train], labels[train]).score(rows[~train], labels[~train]) for rule in RULES}
    assert scores["loo-per-feature"] > 0.9
    assert scores["loo-per-feature"] > scores["loo"] + 0.1


@pytest.mark.parametrize("rule", ["loo-scaled", "loo-per-feature"])
@pytest.mark.parametrize("priors", ["equal", "frequencies"])
def test_a_weight_of_two_is_two_rows(rule: str, priors: str) -> None:
    counts = RNG.integers(1, 3, 48)
    weighted = PNN(rule, priors=priors).fit(X, Y, sample_weight=counts)
    repeated = PNN(rule, priors=priors).fit(np.repeat(X, counts, axis=0), np.repeat(Y, counts))
    np.testing.assert_allclose(weighted.bandwidth_, repeated.bandwidth_, rtol=1e-4)
    np.testing.assert_allclose(weighted.predict_proba(Q), repeated.predict_proba(Q), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("rule", [0.7, "scott"])
def test_rows_may_come_bit_by_bit(rule) -> None:
    whole = PNN(rule, priors="frequencies").fit(X, Y)
    pieces = PNN(rule, priors="frequencies")
    pieces.partial_fit(X[:20], Y[:20], classes=[2, 1, 0])
    np.testing.assert_allclose(pieces.predict_proba(Q)[:, 1:], 0)  # classes of which nothing was seen
    pieces.partial_fit(X[20:40], Y[20:40]).partial_fit(X[40:], Y[40:])
    assert np.array_equal(whole.predict_proba(Q), pieces.predict_proba(Q))


def test_classes_without_rows_share_no_prior() -> None:
    network = PNN(0.5, priors=[0.5, 0.2, 0.3]).partial_fit(X[Y < 2], Y[Y < 2], classes=[0, 1, 2])
    np.testing.assert_allclose(network.priors_, [5 / 7, 2 / 7, 0])
    with pytest.raises(InvalidParameter, match=r"PNN\(priors\): expected a prior > 0 of a class that has rows, got \["):
        PNN(0.5, priors=[0.0, 0.0, 1.0]).partial_fit(X[Y < 2], Y[Y < 2], classes=[0, 1, 2])


def test_a_searched_bandwidth_stays_until_fit() -> None:
    network = PNN("loo").partial_fit(X[::2], Y[::2])
    first = network.bandwidth_
    assert network.partial_fit(X[1::2], Y[1::2]).bandwidth_ == first
    assert network.fit(X, Y).bandwidth_ != first


def test_one_class_is_always_right() -> None:
    network = PNN().fit(X, np.full(48, "all"))
    assert (network.predict(Q) == "all").all()
    assert network.loo_error_ is None


def test_one_row_a_class_leaves_nothing_to_leave_out() -> None:
    message = r"PNN\.fit\(X\): expected two distinct rows of a class, got only one of each, of which none can be"
    with pytest.warns(UserWarning, match=message) as caught:
        network = PNN().fit([[0.0], [1.0], [1.0]], [0, 1, 1])
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(network.bandwidth_, PNN("scott").fit([[0.0], [1.0], [1.0]], [0, 1, 1]).bandwidth_)


def test_the_same_row_in_two_classes() -> None:
    rows, labels = np.repeat([[0.0], [1.0]], 4, axis=0), np.array([0, 0, 0, 1, 1, 1, 1, 0])
    network = PNN("loo", priors="frequencies").fit(rows, labels)
    found = network.predict_proba([[0.0], [1.0]])
    assert np.isfinite(found).all()
    assert (found[0, 0] > 0.5) == (found[1, 1] > 0.5)


class Pieces:
    """An iterable that begins anew."""

    def __init__(self, rows: np.ndarray, size: int) -> None:
        self.rows, self.size = rows, size

    def __iter__(self):
        return (self.rows[start : start + self.size] for start in range(0, len(self.rows), self.size))


def test_queries_need_not_be_in_memory(tmp_path) -> None:
    queries = RNG.normal(size=(103, 3))
    network = PNN(0.6, chunk_size=16).fit(X, Y)
    np.save(tmp_path / "q.npy", queries)
    for source in (np.load(tmp_path / "q.npy", mmap_mode="r"), Pieces(queries, 7)):
        assert np.array_equal(network.predict_proba(source), network.predict_proba(queries))
        assert np.array_equal(network.predict(source), network.predict(queries))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_the_bits_do_not_depend_on_who_computes_them(backend: str) -> None:
    def digest(network: PNN) -> str:
        with joblib.parallel_config(backend=backend):
            answer = network.fit(rows, labels).predict_proba(rows)
        return hashlib.sha256(answer.tobytes() + network.bandwidth_.tobytes()).hexdigest()

    rows = RNG.normal(size=(600, 4)).astype(np.float32)
    labels = np.digitize(rows[:, 0] + rows[:, 1], [-1, 0, 1])
    assert digest(PNN("loo-scaled", n_jobs=2, chunk_size=100)) == digest(PNN("loo-scaled", chunk_size=100))


def test_what_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"PNN\(priors\): expected 'equal' or 'frequencies' or .*sum 1, got"):
        PNN(priors=[0.5, 0.6, 0.2]).fit(X, Y)
    with pytest.raises(InvalidParameter, match=r"PNN\(priors\): expected 3 numbers, one a class of \[0, 1, 2\], got 2"):
        PNN(priors=[0.5, 0.5]).fit(X, Y)
    with pytest.raises(InvalidData, match=r"PNN, label of row 1: expected one of \[0, 1, 2\], got 5\. Name all labels"):
        PNN(1.0).fit(X, Y).partial_fit(X[:2], [0, 5])
    with pytest.raises(InvalidParameter, match=r"PNN\(bandwidth\): expected 3 numbers, one a feature, got 1"):
        PNN([1.0]).fit(X, Y)
    with pytest.raises(InvalidParameter, match=r"PNN\(loo_rows\): expected an integer >= 2 or None, got 1\."):
        PNN(loo_rows=1).fit(X, Y)


def test_no_worker_at_all_is_refused() -> None:
    with pytest.raises(
        InvalidParameter, match=r"PNN\(n_jobs\): expected .*an integer >= 1 or an integer <= -1.*, got 0"
    ):
        PNN(1.0, n_jobs=0).fit([[0.0], [1.0]], [0, 1])
