"""Generalized matrix LVQ: GLVQ by a distance that is learned with the prototypes, and tells which features matter.

With Omega (rank, n_features), Lambda = Omega^T Omega of trace 1, and w+ and w- the nearest prototypes of the row's own
class and of the others by the distance d, d+ and d- their distances::

    d(x, w) = |Omega (x - w)|^2 = (x - w)^T Lambda (x - w)
    mu = (d+ - d-) / (d+ + d-),   cost = mean f(mu)         f(mu) = 1 / (1 + exp(-beta mu)), or mu itself

    "sgd"    for each row, with p = 4 f'(mu) d- / (d+ + d-)^2 and q = 4 f'(mu) d+ / (d+ + d-)^2:
             w+ <- w+ + a p Lambda (x - w+)
             w- <- w- - a q Lambda (x - w-)
             Omega <- Omega - b (p Omega (x - w+)(x - w+)^T - q Omega (x - w-)(x - w-)^T)
             Omega <- Omega / sqrt(trace Lambda)            all from the values before the row
    "lbfgs"  prototypes and Omega together, by L-BFGS-B on the cost of all rows; Omega is divided once, at the end, as
             mu does not depend on its size

========== =================== ============================================== ==========================
symbol     option              meaning                                        unit
========== =================== ============================================== ==========================
a          ``learning_rate``   step of the prototypes along the gradient      X squared
b          ``relevance_rate``  step of Omega along the gradient               -
Omega      ``omega``           where the distance starts: 1/sqrt(n_features)  -
                               on the diagonal; of a lower rank the first
                               principal axes of the rows
f, beta    ``activation``,     as in GLVQ                                     -
           ``beta``
========== =================== ============================================== ==========================

Without ``learning_rate`` it falls from 0.05 u to 0.005 u, where u is the mean of d+ + d- over the rows of the epoch
before (at first: of the start) over the greatest eigenvalue of Lambda. Lambda depends on the units of the features:
bring them to a common scale first, so that its diagonal can be compared.

References: Schneider, Biehl, Hammer: Adaptive relevance matrices in learning vector quantization, 2009; Bunte,
Schneider, Hammer, Schleif, Villmann, Biehl: Limited rank matrix learning, discriminative dimension reduction and
visualization, 2012.

The factor 4 of the gradient is in the rule here; the paper's rule has it in the rates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from netwright.classical.chunks import Chunks, one_thread
from netwright.classical.lvq.classifier import PrototypeClassifier, accept, begin, run_all, stored, working_copy
from netwright.classical.lvq.glvq import GENERALIZED, beta_of, rates_of
from netwright.classical.lvq.prototypes.kernels import rivals, two_squared
from netwright.classical.lvq.prototypes.labelled_rows import LabelledRows, Part
from netwright.classical.lvq.prototypes.omega import first_omega, learned_matrix, normalized
from netwright.classical.lvq.prototypes.relative_cost import cost, lowest, pull
from netwright.classical.rates import over_steps, varying
from netwright.core.validation import Constraint, checks_options, integer, nothing, satisfies


class GMLVQ(ClassNamePrefixFeaturesOutMixin, TransformerMixin, PrototypeClassifier):
    """Prototypes and a matrix Omega that minimize the mean of f((d+ - d-) / (d+ + d-)), d = |Omega (x - w)|^2.

    It weighs the features and their combinations by what they do for the classes, and sees the rows in the space that
    it learned: `transform`. One prototype of each class is often enough, as the distance does the rest. A row costs
    n_prototypes rank n_features operations with "sgd", rank (n_prototypes + n_features) with "lbfgs".

    Parameters
    ----------
    prototypes_per_class : prototypes of each class, >= 1, or a dict of label and number.
    init : "kmeans" of each class, "sample" or "mean" of its rows, or an array (n_prototypes, n_features).
    labels : labels of the prototypes of an array `init`, (n_prototypes,); None where they come class by class in the
        order of `classes_`, `prototypes_per_class` of each.
    rank : rows of Omega, in [1, n_features]: dimensions of the space that is learned; None: n_features.
    omega : Omega at the start, (rank, n_features), of any size but 0; None: the identity, or principal axes.
    solver : "sgd": row by row; "lbfgs": by L-BFGS-B on all rows, which needs no rates and no order and is faster
        where there are many features. `partial_fit` goes row by row with both.
    activation : f, "sigmoid" or "identity".
    beta : steepness of the sigmoid, > 0; steep ones fit Omega closely to few rows.
    learning_rate : step of the prototypes along the gradient, >= 0; a number, a pair (first, last) that changes evenly
        over the epochs, or a schedule; None: (0.05, 0.005) times `unit_`.
    relevance_rate : step of Omega along the gradient, >= 0; likewise.
    epochs : times that fit shows all rows, >= 1; of "lbfgs" the greatest number of iterations.
    shuffle : show the rows of each epoch in a random order; False: as they come.
    random_state : seed of the start and the orders; None, an integer >= 0, a RandomState or a Generator.
    chunk_size : rows whose costs are summed together, and that are read together where they are not in memory.
    n_jobs : workers of "lbfgs", which share the chunks; the result is the same bits for any number of them.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    prototypes_ : (n_prototypes, n_features), in the type of X (float32 or float64).
    labels_ : their labels, (n_prototypes,).
    classes_ : all labels, sorted.
    omega_ : Omega, (rank, n_features).
    components_ : Omega turned so that its rows are the eigenvectors of Lambda, the greatest eigenvalue first, each
        times the root of its eigenvalue, (rank, n_features).
    relevance_matrix_ : Lambda, (n_features, n_features), of trace 1.
    relevances_ : its diagonal, (n_features,): the relevance of each feature.
    unit_ : what the usual learning rate is a multiple of.
    n_iter_ : epochs done, or iterations of "lbfgs".
    seed_ : the seed that random_state gave.
    n_features_in_ : width of X.

    Notes
    -----
    X (n, n_features), y (n,) -> labels (n,); transform: X (n, n_features) -> (n, rank)

    Raises
    ------
    InvalidParameter : a rank above the width of X, or an `omega` that does not fit; prototypes or labels that do not
        fit the data, or equal prototypes in `init`.
    InvalidData : a class with fewer different rows than prototypes; labels that are not known.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from netwright.classical import GMLVQ
    >>> X, y = load_iris(return_X_y=True)
    >>> network = GMLVQ(rank=2, solver="lbfgs", random_state=0).fit(X, y)
    >>> network.score(X, y) > 0.97, network.transform(X).shape
    (True, (150, 2))
    >>> int(network.relevances_.argmax())  # petal width
    3

    References
    ----------
    Schneider, Biehl, Hammer: Adaptive relevance matrices in learning vector quantization, 2009.
    """

    unit_: float
    omega_: NDArray[Any]
    components_: NDArray[Any]
    constraints: ClassVar[Mapping[str, Constraint]] = {
        **GENERALIZED,
        "rank": nothing | integer(1),
        "omega": nothing
        | satisfies("an array (rank, n_features)", lambda value: isinstance(value, (np.ndarray, list, tuple))),
        "relevance_rate": varying(0, closed="left"),
    }

    @checks_options
    def __init__(
        self,
        prototypes_per_class: Any = 1,
        *,
        init: Any = "kmeans",
        labels: Any = None,
        rank: int | None = None,
        omega: Any = None,
        solver: str = "sgd",
        activation: str = "sigmoid",
        beta: float = 2.0,
        learning_rate: Any = None,
        relevance_rate: Any = (0.01, 0.001),
        epochs: int = 50,
        shuffle: bool = True,
        random_state: Any = None,
        chunk_size: int = 10_000,
        n_jobs: int | None = None,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.prototypes_per_class = prototypes_per_class
        self.init = init
        self.labels = labels
        self.rank = rank
        self.omega = omega
        self.solver = solver
        self.activation = activation
        self.beta = beta
        self.learning_rate = learning_rate
        self.relevance_rate = relevance_rate
        self.epochs = epochs
        self.shuffle = shuffle
        self.random_state = random_state
        self.chunk_size = chunk_size
        self.n_jobs = n_jobs
        self.checkpoint = checkpoint
        self.resume = resume

    @property
    def relevance_matrix_(self) -> NDArray[Any]:
        """Lambda = Omega^T Omega, (n_features, n_features)."""
        return self.omega_.T @ self.omega_

    @property
    def relevances_(self) -> NDArray[Any]:
        """The diagonal of Lambda, (n_features,)."""
        return (self.omega_**2).sum(axis=0)

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def transform(self, X: Any) -> NDArray[Any]:
        """The rows in the space that was learned: distances there are those by which the network classifies.

        Parameters
        ----------
        X : rows (n, n_features), in memory, in a ``numpy.memmap`` or an iterable of arrays.

        Returns
        -------
        (n, rank): X components_^T, along the eigenvectors of Lambda, the most relevant first.
        """
        check_is_fitted(self)
        chunks = Chunks(self, X, reset=False, chunk_size=self.chunk_size)
        with one_thread():
            return np.concatenate([rows @ self.components_.T.astype(rows.dtype) for rows in chunks])

    def _begin(self, data: LabelledRows) -> None:
        begin(self, data)
        omega = first_omega(self, data)
        prototypes, labels = working_copy(self)
        spread = cost(data, prototypes, labels, beta_of(self), omega, self.n_jobs)[1]
        for name, item in learned_matrix(omega, spread, data.dtype).items():
            setattr(self, name, item)

    def _run(self, data: LabelledRows) -> None:
        if self.solver == "sgd":
            run_all(self, data, self.epochs)
            return
        start, labels = working_copy(self)
        first, unit, beta = self.omega_.astype(np.float64), self.unit_, beta_of(self)
        prototypes, matrix, steps = lowest(data, start, labels, beta, unit, self.epochs, first, self.n_jobs)
        assert matrix is not None
        omega = normalized(matrix)
        spread = cost(data, prototypes, labels, beta, omega, self.n_jobs)[1]
        learned = {"prototypes_": prototypes.astype(data.dtype), **learned_matrix(omega, spread, data.dtype)}
        accept(self, learned, steps)

    def _epoch(self, data: LabelledRows, parts: Iterable[Part]) -> dict[str, Any]:
        prototypes, labels = working_copy(self)
        center, omega, spread = prototypes.mean(axis=0), self.omega_.astype(np.float64), 0.0
        relevance_rates = over_steps(
            self.relevance_rate, self.n_iter_, self.epochs, data.n, where="GMLVQ(relevance_rate)"
        )
        rates = np.stack([rates_of(self, data), relevance_rates])
        centered = prototypes - center
        with one_thread():
            for part in parts:
                span = np.ascontiguousarray(rates[:, part.start : part.start + len(part.rows)])
                spread = gmlvq_epoch(
                    centered, omega, center, labels, part.rows, part.codes, part.order, span, beta_of(self), spread
                )
        dtype = self.prototypes_.dtype
        learned = {"prototypes_": stored(centered + center, dtype)}
        if not np.isfinite(omega).all():
            learned["prototypes_"][:] = np.nan  # is not accepted
            return learned
        return {**learned, **learned_matrix(omega, spread / data.n, dtype)}


@numba.njit(cache=True, nogil=True)
def gmlvq_step(
    prototypes: Any, omega: Any, labels: Any, x: Any, code: Any, rate: Any, relevance_rate: Any, beta: Any
) -> Any:
    """One row: prototypes and Omega go along the negative gradient of f(mu); the value is d+ + d-.

    Parameters
    ----------
    prototypes, omega : (m, n_features) and (rank, n_features), changed in place.
    labels : places of the prototypes' labels among the classes, (m,); `code` is that of the row's label.
    x : the row, (1, n_features).
    beta : of the sigmoid; 0 for the identity.
    """
    seen, places, row = np.dot(x, omega.T), np.dot(prototypes, omega.T), np.int64(0)
    own, other = rivals(places, labels, seen, row, code)
    low, high = two_squared(places, own, other, seen, row)
    _, towards, off = pull(low, high, beta)
    rank, width = omega.shape
    pulled, pushed, total = np.zeros(width), np.zeros(width), 0.0
    for k in range(rank):
        p, q = seen[0, k] - places[own, k], seen[0, k] - places[other, k]
        for j in range(width):
            pulled[j] += p * omega[k, j]
            pushed[j] += q * omega[k, j]
            u, v = x[0, j] - prototypes[own, j], x[0, j] - prototypes[other, j]
            omega[k, j] -= relevance_rate * (towards * p * u - off * q * v)
            total += omega[k, j] * omega[k, j]
    length = math.sqrt(total)
    if not 0.0 < length < np.inf:  # a step that nobody can follow; the epoch will not be accepted
        omega[:] = np.nan
        return np.nan
    for k in range(rank):
        for j in range(width):
            omega[k, j] /= length
    for j in range(width):
        prototypes[own, j] += rate * towards * pulled[j]
        prototypes[other, j] -= rate * off * pushed[j]
    return low + high


@numba.njit(cache=True, nogil=True)
def gmlvq_epoch(
    prototypes: Any,
    omega: Any,
    center: Any,
    labels: Any,
    rows: Any,
    codes: Any,
    order: Any,
    rates: Any,
    beta: Any,
    spread: Any,
) -> Any:
    """`gmlvq_step` with the rows of an order, less `center`, each at its two rates, (2, n); adds values to `spread`."""
    x = np.empty((1, rows.shape[1]))
    for step in range(order.shape[0]):
        row = order[step]
        for j in range(rows.shape[1]):
            x[0, j] = rows[row, j] - center[j]
        spread += gmlvq_step(prototypes, omega, labels, x, codes[row], rates[0, step], rates[1, step], beta)
    return spread
