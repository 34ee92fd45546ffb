"""What may be passed as rows, well or badly: arrays, frames and lists, each made of the good rows of a subject."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import torch
from numpy.typing import NDArray
from scipy import sparse

Rows = NDArray[np.float64]
HUGE = 10**400  # an integer beyond all floats


def with_value(X: Rows, value: Any, dtype: Any = np.float64) -> NDArray[Any]:
    """The rows with another value at row 1, column 2."""
    made = X.astype(dtype)
    made[1, 2] = value
    return made


def with_column(X: Rows, values: Any) -> NDArray[Any]:
    """The rows with another column 1."""
    made = X.copy()
    made[:, 1] = values
    return made


def named(X: Any) -> list[str]:
    """Names of columns, as hostile as they come."""
    return ["größe", "β", "😀", "<script>", "two\nlines", "'quoted'", *(f"x{i}" for i in range(X.shape[1]))][
        : X.shape[1]
    ]


def strided(X: Rows) -> Rows:
    wide = np.full((len(X), 2 * X.shape[1]), 7.0)
    wide[:, ::2] = X
    return wide[:, ::2]


def read_only(X: Rows) -> Rows:
    made = X.copy()
    made.setflags(write=False)
    return made


def memmap(X: Rows, folder: Path) -> Any:
    np.save(folder / "rows.npy", X)
    return np.load(folder / "rows.npy", mmap_mode="r")


def bits(X: Rows) -> NDArray[np.bool_]:
    return X == 1 if np.isin(X, (0, 1)).all() else np.median(X, axis=0) < X


def integers(X: Rows, kind: Any) -> NDArray[Any]:
    """The rows as integers; bits stay bits."""
    if np.isin(X, (0, 1)).all():
        return X.astype(kind)
    return (np.abs(X * 2) if np.dtype(kind).kind == "u" else X * 2).astype(kind)


def structured(X: Rows) -> NDArray[Any]:
    return np.array([tuple(row) for row in X], dtype=[(f"f{i}", float) for i in range(X.shape[1])])


def ragged(X: Rows) -> list[list[float]]:
    return [row[:-1] if number == 1 else row for number, row in enumerate(X.tolist())]


def frame(X: Any, **more: Any) -> pd.DataFrame:
    return pd.DataFrame(X, columns=named(X), **more)


def frame_with_gap(X: Rows) -> pd.DataFrame:
    """A nullable column, with one value missing."""
    made = frame(X)
    made.isetitem(1, pd.array([None, *X[1:, 1]], dtype="Float64"))
    return made


def polars_with_gap(X: Rows) -> pl.DataFrame:
    columns = {name: X[:, number].tolist() for number, name in enumerate(named(X))}
    columns[named(X)[1]][0] = None
    return pl.DataFrame(columns)


def frame_with(X: Rows, values: Any) -> pd.DataFrame:
    """A frame with another column 1."""
    made = frame(X)
    made.isetitem(1, values)
    return made


def twice_the_same_name(X: Rows) -> pd.DataFrame:
    return pd.DataFrame(X, columns=["a"] * X.shape[1])


def days(X: Rows) -> NDArray[Any]:
    return np.datetime64("2026-01-01") + np.arange(X.size).reshape(X.shape).astype("timedelta64[D]")


GOOD: dict[str, Any] = {  # the same numbers in another coat: name -> (rows, folder) -> X
    "int64": lambda X, folder: integers(X, np.int64),
    "int8": lambda X, folder: integers(X, np.int8),
    "uint8": lambda X, folder: integers(X, np.uint8),
    "uint16": lambda X, folder: integers(X, np.uint16),
    "bool": lambda X, folder: bits(X),
    "float16": lambda X, folder: X.astype(np.float16),
    "float32": lambda X, folder: X.astype(np.float32),
    "longdouble": lambda X, folder: X.astype(np.longdouble),
    "big-endian": lambda X, folder: X.astype(">f8"),
    "negative stride": lambda X, folder: X[::-1].copy()[::-1],
    "strided": lambda X, folder: strided(X),
    "read-only": lambda X, folder: read_only(X),
    "Fortran order": lambda X, folder: np.asfortranarray(X),
    "memmap": lambda X, folder: memmap(X, folder),
    "object of numbers": lambda X, folder: X.astype(object),
    "list of lists": lambda X, folder: X.tolist(),
    "list of arrays": lambda X, folder: list(X.copy()),
    "tensor": lambda X, folder: torch.from_numpy(X.copy()),
    "tensor with a gradient": lambda X, folder: torch.from_numpy(X.copy()).requires_grad_(),
    "bfloat16": lambda X, folder: torch.from_numpy(X.copy()).to(torch.bfloat16),
    "pandas": lambda X, folder: frame(X, index=np.arange(len(X))[::-1]),
    "pandas, nullable": lambda X, folder: frame(X).astype("Float64"),
    "polars": lambda X, folder: pl.DataFrame(dict(zip(named(X), X.T, strict=True))),
}
FRAMES = ("pandas", "pandas, nullable", "polars")

BAD: dict[str, Any] = {  # what no estimator of rows can mean
    "NaN": lambda X: with_value(X, np.nan),
    "infinity": lambda X: with_value(X, np.inf),
    "minus infinity": lambda X: with_value(X, -np.inf),
    "NaN in float16": lambda X: with_value(X, np.nan, np.float16),
    "NaN in a tensor": lambda X: torch.from_numpy(with_value(X, np.nan)),
    "NaN in a frame of objects": lambda X: frame_with(X.astype(object), [None] * len(X)),
    "infinity in a frame": lambda X: frame(with_value(X, np.inf)),
    "an integer beyond floats": lambda X: with_value(X, HUGE, object),
    "no rows": lambda X: X[:0],
    "no columns": lambda X: X[:, :0],
    "a frame without rows": lambda X: frame(X[:0]),
    "one axis": lambda X: X[:, 0],
    "a scalar": lambda X: np.array(3.0),
    "None": lambda X: None,
    "a text": lambda X: "rows",
    "a set": lambda X: set(X[:, 0].tolist()),
    "ragged lists": ragged,
    "texts": lambda X: np.full(X.shape, "a"),
    "objects with a text": lambda X: with_value(X, "a", object),
    "objects with None": lambda X: with_value(X, None, object),
    "dates": days,
    "dates as objects": lambda X: np.full(X.shape, datetime.date(2026, 1, 1), dtype=object),
    "complex": lambda X: with_value(X, 1j, complex),
    "sparse": sparse.csr_matrix,
    "sparse array": sparse.csr_array,
    "structured": structured,
    "a frame of dates": lambda X: frame_with(X, pd.date_range("2026-01-01", periods=len(X))),
    "a frame of lists": lambda X: frame_with(X, [[1]] * len(X)),
}
EXTREME: dict[str, Any] = {  # finite numbers and shapes that are hard
    "1e300": lambda X: with_value(X, 1e300),
    "-1e300 and 1e300": lambda X: with_value(with_column(X, -1e300), 1e300),
    "1e38": lambda X: with_value(X, 1e38),
    "1e18": lambda X: with_value(X, 1e18),
    "1e-300": lambda X: X * 1e-300,
    "subnormal": lambda X: X * 5e-324,
    "a constant column": lambda X: with_column(X, 5.0),
    "a constant column of 1e200": lambda X: with_column(X, 1e200),
    "all zero": np.zeros_like,
    "all rows the same": lambda X: np.repeat(X[:1], len(X), 0),
    "two columns the same": lambda X: with_column(X, X[:, 0]),
    "three axes": lambda X: np.stack([X, X], axis=2),
    "a gap": frame_with_gap,
    "a gap, polars": polars_with_gap,
    "duplicate names": twice_the_same_name,
    "categories": lambda X: frame_with(X, pd.Categorical(np.where(X[:, 1] > 0, "p", "<q>"))),
    "a column of texts": lambda X: frame_with(X, np.where(X[:, 1] > 0, "p", "<q>").astype(object)),
    "a MultiIndex": lambda X: pd.DataFrame(X, columns=pd.MultiIndex.from_arrays([["a"] * X.shape[1], named(X)])),
}
