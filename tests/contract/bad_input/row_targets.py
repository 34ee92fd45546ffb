"""What may be passed as a target or as weights, well or badly, each made of the good target of a subject."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import torch
from scipy import sparse

NAMES = np.array(["é", "β", "😀", "<script>", "a\nb", "'c'"], dtype=object)


def with_value(y: Any, value: Any, dtype: Any = np.float64) -> Any:
    """The target with another value in row 2."""
    made = np.array(codes(y), dtype=dtype)
    made[2] = value
    return made


def codes(y: Any) -> Any:
    """Labels as numbers from 0 on; numbers as they are."""
    return np.unique(y, return_inverse=True)[1] if np.asarray(y).dtype.kind in "OUSi" else np.asarray(y)


BAD: dict[str, dict[str, Any]] = {  # by what the target is: "classes", "numbers", "patterns" (rows of numbers), "any"
    "any": {
        "y is None": lambda y: None,
        "y shorter": lambda y: y[:-1],
        "y longer": lambda y: np.concatenate([y, y[:1]]),
        "y empty": lambda y: y[:0],
        "NaN in y": lambda y: with_value(y, np.nan),
        "complex y": lambda y: codes(y) + 1j,
        "y with four axes": lambda y: np.zeros((len(y), 2, 2, 2)),
        "a scalar y": lambda y: np.float64(3.0),
        "y a text": lambda y: "labels",
        "dicts in y": lambda y: np.array([{}] * len(y), dtype=object),
        "sparse y": lambda y: sparse.csr_matrix(codes(y).reshape(len(y), -1)),
        "None in y": lambda y: with_value(y, None, object),
    },
    "classes": {
        "one class": lambda y: np.full(len(y), "a"),
        "continuous y": lambda y: np.linspace(0.1, 0.9, len(y)),
        "infinity in y": lambda y: with_value(y, np.inf),
        "numbers and texts in y": lambda y: with_value(y, "a", object),
        "texts and numbers in y": lambda y: np.where(np.arange(len(y)) == 2, 1, NAMES[codes(y)]),
        "dates as labels": lambda y: np.datetime64("2026-01-01") + codes(y).astype("timedelta64[D]"),
        "durations as labels": lambda y: codes(y).astype("timedelta64[D]"),
        "pandas NA in y": lambda y: pd.Series(codes(y)).astype("Int64").mask(np.arange(len(y)) == 2),
    },
    "numbers": {
        "infinity in y": lambda y: with_value(y, -np.inf),
        "texts in y": lambda y: np.full(len(y), "a"),
        "a text in y": lambda y: with_value(y, "a", object),
        "dates in y": lambda y: np.datetime64("2026-01-01") + np.arange(len(y)).astype("timedelta64[D]"),
        "date objects in y": lambda y: np.full(len(y), datetime.date(2026, 1, 1), dtype=object),
        "an integer beyond floats in y": lambda y: with_value(y, 10**400, object),
        "y without columns": lambda y: np.zeros((len(y), 0)),
        "structured y": lambda y: np.zeros(len(y), dtype=[("a", float)]),
    },
    "patterns": {
        "infinity in y": lambda y: with_value(y, -np.inf),
        "a text in y": lambda y: with_value(y, "a", object),
        "y without columns": lambda y: np.zeros((len(y), 0)),
    },
    "no y": {},
}
EXTREME: dict[str, dict[str, Any]] = {
    "classes": {
        "a class with one member": lambda y: with_value(y, 7, np.int64),
        "each row a class": lambda y: np.arange(len(y)),
        "unicode labels": lambda y: NAMES[codes(y)],
        "labels True and False": lambda y: codes(y) == 0,
        "labels of 2**62": lambda y: codes(y).astype(np.int64) + 2**62,
        "infinite labels that are texts": lambda y: np.array(["nan", "inf", "None"])[codes(y)],
        "y with three axes": lambda y: np.zeros((len(y), 2, 2)),
    },
    "numbers": {
        "1e300 in y": lambda y: with_value(y, 1e300),
        "-1e300 and 1e300 in y": lambda y: np.where(np.arange(len(y)) % 2, -1e300, 1e300),
        "1e38 in y": lambda y: with_value(y, 1e38),
        "1e-300 in y": lambda y: y * 1e-300,
        "constant y": lambda y: np.full(len(y), 3.0),
        "constant y of 1e200": lambda y: np.full(len(y), 1e200),
        "y with three axes": lambda y: np.zeros((len(y), 2, 2)),
    },
    "patterns": {
        "1e300 in y": lambda y: with_value(y, 1e300),
        "constant y": np.ones_like,
    },
    "no y": {},
}
GOOD: dict[str, Any] = {  # the same target in another coat
    "list": lambda y: y.tolist(),
    "column": lambda y: y.reshape(-1, 1),
    "series": lambda y: pd.Series(y, index=np.arange(len(y))[::-1], name="größe"),
    "nullable series": lambda y: pd.Series(y).convert_dtypes(),
    "categorical series": lambda y: pd.Series(pd.Categorical(y)),
    "polars": lambda y: pl.Series("y", y.tolist()),
    "tensor": lambda y: torch.from_numpy(y.copy()),
    "objects": lambda y: y.astype(object),
    "negative stride": lambda y: y[::-1].copy()[::-1],
    "big-endian": lambda y: y.astype(y.dtype.newbyteorder(">")),
    "longdouble": lambda y: y.astype(np.longdouble),
}
WEIGHTS: dict[str, Any] = {  # all refused
    "NaN in weights": lambda n: np.where(np.arange(n) == 2, np.nan, 1.0),
    "infinity in weights": lambda n: np.where(np.arange(n) == 2, np.inf, 1.0),
    "negative weights": lambda n: np.where(np.arange(n) == 2, -1.0, 1.0),
    "weights of another number": lambda n: np.ones(n + 1),
    "weights of 0": np.zeros,
    "weights of two axes": lambda n: np.ones((n, 2)),
    "texts as weights": lambda n: np.full(n, "a"),
    "complex weights": lambda n: np.ones(n) + 1j,
    "weights a text": lambda n: "balanced",
}
