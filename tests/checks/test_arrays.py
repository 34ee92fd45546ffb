"""Arrays, frames and lists as tensors."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

from netwright.checks.arrays import parts_of, to_tensors
from netwright.core.errors import InvalidData

F32, F64 = torch.float32, torch.float64


# what becomes a tensor


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (np.arange(6, dtype="uint16"), torch.int64),
        (np.arange(6, dtype="uint64"), torch.int64),
        (np.arange(6, dtype="uint8"), torch.uint8),
        (np.arange(6, dtype=">f4"), F32),
        (np.arange(6, dtype=">i4"), torch.int32),
        (np.arange(6, dtype=np.longdouble), F32),
        (np.arange(6, dtype="float16"), F32),
        (np.arange(6)[::-1], torch.int64),
        (np.arange(6, dtype=object), F32),
        (list(range(6)), torch.int64),
        (tuple(range(6)), torch.int64),
        ([torch.tensor(float(k)) for k in range(6)], F32),
        ([np.float64(k) for k in range(6)], F32),
    ],
    ids=lambda item: f"{getattr(item, 'dtype', type(item).__name__)}",
)
def test_kinds_of_numbers(given: Any, kind: torch.dtype) -> None:
    found = to_tensors(given, F32)
    assert found.dtype == kind
    assert sorted(found.double().tolist()) == list(range(6))
    assert found.double().tolist() == [float(each) for each in given]


def test_rows_that_are_tensors_or_arrays(draw: Any) -> None:
    X = draw(5, 2, 3)
    for rows in (list(X), [row.numpy() for row in X], X.tolist()):
        assert torch.equal(to_tensors(rows, F32), X)


def test_structures_stay() -> None:
    assert set(to_tensors(OrderedDict(a=[1.0], b=np.zeros(1)), F32)) == {"a", "b"}
    nested = to_tensors(([1.0], np.zeros(1)), F64)
    assert [each.dtype for each in nested] == [F64, F64]


def test_a_tensor_of_inference_mode_becomes_one_that_can_be_used() -> None:
    with torch.inference_mode():
        X = torch.ones(3, 2)
    found = to_tensors(X, F32)
    assert not found.is_inference()
    assert torch.equal(found, torch.ones(3, 2))
    plain = torch.ones(3, 2)
    assert to_tensors(plain, F32) is plain


@pytest.mark.parametrize("kind", [object, str, "S3"])
def test_names_of_classes_are_numbered_in_their_order(kind: Any) -> None:
    found = to_tensors(np.array(["dog", "cat", "dog", "ape"], dtype=kind), F32)
    assert found.tolist() == [2, 1, 2, 0]


def test_columns_of_a_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": [True, False, True], "c": [0.5, None, 1.5]})
    found = to_tensors(frame, F32, names=False)
    assert found.dtype == F32
    assert found[:, :2].tolist() == [[1, 1], [2, 0], [3, 1]]
    assert bool(found[1, 2].isnan())
    whole = pandas.DataFrame({"a": pandas.array([1, None, 3], dtype="Int64")})
    assert bool(to_tensors(whole, F32, names=False)[1, 0].isnan())
    words = pandas.Series(["b", "a", "b"])
    assert to_tensors(words, F32).tolist() == [1, 0, 1]
    assert to_tensors(words.astype("category"), F32).tolist() == [1, 0, 1]


# several inputs or rows


@pytest.mark.parametrize(
    ("given", "several"),
    [
        ((np.zeros((6, 2)), np.zeros((6, 3))), True),
        ([np.zeros((6, 2)), np.zeros((6, 3))], True),
        ([[[0.0]] * 6, [[1.0]] * 6], True),
        ([[0.0, 1.0]] * 6, False),
        ([np.zeros(2)] * 6, False),
        (tuple(np.zeros(2) for _ in range(6)), False),
        (np.zeros((6, 6)).tolist(), False),
        ([np.zeros(6)] * 6, False),
        ([np.zeros((6, 2))] * 6, True),
        ([0.0] * 6, False),
        ((np.zeros((4, 2)), np.zeros((6, 3))), True),  # of other lengths, which is told where lengths are
        ([[0.0, 1.0]] * 4, False),
    ],
    ids=[
        "a tuple of tables",
        "a list of tables",
        "lists of lists",
        "rows",
        "rows that are arrays",
        "a tuple of rows",
        "a square table",
        "square rows",
        "as many tables as rows",
        "numbers",
        "other lengths",
        "too few rows",
    ],
)
def test_rows_and_several_inputs_are_told_apart(given: Any, several: bool) -> None:
    found = parts_of([given], np.arange(6))
    assert len(found) == (len(given) if several else 1)
    assert parts_of([given, given], np.arange(6)) == [given, given]
    assert len(parts_of([given], {"a": (np.arange(6),)})) == len(found)


# what cannot be read


class Sparse:
    """What a sparse matrix of SciPy looks like."""

    def toarray(self) -> Any:
        return np.zeros((2, 2))

    def __repr__(self) -> str:
        return "Sparse()"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, "nw.check(data): expected arrays with rows, got None. Give X (n, ...) and y (n,) or (n, ...)."),
        ("file.csv", "nw.check(data): expected arrays with rows, got 'file.csv'."),
        (torch.tensor(1.0), "nw.check(data): expected arrays with rows, got tensor(1.)."),
        (
            [[1.0], [1.0, 2.0, 3.0]],
            "nw.check(data): expected rows of one length, got rows of 1 to 3 numbers. Pad them to one length, or",
        ),
        ([np.zeros(2), np.zeros((2, 2))], "nw.check(data): expected rows of one length, got rows of different shapes."),
        (
            [torch.zeros(2), torch.zeros(3)],
            "nw.check(data): expected rows of one length, got rows of 2 to 3 numbers.",
        ),
        (
            np.array([[1.0], [1.0, 2.0]], dtype=object),
            "nw.check(data): expected rows of one length, got rows of 1 to 2 numbers.",
        ),
        (
            np.array(["2020-01-01"], dtype="datetime64[D]"),
            "nw.check(data): expected numbers, got an array of datetime64[D]. Turn dates into numbers,",
        ),
        (np.array([[1.0, {}]]), "nw.check(data): expected numbers, got a dict ({}). Turn every column into numbers;"),
        (torch.eye(3).to_sparse(), "nw.check(data): expected dense tensors, got a torch.sparse_coo tensor."),
        (torch.eye(3, device="meta"), "nw.check(data): expected tensors with numbers, got one on the meta device."),
        (Sparse(), "nw.check(data): expected dense arrays, got a Sparse. Give X.toarray()."),
        (
            np.array(["a", None, "b", None], dtype=object),
            "nw.check(data): expected a name of a class for each row, got none for 2 rows (the first is 1).",
        ),
        (
            np.array(["a", float("nan")], dtype=object),
            "nw.check(data): expected a name of a class for each row, got none for 1 rows (the first is 1).",
        ),
    ],
    ids=str,
)
def test_errors_say_what_was_expected_and_got(given: Any, text: str) -> None:
    with pytest.raises(InvalidData) as raised:
        to_tensors(given, F32)
    assert str(raised.value).startswith(text)


def test_text_in_a_column_of_inputs_is_named() -> None:
    with pytest.raises(InvalidData, match=r"expected numbers in X, got text such as 'b'\. Turn text into numbers"):
        to_tensors([["b"], ["a"]], F32, names=False)
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"age": [1, 2], "city": ["Paris", "Rome"]})
    with pytest.raises(InvalidData, match=r"expected numbers in X, got text such as 'Paris' in column 'city'\."):
        to_tensors(frame, F32, "validation", names=False)
