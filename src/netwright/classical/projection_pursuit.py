"""ProjectionPursuitRegressor: a sum of smooth functions of linear combinations of the inputs.

With z = (x - mean) / scale, unit vectors w_m and smooth functions g_m of one variable::

    f(x) = mean of y + sum_m g_m(w_m^T z)           one target
    f_j(x) = mean of y_j + sum_m b_jm g_m(w_m^T z)  several, which share directions and functions

g_m are cubic splines with a penalty lambda_m on their curvature, straight lines beyond the rows of the fit. All choices
lower one criterion, the generalised cross-validation of the whole model with df degrees of freedom on N rows::

    GCV = N sum w (y - f)^2 / (N - cost df)^2,     df = 1 + sum_m (tr S_m - 1) + (n_directions - 1)

1. add a term: of many starts follow the best two by Gauss-Newton steps in w_m, with lambda_m by GCV at every trial
2. backfit: every term again on what the others leave, taken only where GCV falls
3. from max_terms terms on, take out the least important one and backfit, down to n_terms (or 1, where GCV chooses)

========= ============== =================================================== =====================
symbol    option         meaning                                             unit
========= ============== =================================================== =====================
M         ``n_terms``    number of terms, or "gcv"                           terms
          ``max_terms``  terms before the least important are taken out      terms
tr S_m    ``smoothing``  degrees of freedom of each g_m, or "gcv"            degrees of freedom
cost      ``cost``       of a degree of freedom in GCV                       residual degrees
========= ============== =================================================== =====================

References: Friedman, Stuetzle: Projection pursuit regression, 1981; Friedman: SMART user's guide, 1984; Hastie,
Tibshirani, Friedman: The elements of statistical learning, section 11.2; Craven, Wahba: Smoothing noisy data with
spline functions, 1979. The steps are in `netwright.classical.ridge_functions`.

It differs from R's ``ppr`` in that each function is a spline with a smoothness of its own (there: a super smoother),
that GCV, with directions among the degrees of freedom, chooses the number of terms, and in the starts of directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, MultiOutputMixin, RegressorMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import ClassicalNetwork, learns
from netwright.classical.radial_basis.sites import read_weights
from netwright.classical.ridge_functions.backfitting import Search, search
from netwright.classical.ridge_functions.directions import Problem, Term
from netwright.classical.ridge_functions.smoothing import Smoothness
from netwright.classical.ridge_functions.splines import spline_values
from netwright.classical.ridge_functions.whitening import Whitened, moments, whiten
from netwright.classical.rows import read_rows, read_targets
from netwright.core.arrays import require_finite
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import (
    Constraint,
    boolean,
    checks_options,
    integer,
    nothing,
    number,
    one_of,
)

Array = NDArray[np.float64]

LARGEST = 1e303  # of an input or a target
MOST = 8  # terms that are tried where nobody says how many
LEAST_SPLINES = 4  # one interval: a cubic polynomial


class ProjectionPursuitRegressor(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, MultiOutputMixin, RegressorMixin, ClassicalNetwork
):
    """Projection pursuit regression: f(x) = mean + sum g_m(w_m^T z), smooth g_m of unit directions w_m.

    For some dozens of numeric inputs and some hundred rows or more, where a few linear combinations matter: it finds
    interactions that an additive model cannot, and each term can be looked at (``nw.plots.ridge_functions``).

    Parameters
    ----------
    n_terms : number of terms; "gcv" takes that of 1 to `max_terms` which has the least GCV.
    max_terms : terms to which the model grows before the least important are taken out; None for 8 where `n_terms` is
        "gcv", else for `n_terms`.
    smoothing : degrees of freedom of each ridge function, from 2 (a straight line) to `splines`; "gcv" chooses them.
    splines : cubic B-splines of each ridge function, >= 4; the number sets how wiggly one can be, not how wiggly it is.
    cost : of a degree of freedom in GCV, > 0. Directions are searched for, which takes more than a fixed parameter: 1
        overfits, 2 is cautious.
    passes : greatest number of backfitting passes with each number of terms, and at the end.
    tol : least relative fall of GCV for which a pass at the end is followed by another.
    n_starts : random directions that are tried for each term besides the fixed starts.
    standardize : whether directions are of inputs divided by their standard deviations; else only their means are
        taken off.
    random_state : for `n_starts`.

    Attributes
    ----------
    directions_ : unit vectors w_m of the scaled inputs, largest entry > 0, (n_terms_, n_features).
    knots_ : of the ridge functions, (n_terms_, splines + 4).
    coefficients_ : of their B-splines, (n_terms_, splines).
    output_weights_ : b_jm, unit columns; 1 for one target, (n_targets, n_terms_).
    intercept_ : means of the targets, (n_targets,).
    mean_, scale_ : z = (x - mean_) / scale_, both (n_features,).
    freedom_ : degrees of freedom tr S_m of each ridge function, (n_terms_,).
    importances_ : variance of each term as a share of their sum, (n_terms_,); terms are in its order.
    feature_importances_ : sum over terms of importance times squared entry of the direction, (n_features,); sums to 1.
    n_terms_ : number of terms; below `n_terms` where rows are too few for it, 0 where nothing varies.
    gcv_ : least GCV by number of terms (0: the means alone), of targets divided by their standard deviations.
    path_ : number of terms and GCV after each backfitting pass, (n_iter_, 2).
    n_iter_ : backfitting passes.
    seed_ : of the random starts.

    Notes
    -----
    X (n, n_features), y (n,) or (n, n_targets) -> predictions as y, projections (n, n_terms_)

    Raises
    ------
    InvalidParameter : an option out of its range, `max_terms` below `n_terms`, `smoothing` above `splines`.
    InvalidData : NaN, numbers beyond 1e303, widths, weights that are negative or all 0, rows so far away that there is
        no answer.

    Examples
    --------
    >>> from netwright.classical import ProjectionPursuitRegressor
    >>> X = np.random.default_rng(0).normal(size=(500, 4))
    >>> y = np.tanh(X @ [2.0, -1.0, 0.0, 0.0])
    >>> model = ProjectionPursuitRegressor(n_terms=1, standardize=False).fit(X, y)
    >>> model.directions_.round(2) + 0.0
    array([[ 0.89, -0.45,  0.  ,  0.  ]])
    >>> slope = model.ridge(0, [-2.0, 0.0, 2.0], derivative=True)
    >>> slope.round(1) + 0.0
    array([0. , 2.2, 0. ])

    References
    ----------
    Friedman, Stuetzle, *Projection pursuit regression*, 1981.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "n_terms": integer(1) | one_of("gcv"),
        "max_terms": integer(1) | nothing,
        "smoothing": number(2) | one_of("gcv"),
        "splines": integer(LEAST_SPLINES),
        "cost": number(0, closed="right"),
        "passes": integer(0),
        "tol": number(0),
        "n_starts": integer(0),
        "standardize": boolean,
        "random_state": RANDOM_STATE,
    }

    @checks_options
    def __init__(
        self,
        n_terms: Any = "gcv",
        *,
        max_terms: int | None = None,
        smoothing: Any = "gcv",
        splines: int = 15,
        cost: float = 1.75,
        passes: int = 20,
        tol: float = 1e-4,
        n_starts: int = 0,
        standardize: bool = True,
        random_state: Any = None,
    ) -> None:
        self.n_terms = n_terms
        self.max_terms = max_terms
        self.smoothing = smoothing
        self.splines = splines
        self.cost = cost
        self.passes = passes
        self.tol = tol
        self.n_starts = n_starts
        self.standardize = standardize
        self.random_state = random_state

    @learns
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ProjectionPursuitRegressor:
        """Find directions and ridge functions.

        Parameters
        ----------
        X : inputs, (n, n_features).
        y : targets, (n,) or (n, n_targets).
        sample_weight : how often each row counts, >= 0, (n,); a row of weight 2 is that row twice. None for once.

        Returns
        -------
        the network.
        """
        wanted, most = self._bounds()
        rows = read_rows(self, X, reset=True, dtype=np.float64)
        targets = read_targets(self, y, len(rows))
        _require_room(rows, "X")
        _require_room(targets, "y")
        weights = read_weights(type(self).__name__, sample_weight, len(rows))
        self.seed_ = to_seed(self.random_state)
        some = weights > 0
        rows, columns, weights = rows[some], targets.reshape(len(targets), -1)[some], weights[some]
        mean, spread = moments(columns, weights)
        spread[spread == 0] = 1.0
        white = whiten(rows, weights, self.standardize)
        found = self._search(white, (columns - mean) / spread, weights, wanted, most)
        self._keep(found, white, spread, weights)
        self.intercept_ = mean
        self._targets_1d = targets.ndim == 1
        return self

    def predict(self, X: Any) -> Array:
        """The targets: their means and what the terms add.

        Parameters
        ----------
        X : inputs, (n, n_features).

        Returns
        -------
        (n,) or (n, n_targets), as the targets of the fit.
        """
        projections = self.transform(X)
        values = np.empty_like(projections)
        for m in range(self.n_terms_):
            values[:, m] = self.ridge(m, projections[:, m])
        with np.errstate(over="ignore", invalid="ignore"):  # named below
            found: Array = self.intercept_ + values @ self.output_weights_.T
        _require_near(found, "predictions")
        return found[:, 0] if self._targets_1d else found

    def transform(self, X: Any) -> Array:
        """The projections w_m^T z.

        Parameters
        ----------
        X : inputs, (n, n_features).

        Returns
        -------
        (n, n_terms_).
        """
        check_is_fitted(self)
        rows = read_rows(self, X, reset=False, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # named below
            projections: Array = ((rows - self.mean_) / self.scale_) @ self.directions_.T
        _require_near(projections, "projections")
        return projections

    def ridge(self, term: int, v: Any, *, derivative: bool = False) -> Array:
        """One ridge function at any projections; beyond those of the fit it is a straight line.

        Parameters
        ----------
        term : its number, 0 to n_terms_ - 1.
        v : projections, of any shape.
        derivative : whether the slope is wanted instead of the value.

        Returns
        -------
        g_m(v) or g_m'(v), of the shape of v.

        Raises
        ------
        InvalidParameter : no such term.
        """
        check_is_fitted(self)
        if not integer(0, self.n_terms_ - 1).accepts(term):
            raise InvalidParameter(problem("ridge(term)", f"one of the {self.n_terms_} terms, from 0", shown(term)))
        places = np.asarray(v, dtype=np.float64)
        require_finite(places, "v")
        found = spline_values(places.ravel(), self.knots_[term], self.coefficients_[term])
        return found[derivative].reshape(places.shape)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks about a network."""
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = True
        return tags

    @property
    def _n_features_out(self) -> int:
        return int(self.n_terms_)

    def _bounds(self) -> tuple[range, int]:
        """Numbers of terms that are wanted, and the number to which the model grows."""
        owner = type(self).__name__
        if self.smoothing != "gcv" and self.smoothing > self.splines:
            remedy = "A ridge function has no more degrees of freedom than splines."
            raise InvalidParameter(
                problem(f"{owner}(smoothing)", f"at most splines={self.splines}", shown(self.smoothing), remedy)
            )
        if self.n_terms == "gcv":
            most = MOST if self.max_terms is None else self.max_terms
            return range(1, most + 1), most
        if self.max_terms is not None and self.max_terms < self.n_terms:
            raise InvalidParameter(
                problem(f"{owner}(max_terms)", f"at least n_terms={self.n_terms}", shown(self.max_terms))
            )
        return range(self.n_terms, self.n_terms + 1), self.n_terms if self.max_terms is None else self.max_terms

    def _search(self, white: Whitened, left: Array, weights: Array, wanted: range, most: int) -> Search:
        """The model of targets that have mean 0 and variance 1."""
        directions = white.rows.shape[1]
        freedom = 0.0 if self.smoothing == "gcv" else float(self.smoothing)
        N = float(weights.sum()) * left.shape[1]
        bound = float(white.different * left.shape[1])
        how = Smoothness(self.splines, freedom, float(self.cost), N, bound)
        what = Problem(white.rows, weights, bool((weights != 1).any()), white.axes, how, self.tol)

        def random(term: int) -> Array:
            draw = np.random.default_rng(derive(self.seed_, "start", term))
            return draw.standard_normal((self.n_starts, directions))

        if directions < 2:  # all terms would be functions of the same projection, or there is none
            wanted, most = range(directions, directions + 1), directions
        return search(what, left, wanted, most, self.passes, random)

    def _keep(self, found: Search, white: Whitened, spread: Array, weights: Array) -> None:
        """What was found, in the units of the inputs and targets and in the order of importance."""
        varied = [float(weights @ term.values**2) for term in found.model.terms]
        terms = [found.model.terms[m] for m in np.argsort(varied, kind="stable")[::-1]]
        kept = [_in_units(term, white.basis, spread) for term in terms]
        self.n_terms_ = len(terms)
        self.mean_, self.scale_ = white.mean, white.scale
        self.directions_ = np.array([item[0] for item in kept]).reshape(len(kept), len(white.mean))
        self.knots_ = np.array([item[1] for item in kept]).reshape(len(kept), self.splines + 4)
        self.coefficients_ = np.array([item[2] for item in kept]).reshape(len(kept), self.splines)
        self.output_weights_ = np.array([item[3] for item in kept]).reshape(len(kept), len(spread)).T
        self.freedom_ = np.array([term.spline.freedom for term in terms])
        self.importances_ = np.sort(varied)[::-1] / max(sum(varied), np.finfo(float).tiny)
        self.feature_importances_ = self.importances_ @ self.directions_**2
        self.gcv_ = found.gcv
        self.path_ = np.array(found.path).reshape(len(found.path), 2)
        self.n_iter_ = len(found.path)


def _in_units(term: Term, basis: Array, spread: Array) -> tuple[Array, Array, Array, Array]:
    """Direction, knots, coefficients and shares of the targets of a term in the units that users see."""
    direction = basis @ term.direction
    length = _length(direction)
    direction, knots, coefficients = direction / length, term.spline.knots / length, term.spline.coefficients
    if direction[abs(direction).argmax()] < 0:
        direction, knots, coefficients = -direction, -knots[::-1], coefficients[::-1]
    shares = term.output * spread
    size = _length(shares) * np.sign(shares[abs(shares).argmax()])
    return direction, knots, coefficients * size, shares / size


def _length(vector: Array) -> float:
    """Of numbers whose squares may overflow or vanish."""
    peak = abs(vector).max()
    return float(peak * np.sqrt(((vector / peak) ** 2).sum()))


def _require_room(numbers: Array, name: str) -> None:
    """Raise where a number is so great that sums and differences of such are none.

    Raises
    ------
    InvalidData : a number beyond `LARGEST`.
    """
    greatest = float(np.abs(numbers).max())
    if greatest > LARGEST:
        row = int(np.unravel_index(int(np.abs(numbers).argmax()), numbers.shape)[0])
        expected = f"a number up to {LARGEST:g} in size"
        raise InvalidData(problem(f"{name}. Row {row}", expected, f"{greatest:.3g}", "Scale the column."))


def _require_near(answers: Array, what: str) -> None:
    """Raise where a row is so far from those of the fit that an answer is no number.

    Raises
    ------
    InvalidData : NaN or infinity among the answers, (n, k).
    """
    lost = ~np.isfinite(answers).all(axis=1)
    if lost.any():
        where, got = f"X. Row {int(lost.argmax())}", f"one so far away that its {what} are no numbers"
        raise InvalidData(problem(where, "a row nearer to those of the fit", got, "Leave the row out, or clip it."))
