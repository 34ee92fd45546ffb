"""Which rows a trial learns from, and which judge it: one validation set, folds, or rows of their own.

One set of respectable size is the default: a network is trained once for each trial and not k times, and with hundreds
of rows in it the noise of its score is below what a search tells apart. Few rows want folds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown
from netwright.core.seeds import derive
from netwright.data import holdout
from netwright.estimators.classes import kind_of_labels
from netwright.estimators.preparing import from_dataset

Pair = tuple[Any, Any]  # X, y
_VALIDATION = "a share in (0, 1), a number of folds >= 2, a splitter of scikit-learn's, or a pair (X, y)"


@dataclass(frozen=True)
class Rows:
    """The rows of a search.

    Parameters
    ----------
    X, y : all rows that may be learned from.
    folds : numbers of the rows to learn from and of those that judge, a pair for each fold; empty with `held`.
    held : rows of their own that judge, or None.
    """

    X: Any
    y: Any
    folds: tuple[tuple[np.ndarray, np.ndarray], ...]
    held: Pair | None = None

    @property
    def count(self) -> int:
        """How often a trial trains."""
        return max(len(self.folds), 1)

    def fold(self, number: int) -> tuple[Pair, Pair]:
        """Rows to learn from and rows that judge."""
        if self.held is not None:
            return (self.X, self.y), self.held
        train, judge = self.folds[number]
        return (take(self.X, train), take(self.y, train)), (take(self.X, judge), take(self.y, judge))


def read_rows(estimator: Any, X: Any, y: Any, validation: Any, seed: int) -> Rows:
    """Check the data and split them.

    Parameters
    ----------
    estimator : that will learn them; classifiers get each class in its share of either side.
    X, y : as its `fit` takes them.
    validation : see `netwright.search`.
    seed : of the split.

    Raises
    ------
    InvalidData : rows that are not as many as targets, or too few to split.
    InvalidParameter : a validation that cannot be.
    """
    X, y = from_dataset(X, y)
    count = rows_in("X", X)
    if y is not None and rows_in("y", y) != count:
        raise InvalidData(problem("search(y)", f"{count} targets, one a row of X", f"{rows_in('y', y)}"))
    if isinstance(validation, tuple) and len(validation) == 2:
        held = from_dataset(*validation)
        sizes = rows_in("validation[0]", held[0]), rows_in("validation[1]", held[1])
        if sizes[0] != sizes[1] or not sizes[0]:
            got = f"{sizes[0]} rows and {sizes[1]} targets"
            raise InvalidData(problem("search(validation)", "as many rows as targets, at least 1", got))
        return Rows(X, y, (), held)
    return Rows(X, y, _folds(estimator, X, y, validation, count, derive(seed, "validation")))


def _folds(
    estimator: Any, X: Any, y: Any, validation: Any, count: int, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    classes = _classes(estimator, y)
    if isinstance(validation, float) and 0.0 < validation < 1.0:
        return (holdout(count, validation, classes, seed=seed, stratify=classes is not None),)
    if isinstance(validation, (int, np.integer)) and not isinstance(validation, bool) and validation >= 2:
        if validation > count:
            raise InvalidData(problem("search(validation)", f"at most {count} folds of {count} rows", f"{validation}"))
        kind: Callable[..., Any] = KFold if classes is None else StratifiedKFold
        splitter = kind(int(validation), shuffle=True, random_state=seed % 2**32)
        blank = np.zeros((count, 1))
        try:
            return tuple(splitter.split(blank, classes))
        except ValueError as error:  # fewer rows of each class than folds
            raise InvalidData(problem("search(validation)", "rows for every fold", str(error).rstrip("."))) from error
    if hasattr(validation, "split") and not isinstance(validation, str):
        made = tuple(validation.split(X, y))
        if made:
            return made
    if isinstance(validation, list) and validation and all(len(pair) == 2 for pair in validation):
        return tuple((np.asarray(train), np.asarray(judge)) for train, judge in validation)
    raise InvalidParameter(problem("search(validation)", _VALIDATION, shown(validation)))


def _classes(estimator: Any, y: Any) -> np.ndarray | None:
    """The labels by which rows are drawn: of classifiers with one label a row."""
    try:
        if y is None or not is_classifier(estimator):
            return None
        labels = np.asarray(y.detach().cpu() if hasattr(y, "detach") else y)
    except (AttributeError, TypeError, ValueError):  # no kind of scikit-learn's; sequences of labels of unequal lengths
        return None
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    return labels if labels.ndim == 1 and kind_of_labels(labels) in ("binary", "multiclass") else None


def take(rows: Any, which: np.ndarray) -> Any:
    """Some rows of an array, a frame, a tensor, a tuple of inputs, a dict of columns or a list."""
    if rows is None:
        return None
    if isinstance(rows, dict):
        return {name: np.asarray(column)[which] for name, column in rows.items()}
    if isinstance(rows, tuple):
        return tuple(take(part, which) for part in rows)
    if hasattr(rows, "detach"):
        return rows[which]
    return _safe_indexing(rows, which)


def rows_in(name: str, rows: Any) -> int:
    """How many rows there are.

    Raises
    ------
    InvalidData : nothing that has rows.
    """
    if isinstance(rows, dict) and rows:
        return len(next(iter(rows.values())))
    if isinstance(rows, tuple) and rows:
        return rows_in(name, rows[0])
    try:
        return int(_num_samples(rows))
    except TypeError as error:
        raise InvalidData(problem(f"search({name})", "rows of data", shown(rows))) from error


def scorer_of(estimator: Any, scoring: Any) -> Callable[[Any, Any, Any], float]:
    """The function (fitted estimator, X, y) -> score, of which more is better.

    Raises
    ------
    InvalidParameter : a name that scikit-learn does not have, or something that is no scorer.
    """
    if scoring is not None and not isinstance(scoring, str) and not callable(scoring):
        raise InvalidParameter(problem("search(scoring)", "None, the name of a score, or a scorer", shown(scoring)))
    if isinstance(scoring, str) and scoring not in get_scorer_names():
        hint = did_you_mean(scoring, get_scorer_names())
        raise InvalidParameter(problem("search(scoring)", "the name of a score of scikit-learn's", repr(scoring), hint))
    try:
        made: Callable[[Any, Any, Any], float] = check_scoring(estimator, scoring)
    except TypeError as error:
        remedy = "Give one, such as scoring='accuracy'."
        got = f"{type(estimator).__name__} without score"
        raise InvalidParameter(problem("search(scoring)", "an estimator with a score", got, remedy)) from error
    return made
