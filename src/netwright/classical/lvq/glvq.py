"""Generalized LVQ: prototypes that minimize a cost, to which each row adds how much nearer the wrong ones are to it.

With d+ the squared distance of x to the nearest prototype w+ of its own class and d- that to the nearest one w- of
another class (earlier ones before equals)::

    mu = (d+ - d-) / (d+ + d-)                      in [-1, 1], < 0 where x is classified rightly
    cost = mean f(mu)                               f(mu) = 1 / (1 + exp(-beta mu)), or mu itself

    "sgd"    for each row, w <- w - a df/dw, which is
             w+ <- w+ + a f'(mu) 4 d- / (d+ + d-)^2 (x - w+)
             w- <- w- - a f'(mu) 4 d+ / (d+ + d-)^2 (x - w-)
    "lbfgs"  all prototypes together, by L-BFGS-B on the cost of all rows, added up chunk by chunk in their order

======== ================= ============================================== =========
symbol   option            meaning                                        unit
======== ================= ============================================== =========
a        ``learning_rate`` step of "sgd" along the gradient               X squared
f        ``activation``    "sigmoid", or "identity"                       -
beta     ``beta``          steepness of the sigmoid                       -
======== ================= ============================================== =========

The gradient is measured in 1 / X: the rate that suits it has the unit of X squared and grows with the width of X.
Without ``learning_rate`` it falls from 0.05 u to 0.005 u, where u is the mean of d+ + d- at the start: the same course
for data of any scale. The steeper the sigmoid is, the more the rows near a border count, and the less those that are
safe or lost; the identity counts all alike.

References: Sato, Yamada: Generalized learning vector quantization, 1996.

The factor 4 of the gradient is in the rule here; the paper leaves it to the rate. Its sigmoid grows steeper with time,
as a schedule of beta; here beta is constant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numba

from netwright.classical.lvq.classifier import (
    SHARED,
    PrototypeClassifier,
    accept,
    begin,
    run_all,
    show,
    working_copy,
)
from netwright.classical.lvq.prototypes.kernels import move, rivals, two_squared
from netwright.classical.lvq.prototypes.labelled_rows import LabelledRows, Part
from netwright.classical.lvq.prototypes.relative_cost import Floats, cost, lowest, pull
from netwright.classical.rates import over_steps, varying
from netwright.core.validation import Constraint, checks_options, integer, nothing, number, one_of, satisfies

GENERALIZED: Mapping[str, Constraint] = {
    **SHARED,
    "solver": one_of("sgd", "lbfgs"),
    "activation": one_of("sigmoid", "identity"),
    "beta": number(0, closed="neither"),
    "learning_rate": nothing | varying(0, closed="left"),
    "n_jobs": nothing | satisfies("an integer except 0", lambda value: integer().accepts(value) and value != 0),
}
COURSE = (0.05, 0.005)  # of the rate, in units of the data


class GLVQ(PrototypeClassifier):
    """Prototypes that minimize the mean of f((d+ - d-) / (d+ + d-)) over the rows.

    Mostly the best of the rules that keep the Euclidean distance, at the price of `LVQ1`.

    Parameters
    ----------
    prototypes_per_class : prototypes of each class, >= 1, or a dict of label and number.
    init : "kmeans" of each class, "sample" or "mean" of its rows, or an array (n_prototypes, n_features).
    labels : labels of the prototypes of an array `init`, (n_prototypes,); None where they come class by class in the
        order of `classes_`, `prototypes_per_class` of each.
    solver : "sgd": row by row; "lbfgs": by L-BFGS-B on all rows, which needs no rate and no order and reaches a lower
        cost. `partial_fit` goes row by row with both.
    activation : f, "sigmoid" or "identity".
    beta : steepness of the sigmoid, > 0; 2 looks at most rows, 20 at those next to a border.
    learning_rate : step of "sgd" along the gradient, >= 0, in units of X squared; a number, a pair (first, last) that
        changes evenly over the epochs, or a schedule; None: (0.05, 0.005) times `unit_`.
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
    unit_ : mean of d+ + d- over the rows before the first epoch.
    n_iter_ : epochs done, or iterations of "lbfgs".
    seed_ : the seed that random_state gave.
    n_features_in_ : width of X.

    Notes
    -----
    X (n, n_features), y (n,) -> labels (n,)

    Raises
    ------
    InvalidParameter : prototypes or labels that do not fit the data, or equal prototypes in `init`.
    InvalidData : a class with fewer different rows than prototypes; labels that are not known.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from netwright.classical import GLVQ
    >>> X, y = load_iris(return_X_y=True)
    >>> network = GLVQ(prototypes_per_class=2, solver="lbfgs", random_state=0).fit(X, y)
    >>> network.score(X, y) > 0.97, network.decision_function(X).shape
    (True, (150, 3))

    References
    ----------
    Sato, Yamada: Generalized learning vector quantization, 1996.
    """

    unit_: float
    constraints: ClassVar[Mapping[str, Constraint]] = GENERALIZED

    @checks_options
    def __init__(
        self,
        prototypes_per_class: Any = 1,
        *,
        init: Any = "kmeans",
        labels: Any = None,
        solver: str = "sgd",
        activation: str = "sigmoid",
        beta: float = 10.0,
        learning_rate: Any = None,
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
        self.solver = solver
        self.activation = activation
        self.beta = beta
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.shuffle = shuffle
        self.random_state = random_state
        self.chunk_size = chunk_size
        self.n_jobs = n_jobs
        self.checkpoint = checkpoint
        self.resume = resume

    def _begin(self, data: LabelledRows) -> None:
        begin(self, data)
        self.unit_ = cost(data, *working_copy(self), beta_of(self), n_jobs=self.n_jobs)[1] or 1.0

    def _run(self, data: LabelledRows) -> None:
        if self.solver == "sgd":
            run_all(self, data, self.epochs)
            return
        start, labels = working_copy(self)
        found = lowest(data, start, labels, beta_of(self), self.unit_, self.epochs, n_jobs=self.n_jobs)
        accept(self, {"prototypes_": found[0].astype(data.dtype)}, found[2])

    def _epoch(self, data: LabelledRows, parts: Iterable[Part]) -> dict[str, Any]:
        return show(self, parts, glvq_epoch, rates_of(self, data), beta_of(self))


def beta_of(network: Any) -> float:
    """The steepness of the sigmoid, or 0 for the identity."""
    return float(network.beta) if network.activation == "sigmoid" else 0.0


def rates_of(network: Any, data: LabelledRows) -> Floats:
    """The rate of each row of the epoch: as given, or the usual course in units of the data."""
    if network.learning_rate is not None:
        return over_steps(
            network.learning_rate,
            network.n_iter_,
            network.epochs,
            data.n,
            where=f"{type(network).__name__}(learning_rate)",
        )
    return network.unit_ * over_steps(COURSE, network.n_iter_, network.epochs, data.n)


@numba.njit(cache=True, nogil=True)
def glvq_step(prototypes: Any, labels: Any, rows: Any, row: Any, code: Any, rate: Any, beta: Any) -> None:
    """One row: a step along the negative gradient of f(mu).

    Parameters
    ----------
    prototypes : (m, n_features), changed in place.
    labels : places of the prototypes' labels among the classes, (m,); `code` is that of the row's label.
    beta : of the sigmoid; 0 for the identity.
    """
    own, other = rivals(prototypes, labels, rows, row, code)
    low, high = two_squared(prototypes, own, other, rows, row)
    _, towards, off = pull(low, high, beta)
    move(prototypes, own, rows, row, rate * towards)
    move(prototypes, other, rows, row, -rate * off)


@numba.njit(cache=True, nogil=True)
def glvq_epoch(prototypes: Any, labels: Any, rows: Any, codes: Any, order: Any, rates: Any, beta: Any) -> None:
    """`glvq_step` with the rows of an order, each at its rate."""
    for step in range(order.shape[0]):
        row = order[step]
        glvq_step(prototypes, labels, rows, row, codes[row], rates[step], beta)
