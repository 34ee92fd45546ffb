"""How a Hopfield network stores patterns: three rules, each of which can go on from what is stored.

States are -1 and +1, a row x a pattern; weights W are symmetric with zero diagonal, n is the number of units::

    Hebb             W <- W + x x^T
    Storkey          w_ij <- w_ij + (x_i x_j - x_i h_ji - x_j h_ij) / n,   h_ij = sum_(k != i, j) w_ik x_k
    pseudo-inverse   P <- P + Q Q^T,  W = P without its diagonal;  Q an orthonormal basis of (I - P) x for all rows x

P is then the projection X^+ X on what all rows X span, whichever came first.

References: Hebb: The organization of behavior, 1949; Storkey: Increasing the capacity of a Hopfield network without
sacrificing functionality, 1997; Personnaz, Guyon, Dreyfus: Information storage and retrieval in spin-glass like neural
networks, 1985.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem

DEPENDENT = 1e-8  # length of what is new in a pattern, against its own, below which it is nothing


def with_hebb(weights: NDArray[Any] | None, states: NDArray[Any]) -> NDArray[Any]:
    """W + sum of x x^T, zero on the diagonal, in the type of the states."""
    sums = states.T @ states.copy()  # a copy: of an array with itself BLAS fills one half and NumPy mirrors it, slower
    np.fill_diagonal(sums, 0)
    return sums if weights is None else sums + weights


def with_storkey(weights: NDArray[Any] | None, states: NDArray[Any]) -> NDArray[Any]:
    """Storkey's rule for one row after the other; with h = W x, what it adds is (x x^T - x h^T - h x^T + 2 W) / n."""
    n = states.shape[1]
    weights = np.zeros((n, n)) if weights is None else weights.copy()
    for state in states:
        add_storkey(weights, state, weights @ state)
    return weights


def longest_row(weights: NDArray[Any], patterns: int) -> float:
    """The greatest length of a row of weights, which Storkey's rule makes greater with each pattern beyond about n.

    Raises
    ------
    InvalidData : patterns so many that it is no number.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        longest = math.sqrt(np.einsum("ij,ij->i", weights, weights).max())
    if not math.isfinite(longest):
        limit = f"patterns of {len(weights)} bits so few that weights stay finite"
        remedy = 'Store fewer, or use rule="pseudo_inverse".'
        raise InvalidData(problem('Hopfield(rule="storkey")', limit, f"{patterns}", remedy))
    return longest


def with_projection(
    weights: NDArray[Any] | None, diagonal: NDArray[Any] | None, states: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The projection on what was spanned before and the rows of states: off its diagonal, (n, n), and on it, (n,).

    What is new in the rows has an orthonormal basis Q, and Q Q^T is added.
    """
    n = states.shape[1]
    new = states.T
    if weights is not None and diagonal is not None:
        for _ in range(2):  # the second time takes away what rounding left
            new = new - weights @ new - diagonal[:, None] * new
    basis, lengths, _ = scipy.linalg.svd(new, full_matrices=False)
    basis = basis[:, lengths > DEPENDENT * math.sqrt(n)]
    sums = basis @ basis.T
    on = sums.diagonal().copy()
    np.fill_diagonal(sums, 0)
    return (sums, on) if weights is None or diagonal is None else (sums + weights, on + diagonal)


@numba.njit(cache=True, nogil=True)
def add_storkey(weights: Any, state: Any, field: Any) -> None:
    """One state by Storkey's rule, in place."""
    n = len(state)
    for i in range(n):
        for j in range(n):
            crossed = state[i] * field[j] + state[j] * field[i]  # one sum, so that W stays symmetric to the last bit
            weights[i, j] += (state[i] * state[j] - crossed + 2 * weights[i, j]) / n
        weights[i, i] = 0.0
