"""Radial basis network: Gaussian units at centres, read out by a ridge regression; centres and widths by rules or GCV.

For units with centres c_j and widths s_j::

    h_j(x) = exp(-norm(x - c_j)^2 / (2 s_j^2))            normalized: divided by their sum over the units
    y(x) = b + sum_j w_j h_j(x)
    w, b = argmin sum_i (y_i - y(x_i))^2 + lambda norm(w)^2

=========== ==================== ============================================================
symbol      argument             meaning
=========== ==================== ============================================================
c           ``centers``          where the units stand
s           ``width``            how far a unit is heard, in units of the features
lambda      ``ridge``            what large weights cost
=========== ==================== ============================================================

Given the centres and the widths, nothing is left but a linear problem, which is solved at once. The rules are written
out in `units`, `orthogonal_least_squares` and `ridge` of this folder.

References: Broomhead, Lowe: Multivariable functional interpolation and adaptive networks, 1988; Moody, Darken: Fast
learning in networks of locally-tuned processing units, 1989; Chen, Cowan, Grant: Orthogonal least squares learning
algorithm for radial basis function networks, 1991; Orr: Introduction to radial basis function networks, 1996.

It differs from them in one width for all units that is chosen with the ridge, by the generalised cross-validation
error, where no rule is named.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin

from netwright.classical.base import learns
from netwright.classical.radial_basis.sites import require_moderate, require_moderate_targets
from netwright.classical.radial_basis.unit_network import UnitNetwork
from netwright.classical.rows import read_rows, read_targets
from netwright.core.errors import InvalidData, problem


class RBFNetwork(MultiOutputMixin, RegressorMixin, UnitNetwork):
    """Radial basis network for regression: y(x) = b + sum_j w_j exp(-norm(x - c_j)^2 / (2 s_j^2)).

    Features should be on one scale (`sklearn.preprocessing.StandardScaler`), for a unit is round. Memory is n times
    M + k numbers for a chunk of n rows, and (M + k + 1)^2 for the network.

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
    centers_ : (M, n_features).
    widths_ : (M,).
    readout_ : w, (M,) or (M, n_outputs).
    intercept_ : b, a number or (n_outputs,).
    ridge_ : lambda.
    gcv_error_ : the generalised cross-validation error over the variance of the targets (near 1 - R2 on new rows; too
        low with "ols", which chose its units by the same rows); infinite with too few rows for the units.
    error_ratios_ : with centers="ols" the share of the variance that each unit explained when it was chosen, (M,).
    triangle_, n_rows_ : what is kept of the rows, and their number.
    seed_ : of the last fit.

    Notes
    -----
    X (n, n_features), y (n,) or (n, n_outputs) -> predictions of the shape of y, activations (n, M)

    Raises
    ------
    InvalidParameter : centres or widths of another size. InvalidData : NaN, infinity, values beyond 1e100, another
        number of outputs than before.

    Examples
    --------
    >>> import numpy as np
    >>> from netwright.classical import RBFNetwork
    >>> X = np.linspace(0, 6, 100)[:, None]
    >>> network = RBFNetwork(8, random_state=0).fit(X, np.sin(X[:, 0]))
    >>> network.predict([[1.5], [4.5]]).round(2)
    array([ 1.  , -0.98])
    >>> network.transform(X).shape
    (100, 8)

    References
    ----------
    Moody, Darken: Fast learning in networks of locally-tuned processing units, 1989.
    Chen, Cowan, Grant: Orthogonal least squares learning algorithm for radial basis function networks, 1991.
    """

    @learns
    def fit(self, X: Any, y: Any) -> RBFNetwork:
        """Place the units and solve for the readout.

        Parameters
        ----------
        X : rows (n, n_features).
        y : targets (n,) or (n, n_outputs).

        Returns
        -------
        the network.
        """
        self.__dict__.pop("triangle_", None)
        return self._add(X, y)

    @learns
    def partial_fit(self, X: Any, y: Any) -> RBFNetwork:
        """Add rows to the readout; centres and widths are those of the first call.

        The readout is the same as that of all rows at once, but for rounding.

        Parameters
        ----------
        X : rows (n, n_features).
        y : targets (n,) or (n, n_outputs).

        Returns
        -------
        the network.
        """
        return self._add(X, y)

    def predict(self, X: Any) -> NDArray[Any]:
        """The readout at each row.

        Parameters
        ----------
        X : rows (n, n_features): an array, a frame, a memory map, or an iterable of arrays.

        Returns
        -------
        predictions (n,) or (n, n_outputs).
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self.readout_.ndim == 1 else outputs

    def _add(self, X: Any, y: Any) -> RBFNetwork:
        first = not hasattr(self, "triangle_")
        rows = read_rows(self, X, reset=first)
        require_moderate(rows)
        targets = read_targets(self, y, len(rows))
        require_moderate_targets(targets, rows.dtype if first else self.centers_.dtype)
        if not first and targets.shape[1:] != self.readout_.shape[1:]:
            where, before = f"{type(self).__name__}.partial_fit(y)", self.readout_.shape[1:]
            expected = f"targets of shape {('n', *before)} as before".replace("'", "")
            raise InvalidData(problem(where, expected, f"shape {targets.shape}", "Call fit to begin anew."))
        self._learn(rows, targets.reshape(len(rows), -1))
        if targets.ndim == 1:
            self.readout_, self.intercept_ = self.readout_[:, 0], float(self.intercept_[0])
        return self
