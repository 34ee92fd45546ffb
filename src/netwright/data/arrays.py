"""Arrays: whatever holds samples becomes NumPy arrays, and what a network cannot take is refused with its place.

torch is never imported here: who passes a tensor or a ``Dataset`` has loaded it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.arrays import first_nonfinite, place_of
from netwright.core.errors import InvalidData, InvalidParameter, problem

FLOAT32 = float(np.finfo(np.float32).max)


def as_arrays(X: Any, y: Any = None) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Samples and targets as NumPy arrays; arrays are passed on as they are.

    Parameters
    ----------
    X : an array, a torch tensor, a list of numbers, arrays or tensors, or a torch ``Dataset`` of samples x, (x,) or
        (x, y).
    y : the targets; None where there are none or the dataset has them.

    Shapes
    ------
    n samples of shape S -> X (n, *S), y (n, ...) or None

    Raises
    ------
    InvalidData : samples of different shapes, no numbers in X, or different numbers of samples in X and y.
    InvalidParameter : targets both in the dataset and in y.

    Examples
    --------
    >>> as_arrays([[1, 2], [3, 4]], ["a", "b"])
    (array([[1, 2],
           [3, 4]]), array(['a', 'b'], dtype='<U1'))
    """
    data = sys.modules.get("torch.utils.data")
    if data is not None and isinstance(X, data.Dataset):
        X, inside = _from_dataset(X)
        if inside is not None and y is not None:
            raise InvalidParameter(problem("y", "None, as the dataset has targets", f"a {type(y).__name__}"))
        y = inside if y is None else y
    raw = _array(X, "X")
    if not raw.ndim:
        raise InvalidData(problem("X", "samples along the first axis", f"a {type(X).__name__}", "Pass an array."))
    samples = _numbers(raw)
    if y is None:
        return samples, None
    targets = _array(y, "y")
    lengths = [len(array) if array.ndim else 1 for array in (samples, targets)]
    if lengths[0] != lengths[1]:
        where = f"Found input variables with inconsistent numbers of samples: {lengths}. X and y"
        raise InvalidData(problem(where, "one target a sample", f"{lengths[1]} for {lengths[0]}"))
    return samples, targets


def to_float32(array: NDArray[Any], name: str = "X", columns: Sequence[str] | None = None) -> NDArray[np.float32]:
    """The values as float32; finite ones that float32 cannot hold are refused, NaN and infinity stay.

    Parameters
    ----------
    array : numbers of any type, a row a sample.
    name : what the caller calls them: X, y.
    columns : names of the columns, where they have some.

    Shapes
    ------
    array (n, ...) -> the same

    Raises
    ------
    InvalidData : a finite value beyond 3.4e38; named with its row and column.

    Examples
    --------
    >>> to_float32(np.array([[1.0, 1e300]]))
    Traceback (most recent call last):
        ...
    netwright.core.errors.InvalidData: X exceeds the float32 range. Row 0, column 1: expected ..., got 1e+300. ...
    """
    if array.dtype.kind != "f" or array.dtype.itemsize <= 4:
        return array.astype(np.float32, copy=False)
    with np.errstate(over="ignore"):
        out = array.astype(np.float32)
    if first_nonfinite(out) is not None:
        beyond = np.isfinite(array) & np.isinf(out)
        if beyond.any():
            row, *column = (int(index) for index in np.unravel_index(int(beyond.argmax()), beyond.shape))
            where = f"{name} exceeds the float32 range. {place_of(row, tuple(column), columns)}"
            remedy = "Scale the column (sklearn.preprocessing.StandardScaler) or use another unit."
            got = f"{array[(row, *column)]:g}"
            raise InvalidData(problem(where, f"numbers up to {FLOAT32:.1e}", got, remedy))
    return out


def _array(values: Any, name: str) -> NDArray[Any]:
    """One array of tensors, lists and whatever `numpy.asarray` takes."""
    if hasattr(values, "toarray"):
        what = "Sparse data was passed, but dense data is required"
        raise InvalidData(problem(f"{what}. {name}", "a dense array", f"a {type(values).__name__}", "Use .toarray()."))
    if hasattr(values, "detach"):
        return _from_tensor(values)
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        return np.asarray(np.ma.filled(values.astype(np.float64), np.nan))
    if isinstance(values, (list, tuple)) and any(hasattr(item, "shape") for item in values):
        return _stack([_array(item, name) for item in values], name)
    try:
        return np.asarray(values)
    except ValueError as error:
        if not isinstance(values, (list, tuple)):
            raise InvalidData(problem(name, "an array", f"a {type(values).__name__} ({error})")) from error
        return _stack([_array(item, name) for item in values], name)


def _from_tensor(tensor: Any) -> NDArray[Any]:
    """A torch tensor as an array, of whatever device and layout; bfloat16, which NumPy lacks, as float32."""
    tensor = tensor.detach().cpu()
    if tensor.is_sparse:
        tensor = tensor.to_dense()
    if "bfloat16" in str(tensor.dtype):
        tensor = tensor.float()
    return np.asarray(tensor.resolve_conj().resolve_neg().numpy())


def _numbers(array: NDArray[Any]) -> NDArray[Any]:
    """X as numbers: objects are converted, long doubles become float64, texts and complex numbers are refused."""
    kind = array.dtype.kind
    if kind == "O":
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError) as error:
            rows = (place for place in np.ndindex(array.shape) if not _is_real(array[place]))
            row, *column = next(rows, (0,))
            got = f"{array[(row, *column)]!r} ({type(array[(row, *column)]).__name__})"
            where = f"X. {place_of(row, tuple(column), None)}"
            raise InvalidData(problem(where, "a number", got, "Encode it, or pass a data frame.")) from error
    if kind == "c":
        raise InvalidData(problem("Complex data not supported. X", "real numbers", f"{array.dtype}"))
    if kind not in "biuf":
        raise InvalidData(problem("X", "numbers", f"{array.dtype} values", "Encode them, or pass a data frame."))
    return array.astype(np.float64) if kind == "f" and array.dtype.itemsize > 8 else array


def _is_real(item: Any) -> bool:
    try:
        float(item)
    except (TypeError, ValueError):
        return False
    return True


def _from_dataset(dataset: Any) -> tuple[Any, Any]:
    """All samples and all targets of a torch dataset, whole tensors where it is made of them."""
    if type(dataset) is sys.modules["torch.utils.data"].TensorDataset:
        return _split_sample(dataset.tensors, 0)
    samples = [dataset[row] for row in range(len(dataset))] if hasattr(dataset, "__len__") else list(dataset)
    if not samples:
        raise InvalidData(problem("X", "a dataset of at least one sample", "0 sample(s)"))
    split = [_split_sample(sample, row) for row, sample in enumerate(samples)]
    X = _stack([_array(x, "X") for x, _ in split], "X")
    lacking = [row for row, (_, y) in enumerate(split) if y is None]
    if len(lacking) == len(split):
        return X, None
    if lacking:
        raise InvalidData(problem(f"sample {lacking[0]} of the dataset", "a target as others have", "none"))
    return X, _stack([_array(y, "y") for _, y in split], "y")


def _split_sample(sample: Any, row: int) -> tuple[Any, Any]:
    """A sample as (x, y), y None where it has none."""
    if not isinstance(sample, (tuple, list)):
        if isinstance(sample, dict):
            raise InvalidData(problem(f"sample {row} of the dataset", "x, (x,) or (x, y)", "a dict"))
        return sample, None
    if len(sample) not in (1, 2):
        got = f"a {type(sample).__name__} of {len(sample)}"
        raise InvalidData(problem(f"sample {row} of the dataset", "x, (x,) or (x, y)", got))
    return sample[0], sample[1] if len(sample) == 2 else None


def _stack(arrays: Iterable[NDArray[Any]], name: str) -> NDArray[Any]:
    """Arrays of one shape as one array."""
    arrays = list(arrays)
    for row, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            got = f"shape {array.shape} at index {row} after {arrays[0].shape} at index 0"
            remedy = "Pad or resize the samples first."
            raise InvalidData(problem(f"samples of {name}", "one shape for all", got, remedy))
    return np.stack(arrays)
