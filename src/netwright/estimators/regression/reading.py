"""What the regressors of distributions read alike: targets to be judged by, levels of quantiles, and the score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, number
from netwright.estimators.numbers import read_numbers
from netwright.estimators.parameters import CONSTRAINTS
from netwright.estimators.preparing import from_dataset, read_target

SHARED = {name: constraint for name, constraint in CONSTRAINTS.items() if name != "loss"}  # each has its own


def within(where: str, level: Any) -> None:
    """A level of a quantile is a number in (0, 1).

    Raises
    ------
    InvalidParameter : another one.
    """
    check(where, level, number(0, 1, closed="neither"))


def target_of(estimator: Any, y: Any) -> np.ndarray:
    """Targets in double precision, of the shape that the fitted estimator learned.

    Raises
    ------
    InvalidData : targets of another shape. ValueError : NaN, infinity, texts.
    """
    check_is_fitted(estimator, "module_")
    name = type(estimator).__name__
    target: np.ndarray = estimator._target.numbers.checked(read_numbers(read_target(y, name), name))
    return target


def at_levels(q: Any, quantile: Callable[[float], np.ndarray]) -> np.ndarray:
    """Quantiles at one level, (n, ...), or at several, (n, levels, ...).

    Raises
    ------
    InvalidParameter : a level outside of (0, 1).

    Examples
    --------
    >>> at_levels([0.1, 0.5], lambda level: np.array([level, 10 * level]))
    array([[0.1, 0.5],
           [1. , 5. ]])
    """
    if np.ndim(q) == 0:
        within("q", q.item() if isinstance(q, np.ndarray) else q)
        return quantile(float(q))
    levels = np.asarray(q).tolist()
    if np.ndim(q) != 1 or not levels:
        raise InvalidData(problem("q", "a level in (0, 1), or a list of them", f"shape {np.shape(q)}"))
    for place, each in enumerate(levels):
        within(f"q[{place}]", each)
    return np.stack([quantile(float(each)) for each in levels], axis=1)


def r2_of(estimator: Any, X: Any, y: Any, weight: Any) -> float:
    """The coefficient of determination of an estimator's predictions, averaged over outputs."""
    X, y = from_dataset(X, y)
    return float(r2_score(y, estimator.predict(X), sample_weight=weight))
