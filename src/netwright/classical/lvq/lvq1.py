"""LVQ1: the nearest prototype goes towards a row of its class and away from a row of another one.

With w the nearest prototype of x (the first of equals) and a its rate::

    w <- w + a (x - w)     if w has the label of x
    w <- w - a (x - w)     otherwise

======== ================= ============================================== ======
symbol   option            meaning                                        unit
======== ================= ============================================== ======
a        ``learning_rate`` share of the way to the row that is gone       0 to 1
w        ``init``          where the prototypes start                     as X
======== ================= ============================================== ======

References: Kohonen: The self-organizing map, Proceedings of the IEEE 78, 1990; Kohonen, Hynninen, Kangas, Laaksonen,
Torkkola: LVQ_PAK: the learning vector quantization program package, 1996.

It differs from NeuPy's LVQ in its rate, which never falls below its last value, in labels of any kind, and in starting
from k-means of each class and not from rows drawn at random.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numba

from netwright.classical.lvq.classifier import RATE, SHARED, PrototypeClassifier, begin, run_all, show
from netwright.classical.lvq.prototypes.kernels import move, nearest
from netwright.classical.lvq.prototypes.labelled_rows import LabelledRows, Part
from netwright.classical.rates import over_steps
from netwright.core.validation import Constraint, checks_options


class LVQ1(PrototypeClassifier):
    """Prototypes by Kohonen's first rule: the nearest moves by learning_rate (x - w), or away where it is wrong.

    The rule to begin with. An epoch costs n n_prototypes n_features operations; with several prototypes a class,
    `LVQ3` after it is mostly better.

    Parameters
    ----------
    prototypes_per_class : prototypes of each class, >= 1, or a dict of label and number.
    init : "kmeans" of each class, "sample" or "mean" of its rows, or an array (n_prototypes, n_features).
    labels : labels of the prototypes of an array `init`, (n_prototypes,); None where they come class by class in the
        order of `classes_`, `prototypes_per_class` of each.
    learning_rate : share of the way to a row, in [0, 1]; a number, a pair (first, last) that changes evenly over the
        epochs, or a schedule.
    epochs : times that fit shows all rows, >= 1.
    shuffle : show the rows of each epoch in a random order; False: as they come.
    random_state : seed of the start and the orders; None, an integer >= 0, a RandomState or a Generator.
    chunk_size : rows that are read together where they are not in memory.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    prototypes_ : (n_prototypes, n_features), in the type of X (float32 or float64).
    labels_ : their labels, (n_prototypes,).
    classes_ : all labels, sorted.
    n_iter_ : epochs done.
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
    >>> from netwright.classical import LVQ1
    >>> X = [[0.0, 0.0], [0.2, 0.1], [1.0, 0.9], [1.2, 1.0]]
    >>> network = LVQ1(init="mean", random_state=0).fit(X, ["low", "low", "high", "high"])
    >>> network.labels_, network.predict([[0.3, 0.4], [0.9, 0.8]])
    (array(['high', 'low'], dtype='<U4'), array(['low', 'high'], dtype='<U4'))

    References
    ----------
    Kohonen: The self-organizing map, Proceedings of the IEEE 78, 1990.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {**SHARED, "learning_rate": RATE}

    @checks_options
    def __init__(
        self,
        prototypes_per_class: Any = 1,
        *,
        init: Any = "kmeans",
        labels: Any = None,
        learning_rate: Any = (0.1, 0.01),
        epochs: int = 20,
        shuffle: bool = True,
        random_state: Any = None,
        chunk_size: int = 10_000,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.prototypes_per_class = prototypes_per_class
        self.init = init
        self.labels = labels
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.shuffle = shuffle
        self.random_state = random_state
        self.chunk_size = chunk_size
        self.checkpoint = checkpoint
        self.resume = resume

    def _begin(self, data: LabelledRows) -> None:
        begin(self, data)

    def _run(self, data: LabelledRows) -> None:
        run_all(self, data, self.epochs)

    def _epoch(self, data: LabelledRows, parts: Iterable[Part]) -> dict[str, Any]:
        rates = over_steps(self.learning_rate, self.n_iter_, self.epochs, data.n, where="LVQ1(learning_rate)", most=1)
        return show(self, parts, lvq1_epoch, rates)


@numba.njit(cache=True, nogil=True)
def lvq1_step(prototypes: Any, labels: Any, rows: Any, row: Any, code: Any, rate: Any) -> None:
    """One row: its nearest prototype moves towards it or away from it.

    Parameters
    ----------
    prototypes : (m, n_features), changed in place.
    labels : places of the prototypes' labels among the classes, (m,); `code` is that of the row's label.
    """
    winner = nearest(prototypes, rows, row)
    move(prototypes, winner, rows, row, rate if labels[winner] == code else -rate)


@numba.njit(cache=True, nogil=True)
def lvq1_epoch(prototypes: Any, labels: Any, rows: Any, codes: Any, order: Any, rates: Any) -> None:
    """`lvq1_step` with the rows of an order, each at its rate."""
    for step in range(order.shape[0]):
        row = order[step]
        lvq1_step(prototypes, labels, rows, row, codes[row], rates[step])
