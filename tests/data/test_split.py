"""Hold-out splits: sizes, shares of classes, and that nothing but the arguments matters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data import holdout


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=60),
    st.floats(0.001, 0.999),
    st.integers(0, 2**40),
    st.booleans(),
)
def test_every_split(labels, share, seed, stratify):
    y, n = np.array(labels), len(labels)
    train, held = holdout(n, share, y, seed=seed, stratify=stratify)
    assert train.dtype == held.dtype == np.int64
    assert sorted([*train, *held]) == list(range(n))
    assert (np.diff(train) > 0).all()
    assert (np.diff(held) > 0).all()
    assert min(train.size, held.size) >= 1
    members = np.bincount(y)
    size = min(max(round(n * share), 1), n - 1)
    if not stratify or members.max() == 1:
        assert held.size == size
        return
    capacity = np.maximum(members - 1, 0)
    assert held.size == min(size, capacity.sum())
    assert set(y[train]) == set(y)
    quotas = np.bincount(y[held], minlength=members.size)
    assert (quotas[members == 1] == 0).all()
    ideal = np.where(members > 1, members, 0) * held.size / members[members > 1].sum()
    clipped = capacity < ideal
    if not clipped.any():
        assert (np.abs(quotas - ideal) < 1).all()


def test_shares_of_classes_are_kept():
    y = np.repeat(["a", "b", "c"], [100, 50, 10])
    y = np.random.default_rng(0).permutation(y)
    _, held = holdout(160, 0.2, y, stratify=True, seed=3)
    assert [int((y[held] == c).sum()) for c in "abc"] == [20, 10, 2]


def test_a_pure_function_of_its_arguments():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    y = np.arange(40) % 3
    first, second = (holdout(40, 0.25, y, seed=7, stratify=True) for _ in range(2))
    np.testing.assert_array_equal(first[1], second[1])
    assert not np.array_equal(first[1], holdout(40, 0.25, y, seed=8, stratify=True)[1])
    np.testing.assert_array_equal(holdout(40, 0.25)[1], holdout(40, 0.25, seed=0)[1])
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_labels_of_every_kind():
    for y in (["a", "b"] * 5, [True, False] * 5, np.array(["a", None] * 5, dtype=object), np.eye(2)[[0, 1] * 5][:, :1]):
        _, held = holdout(10, 0.4, y, stratify=True)
        assert sorted(held % 2) == [0, 0, 1, 1]


def test_several_labels_a_row_and_unique_ones_are_split_plainly():
    plain = holdout(10, 0.3)
    for y in (np.eye(10)[:, :4], np.arange(10.0)):
        np.testing.assert_array_equal(holdout(10, 0.3, y, stratify=True)[1], plain[1])


def test_every_row_is_held_out_about_as_often():
    counts = np.zeros(10)
    for seed in range(1000):
        counts[holdout(10, 0.3, seed=seed)[1]] += 1
    assert np.abs(counts - 300).max() < 6 * np.sqrt(1000 * 0.3 * 0.7)


def test_what_cannot_be_split():
    for n in (0, 1):
        with pytest.raises(InvalidData, match=rf"at least 2 rows to split, got {n} sample\(s\)"):
            holdout(n, 0.5)
    with pytest.raises(InvalidData, match=r"holdout\(y\): expected 4 labels, one a row, got shape \(3,\)"):
        holdout(4, 0.5, [1, 2, 3], stratify=True)
    for share in (0, 1, -0.1, "half"):
        with pytest.raises(InvalidParameter, match=r"holdout\(share\): expected a number in \(0, 1\)"):
            holdout(4, share)
    with pytest.raises(InvalidParameter, match=r"holdout\(n\): expected an integer >= 0"):
        holdout(4.0, 0.5)
    with pytest.raises(InvalidParameter, match=r"holdout\(seed\)"):
        holdout(4, 0.5, seed=-1)
    with pytest.raises(InvalidParameter, match=r"holdout\(stratify\): expected True or False"):
        holdout(4, 0.5, stratify="yes")
