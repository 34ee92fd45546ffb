"""What the rules of learning vector quantization do with one row: find prototypes, move them.

Prototypes are (m, n_features) in float64, whatever the rows are: many small steps lose nothing, and decaying numbers
stay clear of the subnormal ones, which would cost a hundred times more (in float32 they are met soon where a feature is
0 in most rows). A difference below 1e-150 moves nothing for the same reason.

Squared distances are summed in the order that is fastest on the processor, which changes a sum of n squares by n + 2
units of its last place at most. Where two of them are nearer to each other than that, plain sums from the first feature
to the last decide: the prototypes found are always those of plain loops, on every machine, and of equals the first.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

CLOSE = 1e-150  # of which the square is still a normal number
UNIT = float(np.finfo(np.float64).eps)


@numba.njit(cache=True, nogil=True)
def nearest(prototypes: Any, rows: Any, row: Any) -> Any:
    """The nearest prototype of a row."""
    best, low, high = 0, np.inf, np.inf
    for p in range(prototypes.shape[0]):  # selections and no branches: which one is nearer cannot be foretold
        square = fast_squared(prototypes, p, rows, row)
        over = low if low > square else square
        high = over if over < high else high
        best = p if square < low else best
        low = square if square < low else low
    if differ(low, high, rows.shape[1]):
        return best
    return plain_two_nearest(prototypes, rows, row)[0]


@numba.njit(cache=True, nogil=True)
def two_nearest(prototypes: Any, rows: Any, row: Any, room: Any) -> Any:
    """The nearest and the second nearest prototype of a row; `room` is for as many numbers as there are prototypes."""
    low, high, third = np.inf, np.inf, np.inf
    for p in range(prototypes.shape[0]):
        square = fast_squared(prototypes, p, rows, row)
        room[p] = square
        beyond = high if high > square else square
        third = beyond if beyond < third else third
        over = low if low > square else square
        high = over if over < high else high
        low = square if square < low else low
    if not (differ(low, high, rows.shape[1]) and differ(high, third, rows.shape[1])):
        return plain_two_nearest(prototypes, rows, row)
    first, second = 0, 0
    while room[first] != low:
        first += 1
    while room[second] != high:
        second += 1
    return first, second


@numba.njit(cache=True, nogil=True)
def rivals(prototypes: Any, labels: Any, rows: Any, row: Any, code: Any) -> Any:
    """The nearest prototype with the label `code` and the nearest with another one."""
    own, low, next_low = 0, np.inf, np.inf
    other, high, next_high = 0, np.inf, np.inf
    for p in range(prototypes.shape[0]):
        square = fast_squared(prototypes, p, rows, row)
        inner, outer = (square, np.inf) if labels[p] == code else (np.inf, square)
        over = low if low > inner else inner
        next_low = over if over < next_low else next_low
        own = p if inner < low else own
        low = inner if inner < low else low
        over = high if high > outer else outer
        next_high = over if over < next_high else next_high
        other = p if outer < high else other
        high = outer if outer < high else high
    if differ(low, next_low, rows.shape[1]) and differ(high, next_high, rows.shape[1]):
        return own, other
    return plain_rivals(prototypes, labels, rows, row, code)


@numba.njit(cache=True, nogil=True)
def in_window(prototypes: Any, first: Any, second: Any, rows: Any, row: Any, ratio: Any) -> Any:
    """Whether d_1 / d_2 > ratio, of the distances to the nearest and the second nearest prototype."""
    near, far = two_squared(prototypes, first, second, rows, row)
    return near > ratio * ratio * far


@numba.njit(cache=True, nogil=True)
def move(prototypes: Any, p: Any, rows: Any, row: Any, rate: Any) -> None:
    """w += rate (x - w)."""
    for j in range(prototypes.shape[1]):
        difference = rows[row, j] - prototypes[p, j]
        prototypes[p, j] += rate * difference if abs(difference) > CLOSE else 0.0


@numba.njit(cache=True, nogil=True)
def squared(prototypes: Any, p: Any, rows: Any, row: Any) -> Any:
    """The squared distance of a row and prototype p, summed from the first feature to the last."""
    total = 0.0
    for j in range(prototypes.shape[1]):
        difference = rows[row, j] - prototypes[p, j]
        total += difference * difference
    return total


@numba.njit(cache=True, nogil=True)
def two_squared(prototypes: Any, first: Any, second: Any, rows: Any, row: Any) -> Any:
    """The squared distances of two prototypes, each as two sums side by side: of the even features and of the odd."""
    one, one_odd, other, other_odd = 0.0, 0.0, 0.0, 0.0
    features = prototypes.shape[1]
    for half in range(features // 2):
        a, b = rows[row, 2 * half], rows[row, 2 * half + 1]
        one += (a - prototypes[first, 2 * half]) ** 2
        one_odd += (b - prototypes[first, 2 * half + 1]) ** 2
        other += (a - prototypes[second, 2 * half]) ** 2
        other_odd += (b - prototypes[second, 2 * half + 1]) ** 2
    if features % 2:
        one += (rows[row, features - 1] - prototypes[first, features - 1]) ** 2
        other += (rows[row, features - 1] - prototypes[second, features - 1]) ** 2
    return one + one_odd, other + other_odd


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def fast_squared(prototypes: Any, p: Any, rows: Any, row: Any) -> Any:
    """The squared distance, summed in any order."""
    total = 0.0
    for j in range(prototypes.shape[1]):
        difference = rows[row, j] - prototypes[p, j]
        total += difference * difference
    return total


@numba.njit(cache=True, nogil=True)
def differ(low: Any, high: Any, features: Any) -> Any:
    """Whether two squared distances differ by more than what the order of summing can do to them, twice over."""
    return high - low > 4.0 * (features + 4) * UNIT * high or (high == np.inf and low < np.inf)


@numba.njit(cache=True, nogil=True)
def plain_two_nearest(prototypes: Any, rows: Any, row: Any) -> Any:
    """`two_nearest` by plain sums."""
    first, second, low, high = 0, 0, np.inf, np.inf
    for p in range(prototypes.shape[0]):
        square = squared(prototypes, p, rows, row)
        if square < low:
            first, second, low, high = p, first, square, low
        elif square < high:
            second, high = p, square
    return first, second


@numba.njit(cache=True, nogil=True)
def plain_rivals(prototypes: Any, labels: Any, rows: Any, row: Any, code: Any) -> Any:
    """`rivals` by plain sums."""
    own, other, low, high = 0, 0, np.inf, np.inf
    for p in range(prototypes.shape[0]):
        square = squared(prototypes, p, rows, row)
        if labels[p] == code:
            if square < low:
                own, low = p, square
        elif square < high:
            other, high = p, square
    return own, other


@numba.njit(cache=True, nogil=True)
def squares_to(columns: Any, points: Any, i: Any, out: Any) -> None:
    """Squared distances of point i and all vectors that are the columns of an array, by plain sums side by side.

    Shapes
    ------
    columns (n_features, m), points (n, n_features), out (m,)
    """
    for p in range(out.shape[0]):
        out[p] = 0.0
    for j in range(columns.shape[0]):
        for p in range(out.shape[0]):
            difference = columns[j, p] - points[i, j]
            out[p] += difference * difference


@numba.njit(cache=True, nogil=True)
def class_distances(rows: Any, columns: Any, labels: Any, classes: Any) -> Any:
    """Squared distances of rows to the nearest prototype of each class, by plain sums.

    Shapes
    ------
    rows (n, n_features), columns (n_features, m): the prototypes, labels (m,) -> (n, classes)
    """
    squares, found = np.empty(columns.shape[1]), np.full((rows.shape[0], classes), np.inf)
    for row in range(rows.shape[0]):
        squares_to(columns, rows, row, squares)
        for p in range(squares.shape[0]):
            if squares[p] < found[row, labels[p]]:
                found[row, labels[p]] = squares[p]
    return found
