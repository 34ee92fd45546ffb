"""Reading rows, labels and targets: what comes out, and what is refused in which words."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator

from netwright.classical.rows import read_binary, read_labels, read_rows, read_targets
from netwright.core.errors import InvalidData


class Reader(BaseEstimator):
    """Something that has rows."""


def test_rows_keep_float32_and_become_float64_otherwise() -> None:
    for given, expected in (("f4", "f8 f4"), ("f8", "f8"), ("i8", "f8"), ("?", "f8"), (">f8", "f8")):
        rows = read_rows(Reader(), np.ones((3, 2), given), reset=True)
        assert rows.dtype == np.dtype(expected.split()[-1])
        assert rows.flags.c_contiguous


def test_rows_of_frames_and_tensors() -> None:
    pandas, torch = pytest.importorskip("pandas"), pytest.importorskip("torch")
    reader = Reader()
    read_rows(reader, pandas.DataFrame({"a": [1.0], "b": [2.0]}), reset=True)
    assert list(reader.feature_names_in_) == ["a", "b"]
    with pytest.raises(InvalidData, match=r"Row 0, column 1 \('b'\): expected a finite number, got nan"):
        read_rows(reader, pandas.DataFrame({"a": [1.0], "b": [np.nan]}), reset=False)
    tensor = torch.ones(2, 3, requires_grad=True)
    np.testing.assert_array_equal(read_rows(Reader(), tensor, reset=True), np.ones((2, 3)))


def test_sparse_rows_and_another_width_are_refused() -> None:
    reader = Reader()
    with pytest.raises(InvalidData, match=r"Sparse data was passed.*expected a dense array, got a csr_.*toarray"):
        read_rows(reader, scipy.sparse.csr_array(np.eye(3)), reset=True)
    read_rows(reader, np.ones((2, 3)), reset=True)
    with pytest.raises(ValueError, match="X has 2 features, but Reader is expecting 3 features"):
        read_rows(reader, np.ones((2, 2)), reset=False)


def test_binary_rows() -> None:
    rows = read_binary(Reader(), [[0, 1], [True, 0.0]], reset=True, threshold=None)
    np.testing.assert_array_equal(rows, [[0, 1], [1, 0]])
    assert rows.dtype == np.uint8
    np.testing.assert_array_equal(read_binary(Reader(), [[0.2, 0.9]], reset=True, threshold=0.5), [[0, 1]])
    with pytest.raises(
        InvalidData, match=r"X\. Row 1, column 0: expected 0 or 1, got 2\. Code X as 0 and 1, or set bi"
    ):
        read_binary(Reader(), [[0, 1], [2, 0]], reset=True, threshold=None)


def test_labels() -> None:
    classes, codes = read_labels(Reader(), ["b", "a", "b"], 3)
    assert list(classes) == ["a", "b"]
    assert list(codes) == [1, 0, 1]
    assert list(read_labels(Reader(), ["a"], 1, classes)[1]) == [0]
    with pytest.raises(InvalidData, match=r"Reader, label of row 1: expected one of \['a', 'b'\], got 'c'\. Name all"):
        read_labels(Reader(), ["a", "c"], 2, classes)
    with pytest.raises(InvalidData, match="requires y to be passed, but the target y is None"):
        read_labels(Reader(), None, 2)
    with pytest.raises(InvalidData, match=r"inconsistent numbers of samples: \[3, 2\]"):
        read_labels(Reader(), [0, 1], 3)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        read_labels(Reader(), [0.5, 1.25], 2)
    with pytest.raises(InvalidData, match="Input y contains NaN"):
        read_labels(Reader(), [0.0, np.nan], 2)


def test_an_empty_list_of_classes_is_refused() -> None:
    with pytest.raises(InvalidData, match=r"Reader\.partial_fit\(classes\): expected at least one label, got none"):
        read_labels(Reader(), [0, 1], 2, np.array([]))


def test_targets() -> None:
    np.testing.assert_array_equal(read_targets(Reader(), [1, 2], 2), [1.0, 2.0])
    assert read_targets(Reader(), np.ones((2, 3)), 2).shape == (2, 3)
    for y, message in (
        (None, "the target y is None"),
        (["a", "b"], r"Reader\.fit\(y\): expected numbers, got \['a', 'b'\]"),
        (np.ones((2, 1, 1)), r"expected shape \(n,\) or \(n, m\), got shape \(2, 1, 1\)"),
        ([1.0], r"inconsistent numbers of samples: \[2, 1\]"),
        ([1.0, np.inf], "Input y contains infinity"),
    ):
        with pytest.raises(InvalidData, match=message):
            read_targets(Reader(), y, 2)


def test_tensors_of_any_kind_are_read() -> None:
    torch = pytest.importorskip("torch")
    for kind in (torch.float32, torch.bfloat16, torch.int64):
        tensor = torch.ones(2, 3).to(kind).requires_grad_(kind is torch.float32)
        np.testing.assert_array_equal(read_rows(Reader(), tensor, reset=True), np.ones((2, 3)))
        np.testing.assert_array_equal(read_targets(Reader(), tensor, 2), np.ones((2, 3)))
        assert list(read_labels(Reader(), tensor[:, 0], 2)[0]) == [1]


@pytest.mark.parametrize("rows", [{"a": [1.0]}, {(1.0, 2.0)}, (row for row in [[1.0]]), iter([[1.0]])])
def test_what_is_no_array_is_refused(rows: object) -> None:
    with pytest.raises(InvalidData, match=r"X: expected an array \(n, n_features\), got a \w+\. Give a list of rows"):
        read_rows(Reader(), rows, reset=True)


def test_integers_beyond_floats_are_refused() -> None:
    with pytest.raises(InvalidData, match=r"int too large.*X\. Row 0, column 0: expected a number, got 1000"):
        read_rows(Reader(), [[10**400]], reset=True)
    with pytest.raises(InvalidData, match=r"Reader\.fit\(y\): expected numbers, got \[1000"):
        read_targets(Reader(), [10**400], 1)


def test_targets_and_labels_that_are_none() -> None:
    with pytest.raises(InvalidData, match=r"Reader\.fit\(y\): expected at least one column, got shape \(2, 0\)"):
        read_targets(Reader(), np.zeros((2, 0)), 2)
    with pytest.raises(InvalidData, match=r"Reader\.fit\(y\): expected numbers, got \[1j, 2\]"):
        read_targets(Reader(), [1j, 2], 2)
    with pytest.raises(InvalidData, match=r"Reader\.fit\(y\): expected labels of one kind, got \['a', None\]\. Fill"):
        read_labels(Reader(), ["a", None], 2)


def test_a_threshold_beyond_float32_is_above_all() -> None:
    assert not read_binary(Reader(), np.ones((1, 2), np.float32), reset=True, threshold=1e200).any()


@pytest.mark.parametrize("kind", ["M8[D]", "m8[s]"])
def test_dates_are_no_labels(kind: str) -> None:
    dates = np.array([0, 1, 0]).astype(kind)
    for labels in (dates, dates.astype(object)):
        with pytest.raises(InvalidData, match=r"Reader\.fit\(y\): expected labels that are numbers, .* got dates or"):
            read_labels(Reader(), labels, 3)
    assert len(read_labels(Reader(), dates.astype(str), 3)[0]) == 2
