"""Expected calibration error: how far the probability of the answer is from how often it is right.

Rows are put into B bins by the probability of their most probable class (the confidence). With n_b rows in bin b, the
share that is right there (acc_b) and the mean confidence (conf_b)::

    ECE = sum_b n_b / n |acc_b - conf_b|,      MCE = max_b |acc_b - conf_b|

References: Naeini, Cooper, Hauskrecht: Obtaining well calibrated probabilities using Bayesian binning, 2015; Guo,
Pleiss, Sun, Weinberger: On calibration of modern neural networks, 2017.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from netwright.core.errors import InvalidData, problem, shown
from netwright.core.validation import check, integer

SUM_TOLERANCE = 1e-3


class Reliability(NamedTuple):
    """The bins of a reliability diagram; empty ones have NaN.

    Parameters
    ----------
    edges : of the bins, (B + 1,). rows : in each, (B,). right : share of them that is right. confidence : their mean.
    """

    edges: np.ndarray
    rows: np.ndarray
    right: np.ndarray
    confidence: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error."""
        filled = self.rows > 0
        gaps = np.abs(self.right - self.confidence)[filled]
        return float(np.sum(self.rows[filled] * gaps) / self.rows.sum())

    @property
    def largest(self) -> float:
        """The largest gap of a bin, the maximum calibration error."""
        return float(np.nanmax(np.abs(self.right - self.confidence)))


def calibration_error(y: Any, probabilities: Any, classes: Any = None, bins: int = 15) -> float:
    """Expected calibration error, ECE = sum_b n_b / n abs(acc_b - conf_b), of the most probable class.

    0 is perfect: of the rows that got 80 %, 80 % are right. A model that always says how frequent the classes are has 0
    too, so it goes with accuracy or with the log-likelihood, never alone.

    Parameters
    ----------
    y : labels (n,).
    probabilities : (n, k), as ``predict_proba`` gives them.
    classes : labels of the k columns, such as ``clf.classes_``; None for 0 ... k - 1.
    bins : of equal width between 0 and 1, >= 1.

    Raises
    ------
    InvalidData : shapes that do not match, numbers that are no probabilities, labels that are not among the classes.

    Examples
    --------
    >>> from netwright.estimators import calibration_error
    >>> calibration_error([0, 0, 0, 1], [[0.75, 0.25]] * 4)  # three of four are right, as promised
    0.0
    >>> round(calibration_error([0, 1], [[0.9, 0.1]] * 2), 3)
    0.4

    References
    ----------
    Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks, 2017 (equation 3).
    """
    return reliability(y, probabilities, classes, bins).error


def reliability(y: Any, probabilities: Any, classes: Any = None, bins: int = 15) -> Reliability:
    """The bins of a reliability diagram.

    Parameters
    ----------
    y, probabilities, classes, bins : as in `calibration_error`.

    Examples
    --------
    >>> found = reliability([0, 0, 0, 1], [[0.75, 0.25]] * 4, bins=2)
    >>> found.rows, found.right
    (array([0, 4]), array([ nan, 0.75]))
    """
    check("calibration_error(bins)", bins, integer(1))
    p = checked(probabilities)
    right = p.argmax(1) == codes_of(y, classes, p.shape[1], len(p))
    confidence = p.max(1)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # bins are (a, b], as in the paper
    rows = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(place, part, bins) / rows for part in (right, confidence)]
    return Reliability(np.linspace(0.0, 1.0, bins + 1), rows, *means)


def checked(probabilities: Any) -> np.ndarray:
    """Probabilities as an array (n, k).

    Parameters
    ----------
    probabilities : rows that sum to 1.

    Raises
    ------
    InvalidData : another shape, or numbers that are no probabilities.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] < 2 or not len(p):
        remedy = "Give what predict_proba gives, one question at a time."
        raise InvalidData(problem("probabilities", "rows (n, k) with k >= 2", f"shape {p.shape}", remedy))
    wrong = ~(np.isfinite(p).all(1) & (p >= 0).all(1) & (np.abs(p.sum(1) - 1) <= SUM_TOLERANCE))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InvalidData(problem("probabilities", "rows >= 0 that sum to 1", f"{shown(p[row].tolist())} in row {row}"))
    return p


def codes_of(y: Any, classes: Any, k: int, n: int) -> np.ndarray:
    """The columns of labels.

    Parameters
    ----------
    y : labels (n,). classes : of the columns, or None for their numbers. k, n : shape of the probabilities.

    Raises
    ------
    InvalidData : a label that is not among the classes, or another number of rows.
    """
    y = np.asarray(y)
    labels = np.arange(k) if classes is None else np.asarray(classes)
    if y.shape != (n,) or labels.shape != (k,):
        expected = f"{n} labels of {k} classes, as the probabilities have"
        raise InvalidData(problem("y", expected, f"{y.shape} labels of {labels.shape} classes"))
    sorter = np.argsort(labels, kind="stable")
    place = sorter[np.searchsorted(labels, y, sorter=sorter).clip(0, k - 1)]
    strange = np.flatnonzero(labels[place] != y)
    if len(strange):
        row = int(strange[0])
        raise InvalidData(problem("y", f"labels among {shown(labels.tolist())}", f"{y[row]!r} in row {row}"))
    return place
