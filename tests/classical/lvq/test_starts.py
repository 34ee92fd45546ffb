"""Where prototypes start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from netwright.classical import LVQ1, LVQ21
from netwright.classical.lvq.prototypes import starts
from netwright.core.errors import InvalidData, InvalidParameter

X, PLACES = make_blobs(300, 2, centers=6, cluster_std=0.3, random_state=2)
Y = np.array(["a", "b", "c"])[PLACES % 3]


def started(init: Any = "kmeans", k: Any = 2, X: np.ndarray = X, y: np.ndarray = Y, **options: Any) -> Any:
    """A network that has not moved its prototypes yet: the rate is 0."""
    return LVQ1(k, init=init, learning_rate=0.0, epochs=1, **{"random_state": 0, **options}).fit(X, y)


def test_kmeans_finds_the_groups_of_each_class() -> None:
    network = started()
    assert network.labels_.tolist() == ["a", "a", "b", "b", "c", "c"]
    for label in "abc":
        centers = KMeans(2, n_init=10, random_state=0).fit(X[label == Y]).cluster_centers_
        ours = network.prototypes_[network.labels_ == label]
        np.testing.assert_allclose(ours[np.lexsort(ours.T)], centers[np.lexsort(centers.T)], rtol=1e-9)


def test_one_centre_is_the_mean_and_so_is_init_mean() -> None:
    means = [X[label == Y].mean(axis=0) for label in "abc"]
    np.testing.assert_allclose(started("kmeans", 1).prototypes_, means, rtol=1e-12)
    np.testing.assert_allclose(started("mean", 1).prototypes_, means, rtol=1e-12)


def test_means_of_several_prototypes_lie_a_tenth_of_the_way_to_rows() -> None:
    network = started("mean", 3)
    for w, label in zip(network.prototypes_, network.labels_, strict=True):
        mean = X[label == Y].mean(axis=0)
        rows = mean + 10 * (w - mean)
        assert np.isclose(rows, X[label == Y]).all(axis=1).any()
    assert len(np.unique(network.prototypes_, axis=0)) == 9


def test_samples_are_different_rows_of_their_class() -> None:
    doubled, y = np.repeat(X, 3, axis=0), np.repeat(Y, 3)
    network = started("sample", 20, doubled, y)
    for label in "abc":
        mine = {tuple(w) for w in network.prototypes_[network.labels_ == label]}
        assert len(mine) == 20
        assert mine <= {tuple(row) for row in X[label == Y]}
    other = started("sample", 20, doubled, y, random_state=1)
    assert not np.array_equal(network.prototypes_, other.prototypes_)


def test_classes_may_have_numbers_of_their_own() -> None:
    network = started("kmeans", {"a": 1, "b": 3, "c": 2})
    assert network.labels_.tolist() == ["a", "b", "b", "b", "c", "c"]
    assert started("sample", {0: 1, 1: 2}, y=PLACES % 2).labels_.tolist() == [0, 1, 1]


def test_a_large_class_is_sampled_alike_for_all_chunks_and_averaged_over_all_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starts, "SAMPLE", 12)  # 24 of the 100 rows of each class
    first, *others = (started(chunk_size=size).prototypes_ for size in (300, 1, 17, 10_000))
    for other in others:
        np.testing.assert_array_equal(first, other)
    for label in "abc":
        centers = KMeans(2, n_init=10, random_state=0).fit(X[label == Y]).cluster_centers_
        ours = first[np.repeat(list("abc"), 2) == label]
        np.testing.assert_allclose(ours[np.lexsort(ours.T)], centers[np.lexsort(centers.T)], rtol=1e-9)
    sampled = started("sample", 12)
    assert len(np.unique(sampled.prototypes_, axis=0)) == 36


def test_the_draw_of_rows_gives_all_the_same_odds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "SAMPLE", 1)
    rows, y = np.arange(40.0)[:, None], np.arange(40) % 2
    drawn = np.array([started("sample", 1, rows, y, random_state=seed).prototypes_.ravel() for seed in range(400)])
    counts = np.bincount(drawn.astype(int).ravel(), minlength=40)
    assert counts.min() > 5  # 20 are expected
    assert counts.max() < 45


@given(st.integers(1, 6), st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_seeds_are_different_rows_or_all_that_differ(k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.integers(0, 2, (8, 2)).astype(float)
    chosen = starts.seeds(rows.T.copy(), random.random(k))
    different = len(np.unique(rows, axis=0))
    assert len(chosen) == min(k, different)
    assert len(np.unique(rows[chosen], axis=0)) == len(chosen)


def test_lloyds_steps_end_where_every_centre_is_the_mean_of_its_rows() -> None:
    random = np.random.default_rng(3)
    rows = random.normal(size=(80, 5))
    centers = rows[:4].copy()
    starts.lloyd(rows.T.copy(), centers, 100)
    members = ((rows[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    for i in range(4):
        np.testing.assert_allclose(centers[i], rows[members == i].mean(axis=0), rtol=1e-12)


def test_a_given_array_comes_class_by_class_or_with_its_labels() -> None:
    init = [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    network = started(init, {"a": 2, "b": 1, "c": 1})
    assert network.labels_.tolist() == ["a", "a", "b", "c"]
    np.testing.assert_array_equal(network.prototypes_, init)
    assert started(init, labels=["c", "a", "b", "a"]).labels_.tolist() == ["c", "a", "b", "a"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"init": [[0.0, 1.0]] * 3, "k": 1}, r"init\): expected different prototypes, got the same at rows 0 and 1, "),
        (
            {"init": [[0.0, 1.0], [2.0, 1.0], [0.0, 1.0]], "labels": list("abc")},
            r"got the same at rows 0 and 2, labels 'a' and 'c'\. Drop one, or move it",
        ),
        (
            {"init": [[0.0]], "k": 1},
            r"init\): expected shape \(n_prototypes, 2\), the columns of X, got shape \(1, 1\)",
        ),
        ({"init": [["x", "y"]], "k": 1}, r"init\): expected an array of numbers, got \[\['x', 'y'\]\]"),
        ({"init": [[0.0, np.nan]], "k": 1}, r"init\): expected finite numbers, got NaN or infinity"),
        (
            {"init": [[0.0, 1.0]], "k": 2},
            r"init\): expected 6 prototypes, by prototypes_per_class, .*got 1\. Or give th",
        ),
        (
            {"init": np.eye(3)[:, :2], "labels": ["a"]},
            r"labels\): expected 3 labels, one a prototype, got shape \(1,\)",
        ),
        (
            {"init": np.eye(3)[:, :2], "labels": ["a", "b", "odd"]},
            r"labels\): expected labels that y has, of \['a', 'b', 'c'\], got 'odd'\. Leave that prototype out",
        ),
        (
            {"init": np.eye(3)[:, :2], "labels": ["a", "b", "b"]},
            r"init\): expected a prototype of each class, got none of 'c'\. Add one with the label 'c'",
        ),
        (
            {"init": "kmeans", "labels": ["a", "b", "c"]},
            r"labels\): expected None with init='kmeans', got \['a', 'b', 'c'",
        ),
        (
            {"k": {"a": 1, "b": 1}},
            r"prototypes_per_class\): expected a number for each label, got none for 'c'\. Add it",
        ),
        (
            {"k": {"a": 1, "b": 1, "c": 1, "d": 1}},
            r"prototypes_per_class\): expected labels that y has, of \['a', 'b', 'c'\], got 'd'\. Leave it out",
        ),
    ],
)
def test_starts_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=r"LVQ1\(" + message if "Drop" not in message else message):
        started(**options)


@pytest.mark.parametrize("init", ["kmeans", "sample", "mean"])
def test_a_class_with_too_few_different_rows_is_named(init: str) -> None:
    rows, y = np.array([[0.0], [0.0], [1.0], [5.0], [6.0], [7.0]]), np.array([0, 0, 0, 1, 1, 1])
    message = r"LVQ1\.fit\(X, y\), class 0: expected 3 different rows or more, one a prototype, got 2\. Take fewer"
    with pytest.raises(InvalidData, match=message):
        started(init, 3, rows, y)
    with pytest.raises(InvalidData, match=r"class 1: expected 4 different rows or more, one a prototype, got 3"):
        started(init, {0: 1, 1: 4}, rows, y)


def test_prototypes_of_two_classes_may_start_at_one_place_when_nobody_said_so() -> None:
    rows, y = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]), np.array([0, 0, 1, 1])
    network = LVQ21(init="mean", window=1.0, learning_rate=0.1, epochs=3, random_state=0).fit(rows, y)
    assert np.isfinite(network.prototypes_).all()
