"""ART1 against a transcription of the paper's search by resets, and its invariants."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from netwright.classical.resonance.art1 import ART1, packed, unpacked
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.seeds import derive


def rows_of(n: int, width: int, seed: int = 0, share: float = 0.5) -> np.ndarray:
    """Rows of 0/1 without a row of zeros."""
    rows = (np.random.default_rng(seed).random((n, width)) < share).astype(np.float64)
    rows[~rows.any(axis=1), 0] = 1.0
    return rows


def by_search(
    X: np.ndarray, rho: float, L: float, epochs: int = 1, limit: int = 10**6, templates: list[np.ndarray] | None = None
) -> tuple[list[np.ndarray], list[int]]:
    """Carpenter and Grossberg's search: greatest bottom-up input first, reset where the match is below rho."""
    templates = [np.array(t) for t in templates or []]
    labels: list[int] = []
    for _ in range(epochs):
        labels = []
        for row in X:
            enabled = list(range(len(templates)))
            chosen = -1
            while enabled:
                inputs = [L * (templates[j] @ row) / (L - 1 + templates[j].sum()) for j in enabled]
                best = enabled[int(np.argmax(np.round(inputs, 12)))]  # of equals the first
                overlap = np.minimum(templates[best], row).sum()
                if overlap > 0 and overlap / row.sum() >= rho:
                    chosen = best
                    break
                enabled.remove(best)  # reset
            if chosen >= 0:
                templates[chosen] = np.minimum(templates[chosen], row)
            elif len(templates) < limit:
                chosen = len(templates)
                templates.append(row.copy())
            labels.append(chosen)
    return templates, labels


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.5, 0.7, 0.9, 1.0])
@pytest.mark.parametrize("L", [1.001, 2.0, 5.0])
@pytest.mark.parametrize("width", [7, 64, 70])
def test_it_is_the_papers_search(rho: float, L: float, width: int) -> None:
    X = rows_of(40, width, seed=width)
    for epochs in (1, 3):
        art = ART1(rho, choice=L - 1, epochs=epochs).fit(X)
        templates, labels = by_search(X, rho, L, epochs)
        np.testing.assert_array_equal(art.templates_, templates)
        np.testing.assert_array_equal(art.labels_, labels)
        assert art.n_iter_ == epochs


def test_a_shuffled_epoch_is_the_search_in_another_order() -> None:
    X = rows_of(60, 10)
    art = ART1(0.6, shuffle=True, random_state=5).fit(X)
    order = np.random.default_rng(derive(5, "epoch", 0)).permutation(60)
    templates, labels = by_search(X[order], 0.6, 2.0)
    np.testing.assert_array_equal(art.templates_, templates)
    np.testing.assert_array_equal(art.labels_[order], labels)
    assert not np.array_equal(art.labels_, ART1(0.6).fit(X).labels_)
    again = ART1(0.6, shuffle=True, random_state=np.random.RandomState(0)).fit(X)
    np.testing.assert_array_equal(again.labels_, ART1(0.6, shuffle=True, random_state=again.seed_).fit(X).labels_)


@pytest.mark.parametrize("shuffle", [False, True])
def test_fit_is_so_many_calls_of_partial_fit(shuffle: bool) -> None:
    X = rows_of(70, 9, seed=2)
    whole = ART1(0.75, epochs=4, shuffle=shuffle, random_state=1).fit(X)
    parts = ART1(0.75, epochs=4, shuffle=shuffle, random_state=1)
    for _ in range(4):
        parts.partial_fit(X)
    for name in ("templates_", "labels_", "n_iter_", "seed_"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_epochs_after_the_last_change_are_counted() -> None:
    X = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]])
    art = ART1(0.5, epochs=1000, shuffle=True, random_state=0).fit(X)
    assert art.n_iter_ == 1000
    before = art.templates_.copy()
    art.partial_fit(X)
    np.testing.assert_array_equal(art.templates_, before)
    assert art.n_iter_ == 1001


def test_more_rows_go_to_the_units_that_there_are() -> None:
    X, more = rows_of(40, 12, seed=3), rows_of(50, 12, seed=4)
    art = ART1(0.6).fit(X).partial_fit(more)
    first, _ = by_search(X, 0.6, 2.0)
    templates, labels = by_search(more, 0.6, 2.0, templates=first)
    np.testing.assert_array_equal(art.templates_, templates)
    np.testing.assert_array_equal(art.labels_, labels)


@given(st.data())
@settings(max_examples=40)
def test_templates_only_shrink_and_labels_resonate(data: st.DataObject) -> None:
    width = data.draw(st.integers(1, 80))
    rho = data.draw(st.sampled_from([0.0, 0.2, 0.5, 2 / 3, 0.7, 0.9, 1.0]))
    seed = data.draw(st.integers(0, 1000))
    art = ART1(rho)
    before = np.zeros((0, width), np.uint8)
    for part in range(4):
        X = rows_of(12, width, seed=seed + part, share=data.draw(st.sampled_from([0.1, 0.5, 0.9])))
        art.partial_fit(X)
        now = art.templates_
        assert now.dtype == np.uint8
        assert (now[: len(before)] <= before).all()
        assert now.any(axis=1).all()
        for row, label in zip(X, art.labels_, strict=True):
            assert (now[label] <= row).all()  # it took the row: what is left is in it
        before = now


@given(st.integers(1, 200), st.integers(0, 100))
@settings(max_examples=30)
def test_bits_are_packed_and_unpacked(width: int, seed: int) -> None:
    rows = rows_of(5, width, seed).astype(np.uint8)
    words = packed(rows)
    assert words.shape == (5, -(-width // 64))
    np.testing.assert_array_equal(np.bitwise_count(words).sum(axis=1), rows.sum(axis=1))
    np.testing.assert_array_equal(unpacked(words, width), rows)


def test_predict_learns_nothing_and_says_where_no_unit_matches() -> None:
    X = rows_of(50, 16, seed=6)
    art = ART1(0.8).fit(X)
    templates = art.templates_.copy()
    other = rows_of(200, 16, seed=7)
    first = art.predict(other)
    np.testing.assert_array_equal(first, art.predict(other))
    np.testing.assert_array_equal(art.predict(other[::-1]), first[::-1])
    np.testing.assert_array_equal(art.templates_, templates)
    for row, unit in zip(other, first, strict=True):
        overlap = np.minimum(templates, row).sum(axis=1)
        passes = (overlap > 0) & (overlap / row.sum() >= 0.8)
        strength = np.where(passes, overlap / (1.0 + templates.sum(axis=1)), -1.0)
        assert unit == (strength.argmax() if passes.any() else -1)
    assert -1 in first
    assert (first >= 0).any()


def test_more_units_than_there_was_room_for() -> None:
    X = np.eye(300)
    art = ART1(0.9).fit(X)
    np.testing.assert_array_equal(art.labels_, np.arange(300))
    np.testing.assert_array_equal(art.templates_, X)


def test_when_all_units_are_taken() -> None:
    X = np.eye(5)
    with pytest.warns(
        UserWarning, match=r"ART1\(max_units\): expected a unit for every row, got 2 of 5 rows without"
    ) as w:
        art = ART1(0.9, max_units=3).fit(X)
    assert w[0].filename == __file__
    np.testing.assert_array_equal(art.labels_, [0, 1, 2, -1, -1])
    np.testing.assert_array_equal(art.templates_, np.eye(5)[:3])
    with pytest.warns(UserWarning, match=r"Raise max_units or lower the vigilance; these rows have the label -1"):
        art.partial_fit(X)
    assert ART1(0.5, max_units=1).fit(X[:1]).labels_.tolist() == [0]


def test_digits_as_published_figures_say() -> None:
    """417 clusters of purity 0.820 at vigilance 0.7, 222 of 0.596 at 0.5."""
    X, y = load_digits(return_X_y=True)
    for rho, units, purity in ((0.7, 417, 0.8203), (0.5, 222, 0.5960)):
        art = ART1(rho, binarize=8).fit(X)
        assert len(art.templates_) == units
        right = sum(np.bincount(y[art.labels_ == unit]).max() for unit in range(units))
        assert right / len(y) == pytest.approx(purity, abs=5e-5)


def test_vigilance_is_compared_as_a_division() -> None:
    """7 of 10 features are a share of 0.7, though 0.7 * 10 is rounded."""
    template = np.zeros((1, 10))
    template[0, :7] = 1
    for rho, passes in ((0.7, True), (np.nextafter(0.7, 1), False), (np.nextafter(0.7, 0), True)):
        art = ART1(rho).fit(template)
        assert art.predict(np.ones((1, 10)))[0] == (0 if passes else -1)


def test_complement_counts_what_is_lacking() -> None:
    X = rows_of(60, 8, seed=8)
    X[3] = 0.0
    art = ART1(0.7, complement=True).fit(X)
    assert art.templates_.shape[1] == 16
    both = ART1(0.7).fit(np.hstack([X, 1 - X]))
    np.testing.assert_array_equal(art.templates_, both.templates_)
    np.testing.assert_array_equal(art.labels_, both.labels_)
    assert art.predict(np.zeros((1, 8)))[0] == art.labels_[3]
    before = art.predict(X)
    np.testing.assert_array_equal(art.set_params(complement=False).predict(X), before)  # it stays as it was begun
    assert art.partial_fit(X).templates_.shape[1] == 16


def test_binarize() -> None:
    X = np.random.default_rng(9).normal(size=(30, 6)) + 1
    np.testing.assert_array_equal(
        ART1(0.6, binarize=0.0).fit(X).templates_, ART1(0.6).fit((X > 0.0).astype(int)).templates_
    )
    np.testing.assert_array_equal(ART1(0.6).fit(X > 0).labels_, ART1(0.6).fit((X > 0).astype(np.float32)).labels_)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict"])
def test_data_that_cannot_be_used(method: str) -> None:
    art = ART1(0.5).fit(np.eye(4))
    before = art.templates_.copy()
    zeros = np.eye(4)
    zeros[2] = 0
    with pytest.raises(InvalidData, match=re.escape("X. Row 2: expected at least one feature that is 1, got a row of")):
        getattr(art, method)(zeros)
    with pytest.raises(InvalidData, match=r"set complement=True"):
        getattr(art, method)(zeros)
    with pytest.raises(InvalidData, match=r"X\. Row 0, column 2: expected 0 or 1, got 0\.5"):
        getattr(art, method)(np.where(np.eye(4, k=2) > 0, 0.5, np.eye(4)))
    np.testing.assert_array_equal(art.templates_, before)


def test_options_that_cannot_be() -> None:
    for option, value in (("vigilance", 1.1), ("choice", 0.0), ("max_units", 0), ("epochs", 0), ("random_state", -1)):
        with pytest.raises(InvalidParameter, match=rf"ART1\({option}\): expected .*, got "):
            ART1(**{option: value}).fit(np.eye(3))
    with pytest.raises(InvalidParameter, match=r"Did you mean 'vigilance'\?"):
        ART1(vigilence=0.5)
