"""The logistic function for Numba kernels, at the speed of vector instructions and right to the last digits.

With t = -x, n = round(t / ln 2) and r = t - n ln 2, which lies in [-ln 2 / 2, ln 2 / 2]::

    s(x) = 1 / (1 + e^t),    e^t = 2^n e^r,    e^r = sum_k r^k / k!

where 2^n is put together from its bits. Each operation has a vector form, so a loop over an array takes many elements
at once; a loop that calls ``math.exp`` takes one. The error is that of a few roundings: 5e-16 of the value in double
precision, 2e-7 in single precision. An x below -708 (-87 in single precision) counts as that number, so that a
probability is never zero.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

# ln 2 = HIGH + LOW, where n HIGH is exact: so r loses no digits
HIGH_64, LOW_64 = 6.93147180369123816490e-01, 1.90821492927058770002e-10
HIGH_32, LOW_32 = np.float32(0.693359375), np.float32(-2.12194440054690583e-4)
PER_LN2_64, PER_LN2_32 = 1 / math.log(2), np.float32(1 / math.log(2))
LARGEST_64, LARGEST_32 = 708.0, np.float32(87)
SERIES_64 = tuple(1 / math.factorial(k) for k in range(12, -1, -1))
SERIES_32 = tuple(np.float32(1 / math.factorial(k)) for k in range(7, -1, -1))
ZERO_32, ONE_32 = np.float32(0), np.float32(1)


def _reinterpreted(typing: Any, bits: Any) -> Any:
    """For Numba: the type and the code of `with_bits`, of an integer of a type."""
    number: Any = {types.int32: types.float32, types.int64: types.float64}[bits]

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

    return number(bits), code


with_bits: Any = intrinsic(_reinterpreted)  # the floating-point number with the bits of an integer


@numba.njit(cache=True, inline="always")
def logistic_64(x: Any) -> Any:
    """1 / (1 + e^-x) in double precision."""
    t = min(max(-x, -LARGEST_64), LARGEST_64)
    n = np.rint(t * PER_LN2_64)
    r = (t - n * HIGH_64) - n * LOW_64
    e = 0.0
    for term in SERIES_64:
        e = e * r + term
    return 1.0 / (1.0 + e * with_bits((np.int64(n) + 1023) << 52))


@numba.njit(cache=True, inline="always")
def logistic_32(x: Any) -> Any:
    """1 / (1 + e^-x) in single precision."""
    t = min(max(-x, -LARGEST_32), LARGEST_32)
    n = np.rint(t * PER_LN2_32)
    r = (t - n * HIGH_32) - n * LOW_32
    e = ZERO_32
    for term in SERIES_32:
        e = e * r + term
    return ONE_32 / (ONE_32 + e * with_bits(np.int32((np.int32(n) + 127) << 23)))
