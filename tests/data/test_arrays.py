"""Samples of all kinds as arrays, and the values that are refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data import as_arrays, to_float32


def test_arrays_are_passed_on():
    X, y = np.eye(3, dtype=np.float32)[::-1], np.array(["a", "b", "c"])
    samples, targets = as_arrays(X, y)
    assert samples is X
    assert targets is y
    assert as_arrays(X)[1] is None


@pytest.mark.parametrize("dtype", ["bool", "u1", "u2", "i8", "f2", "f4", ">f8"])
def test_every_dtype_of_numbers(dtype):
    X = np.array([[0, 1], [1, 0]], dtype)
    assert as_arrays(X)[0].dtype == np.dtype(dtype)


def test_what_becomes_float64():
    assert as_arrays(np.array([[1.5]], np.longdouble))[0].dtype == np.float64
    X, _ = as_arrays(np.array([[1, 2.5], [True, "3"]], dtype=object))
    assert (X.dtype, X.tolist()) == (np.float64, [[1, 2.5], [1, 3]])
    X, _ = as_arrays(np.ma.array([[1, 2]], mask=[[0, 1]]))
    assert np.isnan(X[0, 1])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.array([[1, 2], [3, "x"]], dtype=object), r"X. Row 1, column 1: expected a number, got 'x' \(str\)"),
        (np.array([[1, None]], dtype=object).T, None),
        (np.array([["a"]]), "X: expected numbers, got <U1 values.*data frame"),
        (np.array([[1j]]), "Complex data not supported. X: expected real numbers"),
        (3, "X: expected samples along the first axis, got a int"),
        (object(), "X: expected samples along the first axis, got a object"),
        (
            [[1, 2], [3]],
            r"samples of X: expected one shape for all, got shape \(1,\) at index 1 after \(2,\) at index 0",
        ),
        ([np.zeros(2), np.zeros(2), np.zeros(3)], r"got shape \(3,\) at index 2 after \(2,\) at index 0"),
        (np.array(["2024-01-01"], dtype="datetime64[D]"), "X: expected numbers"),
    ],
)
def test_what_is_no_array_of_numbers(X, message):
    if message is None:  # None is missing: it becomes NaN, and is reported as such
        assert np.isnan(as_arrays(X)[0][1, 0])
        return
    with pytest.raises(InvalidData, match=message):
        as_arrays(X)


def test_sparse_matrices():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(InvalidData, match=r"Sparse data was passed, but dense data is required.*toarray\(\)"):
        as_arrays(sparse.eye_array(3))


def test_things_that_numpy_cannot_take():
    class Odd:
        def __array__(self, dtype=None, copy=None):
            raise ValueError("no")

    with pytest.raises(InvalidData, match=r"X: expected an array, got a Odd \(no\)"):
        as_arrays(Odd())


def test_lengths():
    with pytest.raises(InvalidData, match=r"Found input variables with inconsistent numbers of samples: \[3, 2\]"):
        as_arrays(np.eye(3), [0, 1])


def test_frames():
    pandas = pytest.importorskip("pandas")
    X, y = as_arrays(pandas.DataFrame({"a": [1.0, 2.0]}), pandas.Series(["u", "v"]))
    assert X.tolist() == [[1], [2]]
    assert y.tolist() == ["u", "v"]


def test_tensors():
    torch = pytest.importorskip("torch")
    X = torch.arange(6.0, requires_grad=True).reshape(3, 2)
    y = torch.tensor([0, 1, 2])
    samples, targets = as_arrays(X, y)
    assert samples.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert targets.dtype == np.int64
    assert as_arrays(X.detach().to(torch.bfloat16))[0].dtype == np.float32
    assert as_arrays(torch.eye(2).to_sparse())[0].tolist() == [[1, 0], [0, 1]]
    assert as_arrays(X.detach().T)[0].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert as_arrays(list(X))[0].tolist() == samples.tolist()


def datasets():
    torch = pytest.importorskip("torch")
    data = torch.utils.data

    class Listed(data.Dataset):
        def __init__(self, samples):
            self.samples = samples

        def __len__(self):
            return len(self.samples)

        def __getitem__(self, row):
            return self.samples[row]

    class Streamed(data.IterableDataset):
        def __init__(self, samples):
            self.samples = samples

        def __iter__(self):
            return iter(self.samples)

    return torch, Listed, Streamed


def test_datasets():
    torch, Listed, Streamed = datasets()
    X, y = torch.arange(12.0).reshape(3, 2, 2), torch.tensor([2, 0, 1])
    whole = torch.utils.data.TensorDataset(X, y)
    pairs = [(x, int(label)) for x, label in zip(X, y, strict=True)]
    for dataset in (whole, Listed(pairs), Streamed(pairs), Listed([(x.numpy(), label) for x, label in pairs])):
        samples, targets = as_arrays(dataset)
        np.testing.assert_array_equal(samples, X.numpy())
        np.testing.assert_array_equal(targets, y.numpy())
    for dataset in (torch.utils.data.TensorDataset(X), Listed(list(X)), Listed([(x,) for x in X])):
        samples, targets = as_arrays(dataset, ["a", "b", "c"])
        np.testing.assert_array_equal(samples, X.numpy())
        assert targets.tolist() == ["a", "b", "c"]
    samples, targets = as_arrays(torch.utils.data.Subset(whole, [2, 0]))
    assert targets.tolist() == [1, 2]


def test_datasets_that_cannot_be():
    torch, Listed, _ = datasets()
    x = torch.zeros(2)
    with pytest.raises(InvalidParameter, match="y: expected None, as the dataset has targets, got a list"):
        as_arrays(Listed([(x, 1)]), [1])
    ragged = Listed([(x, 1), (x, 1), (torch.zeros(3), 1), (torch.zeros(4), 1)])
    with pytest.raises(InvalidData, match=r"got shape \(3,\) at index 2 after \(2,\) at index 0. Pad or resize"):
        as_arrays(ragged)
    with pytest.raises(InvalidData, match=r"samples of y: .* got shape \(2,\) at index 1"):
        as_arrays(Listed([(x, 1), (x, [1, 2])]))
    with pytest.raises(InvalidData, match="sample 1 of the dataset: expected a target as others have, got none"):
        as_arrays(Listed([(x, 1), x]))
    with pytest.raises(InvalidData, match=r"sample 0 of the dataset: expected x, \(x,\) or \(x, y\), got a tuple of 3"):
        as_arrays(Listed([(x, x, 1)]))
    with pytest.raises(InvalidData, match=r"sample 0 of the dataset: .* got a dict"):
        as_arrays(Listed([{"x": x}]))
    with pytest.raises(InvalidData, match=r"a dataset of at least one sample, got 0 sample\(s\)"):
        as_arrays(Listed([]))


def test_the_room_loads_neither_torch_nor_scikit_learn_nor_frames():
    code = (
        "import sys, netwright.data as d; d.as_arrays([[1.0]], [1]); d.Table().fit({'a': [1.0]}); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "sklearn", "pandas", "polars", "PIL", "pyarrow"} & set(loaded)


def test_to_float32():
    X = np.array([[1.0, np.nan], [np.inf, 3.5]])
    np.testing.assert_array_equal(to_float32(X), X.astype(np.float32))
    same = np.eye(2, dtype=np.float32)
    assert to_float32(same) is same
    assert to_float32(np.arange(3)).dtype == np.float32
    largest = np.array([float(np.finfo(np.float32).max)])
    assert to_float32(largest) == largest
    for bad in (1e300, -3.5e38):
        X[1, 1] = bad
        with pytest.raises(
            InvalidData, match=r"X exceeds the float32 range. Row 1, column 1 \('b'\): .*up to 3.4e\+38"
        ):
            to_float32(X, columns=["a", "b"])
    with pytest.raises(InvalidData, match=r"y exceeds the float32 range. Row 0: expected .*, got 1e\+39"):
        to_float32(np.array([1e39]), "y")


@pytest.mark.parametrize("make", [np.asfortranarray, lambda a: a[::-1][::-1], lambda a: a.astype(">f8")])
def test_layouts_give_the_same(make):
    X = np.random.default_rng(0).normal(size=(5, 3))
    odd = make(X.copy())
    odd.setflags(write=False)
    np.testing.assert_array_equal(to_float32(as_arrays(odd)[0]), X.astype(np.float32))
    assert to_float32(odd).dtype.isnative
