"""General regression network: the mean of all known targets, weighted by a Gaussian of the distance.

For a query x, training rows x_i with targets y_i and weights w_i, and a bandwidth sigma_k of each feature::

    k_i = exp(-sum_k (x_k - x_ik)^2 / (2 sigma_k^2))
    y(x) = sum_i w_i k_i y_i / sum_i w_i k_i
    s(x)^2 = sum_i w_i k_i (y_i - y(x))^2 / sum_i w_i k_i        the spread of the targets near x

=========== ==================== ============================================================
symbol      argument             meaning
=========== ==================== ============================================================
sigma       ``bandwidth``        how far a row is heard, in units of the feature
w           ``sample_weight``    of `fit`
=========== ==================== ============================================================

Sums are taken relative to their greatest term, so that a query at any distance has a finite answer, at infinity that of
its nearest row. This is the kernel regression of Nadaraya and Watson, in the form of a network of four layers.

References: Specht: A general regression neural network, 1991; Nadaraya: On estimating regression, 1964; Watson: Smooth
regression analysis, 1964.

It differs from NeuPy's, whose kernel is exp(-d^2 / sigma^2): give sigma / sqrt(2) for the same answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import ClassicalNetwork, learns
from netwright.classical.chunks import Chunks, in_order
from netwright.classical.radial_basis.bandwidths import BANDWIDTH, CLOSED, SEARCHED, Chosen, chosen, given
from netwright.classical.radial_basis.kernel_sums import Kernel, kernel_of, weighted_means
from netwright.classical.radial_basis.leave_one_out import Regression, chosen_rows
from netwright.classical.radial_basis.sites import (
    Sites,
    read_weights,
    require_moderate,
    require_moderate_targets,
    sites_of,
)
from netwright.classical.rows import read_rows, read_targets
from netwright.core.errors import InvalidData, problem
from netwright.core.validation import Constraint, checks_options, integer, nothing

Floats = NDArray[np.float64]


class GRNN(MultiOutputMixin, RegressorMixin, ClassicalNetwork):
    """General regression network: y(x) = sum_i k_i y_i / sum_i k_i with k_i = exp(-norm(x - x_i)^2 / (2 sigma^2)).

    Nothing is trained but the bandwidth: the rows are kept (m (d + k + 1) numbers), and each answer costs a look at all
    of them, in blocks of 48 queries by 5120 rows. A rule "loo..." looks for the bandwidths that predict each row best
    from all others, by the gradient of that error; its search costs about 25 looks at `loo_rows` times m pairs of rows
    (in blocks of 32 m numbers at most), twice that for "auto", and a few hundred for "loo-per-feature".

    Parameters
    ----------
    bandwidth : sigma, > 0, in units of the features: one number, or an array of one a feature; or a rule that chooses
        it: "loo" (one number), "loo-scaled" (one factor times each feature's standard deviation), "auto" (the better of
        these two; the default, for it needs no tuning whether units differ or not, and one number cannot overfit),
        "loo-per-feature" (one each, where a relevance, standard deviation / bandwidth, of 1 costs a nat: finds out
        which features matter, worth its time where some do not), "scott" or "silverman" (closed forms).
    loo_rows : rows that a search leaves out in turn, >= 2: more are a sample, each still predicted from all others;
        None for all.
    chunk_size : queries of one piece of work, >= 1.
    n_jobs : workers of joblib, for predictions and for the search; None is one, -1 one a core.

    Attributes
    ----------
    bandwidth_ : sigma: a number, or an array (n_features,).
    loo_error_ : leave-one-out squared error of the rule's choice over the variance of the targets (1 - R2, the mean of
        several outputs); None where nothing was searched.
    loo_curve_ : the error over one factor, (2, 16): bandwidths (where it is one number) or factors of the standard
        deviations, and errors; None where nothing was searched.
    rows_ : the training rows of weight above 0, (m, n_features).
    targets_ : (m,) or (m, n_outputs).
    row_weights_ : (m,).

    Notes
    -----
    X (n, n_features), y (n,) or (n, n_outputs) -> predictions of the shape of y, in the type of X (float32 or float64)

    Raises
    ------
    InvalidParameter : as many bandwidths as there are no features. InvalidData : NaN, infinity, values beyond 1e100,
        negative weights, another number of outputs than before.

    Examples
    --------
    >>> import numpy as np
    >>> from netwright.classical import GRNN
    >>> X = np.linspace(0, 6, 40)[:, None]
    >>> network = GRNN().fit(X, np.sin(X[:, 0]))
    >>> network.predict([[1.5], [1e9]]).round(2)
    array([ 1.  , -0.28])
    >>> bool(network.bandwidth_[0] < 0.2), round(network.score(X, np.sin(X[:, 0])), 2)
    (True, 1.0)

    References
    ----------
    Specht: A general regression neural network, 1991.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "bandwidth": BANDWIDTH,
        "loo_rows": integer(2) | nothing,
        "chunk_size": integer(1),
        "n_jobs": integer(1) | integer(high=-1) | nothing,
    }

    rows_: NDArray[Any]
    targets_: Floats
    row_weights_: Floats

    @checks_options
    def __init__(
        self,
        bandwidth: Any = "auto",
        *,
        loo_rows: int | None = 1000,
        chunk_size: int = 2048,
        n_jobs: int | None = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.loo_rows = loo_rows
        self.chunk_size = chunk_size
        self.n_jobs = n_jobs

    @learns
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GRNN:
        """Keep the rows and their targets, and choose the bandwidth.

        Parameters
        ----------
        X : rows (n, n_features).
        y : targets (n,) or (n, n_outputs).
        sample_weight : how often a row counts, >= 0, (n,); None: once.

        Returns
        -------
        the network.
        """
        self.__dict__.pop("rows_", None)
        return self._add(X, y, sample_weight)

    @learns
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> GRNN:
        """Keep more rows; the same as `fit` on all rows, but for a bandwidth that was searched.

        What a rule "loo..." chose at the first call stays, for a search looks at all pairs of rows; "scott" and
        "silverman" go on with the rows.

        Parameters
        ----------
        X : rows (n, n_features).
        y : targets (n,) or (n, n_outputs).
        sample_weight : how often a row counts, >= 0, (n,); None: once.

        Returns
        -------
        the network.
        """
        return self._add(X, y, sample_weight)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The weighted mean of the targets at each row.

        Parameters
        ----------
        X : rows (n, n_features): an array, a frame, a memory map, or an iterable of arrays.
        return_std : give the standard deviation of the targets near each row as well (of single targets, not of the
            mean).

        Returns
        -------
        predictions (n,) or (n, n_outputs); or the pair of them and of deviations of the same shape.
        """
        check_is_fitted(self)
        targets = self.targets_.reshape(len(self.rows_), -1)
        centre = np.average(targets, axis=0, weights=self.row_weights_)
        columns = targets - centre
        unit = np.abs(columns).max(axis=0)  # so that squares stay finite
        unit[unit == 0] = 1.0
        columns /= unit
        dtype = self.rows_.dtype
        if return_std:
            columns = np.column_stack([columns, np.square(columns)])
        kernel = kernel_of(self.rows_, self.bandwidth_, np.log(self.row_weights_), columns)
        chunks = Chunks(self, X, reset=False, chunk_size=self.chunk_size)
        answer = partial(_answer, kernel, np.float64 if return_std else dtype)
        means = np.concatenate(list(in_order(answer, chunks, self.n_jobs)))
        mean = means[:, : len(centre)]
        predictions = (mean * unit + centre).astype(dtype).reshape(len(mean), *self.targets_.shape[1:])
        if not return_std:
            return predictions
        deviations = np.sqrt(np.maximum(means[:, len(centre) :] - np.square(mean), 0.0))
        return predictions, (deviations * unit).astype(dtype).reshape(predictions.shape)

    def _add(self, X: Any, y: Any, sample_weight: Any) -> GRNN:
        """Add rows to those that are there, and choose the bandwidth where that is to be done."""
        first = not hasattr(self, "rows_")
        rows = read_rows(self, X, reset=first)
        require_moderate(rows)
        targets = read_targets(self, y, len(rows))
        require_moderate_targets(targets, rows.dtype if first else self.rows_.dtype)
        weights = read_weights(type(self).__name__, sample_weight, len(rows))
        counts = weights > 0
        rows, targets, weights = rows[counts], targets[counts], weights[counts]
        if not first:
            self._require_outputs(targets)
            rows = np.concatenate([self.rows_, rows.astype(self.rows_.dtype)])
            targets = np.concatenate([self.targets_, targets])
            weights = np.concatenate([self.row_weights_, weights])
        self.rows_, self.targets_, self.row_weights_ = rows, targets, weights
        if first or self.bandwidth not in SEARCHED:
            self.bandwidth_, self.loo_error_, self.loo_curve_ = self._chosen()
        return self

    def _require_outputs(self, targets: Floats) -> None:
        if targets.shape[1:] != self.targets_.shape[1:]:
            where, width = f"{type(self).__name__}.partial_fit(y)", self.targets_.shape[1:]
            expected = f"shape (n{''.join(f', {size}' for size in width) or ','}) as before"
            raise InvalidData(problem(where, expected, f"shape {targets.shape}", "Call fit to begin anew."))

    def _chosen(self) -> Chosen:
        if not isinstance(self.bandwidth, str):
            return Chosen(given(type(self).__name__, self.bandwidth, self.rows_.shape[1]))
        sites = sites_of(self.rows_, self.row_weights_)
        if self.bandwidth in CLOSED:
            return chosen(self.bandwidth, sites, None)
        targets = self.targets_.reshape(len(self.rows_), -1)
        data, noise = regression_data(sites, targets, self.row_weights_, self.loo_rows)
        found = chosen(self.bandwidth, sites, data, self.n_jobs)
        if found.error is None or found.curve is None:
            return found
        return found._replace(error=found.error + noise, curve=np.stack([found.curve[0], found.curve[1] + noise]))


def _answer(kernel: Kernel, dtype: Any, queries: NDArray[Any]) -> Floats:
    return weighted_means(queries, kernel, dtype)


def regression_data(sites: Sites, targets: Floats, weights: Floats, most: int | None) -> tuple[Regression, float]:
    """What leaving sites out predicts, and the error that no prediction lowers: of targets of equal rows.

    Parameters
    ----------
    targets : of the rows, (m, k). weights : (m,). most : sites that are left out in turn; None for all.
    """
    scaled = targets - np.average(targets, axis=0, weights=weights)
    greatest = np.abs(scaled).max(axis=0)  # first, so that squares stay finite
    scaled /= np.where(greatest > 0, greatest, 1.0)
    spread = np.sqrt(np.average(np.square(scaled), axis=0, weights=weights) * targets.shape[1])
    scaled /= np.where(spread > 0, spread, 1.0)
    means = sites.means(scaled, weights)
    within = (sites.means(np.square(scaled), weights) - np.square(means)).sum(axis=1)
    left_out = chosen_rows(len(means), most, np.arange(len(means) if len(means) > 1 else 0))
    shares = np.zeros(len(means))
    shares[left_out] = sites.weights[left_out] / max(sites.weights[left_out].sum(), np.finfo(float).tiny)
    noise = max(float(shares @ within), 0.0)
    return Regression(sites.rows, np.log(sites.weights), means, shares), noise
