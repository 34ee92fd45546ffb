"""Temperature scaling: one number that makes a classifier as sure as it is right.

With logits z (or log p) of k classes and a temperature T > 0::

    p_j = exp(z_j / T) / sum_i exp(z_i / T)
    T   minimises the negative log-likelihood of held-out rows

Above 1 the probabilities become less extreme, below 1 more; the most probable class, and so the accuracy, stays. In
b = 1 / T the likelihood is convex, with slope and curvature the mean and the variance of z under p, so that Newton's
method between two bounds finds the minimum to rounding.

Reference: Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks, 2017.
"""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import check, checks_options, number
from netwright.data import holdout
from netwright.estimators.ensemble.calibration_error import codes_of
from netwright.estimators.ensemble.exporting import export_calibrated
from netwright.estimators.ensemble.logits import log_probabilities, one_question
from netwright.estimators.ensemble.members import fitted, rows_of, target_of
from netwright.estimators.ensemble.saving import save_parts

LOW, HIGH = 1e-2, 1e2  # temperatures between which the best is sought
STEPS = 200


class Calibrated(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are scaled by a temperature, p_j ~ exp(log p_j / T).

    Of a fitted classifier ``fit`` learns the temperature alone, from rows that it has not seen; `calibrate` makes and
    fits one. A classifier that is not fitted (as in each fold of ``cross_val_score``, which clones it) is trained on a
    part of the rows, and the temperature is learned from the others.

    Parameters
    ----------
    estimator : a classifier of one question, with ``predict_proba``; it is not changed.
    share : of the rows in (0, 1) that are kept apart for the temperature where the classifier is trained too.
    random_state : of the draw of these rows; None for that of the classifier.

    Attributes
    ----------
    estimator_ : the fitted classifier. temperature_ : T in [0.01, 100]. classes_ : of the classifier.

    Examples
    --------
    >>> import netwright as nw
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_digits(return_X_y=True)
    >>> model = LogisticRegression(C=1e4, max_iter=500).fit(X[:200], y[:200])  # much too sure of itself
    >>> calibrated = nw.estimators.Calibrated(model).fit(X[200:600], y[200:600])
    >>> calibrated.temperature_ > 2
    True

    References
    ----------
    Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks, 2017.
    """

    estimator_: Any
    temperature_: float
    classes_: np.ndarray

    @checks_options
    def __init__(self, estimator: Any, share: float = 0.2, random_state: Any = None) -> None:
        self.estimator, self.share, self.random_state = estimator, share, random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn the temperature; a classifier that is not fitted is trained before.

        Parameters
        ----------
        X : rows that a fitted classifier was not trained on.
        y : their labels.
        sample_weight : (n,) numbers >= 0, or None.

        Raises
        ------
        InvalidParameter : no classifier with probabilities.
        InvalidData : labels that it does not know, or a target of several questions.
        """
        check("Calibrated(share)", self.share, number(0, 1, closed="neither"))
        check("Calibrated(random_state)", self.random_state, RANDOM_STATE)
        estimator = the_best(self.estimator, "Calibrated(estimator)")
        require_probabilities(estimator, "Calibrated(estimator)")
        if not is_fitted(estimator):
            estimator, X, y, sample_weight = self._trained(estimator, X, y, sample_weight)
        logits = log_probabilities(estimator, X)
        classes = one_question(estimator)
        codes = codes_of(np.asarray(y).reshape(-1), classes, logits.shape[1], len(logits))
        self.temperature_ = best_temperature(logits, codes, sample_weight)
        self._take(estimator)
        return self

    def _trained(self, estimator: Any, X: Any, y: Any, weight: Any) -> tuple[Any, Any, Any, Any]:
        """The classifier trained on a part of the rows, and the others with their weights."""
        labels = target_of(X, y)
        given = getattr(estimator, "random_state", None) if self.random_state is None else self.random_state
        seed = derive(to_seed(given), "calibration")
        parts = holdout(len(labels), self.share, labels, seed=seed, stratify=True)
        copied = clone(estimator)
        if "random_state" in copied.get_params(deep=False) and copied.random_state is None:
            copied.set_params(random_state=derive(seed, "classifier"))
        if weight is not None:
            weight = _check_sample_weight(weight, np.empty((len(labels), 1)), dtype=np.float64)
        train, held = (
            (rows_of(X, which), rows_of(y, which), None if weight is None else weight[which]) for which in parts
        )
        return fitted(copied, *train), *held

    def _take(self, estimator: Any) -> None:
        self.estimator_, self.classes_ = estimator, one_question(estimator)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, (n, k).

        Parameters
        ----------
        X : rows as the classifier takes them.
        """
        check_is_fitted(self, "temperature_")
        return tempered(log_probabilities(self.estimator_, X), self.temperature_)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable labels, those of the classifier.

        Parameters
        ----------
        X : rows as the classifier takes them.
        """
        check_is_fitted(self, "temperature_")
        return self.classes_[log_probabilities(self.estimator_, X).argmax(1)]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write classifier and temperature to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "temperature_")
        save_parts(path, "Calibrated", {"temperature": self.temperature_}, [self.estimator_])

    export = export_calibrated

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            tags.input_tags = get_tags(self.estimator).input_tags
        return tags


def from_parts(kind: str, own: dict[str, Any], parts: list[Any]) -> Calibrated:
    """The calibrated classifier that a model file holds."""
    made = Calibrated(parts[0])
    made.temperature_ = float(own["temperature"])
    made._take(parts[0])
    return made


def calibrate(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Calibrated:
    """A fitted classifier with probabilities that are as sure as they are right: temperature scaling.

    The temperature T of p_j ~ exp(log p_j / T) is that with the least negative log-likelihood of the rows given; the
    classifier itself, and which class is the most probable, stay as they are.

    Parameters
    ----------
    estimator : a fitted classifier with ``predict_proba``: of netwright, of scikit-learn, an `Ensemble`; of the result
        of a search, its best one.
    X : rows that it was not trained on; some hundred are enough.
    y : their labels.
    sample_weight : (n,) numbers >= 0, or None.

    Returns
    -------
    Calibrated, a classifier with ``temperature_``.

    Raises
    ------
    InvalidParameter : no classifier with probabilities, or one that is not fitted.
    InvalidData : labels that it does not know, or a target of several questions.

    Examples
    --------
    >>> import netwright as nw
    >>> from netwright.layers import ReLU, Softmax
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> clf = nw.Classifier(ReLU(16) >> Softmax(3), epochs=20, random_state=0).fit(X[::2], y[::2])
    >>> calibrated = nw.calibrate(clf, X[1::2], y[1::2])
    >>> (calibrated.predict(X) == clf.predict(X)).all()
    np.True_

    References
    ----------
    Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks, 2017.
    """
    estimator = the_best(estimator, "calibrate(estimator)")
    require_teacher(estimator, "calibrate(estimator)")
    return Calibrated(estimator).fit(X, y, sample_weight)


def the_best(estimator: Any, where: str) -> Any:
    """Of the result of a search its best estimator; everything else as it is.

    Parameters
    ----------
    estimator : what was given. where : for the message.

    Raises
    ------
    InvalidParameter : a search that was not refitted.
    """
    if hasattr(estimator, "fit") or not hasattr(estimator, "best_estimator_"):
        return estimator
    if estimator.best_estimator_ is None:
        remedy = "Search with refit=True, or call its refit(X, y)."
        raise InvalidParameter(problem(where, "a search with a fitted best_estimator_", "one without", remedy))
    return estimator.best_estimator_


def is_fitted(estimator: Any) -> bool:
    """Whether an estimator has been fitted, as scikit-learn tells it; what has no `fit` is."""
    if not hasattr(estimator, "fit"):
        return True
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def require_probabilities(estimator: Any, where: str) -> None:
    """A classifier that gives probabilities.

    Parameters
    ----------
    estimator : what was given. where : for the message.

    Raises
    ------
    InvalidParameter : something else.
    """
    if isinstance(estimator, type) or not hasattr(estimator, "predict_proba"):
        remedy = "A network that ends in Softmax, trained with cross-entropy, gives probabilities."
        expected = "a fitted classifier with predict_proba"
        raise InvalidParameter(problem(where, expected, shown(estimator), remedy))


def require_teacher(estimator: Any, where: str) -> None:
    """A fitted classifier that gives probabilities.

    Parameters
    ----------
    estimator : what was given. where : for the message.

    Raises
    ------
    InvalidParameter : something else.
    """
    require_probabilities(estimator, where)
    if not is_fitted(estimator):
        got = f"one that is not fitted: {shown(estimator)}"
        raise InvalidParameter(problem(where, "a fitted classifier with predict_proba", got, "Fit it first."))


def tempered(logits: np.ndarray, temperature: float) -> np.ndarray:
    """The softmax of logits over a temperature.

    Parameters
    ----------
    logits : (n, k), such as log p. temperature : > 0.

    Examples
    --------
    >>> tempered(np.log([[0.8, 0.2]]), 2.0)
    array([[0.66666667, 0.33333333]])
    """
    with np.errstate(over="ignore"):  # what is infinitely less likely has 0
        z = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    made: np.ndarray = z / z.sum(axis=1, keepdims=True)
    return made


def best_temperature(logits: np.ndarray, codes: np.ndarray, weight: Any = None) -> float:
    """The temperature with the least negative log-likelihood, in [0.01, 100].

    Newton's method in b = 1 / T, kept between bounds that the sign of the slope moves.

    Parameters
    ----------
    logits : (n, k). codes : true columns, (n,). weight : (n,) numbers >= 0, or None.

    Examples
    --------
    >>> z = np.log([[0.9, 0.1]] * 4)  # sure to 90 %, and right three times of four
    >>> b = 1 / best_temperature(z, np.array([0, 0, 0, 1]))
    >>> round(0.9**b / (0.9**b + 0.1**b), 6)
    0.75
    """
    w = _check_sample_weight(weight, logits, dtype=np.float64, ensure_non_negative=True)
    w = w / w.sum()
    z = logits - logits.max(axis=1, keepdims=True)
    wanted = w @ z[np.arange(len(z)), codes]
    low, high = 1 / HIGH, 1 / LOW
    b = 1.0
    for _ in range(STEPS):
        p = tempered(z, 1 / b)
        mean = (p * z).sum(1)
        slope = w @ mean - wanted
        curvature = w @ ((p * z * z).sum(1) - mean**2)
        low, high = (b, high) if slope < 0 else (low, b)
        with np.errstate(over="ignore"):  # a step beyond all numbers lies beyond the bounds
            step = b - slope / curvature if curvature > 0 else np.inf
        new = float(step) if low < step < high else 0.5 * (low + high)
        if abs(new - b) <= 1e-14 * b:
            break
        b = new
    return float(np.clip(1 / b, LOW, HIGH))
