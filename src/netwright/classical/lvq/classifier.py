"""Learning vector quantization: prototypes with labels, and the label of the nearest one; what all its rules share.

With prototypes w_i of labels c_i and d_c(x) the squared distance of x to the nearest prototype of class c::

    predicted class    argmin_c d_c(x)                           the first of equals
    decision           (d_other - d_c) / (d_other + d_c)         in [-1, 1]; d_other: of the nearest other class
    probability        (1 / d_c) / sum_k (1 / d_k)

The decision of the winning class is the margin of the row; with two classes the probability is (1 + decision) / 2, and
with more it is the membership of fuzzy c-means with exponent 2. It tells how near a row is to a border, relative to the
prototypes, and is no estimate of a frequency: `sklearn.calibration.CalibratedClassifierCV` makes one of it.

In an epoch e (from 0) row i of n is learned at the rate for the time e + i / n (see `netwright.classical.rates`).

References: Kohonen: The self-organizing map, Proceedings of the IEEE 78, 1990; Kohonen, Hynninen, Kangas, Laaksonen,
Torkkola: LVQ_PAK: the learning vector quantization program package, 1996.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted, column_or_1d

from netwright.classical.base import ClassicalNetwork, learns
from netwright.classical.checkpoints import in_epochs
from netwright.classical.chunks import Chunks, one_thread
from netwright.classical.lvq.prototypes.kernels import class_distances
from netwright.classical.lvq.prototypes.labelled_rows import LabelledRows, Part
from netwright.classical.lvq.prototypes.starts import first_prototypes
from netwright.classical.nearest import feature_major, require_squares
from netwright.classical.rates import at_epoch, varying
from netwright.core.errors import DivergenceWarning, InvalidData, problem, shown
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import Constraint, boolean, integer, nothing, one_of, satisfies

SHARED: Mapping[str, Constraint] = {
    "prototypes_per_class": integer(1)
    | satisfies(
        "a dict of label and integer >= 1",
        lambda value: isinstance(value, dict) and len(value) > 0 and all(map(integer(1).accepts, value.values())),
    ),
    "init": one_of("kmeans", "sample", "mean")
    | satisfies("an array (n_prototypes, n_features)", lambda value: isinstance(value, (np.ndarray, list, tuple))),
    "labels": nothing
    | satisfies("an array (n_prototypes,)", lambda value: isinstance(value, (np.ndarray, list, tuple))),
    "epochs": integer(1),
    "shuffle": boolean,
    "random_state": RANDOM_STATE,
    "chunk_size": integer(1),
}
RATE = varying(0, 1, closed="both")
FAR = 1e150  # of which the square is still finite: a prototype beyond it has diverged


class PrototypeClassifier(ClassifierMixin, ClassicalNetwork, shared=True):
    """A classifier by the nearest prototype; a rule writes how one epoch changes the prototypes.

    Options that all rules have are in `SHARED`. A rule writes `_begin`, `_run` and `_epoch`.
    """

    prototypes_: NDArray[Any]
    labels_: NDArray[Any]
    classes_: NDArray[Any]
    n_iter_: int
    seed_: int

    @learns
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn prototypes anew.

        Parameters
        ----------
        X : rows (n, n_features) in memory or in a ``numpy.memmap``; or an iterable that can be gone through again and
            gives arrays of rows, or pairs (rows, labels) without `y`. An iterable is shuffled chunk by chunk only.
        y : labels (n,).

        Returns
        -------
        the network.

        Raises
        ------
        InvalidData : NaN, infinity, numbers whose squares overflow; labels of one class only; a class with fewer
            different rows than prototypes. InvalidParameter : an option that does not fit the data.
        """
        data = LabelledRows(self, X, y, reset=True, chunk_size=self.chunk_size)  # type: ignore[attr-defined]
        self._begin(data)
        self._run(data)
        return self

    @learns
    def partial_fit(self, X: Any, y: Any = None, classes: Any = None) -> Self:
        """Learn from these rows once, row by row; the first call begins with prototypes from its rows.

        Parameters
        ----------
        X : as for `fit`.
        y : labels (n,).
        classes : all labels that will ever come; needed at the first call only, where its rows do not have them all.
            Such a call needs prototypes of all of them: `init` as an array.

        Returns
        -------
        the network.

        Raises
        ------
        InvalidData : as `fit`, and a label that is not among the classes.
        """
        first = not hasattr(self, "prototypes_")
        known = _named_classes(type(self).__name__, classes, None if first else self.classes_)
        chunk_size = self.chunk_size  # type: ignore[attr-defined]
        data = LabelledRows(self, X, y, reset=first, chunk_size=chunk_size, classes=known)
        if first:
            self._begin(data)
        run_epochs(self, data, 1)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The label of the nearest prototype of each row.

        Parameters
        ----------
        X : rows (n, n_features), in memory, in a ``numpy.memmap`` or an iterable of arrays.

        Returns
        -------
        labels (n,).
        """
        found = _distances(self, X)
        return self.classes_[found.argmin(axis=1)]

    def decision_function(self, X: Any) -> NDArray[Any]:
        """(d_other - d_c) / (d_other + d_c) of each class, with squared distances to the nearest prototypes.

        Parameters
        ----------
        X : rows (n, n_features).

        Returns
        -------
        numbers in [-1, 1], (n, n_classes): above 0 for the class that is predicted, and below for the others; with two
        classes (n,), of the second one.
        """
        found = _distances(self, X)
        best, second = np.sort(found, axis=1)[:, :2].T
        others = np.repeat(best[:, None], found.shape[1], axis=1)
        others[np.arange(len(found)), found.argmin(axis=1)] = second
        total = others + found
        margins = np.divide(others - found, total, out=np.zeros_like(total), where=total > 0)
        margins = margins.astype(self.prototypes_.dtype)
        return margins[:, 1] if len(self.classes_) == 2 else margins

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """(1 / d_c) / sum_k (1 / d_k) of each class: how near its prototypes are, beside the others; not calibrated.

        Parameters
        ----------
        X : rows (n, n_features).

        Returns
        -------
        numbers in [0, 1], (n, n_classes), of sum 1.
        """
        found = _distances(self, X)
        best = found.min(axis=1, keepdims=True)
        nearness = np.where(best > 0, best, 1.0) / np.where(found > 0, found, np.inf)
        nearness = np.where(best > 0, nearness, found == 0)
        return (nearness / nearness.sum(axis=1, keepdims=True)).astype(self.prototypes_.dtype)

    @abstractmethod
    def _begin(self, data: LabelledRows) -> None:
        """Everything that is learned, as it is before the first row."""

    @abstractmethod
    def _run(self, data: LabelledRows) -> None:
        """All that `fit` does after that."""

    @abstractmethod
    def _epoch(self, data: LabelledRows, parts: Iterable[Part]) -> dict[str, Any]:
        """What is learned in one epoch, by attribute; the network itself stays."""


def begin(network: Any, data: LabelledRows) -> None:
    """Seed, classes and the first prototypes.

    Raises
    ------
    InvalidData : one class only.
    """
    owner = type(network).__name__
    if len(data.classes) < 2:
        got, remedy = f"one class, {shown(data.classes.tolist()[0])}", "At a first partial_fit, name all by classes=."
        raise InvalidData(problem(f"{owner}.fit(X, y)", "labels of two classes or more", got, remedy))
    network.seed_ = to_seed(network.random_state)
    network.classes_ = data.classes
    network.prototypes_, codes = first_prototypes(network, data)
    network.labels_ = data.classes[codes]
    network.n_iter_ = 0


def run_all(network: Any, data: LabelledRows, epochs: int) -> None:
    """All epochs of a fit, or those that are left where it goes on.

    Parameters
    ----------
    epochs : in all.
    """
    parts = (array for part in data.parts() for array in (part.rows, data.classes[part.codes]))
    in_epochs(network, parts, partial(run_epochs, network, data), epochs)


def run_epochs(network: Any, data: LabelledRows, epochs: int) -> None:
    """Epochs of the network's rule, until prototypes leave all bounds."""
    for _ in range(epochs):
        random = np.random.default_rng(derive(network.seed_, "epoch", network.n_iter_)) if network.shuffle else None
        if not accept(network, network._epoch(data, data.shown(random)), 1):
            return


def accept(network: Any, learned: Mapping[str, Any], steps: int) -> bool:
    """Take what was learned by so many steps; or leave it, with a warning, where prototypes have left all bounds."""
    if float(np.abs(learned["prototypes_"]).max()) < FAR:  # False for NaN, too
        vars(network).update(learned)
        network.n_iter_ += steps
        return True
    where, got = f"{type(network).__name__}, epoch {network.n_iter_ + 1}", f"one beyond {FAR:g}"
    remedy = "Training stopped and keeps the prototypes of the epoch before." + _rate_to_try(network)
    text = problem(where, "prototypes that stay finite", got, remedy)
    warnings.warn(text, DivergenceWarning, stacklevel=8)
    return False


def show(
    network: Any, parts: Iterable[Part], kernel: Callable[..., None], rates: NDArray[np.float64], *settings: Any
) -> dict[str, Any]:
    """The prototypes after a kernel has been shown all parts of an epoch, with the rate of each row.

    Parameters
    ----------
    kernel : of (prototypes, labels, rows, codes, order, rates, *settings); changes the prototypes.
    """
    prototypes, labels = working_copy(network)
    for part in parts:
        span = rates[part.start : part.start + len(part.rows)]
        kernel(prototypes, labels, part.rows, part.codes, part.order, span, *settings)
    return {"prototypes_": stored(prototypes, network.prototypes_.dtype)}


def stored(array: NDArray[np.float64], dtype: Any) -> NDArray[Any]:
    """A copy in the type that is kept; what it cannot hold becomes infinite, which is not accepted."""
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def working_copy(network: Any) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The prototypes as kernels want them, a copy in float64, and the places of their labels among the classes."""
    return network.prototypes_.astype(np.float64), np.searchsorted(network.classes_, network.labels_)


def _distances(network: Any, X: Any) -> NDArray[np.float64]:
    """Squared distances of rows to the nearest prototype of each class, (n, n_classes), by the network's metric."""
    check_is_fitted(network)
    prototypes, codes = working_copy(network)
    omega, center, found = getattr(network, "omega_", None), prototypes.mean(axis=0), []
    with one_thread():
        columns = feature_major(prototypes if omega is None else (prototypes - center) @ omega.T)
        for rows in Chunks(network, X, reset=False, chunk_size=network.chunk_size):
            require_squares(rows)
            seen = rows if omega is None else (rows - center) @ omega.T
            found.append(class_distances(seen, columns, codes, len(network.classes_)))
    return np.concatenate(found)


def _named_classes(owner: str, classes: Any, known: NDArray[Any] | None) -> NDArray[Any] | None:
    """The classes of a partial_fit: those of the fit, which others must not contradict, or those that are named."""
    if classes is None:
        return known
    named: NDArray[Any] = np.unique(column_or_1d(classes))
    if known is not None and not np.array_equal(named, known):
        expected, remedy = f"those of the first call, {shown(known.tolist())}", "Leave them out, or fit anew."
        raise InvalidData(problem(f"{owner}.partial_fit(classes)", expected, shown(named.tolist()), remedy))
    return named


def _rate_to_try(network: Any) -> str:
    """A tenth of the rate that was too great, where there is one."""
    setting = network.learning_rate
    rate = 0.0 if setting is None else at_epoch(setting, 0, network.epochs) / 10
    return f" Try learning_rate={rate:.2g}." if rate > 0 else ""
