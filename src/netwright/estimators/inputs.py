"""Inputs: from what users have (arrays, frames, tensors, datasets) to arrays that a network takes.

=============== ===========================================================================================
what comes       what the network gets
=============== ===========================================================================================
array, list      itself, (n, ...); scaled to mean 0, deviation 1 when the estimator chose the network
frame, dict      its columns through `netwright.data.Table`: scaled numbers, imputed gaps, one-hot categories
tuple            one array an input, for networks with several inputs
torch tensor     as an array
torch Dataset    its samples, stacked
`Stream`         as an array of which a part at a time is in memory
=============== ===========================================================================================

What is learned from the data (scales, categories) is learned from the training rows alone and saved with the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from netwright.core.errors import InvalidData, did_you_mean, problem
from netwright.core.readable import from_tensor, require_readable, values_named
from netwright.data import Stream, Table, is_table, require_finite, to_columns, to_float32
from netwright.estimators.scaling import Scaler, fit_scaler, scaler_of_parts

Shape = tuple[int, ...]
UNEQUAL = 100  # ratio of the largest to the smallest standard deviation that is worth a note
LOOKED = 10_000  # rows of a stream that are looked at for a note
PART = 2**25  # bytes of a stream that are read at once
Rows = Any  # an array, a tuple of arrays, or a dict of columns


class Inputs:
    """Reads X the same way in fit and in predict.

    Attributes
    ----------
    kind : "array", "arrays" (several inputs) or "table". shapes : of one sample of each input, once they are known.
    table : the fitted `Table`, or None.
    scaler : the fitted `Scaler`, or None. dtype : "float32" or "float64", what the network computes in.
    """

    def __init__(self, kind: str = "array", dtype: str = "float32") -> None:
        self.kind = kind
        self.dtype = dtype
        self.table: Table | None = None
        self.scaler: Scaler | None = None
        self.shapes: tuple[Shape, ...] = ()
        self._notes: list[str] = []

    @classmethod
    def read(cls, estimator: Any, X: Any, precision: str) -> tuple[Inputs, Rows]:
        """Look at the X of a fit: how it is to be read, and its rows."""
        if is_table(X) and not issparse(X):
            columns = to_columns(X)
            if not columns:
                raise InvalidData(problem("X", "a frame with columns", "0 feature(s)", "Give at least one column."))
            estimator.n_features_in_ = len(columns)
            estimator.feature_names_in_ = np.array(list(columns), dtype=object)
            return cls("table", "float64" if precision == "float64" else "float32"), columns
        if isinstance(X, Stream):
            estimator.n_features_in_ = X.shape[1] if X.ndim > 1 else 1
            vars(estimator).pop("feature_names_in_", None)
            if X.names is not None:
                estimator.feature_names_in_ = np.array(X.names, dtype=object)
            return cls("array", _dtype(X, precision)), X
        if isinstance(X, tuple):
            arrays = _several(X)
            estimator.n_features_in_ = arrays[0].shape[1] if arrays[0].ndim > 1 else 1
            return cls("arrays", _dtype(arrays[0], precision)), arrays
        X = _checked(estimator, X, reset=True)
        return cls("array", _dtype(X, precision)), X

    def again(self, estimator: Any, X: Any) -> Rows:
        """The rows of an X that comes after fit: checked against what fit saw."""
        if self.kind == "table":
            if not is_table(X):
                raise InvalidData(
                    problem("X", "a table with named columns, as in fit", type(X).__name__, "Pass the frame itself.")
                )
            return to_columns(X)
        if self.kind == "arrays":
            if not isinstance(X, tuple) or len(X) != len(self.shapes):
                got = f"a tuple of {len(X)}" if isinstance(X, tuple) else type(X).__name__
                raise InvalidData(problem("X", f"a tuple of {len(self.shapes)} arrays, as in fit", got))
            return _several(X)
        names = list(getattr(estimator, "feature_names_in_", ()))
        if names and (is_table(X) or (isinstance(X, Stream) and X.names is not None)):
            return _by_name(X, names)
        return X if isinstance(X, Stream) else _checked(estimator, X, reset=False)

    @property
    def notes(self) -> list[str]:
        """What was done to which column of a table, and what a user should know of an array, in sentences."""
        return self._notes if self.table is None else list(self.table.notes_)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """How many codes each of the trailing columns of codes has; none for one-hot categories."""
        return () if self.table is None else tuple(self.table.cardinalities_)

    def fit(self, rows: Rows, weight: np.ndarray | None, scale: bool, categories: str) -> None:
        """Learn scales and categories from the training rows."""
        if self.kind == "table":
            self.table = Table(categories=categories).fit(rows, sample_weight=weight)
        elif self.kind == "array" and scale:
            streamed = isinstance(rows, Stream)
            self.scaler = scaler_of_parts(parts_of_stream(rows), weight) if streamed else fit_scaler(rows, weight)
        elif self.kind == "array" and rows.ndim == 2:
            self._notes = _unequal_columns(rows[:LOOKED].read() if isinstance(rows, Stream) else rows)

    def transform(self, rows: Rows) -> tuple[np.ndarray, ...]:
        """The arrays that the network takes, one an input."""
        if self.kind == "table":
            assert self.table is not None
            return (self.table.transform(rows).astype(self.dtype, copy=False),)
        rows = rows.read() if isinstance(rows, Stream) else rows
        arrays = rows if self.kind == "arrays" else (rows,)
        shapes = tuple(part.shape[1:] for part in arrays)
        if self.shapes and shapes != self.shapes:
            raise InvalidData(problem("X", f"samples of shape {_plain(self.shapes)}, as in fit", f"{_plain(shapes)}"))
        if self.scaler is not None:
            arrays = (self.scaler.transform(arrays[0]),)
        return tuple(
            to_float32(part, "X") if self.dtype == "float32" else np.ascontiguousarray(part, dtype=np.float64)
            for part in arrays
        )

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What a file needs: JSON and arrays."""
        state: dict[str, Any] = {"kind": self.kind, "dtype": self.dtype, "table": None, "scaled": False}
        state["shapes"] = [list(shape) for shape in self.shapes]
        arrays: dict[str, np.ndarray] = {}
        if self.table is not None:
            state["table"], parts = self.table.to_state()
            arrays.update({f"table.{name}": array for name, array in parts.items()})
        if self.scaler is not None:
            state["scaled"] = True
            arrays.update({"scaler.mean": self.scaler.mean, "scaler.scale": self.scaler.scale})
        return state, arrays

    @classmethod
    def from_state(cls, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> Inputs:
        """The inverse of `to_state`."""
        made = cls(state["kind"], state["dtype"])
        made.shapes = tuple(tuple(shape) for shape in state["shapes"])
        if state["table"] is not None:
            parts = {name[6:]: array for name, array in arrays.items() if name.startswith("table.")}
            made.table = Table.from_state(state["table"], parts)
        if state["scaled"]:
            made.scaler = Scaler(arrays["scaler.mean"], arrays["scaler.scale"])
        return made


def take(rows: Rows, which: np.ndarray) -> Rows:
    """Some rows of an array, a tuple of arrays or a dict of columns."""
    if isinstance(rows, dict):
        return {name: column[which] for name, column in rows.items()}
    if isinstance(rows, tuple):
        return tuple(part[which] for part in rows)
    return rows[which]


def count(rows: Rows) -> int:
    """The number of rows."""
    if isinstance(rows, dict):
        return len(next(iter(rows.values())))
    return len(rows[0]) if isinstance(rows, tuple) else len(rows)


def parts_of_stream(rows: Stream) -> Iterator[np.ndarray]:
    """The rows of a stream, some at a time, in their order."""
    each = max(1, PART // max(1, int(np.prod(rows.source.shape)) * rows.dtype.itemsize))
    for start in range(0, len(rows), each):
        yield rows[start : start + each].read()


def _checked(estimator: Any, X: Any, reset: bool) -> np.ndarray:
    """An array as scikit-learn checks it; NaN and infinity are reported with their place."""
    kinds = (np.float64, np.float32)
    require_readable(X)
    with values_named(X):
        rows = from_tensor(X)
        X = validate_data(estimator, rows, reset=reset, dtype=kinds, allow_nd=True, ensure_all_finite=False)
    require_finite(X, "X", getattr(estimator, "feature_names_in_", None))
    return np.ascontiguousarray(X)


def _by_name(X: Any, names: list[str]) -> np.ndarray | Stream:
    """The columns of a stream or of a table that fit saw, in the order that they had there."""
    found: Any = X if isinstance(X, Stream) else to_columns(X)
    there: list[str] = found.names if isinstance(X, Stream) else list(found)
    absent = [name for name in names if name not in there]
    if absent:
        got = f"none of the name {', '.join(map(repr, absent))}"
        raise InvalidData(problem("X", "the columns that fit saw", got, did_you_mean(absent[0], there)))
    if isinstance(X, Stream):
        return X.ordered(names)
    for name in names:
        if found[name].dtype.kind not in "fiub":
            raise InvalidData(problem(f"X, column {name!r}", "numbers, as in fit", f"{found[name].dtype} values"))
    rows = np.column_stack([found[name].astype(np.float64) for name in names])
    require_finite(rows, "X", names)
    return rows


def _plain(shapes: tuple[Shape, ...]) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes


def _dtype(array: np.ndarray | Stream, precision: str) -> str:
    if precision == "auto":
        return "float64" if array.dtype == np.float64 and array.ndim == 2 else "float32"
    return "float64" if precision == "float64" else "float32"


def _unequal_columns(rows: np.ndarray) -> list[str]:
    """A note when columns differ so much in scale that a network hardly learns from the small ones."""
    scales = fit_scaler(rows).scale[np.ptp(rows, axis=0) > 0]
    if len(scales) < 2 or scales.max() / UNEQUAL <= scales.min():
        return []
    with np.errstate(over="ignore"):
        ratio = min(scales.max() / scales.min(), np.finfo(float).max)
    return [
        f"The columns of X differ in scale by a factor of {ratio:.3g}, and arrays are taken as they are when a network "
        "is given: put a StandardScaler before it, or pass a frame."
    ]


def _several(X: tuple[Any, ...]) -> tuple[np.ndarray, ...]:
    """The arrays of several inputs, with as many rows each."""
    arrays = tuple(_numbers(part, f"X[{i}]") for i, part in enumerate(X))
    rows = [len(array) if array.ndim else 0 for array in arrays]
    if not arrays or len(set(rows)) > 1 or rows[0] < 1:
        remedy = "Give one array an input, each with a row for every sample; a single input is an array, not a tuple."
        raise InvalidData(problem("X", "arrays with the same number of rows, at least 1", f"rows {rows}", remedy))
    return arrays


def _numbers(part: Any, name: str) -> np.ndarray:
    array = np.asarray(from_tensor(part))
    if array.dtype.kind not in "fiub":
        raise InvalidData(problem(name, "numbers", f"elements of type {array.dtype}"))
    array = array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
    require_finite(array, name)
    return array
