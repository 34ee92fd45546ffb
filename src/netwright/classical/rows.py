"""Rows and labels: whatever users pass becomes arrays, and what cannot be used is refused with its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from netwright.core.arrays import place_of, require_finite, require_labels
from netwright.core.errors import InvalidData, problem, shown
from netwright.core.readable import from_tensor, require_readable, values_named

FLOATS = (np.float64, np.float32)  # float32 stays float32, everything else becomes float64


def read_rows(network: Any, X: Any, *, reset: bool, dtype: Any = FLOATS, least: int = 1) -> NDArray[Any]:
    """The rows of X as a C-contiguous array (n, n_features) of finite numbers; the widths are those of the fit.

    Parameters
    ----------
    network : sets ``n_features_in_`` (and ``feature_names_in_``) where `reset`, else X is compared with them.
    X : array, list, frame or tensor of numbers, (n, n_features).
    dtype : what the network computes in; of several the first is taken for any other type.
    least : rows that are needed.

    Raises
    ------
    InvalidData : no array of numbers, NaN or infinity. ValueError : too few rows, another width or shape, in
        scikit-learn's words.
    """
    if issparse(X):
        what = "Sparse data was passed, but dense data is required. X"
        raise InvalidData(problem(what, "a dense array", f"a {type(X).__name__}", "Use X.toarray()."))
    if isinstance(X, Iterable) and not (isinstance(X, Sequence) or hasattr(X, "shape") or hasattr(X, "__array__")):
        remedy = "Give a list of rows, a frame or an array; of a stream each piece to partial_fit."
        raise InvalidData(problem("X", "an array (n, n_features)", f"a {type(X).__name__}", remedy))
    require_readable(X)
    with values_named(X):
        rows = validate_data(
            network,
            from_tensor(X),
            reset=reset,
            dtype=list(dtype) if isinstance(dtype, tuple) else dtype,
            order="C",
            ensure_all_finite=False,
            ensure_min_samples=least,
        )
    require_finite(rows, "X", _columns(network))
    return np.asarray(rows)


def read_binary(network: Any, X: Any, *, reset: bool, threshold: float | None, name: str = "X") -> NDArray[np.uint8]:
    """The rows of X as 0 and 1, (n, n_features).

    Parameters
    ----------
    threshold : numbers above it are 1; None where X must be 0/1 (or False/True) already.
    name : what the caller calls X.

    Raises
    ------
    InvalidData : another number than 0 and 1 and no threshold; named with its row and column.
    """
    rows = read_rows(network, X, reset=reset)
    if threshold is not None:
        with np.errstate(over="ignore"):  # a threshold beyond float32 is infinite there
            return (rows > threshold).astype(np.uint8)
    return as_binary(rows, name, _columns(network))


def as_binary(rows: NDArray[Any], name: str, columns: Any = None) -> NDArray[np.uint8]:
    """An array of 0 and 1 as bytes, or an error that names the first other number."""
    other = (rows != 0) & (rows != 1)
    if other.any():
        row, column = (int(index) for index in np.unravel_index(int(other.argmax()), rows.shape))
        remedy = f"Code {name} as 0 and 1, or set binarize to a threshold."
        where = f"{name}. {place_of(row, (column,), columns)}"
        raise InvalidData(problem(where, "0 or 1", f"{rows[row, column]:g}", remedy))
    return rows.astype(np.uint8)


def read_labels(network: Any, y: Any, n: int, classes: NDArray[Any] | None = None) -> tuple[Any, NDArray[np.intp]]:
    """The classes, sorted, and the place of each row's label among them, (n,).

    Parameters
    ----------
    n : rows of X.
    classes : those of the fit, when labels come after it.

    Raises
    ------
    InvalidData : no y, another length, dates, a label that the fit did not know. ValueError : a continuous target.
    """
    owner = type(network).__name__
    if y is None:
        what = f"This {owner} estimator requires y to be passed, but the target y is None. {owner}.fit(y)"
        raise InvalidData(problem(what, "a label a row", "None", "Give the labels."))
    labels = column_or_1d(from_tensor(y), warn=True)
    _require_length(labels, n, owner)
    if labels.dtype.kind == "f":
        require_finite(labels, "y")
    require_labels(labels, f"{owner}.fit(y)")
    try:
        with np.errstate(invalid="ignore"):  # it casts huge numbers
            check_classification_targets(labels)
        if classes is None:
            found, codes = np.unique(labels, return_inverse=True)
            return found, codes.astype(np.intp)
        if not len(classes):
            raise InvalidData(
                problem(f"{owner}.partial_fit(classes)", "at least one label", "none", "Give all labels.")
            )
        codes = np.searchsorted(classes, labels)
    except TypeError as error:  # they cannot be ordered
        remedy = "Fill what is missing, and give numbers only or texts only."
        raise InvalidData(problem(f"{owner}.fit(y)", "labels of one kind", shown(y), remedy)) from error
    codes = np.minimum(codes, len(classes) - 1)
    unseen = classes[codes] != labels
    if unseen.any():
        row = int(unseen.argmax())
        remedy = "Name all labels at the first call: partial_fit(X, y, classes=...)."
        got = shown(labels[row].item() if hasattr(labels[row], "item") else labels[row])
        raise InvalidData(problem(f"{owner}, label of row {row}", f"one of {shown(classes.tolist())}", got, remedy))
    return classes, codes.astype(np.intp)


def read_targets(network: Any, y: Any, n: int) -> NDArray[np.float64]:
    """Targets of a regression, (n,) or (n, m), finite.

    Raises
    ------
    InvalidData : no y, another length, no column, no real numbers, NaN or infinity.
    """
    owner = type(network).__name__
    if y is None:
        what = f"This {owner} estimator requires y to be passed, but the target y is None. {owner}.fit(y)"
        raise InvalidData(problem(what, "a target a row", "None", "Give the targets."))
    y = from_tensor(y)
    try:
        raw = np.asarray(y)
        if raw.dtype.kind in "cmMV":  # complex numbers, times and records, of which NumPy would make other numbers
            raise TypeError(f"{raw.dtype}")
        targets = raw.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidData(problem(f"{owner}.fit(y)", "numbers", shown(y), "Encode it.")) from error
    if targets.ndim not in (1, 2):
        raise InvalidData(problem(f"{owner}.fit(y)", "shape (n,) or (n, m)", f"shape {targets.shape}", "Reshape it."))
    _require_length(targets, n, owner)
    if not targets.size:
        where, got = f"{owner}.fit(y)", f"shape {targets.shape}"
        raise InvalidData(problem(where, "at least one column", got, "Give a target a row."))
    require_finite(targets, "y")
    return targets


def _require_length(targets: NDArray[Any], n: int, owner: str) -> None:
    if len(targets) != n:
        where = f"Found input variables with inconsistent numbers of samples: {[n, len(targets)]}. {owner}.fit(y)"
        raise InvalidData(problem(where, f"{n} targets, one a row", f"{len(targets)}", "Give one a row."))


def _columns(network: Any) -> Any:
    names = getattr(network, "feature_names_in_", None)
    return None if names is None else list(names)
