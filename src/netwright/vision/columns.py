"""Rows of features where images can be, too: the words of scikit-learn for a wrong width, and the names of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem, shown
from netwright.core.readable import is_frame

RESHAPE = "Reshape your data: X.reshape(-1, 1) where it is one feature, X.reshape(1, -1) where it is one sample."


def _features(estimator: Any) -> int:
    """The features of a row; images have none."""
    shape = _shape(estimator)
    if len(shape) != 1:
        text = f"n_features_in_: images of shape {shape} have no columns"
        raise AttributeError(text, name="n_features_in_", obj=estimator)
    return int(shape[0])


def _names(estimator: Any) -> NDArray[Any]:
    """The names of the columns of a frame, in their order."""
    _shape(estimator)
    if not estimator.form_.names:
        text = f"feature_names_in_: {type(estimator).__name__} was fitted without names"
        raise AttributeError(text, name="feature_names_in_", obj=estimator)
    return np.array(estimator.form_.names, dtype=object)


def _shape(estimator: Any) -> tuple[int, ...]:
    if "form_" not in vars(estimator):
        text = f"n_features_in_: this {type(estimator).__name__} is not fitted yet"
        raise AttributeError(text, name="n_features_in_", obj=estimator)
    found: tuple[int, ...] = estimator.form_.shape
    return found


# Of estimators whose `form_` knows the shape of a sample and the names of columns, as scikit-learn asks.
n_features_in, feature_names_in = property(_features), property(_names)


def names_of(X: Any) -> tuple[str, ...]:
    """The names of the columns of a frame; () of anything else, and where they are not all texts.

    Parameters
    ----------
    X : anything.

    Examples
    --------
    >>> names_of([[1.0, 2.0]])
    ()
    """
    names = tuple(X.columns) if is_frame(X) else ()
    return names if all(isinstance(name, str) for name in names) else ()


def require_names(X: Any, names: Sequence[str], where: str) -> None:
    """Refuse a frame with other columns than those of the fit, or with these in another order.

    Parameters
    ----------
    X : what came.
    names : of the fit; none where it had none.
    where : how an error names X.

    Raises
    ------
    InvalidData : see above.

    Examples
    --------
    >>> require_names([[1.0]], ["age"], "X")  # without names nothing can be said
    """
    found = names_of(X)
    if not names or not found or tuple(names) == found:
        return
    what = f"The feature names should match those that were passed during fit. {where}"
    remedy = f"Give X[{shown(list(names))}]." if set(names) <= set(found) else ""
    raise InvalidData(problem(what, f"the columns {shown(list(names))}", shown(list(found)), remedy))


def require_width(shape: Sequence[int], wanted: int, where: str) -> None:
    """Refuse rows of another width than those of the fit.

    Parameters
    ----------
    shape : of what came.
    wanted : features of the fit.
    where : how an error names X, such as "Autoencoder.transform(X)".

    Raises
    ------
    InvalidData : another width.

    Examples
    --------
    >>> require_width((5, 3), 3, "X")
    """
    if len(shape) == 2 and shape[1] != wanted:
        what = f"X has {shape[1]} features, but {where.split('.')[0]} is expecting {wanted} features as input. {where}"
        remedy = "Give the columns that fit saw."
        raise InvalidData(problem(what, f"{wanted} features, as in fit", f"{shape[1]} features", remedy))


def require_filled(array: NDArray[Any], kinds: str, where: str) -> None:
    """Refuse arrays of one axis, without rows or without columns.

    Parameters
    ----------
    array : what came.
    kinds : what there may be, in words.
    where : how an error names it.

    Raises
    ------
    InvalidData : see above.

    Examples
    --------
    >>> require_filled(np.ones((2, 3)), "rows", "X")
    """
    if array.ndim == 1:
        raise InvalidData(problem(where, kinds, f"shape {array.shape}", RESHAPE))
    if array.ndim > 1 and not len(array):
        raise InvalidData(problem(where, "at least one sample", f"an empty array of shape {array.shape}", "Give rows."))
    if array.ndim == 2 and not array.shape[1]:
        got = f"0 feature(s) (shape={array.shape}) while a minimum of 1 is required"
        raise InvalidData(problem(where, kinds, got, "Give at least one column."))


def without_dtype(tags: Any) -> Any:
    """Tags that say that what is given is of 32 bits, whatever came.

    Parameters
    ----------
    tags : of a transformer.
    """
    tags.transformer_tags.preserves_dtype = []
    return tags
