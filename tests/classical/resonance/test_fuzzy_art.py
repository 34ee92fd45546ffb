"""FuzzyART against a transcription of the paper's equations, artlib where it is installed, and its invariants."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from netwright.classical.resonance.fuzzy_art import FuzzyART, coded
from netwright.core.errors import InvalidData, InvalidParameter

UNIT = (0.0, 1.0)


def by_search(
    X: np.ndarray, rho: float, alpha: float, beta: float, fast: bool, epochs: int = 1, limit: int = 10**6
) -> tuple[list[np.ndarray], list[int]]:
    """The paper's algorithm on rows in [0, 1]: complement coding, choice, match, reset, learning."""
    templates: list[np.ndarray] = []
    labels: list[int] = []
    for _ in range(epochs):
        labels = []
        for a in X:
            code = np.concatenate([a, 1 - a])
            enabled, chosen = list(range(len(templates))), -1
            while enabled:
                choices = [np.minimum(code, templates[j]).sum() / (alpha + templates[j].sum()) for j in enabled]
                best = enabled[int(np.argmax(choices))]
                if np.minimum(code, templates[best]).sum() / code.sum() >= rho:
                    chosen = best
                    break
                enabled.remove(best)
            if chosen < 0 and len(templates) < limit:
                chosen = len(templates)
                templates.append(np.ones(2 * len(a)))
                step = 1.0 if fast else beta
            else:
                step = beta
            if chosen >= 0:
                templates[chosen] = step * np.minimum(code, templates[chosen]) + (1 - step) * templates[chosen]
            labels.append(chosen)
    return templates, labels


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("alpha", [1e-6, 0.1, 3.0])
@pytest.mark.parametrize(("beta", "fast"), [(1.0, True), (0.3, True), (0.3, False)])
def test_it_is_the_papers_algorithm(rho: float, alpha: float, beta: float, fast: bool) -> None:
    X = np.random.default_rng(1).random((50, 3))
    for epochs in (1, 3):
        art = FuzzyART(rho, choice=alpha, learning_rate=beta, fast_commit=fast, epochs=epochs, bounds=UNIT).fit(X)
        templates, labels = by_search(X, rho, alpha, beta, fast, epochs)
        np.testing.assert_array_equal(art.labels_, labels)
        np.testing.assert_allclose(art.templates_, templates, rtol=1e-12, atol=1e-15)


def test_artlib_finds_the_same_units() -> None:
    artlib = pytest.importorskip("artlib")
    X = np.random.default_rng(2).random((200, 4))
    for rho, alpha, beta in ((0.6, 1e-3, 1.0), (0.8, 1e-3, 0.5)):
        peer = artlib.FuzzyART(rho=rho, alpha=alpha, beta=beta)
        peer.fit(np.hstack([X, 1 - X]))
        art = FuzzyART(rho, choice=alpha, learning_rate=beta, bounds=UNIT).fit(X)
        np.testing.assert_array_equal(art.labels_, peer.labels_)
        np.testing.assert_allclose(art.templates_, np.stack(peer.W), rtol=1e-12)


def test_bounds_are_those_of_the_rows_or_given() -> None:
    X = load_iris(return_X_y=True)[0]
    low, high = X.min(axis=0), X.max(axis=0)
    learned = FuzzyART(0.8).fit(X)
    np.testing.assert_array_equal(learned.data_min_, low)
    np.testing.assert_array_equal(learned.data_max_, high)
    scaled = FuzzyART(0.8, bounds=UNIT).fit((X - low) / (high - low))
    given_ = FuzzyART(0.8, bounds=(low.tolist(), high)).fit(X)
    for other in (scaled, given_):
        np.testing.assert_array_equal(learned.labels_, other.labels_)
        np.testing.assert_array_equal(learned.templates_, other.templates_)
    assert given_.data_max_.flags.writeable
    wide = FuzzyART(0.8, bounds=(0, 10)).fit(X)
    np.testing.assert_array_equal(wide.data_max_, [10.0] * 4)
    assert len(wide.templates_) < len(learned.templates_)


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.4, 0.7, 0.9, 1.0]), st.sampled_from([0.2, 1.0]))
@settings(max_examples=30)
def test_templates_only_shrink(seed: int, rho: float, beta: float) -> None:
    rng = np.random.default_rng(seed)
    art = FuzzyART(rho, learning_rate=beta, bounds=UNIT)
    before = np.zeros((0, 6))
    for _ in range(4):
        art.partial_fit(rng.random((10, 3)))
        now = art.templates_
        assert (now[: len(before)] <= before).all()
        assert ((now >= 0) & (now <= 1)).all()
        before = now


@given(st.integers(0, 1000), st.sampled_from([0.3, 0.6, 0.85, 1.0]))
@settings(max_examples=30)
def test_boxes_hold_their_rows_and_are_no_larger_than_the_vigilance_allows(seed: int, rho: float) -> None:
    X = np.random.default_rng(seed).normal(size=(40, 3)) * [1, 10, 0.1]
    art = FuzzyART(rho).fit(X)
    low, high = art.boxes_[:, 0], art.boxes_[:, 1]
    for row, unit in zip(X, art.labels_, strict=True):
        assert (low[unit] - 1e-9 <= row).all()
        assert (row <= high[unit] + 1e-9).all()
    for unit in range(len(low)):
        rows = X[art.labels_ == unit]
        if len(rows):
            np.testing.assert_allclose(low[unit], rows.min(axis=0), atol=1e-9)
            np.testing.assert_allclose(high[unit], rows.max(axis=0), atol=1e-9)
    sides = (high - low) / (art.data_max_ - art.data_min_)
    assert (sides.sum(axis=1) <= 3 * (1 - rho) + 1e-12).all()
    np.testing.assert_array_equal(art.predict(X) >= 0, True)


def test_a_row_that_was_seen_matches_at_vigilance_one() -> None:
    X = np.random.default_rng(3).random((50, 7))
    art = FuzzyART(1.0).fit(np.vstack([X, X]))
    np.testing.assert_array_equal(art.labels_, np.tile(np.arange(50), 2))


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"learning_rate": 0.4}, {"fast_commit": False}])
def test_fit_is_so_many_calls_of_partial_fit(options: dict[str, Any]) -> None:
    X = np.random.default_rng(4).normal(size=(60, 3))
    whole = FuzzyART(0.8, epochs=5, random_state=2, **options).fit(X)
    parts = FuzzyART(0.8, epochs=5, random_state=2, **options)
    for _ in range(5):
        parts.partial_fit(X)
    for name in ("templates_", "labels_", "n_iter_", "data_min_"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_predict_learns_nothing() -> None:
    rng = np.random.default_rng(5)
    art = FuzzyART(0.9, learning_rate=0.5, bounds=UNIT).fit(rng.random((20, 4)))
    before, other = art.templates_.copy(), rng.random((100, 4))
    first = art.predict(other)
    np.testing.assert_array_equal(first[::-1], art.predict(other[::-1]))
    np.testing.assert_array_equal(art.templates_, before)
    for row, unit in zip(other, first, strict=True):
        code = np.concatenate([row, 1 - row])
        overlap = np.minimum(before, code).sum(axis=1)
        strength = np.where(overlap / 4 >= 0.9, overlap / (0.001 + before.sum(axis=1)), -1)
        assert unit == (strength.argmax() if strength.max() >= 0 else -1)
    assert -1 in first


def test_rows_outside_of_the_bounds_are_clipped_with_a_warning() -> None:
    art = FuzzyART(0.5, bounds=([0, 0], [1, 2])).fit([[0.5, 1.0], [1.0, 2.0]])
    message = "X. Row 1, column 1: expected numbers from 0 to 2, got 2.5 and 1 more outside of the bounds, clipped"
    with pytest.warns(UserWarning, match=re.escape(message)) as found:
        clipped = art.predict([[0.5, 1.0], [0.9, 2.5], [-3.0, 0.0]])
    np.testing.assert_array_equal(clipped, art.predict([[0.5, 1.0], [0.9, 2.0], [0.0, 0.0]]))
    with pytest.warns(UserWarning, match=r"Give bounds=\(low, high\) that hold all rows to come") as again:
        art.partial_fit([[7.0, 1.0]])
    assert found[0].filename == again[0].filename == __file__
    np.testing.assert_array_equal(art.data_max_, [1.0, 2.0])
    assert ((art.templates_ >= 0) & (art.templates_ <= 1)).all()


def test_a_feature_with_one_value() -> None:
    X = np.column_stack([np.full(20, 5.0), np.linspace(0, 1, 20)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        art = FuzzyART(0.9).fit(X)
        np.testing.assert_array_equal(art.labels_, FuzzyART(0.9, bounds=([5, 0], [6, 1])).fit(X).labels_)
    assert np.isfinite(art.boxes_).all()
    np.testing.assert_array_equal(coded(np.array([[3.0]]), np.array([3.0]), np.array([3.0])), [[0.0, 1.0]])


def test_more_units_than_there_was_room_for() -> None:
    X = np.linspace(0, 1, 300)[:, None]
    art = FuzzyART(1.0).fit(X)
    np.testing.assert_array_equal(art.labels_, np.arange(300))


def test_when_all_units_are_taken() -> None:
    with pytest.warns(UserWarning, match=r"FuzzyART\(max_units\): expected a unit for every row, got 3 of 5 rows"):
        art = FuzzyART(1.0, max_units=2).fit(np.arange(5.0)[:, None])
    np.testing.assert_array_equal(art.labels_, [0, 1, -1, -1, -1])


@pytest.mark.parametrize(
    "bounds", [(1, 0), (0, 0), ([0, 0, 0], [1, 1]), ([0, 0, 0], 1), (np.nan, 1), ("a", "b"), (0, np.inf)]
)
def test_bounds_that_cannot_be(bounds: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"FuzzyART\(bounds\): expected two numbers low < high, or two for each"):
        FuzzyART(bounds=bounds).fit([[0.0, 1.0], [1.0, 0.0]])


def test_options_and_data_that_cannot_be() -> None:
    with pytest.raises(InvalidParameter, match=r"FuzzyART\(bounds\): expected None or a pair \(low, high\), got 3"):
        FuzzyART(bounds=3).fit([[0.0]])
    with pytest.raises(
        InvalidParameter, match=r"FuzzyART\(learning_rate\): expected a number in \(0, 1\], a pair.* got 0"
    ):
        FuzzyART(learning_rate=0).fit([[0.0]])
    with pytest.raises(
        InvalidData, match=r"X\. Column 0: expected a range that is a finite number, got values from -1"
    ):
        FuzzyART().fit([[-1.7e308], [1.7e308]])
    with pytest.raises(InvalidData, match=r"Row 1, column 0: expected a finite number, got nan"):
        FuzzyART().fit([[0.0], [np.nan]])
