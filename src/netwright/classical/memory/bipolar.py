"""Bipolar units: bits 0/1 become states -1/+1 inside a memory, and how two memories speak of rows and of capacity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.validation import nothing, number

WHOLE = 1 << 24  # whole numbers up to here, and their sums, are exact in float32
LISTED = 8  # rows that a message names

BINARIZE = number() | nothing


def states_of(bits: NDArray[np.uint8], dtype: Any) -> NDArray[Any]:
    """States -1 and +1 of bits 0 and 1, in the type of the weights.

    Examples
    --------
    >>> states_of(np.array([[0, 1]], dtype=np.uint8), np.float32)
    array([[-1.,  1.]], dtype=float32)
    """
    states = bits.astype(dtype)
    states *= 2
    states -= 1
    return states


def bits_of(states: NDArray[Any]) -> NDArray[np.int64]:
    """Bits 0 and 1 of states -1 and +1.

    Examples
    --------
    >>> bits_of(np.array([[-1.0, 1.0]]))
    array([[0, 1]])
    """
    return (states > 0).astype(np.int64)


def exact_type(products: int) -> Any:
    """The smaller float type in which sums of that many products of states are exact: float32 up to 2**24."""
    return np.float32 if products <= WHOLE else np.float64


def exact_load(n: int, others: int) -> float:
    """Random patterns that n units hold so that all of `others` units are recalled without error: n / (2 ln others).

    Each of the units gets n from its own pattern and noise of variance n from each other one; with P patterns the share
    of wrong units is Q(sqrt(n / P)), and none of `others` is wrong, for many units, where P < n / (2 ln others).

    Examples
    --------
    >>> round(exact_load(1024, 1024), 1), round(exact_load(100, 1), 1)
    (73.9, 72.1)
    """
    return n / (2.0 * math.log(max(others, 2)))


def rows_named(rows: NDArray[np.intp]) -> str:
    """Rows in words, the first of them by number.

    Examples
    --------
    >>> rows_named(np.array([3])), rows_named(np.arange(10))
    ('row 3', 'rows 0, 1, 2, 3, 4, 5, 6, 7 and 2 more')
    """
    listed = ", ".join(str(int(row)) for row in rows[:LISTED])
    more = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    return f"row{'s' if len(rows) > 1 else ''} {listed}{more}"
