"""How rows are presented: the order of an epoch, the weights before the first, and what options may say about them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import derive
from netwright.core.validation import Constraint, instance

ARRAY: Constraint = instance(np.ndarray, list, tuple, text="an array (n_units, n_features)")


def order_of(epoch: int, n: int, shuffle: bool, seed: int) -> NDArray[np.intp]:
    """The numbers of the rows in the order in which an epoch (from 0) shows them, (n,)."""
    if not shuffle:
        return np.arange(n)
    return np.random.default_rng(derive(seed, "epoch", epoch)).permutation(n)


def given_weights(where: str, init: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    """A copy of the weights that the user gave.

    Raises
    ------
    InvalidParameter : another shape, or something that is no finite number.
    """
    expected = f"an array of finite numbers of shape {shape}"
    try:
        weights = np.array(init, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise InvalidParameter(problem(where, expected, shown(init))) from error
    if weights.shape != shape:
        raise InvalidParameter(problem(where, expected, f"shape {weights.shape}"))
    if not np.isfinite(weights).all():
        raise InvalidParameter(problem(where, expected, "NaN or infinity"))
    return weights


def finite(where: str, X: NDArray[np.float64], answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The answers to rows, where all of them are numbers.

    Raises
    ------
    InvalidData : sums that overflowed.
    """
    if not np.isfinite(answers).all():
        got = f"numbers up to {np.abs(X).max():g}"
        raise InvalidData(problem(where, "rows whose answers stay finite", got, "Scale X."))
    return answers


def require_stable(owner: str, name: str, gates: NDArray[np.float64], rate: float) -> None:
    """Refuse gates g of a rule w <- w + rate g (target - w) at which w leaves the target for ever.

    Parameters
    ----------
    owner : the network.
    name : what the user calls the gates, "X" or "y".
    gates : activities or inputs, (n, m).
    rate : the greatest learning rate of the epoch.

    Raises
    ------
    InvalidData : a negative gate. InvalidParameter : a gate times the rate above 2.
    """
    negative = gates < 0
    if negative.any():
        row, column = (int(index) for index in np.unravel_index(int(negative.argmax()), gates.shape))
        what = f"Negative values in data passed to {owner}. {name}. Row {row}, column {column}"
        remedy = "An activity is 0 (nothing is learned) to 1; scale or clip it."
        raise InvalidData(problem(what, "a number >= 0", f"{gates[row, column]:g}", remedy))
    greatest = float(gates.max())
    if rate * greatest > 2.0:
        got = f"{rate:g} with {greatest:g} in {name}"
        remedy = f"Try {1 / greatest:.3g}, or scale {name} to [0, 1]."
        raise InvalidParameter(
            problem(f"{owner}(learning_rate)", f"a rate that times {name} is 2 at most", got, remedy)
        )
