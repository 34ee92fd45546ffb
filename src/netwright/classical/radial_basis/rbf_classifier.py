"""Radial basis network for classes: the units of `RBFNetwork`, and one readout a class.

The targets of the least squares are the columns of the class code: 1 where a row is of the class, else 0. Its readouts
estimate the probabilities of the classes, add up to 1, and may leave [0, 1]; the greatest decides::

    z_c(x) = b_c + sum_j w_jc h_j(x),   class(x) = argmax_c z_c(x)

References: Moody, Darken: Fast learning in networks of locally-tuned processing units, 1989; Broomhead, Lowe:
Multivariable functional interpolation and adaptive networks, 1988.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import learns
from netwright.classical.radial_basis.sites import require_moderate
from netwright.classical.radial_basis.unit_network import UnitNetwork
from netwright.classical.rows import read_labels, read_rows


class RBFNetworkClassifier(ClassifierMixin, UnitNetwork):
    """Radial basis network for classes: argmax_c of b_c + sum_j w_jc exp(-norm(x - c_j)^2 / (2 s_j^2)).

    Features should be on one scale (`sklearn.preprocessing.StandardScaler`), for a unit is round. Memory is n times
    M + K numbers for a chunk of n rows, and (M + K + 1)^2 for the network, K classes.

    Parameters
    ----------
    n_units : M, >= 1; fewer where there are fewer distinct rows, or where "ols" ends before.
    centers : "kmeans" (means of k-means), "sample" (rows drawn), "rows" (every distinct row), "ols" (rows chosen one by
        one by what they explain, from 1000 at most, as many as lower the GCV error), or an array (M, n_features).
    width : s, > 0, in units of the features: one number, an array (M,), "nearest" (root mean square distance to the 2
        nearest centres), "spread" (greatest distance of centres over sqrt(2 M)), or "gcv": the one width of least
        generalised cross-validation error, which is the default because the other rules are often too narrow in many
        dimensions; it costs about 20 fits.
    ridge : lambda, >= 0, or "gcv": that of least generalised cross-validation error, in closed form.
    normalized : divide activations by their sum, so that the units share out the space between them.
    random_state : of the centres.
    chunk_size : rows of one piece of work, >= 1.
    n_jobs : workers of joblib; None is one, -1 one a core.

    Attributes
    ----------
    classes_ : the labels, sorted, (n_classes,).
    centers_ : (M, n_features).
    widths_ : (M,).
    readout_ : w, (M, n_classes).
    intercept_ : b, (n_classes,).
    ridge_ : lambda.
    gcv_error_ : the generalised cross-validation error of the code over its variance; infinite with too few rows for
        the units.
    error_ratios_ : with centers="ols" the share of the variance that each unit explained when it was chosen, (M,).
    triangle_, n_rows_ : what is kept of the rows, and their number.
    seed_ : of the last fit.

    Notes
    -----
    X (n, n_features), y (n,) -> labels (n,), activations (n, M)

    Raises
    ------
    InvalidParameter : centres or widths of another size. InvalidData : NaN, infinity, values beyond 1e100, labels that
        the first call did not know.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from netwright.classical import RBFNetworkClassifier
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> RBFNetworkClassifier(20, random_state=0).fit(X, y).score(X, y)
    1.0

    References
    ----------
    Moody, Darken: Fast learning in networks of locally-tuned processing units, 1989.
    """

    classes_: NDArray[Any]

    @learns
    def fit(self, X: Any, y: Any) -> RBFNetworkClassifier:
        """Place the units and solve for the readout.

        Parameters
        ----------
        X : rows (n, n_features).
        y : labels (n,).

        Returns
        -------
        the network.
        """
        self.__dict__.pop("triangle_", None)
        return self._add(X, y, None)

    @learns
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> RBFNetworkClassifier:
        """Add rows to the readout; centres and widths are those of the first call.

        Parameters
        ----------
        X : rows (n, n_features).
        y : labels (n,).
        classes : all labels that will ever come, at the first call; None: those of its rows.

        Returns
        -------
        the network.
        """
        return self._add(X, y, classes)

    def decision_function(self, X: Any) -> NDArray[Any]:
        """The readouts of the classes at each row; of two classes the second less the first.

        Parameters
        ----------
        X : rows (n, n_features): an array, a frame, a memory map, or an iterable of arrays.

        Returns
        -------
        scores (n, n_classes), or (n,) of two classes.
        """
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of the greatest readout of each row.

        Parameters
        ----------
        X : rows (n, n_features): an array, a frame, a memory map, or an iterable of arrays.

        Returns
        -------
        labels (n,).
        """
        check_is_fitted(self)
        return np.asarray(self.classes_[self._outputs(X).argmax(axis=1)])

    def _add(self, X: Any, y: Any, classes: Any) -> RBFNetworkClassifier:
        first = not hasattr(self, "triangle_")
        rows = read_rows(self, X, reset=first)
        require_moderate(rows)
        known = (None if classes is None else np.unique(classes)) if first else self.classes_
        self.classes_, codes = read_labels(self, y, len(rows), known)
        self._learn(rows, np.eye(len(self.classes_))[codes])
        return self
