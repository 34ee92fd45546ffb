"""Probabilistic network: the class whose rows are densest at a query, by a Gaussian window on every row.

For a query x, rows x_i of weight w_i, classes c with prior pi_c and weight W_c = sum of w_i in c::

    k_i = exp(-sum_k (x_k - x_ik)^2 / (2 sigma_k^2))
    f_c(x) = sum_{i in c} w_i k_i / W_c                     the density of the class, but for a factor common to all
    P(c | x) = pi_c f_c(x) / sum_b pi_b f_b(x)

=========== ==================== ============================================================
symbol      argument             meaning
=========== ==================== ============================================================
sigma       ``bandwidth``        how far a row is heard, in units of the feature
pi          ``priors``           how likely a class is before anything is seen
w           ``sample_weight``    of `fit`
=========== ==================== ============================================================

Sums are taken relative to the greatest term at the query, so that a query at any distance has finite probabilities, at
infinity those of its nearest row. It is Bayes' rule with Parzen windows, in the form of a network of four layers.

References: Specht: Probabilistic neural networks, 1990; Parzen: On estimation of a probability density function and
mode, 1962.

It differs from NeuPy's, whose kernel is exp(-d^2 / sigma^2): give sigma / sqrt(2) for the same answers.
"""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import ClassicalNetwork, learns
from netwright.classical.chunks import Chunks, in_order
from netwright.classical.radial_basis.bandwidths import BANDWIDTH, CLOSED, SEARCHED, Chosen, chosen, given
from netwright.classical.radial_basis.kernel_sums import Kernel, kernel_of, weighted_means
from netwright.classical.radial_basis.leave_one_out import Classes, chosen_rows
from netwright.classical.radial_basis.sites import Sites, read_weights, require_moderate, sites_of
from netwright.classical.rows import read_labels, read_rows
from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import Constraint, checks_options, integer, nothing, one_of, satisfies

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


def _is_array_of_priors(value: Any) -> bool:
    if not isinstance(value, (np.ndarray, list, tuple)) or len(np.shape(value)) != 1 or not len(value):
        return False
    return all(isinstance(item, numbers.Real) and float(item) >= 0 for item in value) and abs(sum(value) - 1) < 1e-6


PRIORS = one_of("equal", "frequencies") | satisfies("an array of numbers >= 0 with the sum 1", _is_array_of_priors)


class PNN(ClassifierMixin, ClassicalNetwork):
    """Probabilistic network: P(c | x) ~ prior_c times the mean of exp(-norm(x - x_i)^2 / (2 sigma^2)) over class c.

    Nothing is trained but the bandwidth: the rows are kept (m (d + 2) numbers), and each answer costs a look at all of
    them, in blocks of 48 queries by 5120 rows. A rule "loo..." looks for the bandwidths that give each row's own class
    the greatest probability when the row is left out (least log loss), by the gradient of that loss; its search costs
    about 25 looks at `loo_rows` times m pairs of rows (in blocks of 32 m numbers at most), twice that for "auto", and a
    few hundred for "loo-per-feature".

    Parameters
    ----------
    bandwidth : sigma, > 0, in units of the features: one number, or an array of one a feature; or a rule that chooses
        it: "loo" (one number), "loo-scaled" (one factor times each feature's standard deviation), "auto" (the better of
        these two; the default, for it needs no tuning whether units differ or not, and one number cannot overfit),
        "loo-per-feature" (one each, where a relevance, standard deviation / bandwidth, of 1 costs a nat: finds out
        which features matter, worth its time where some do not), "scott" or "silverman" (closed forms).
    priors : "equal" for all classes, "frequencies" of the training rows, or numbers in the order of `classes_` whose
        sum is 1; a class without rows has probability 0.
    loo_rows : rows that a search leaves out in turn, >= 2: more are a sample, each still predicted from all others;
        None for all.
    chunk_size : queries of one piece of work, >= 1.
    n_jobs : workers of joblib, for predictions and for the search; None is one, -1 one a core.

    Attributes
    ----------
    classes_ : the labels, sorted, (n_classes,).
    bandwidth_ : sigma: a number, or an array (n_features,).
    loo_error_ : leave-one-out log loss of the rule's choice in nats, classes weighted by their priors; None where
        nothing was searched.
    loo_curve_ : the loss over one factor, (2, 16): bandwidths (where it is one number) or factors of the standard
        deviations, and losses; None where nothing was searched.
    priors_ : of the classes, (n_classes,).
    rows_ : the training rows of weight above 0, (m, n_features).
    labels_ : their labels, (m,).
    row_weights_ : (m,).

    Notes
    -----
    X (n, n_features), y (n,) -> labels (n,); probabilities (n, n_classes) in the type of X (float32 or float64)

    Raises
    ------
    InvalidParameter : as many bandwidths as there are no features, or priors as there are no classes. InvalidData :
        NaN, infinity, values beyond 1e100, negative weights, labels that the first call did not know.

    Examples
    --------
    >>> from netwright.classical import PNN
    >>> X, y = [[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]], ["low"] * 3 + ["high"] * 3
    >>> network = PNN(bandwidth=0.5).fit(X, y)
    >>> network.predict([[0.9], [1e9]])
    array(['low', 'high'], dtype='<U4')
    >>> network.predict_proba([[1.2]]).round(2)
    array([[0.5, 0.5]])

    References
    ----------
    Specht: Probabilistic neural networks, 1990.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "bandwidth": BANDWIDTH,
        "priors": PRIORS,
        "loo_rows": integer(2) | nothing,
        "chunk_size": integer(1),
        "n_jobs": integer(1) | integer(high=-1) | nothing,
    }

    classes_: NDArray[Any]
    rows_: NDArray[Any]
    labels_: NDArray[Any]
    row_weights_: Floats

    @checks_options
    def __init__(
        self,
        bandwidth: Any = "auto",
        *,
        priors: Any = "equal",
        loo_rows: int | None = 1000,
        chunk_size: int = 2048,
        n_jobs: int | None = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.priors = priors
        self.loo_rows = loo_rows
        self.chunk_size = chunk_size
        self.n_jobs = n_jobs

    @learns
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> PNN:
        """Keep the rows and their labels, and choose the bandwidth.

        Parameters
        ----------
        X : rows (n, n_features).
        y : labels (n,).
        sample_weight : how often a row counts, >= 0, (n,); None: once.

        Returns
        -------
        the network.
        """
        self.__dict__.pop("rows_", None)
        return self._add(X, y, None, sample_weight)

    @learns
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> PNN:
        """Keep more rows; the same as `fit` on all rows, but for a bandwidth that was searched.

        What a rule "loo..." chose at the first call stays, for a search looks at all pairs of rows; "scott" and
        "silverman" go on with the rows.

        Parameters
        ----------
        X : rows (n, n_features).
        y : labels (n,).
        classes : all labels that will ever come, at the first call; None: those of its rows.
        sample_weight : how often a row counts, >= 0, (n,); None: once.

        Returns
        -------
        the network.
        """
        return self._add(X, y, classes, sample_weight)

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row; of equal ones the first.

        Parameters
        ----------
        X : rows (n, n_features): an array, a frame, a memory map, or an iterable of arrays.

        Returns
        -------
        labels (n,).
        """
        check_is_fitted(self)
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probability of each class at each row.

        Parameters
        ----------
        X : rows (n, n_features): an array, a frame, a memory map, or an iterable of arrays.

        Returns
        -------
        probabilities (n, n_classes), whose rows add up to 1.
        """
        check_is_fitted(self)
        codes = self._codes()
        heard = self.priors_[codes] > 0
        codes, weights = codes[heard], self.row_weights_[heard]
        columns = np.eye(len(self.classes_))[codes]
        kernel = kernel_of(self.rows_[heard], self.bandwidth_, log_shares(codes, weights, self.priors_), columns)
        chunks = Chunks(self, X, reset=False, chunk_size=self.chunk_size)
        return np.concatenate(list(in_order(partial(_answer, kernel, self.rows_.dtype), chunks, self.n_jobs)))

    def _add(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> PNN:
        """Add rows to those that are there, and choose the bandwidth where that is to be done."""
        first = not hasattr(self, "rows_")
        rows = read_rows(self, X, reset=first)
        require_moderate(rows)
        known = (None if classes is None else np.unique(classes)) if first else self.classes_
        self.classes_, codes = read_labels(self, y, len(rows), known)
        weights = read_weights(type(self).__name__, sample_weight, len(rows))
        counts = weights > 0
        rows, codes, weights = rows[counts], codes[counts], weights[counts]
        if not first:
            rows = np.concatenate([self.rows_, rows.astype(self.rows_.dtype)])
            codes = np.concatenate([self._codes(), codes])
            weights = np.concatenate([self.row_weights_, weights])
        self.rows_, self.labels_, self.row_weights_ = rows, self.classes_[codes], weights
        self.priors_ = self._priors()
        if first or self.bandwidth not in SEARCHED:
            self.bandwidth_, self.loo_error_, self.loo_curve_ = self._chosen()
        return self

    def _codes(self) -> Codes:
        """The place of each row's label among the classes, (m,)."""
        return np.searchsorted(self.classes_, self.labels_).astype(np.intp)

    def _priors(self) -> Floats:
        """The priors of the classes; those without rows have none, and the others are in proportion."""
        totals = np.bincount(self._codes(), weights=self.row_weights_, minlength=len(self.classes_))
        if isinstance(self.priors, str):
            priors = totals if self.priors == "frequencies" else np.ones(len(totals))
        else:
            priors = np.array(self.priors, dtype=np.float64)
        if len(priors) != len(totals):
            where, remedy = f"{type(self).__name__}(priors)", "Give one for each of classes_, in their order."
            expected = f"{len(totals)} numbers, one a class of {shown(self.classes_.tolist())}"
            raise InvalidParameter(problem(where, expected, f"{len(priors)}", remedy))
        priors = priors * (totals > 0)
        if not priors.any():
            where, remedy = f"{type(self).__name__}(priors)", "Give the classes that have rows a prior."
            raise InvalidParameter(problem(where, "a prior > 0 of a class that has rows", shown(self.priors), remedy))
        return priors / priors.sum()

    def _chosen(self) -> Chosen:
        if not isinstance(self.bandwidth, str):
            return Chosen(given(type(self).__name__, self.bandwidth, self.rows_.shape[1]))
        codes = self._codes()
        heard = self.priors_[codes] > 0
        rows, codes, weights = self.rows_[heard], codes[heard], self.row_weights_[heard]
        sites = sites_of(rows, weights, codes)
        if self.bandwidth in CLOSED:
            return chosen(self.bandwidth, sites, None)
        kinds = np.zeros(len(sites.rows), dtype=np.intp)
        kinds[sites.members] = codes
        data = class_data(sites, kinds, self.priors_, self.loo_rows)
        if not data.shares.any():
            got = "only one of each, of which none can be left out"
            remedy = f"The bandwidth is Scott's. Give more rows, or {type(self).__name__}(bandwidth=...)."
            text = problem(f"{type(self).__name__}.fit(X)", "two distinct rows of a class", got, remedy)
            warnings.warn(text, UserWarning, stacklevel=5)
        return chosen(self.bandwidth, sites, data, self.n_jobs)


def _answer(kernel: Kernel, dtype: Any, queries: NDArray[Any]) -> NDArray[Any]:
    means = weighted_means(queries, kernel, dtype)
    return (means / means.sum(axis=1, keepdims=True)).astype(dtype)


def log_shares(codes: Codes, weights: Floats, priors: Floats) -> Floats:
    """log(pi_c w_i / W_c) of rows of classes `codes`, (m,)."""
    totals = np.bincount(codes, weights=weights, minlength=len(priors))
    return np.log(priors[codes]) + np.log(weights) - np.log(totals[codes])


def class_data(sites: Sites, codes: Codes, priors: Floats, most: int | None) -> Classes:
    """What leaving sites out predicts; `codes` (s,) ascend, `most` sites are left out in turn (None: all).

    A site that is all of its class is not left out. Classes count in the loss by their priors.
    """
    totals = np.bincount(codes, weights=sites.weights, minlength=len(priors))
    alone = np.bincount(codes, minlength=len(priors)) == 1
    left_out = chosen_rows(len(codes), most, np.flatnonzero(~alone[codes]))
    shares = np.zeros(len(codes))
    kept = np.bincount(codes[left_out], weights=sites.weights[left_out], minlength=len(priors))
    shares[left_out] = priors[codes[left_out]] * sites.weights[left_out] / kept[codes[left_out]]
    bounds = np.searchsorted(codes, np.arange(len(priors) + 1)).astype(np.intp)
    shares /= max(shares.sum(), np.finfo(float).tiny)
    return Classes(sites.rows, log_shares(codes, sites.weights, priors), bounds, sites.weights / totals[codes], shares)
