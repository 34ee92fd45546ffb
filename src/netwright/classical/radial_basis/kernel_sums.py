"""Means over all rows, weighted by a Gaussian of the distance: in log space, and in blocks that fit a cache.

With rows t_j (scaled by their bandwidths, so that the Gaussian is exp(-norm(q - t_j)^2 / 2)), weights w_j and columns
c_j, the mean at a query q is::

    a_j = log w_j - norm(q - t_j)^2 / 2
    mean(q) = sum_j exp(a_j - max a) c_j / sum_j exp(a_j - max a)

The greatest term of the sums is 1, so that they never vanish: a query far away gets what its nearest row says. Blocks
of rows are taken in their order with a running maximum (what is summed is scaled down where a greater one comes), so
that a query needs no more memory than a block. How a_j is computed depends on the *reach* of the query, that is
r = max(norm(q), max norm(t)) max norm(t), both from the mean of the rows:

================ ==================================================================================================
reach            a_j, less what is the same for all rows
================ ==================================================================================================
<= 256           ``q . t_j - norm(t_j)^2 / 2`` as a matrix product, in float32 where the rows are (error 6e-8 r)
<= 1e8           the same in float64 (error 1e-16 r)
beyond           ``(t_j - t_s) . (q - (t_j + t_s) / 2)`` with s the best row of the product: no digits are lost,
                 however far the query or small the bandwidth
================ ==================================================================================================

References: Milakov, Gimelshein: Online normalizer calculation for softmax, 2018.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

QUERIES, ROWS = 48, 5120  # of one block: 1 MB in float32, 2 MB in float64
SINGLE, DOUBLE = 256.0, 1e8  # reaches up to which a product is exact enough in float32 and in float64
FAR = 1e100  # distance in bandwidths at which a query is held: the order of the rows is that at infinity
FLOORS = {4: -60.0, 8: -300.0}  # by bytes a number: terms below exp(floor) count as that, for subnormals are slow

Floats = NDArray[np.float64]


class Kernel(NamedTuple):
    """What answers are made of: rows in bandwidths from their mean (m, d), log weights (m,), columns (m, k)."""

    centre: Floats
    inverse: Floats  # 1 / bandwidth of each feature
    rows: Floats
    log_weights: Floats
    columns: Floats


def kernel_of(rows: NDArray[Any], bandwidth: Any, log_weights: Floats, columns: Floats) -> Kernel:
    """Rows as they were read, their bandwidth (a number or one a feature), log weights (m,) and columns (m, k)."""
    wide = rows.astype(np.float64)
    given = np.maximum(np.asarray(bandwidth, dtype=np.float64), np.finfo(float).tiny)
    inverse = 1.0 / np.broadcast_to(given, wide.shape[1])
    centre = wide.mean(axis=0)
    wide -= centre
    extent = float((np.abs(wide).max(axis=0) / FAR * inverse).max())
    inverse = inverse / max(extent, 1.0)  # so narrow that rows would leave the numbers: a little less narrow
    wide *= inverse
    return Kernel(centre, inverse, wide, log_weights, columns)


def weighted_means(queries: NDArray[Any], kernel: Kernel, dtype: Any) -> Floats:
    """The mean of the columns at each query, (n, k).

    Parameters
    ----------
    queries : rows (n, d) as they were read.
    dtype : float32 where that is exact enough for the user, else float64.
    """
    moved = in_bandwidths(queries, kernel.centre, kernel.inverse)
    lengths = np.sqrt(np.square(moved).sum(axis=1))
    greatest = float(np.sqrt(np.square(kernel.rows).sum(axis=1).max()))
    reach = np.maximum(lengths, greatest) * greatest
    depth = 0.5 * (lengths + greatest) ** 2 + np.ptp(kernel.log_weights)
    means = np.empty((len(queries), kernel.columns.shape[1]))
    single = (reach <= SINGLE) & (np.dtype(dtype) == np.float32)
    double = ~single & (reach <= DOUBLE)
    for group, kind in ((single, np.float32), (double, np.float64)):
        if group.any():
            means[group] = _by_products(moved[group], kernel, np.dtype(kind), float(depth[group].max()))
    for far in np.flatnonzero(~(single | double)):
        means[far] = _by_differences(moved[far], kernel)
    return means


def in_bandwidths(queries: NDArray[Any], centre: Floats, inverse: Floats) -> Floats:
    """Queries in bandwidths from the mean of the rows, (n, d); those beyond `FAR` are drawn in to it."""
    with np.errstate(over="ignore"):
        moved = (queries - centre) * inverse
        far = ~(np.abs(moved).max(axis=1) <= FAR)
    if far.any():
        away = 0.5 * queries[far] - 0.5 * centre  # half of it: the difference may be beyond all numbers
        away /= np.abs(away).max(axis=1, keepdims=True)
        away *= inverse / inverse.max()
        moved[far] = away * (FAR / np.abs(away).max(axis=1, keepdims=True))
    return moved


def _by_products(queries: Floats, kernel: Kernel, dtype: Any, depth: float) -> Floats:
    """Means where a matrix product gives the exponents; `depth` is the greatest fall of an exponent below another."""
    offsets = kernel.log_weights - 0.5 * np.square(kernel.rows).sum(axis=1)
    rows = np.vstack([kernel.rows.T, offsets]).astype(dtype)  # (d + 1, m)
    columns = np.column_stack([kernel.columns, np.ones(len(kernel.rows))]).astype(dtype)  # (m, k + 1)
    queries = np.column_stack([queries, np.ones(len(queries))]).astype(dtype)  # (n, d + 1)
    floor = FLOORS[dtype.itemsize]
    lowest = floor if depth > -floor else None
    block = np.empty(QUERIES * min(ROWS, len(kernel.rows)), dtype)
    starts = range(0, len(queries), QUERIES)
    return np.concatenate([_running(queries[at : at + QUERIES], rows, columns, block, lowest) for at in starts])


def _running(queries: Any, rows: Any, columns: Any, block: Any, lowest: float | None) -> Floats:
    """Means of one block of queries, with the running maximum over blocks of rows."""
    best = np.full(len(queries), -np.inf, dtype=queries.dtype)
    sums = np.zeros((len(queries), columns.shape[1]))
    for start in range(0, len(columns), ROWS):
        part = rows[:, start : start + ROWS]
        shape = len(queries), part.shape[1]
        terms = np.matmul(queries, part, out=block[: shape[0] * shape[1]].reshape(shape))
        higher = np.maximum(best, terms.max(axis=1))
        terms -= higher[:, None]
        if lowest is not None:
            np.maximum(terms, lowest, out=terms)
        np.exp(terms, out=terms)
        sums *= np.exp((best - higher).astype(np.float64))[:, None]
        sums += terms @ columns[start : start + ROWS]
        best = higher
    return sums[:, :-1] / sums[:, -1:]


def _by_differences(query: Floats, kernel: Kernel) -> Floats:
    """The means at one query, with exponents as differences to those of the row that seems best."""
    rough = kernel.rows @ query
    rough += kernel.log_weights - 0.5 * np.square(kernel.rows).sum(axis=1)
    best = int(rough.argmax())
    middle = 0.5 * (kernel.rows + kernel.rows[best])
    exponents = ((kernel.rows - kernel.rows[best]) * (query - middle)).sum(axis=1)
    exponents += kernel.log_weights - kernel.log_weights[best]
    terms = np.exp(exponents - exponents.max())
    return (terms @ kernel.columns) / terms.sum()
