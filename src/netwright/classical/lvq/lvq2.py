"""LVQ2: the two nearest prototypes move where the nearest is wrong and the second right, near the border.

With w_1 and w_2 the nearest prototypes of x (earlier ones before equals), at the distances d_1 <= d_2, and s the ratio
that bounds the window of relative width b::

    s = (1 - b) / (1 + b)
    where w_1 has another label than x, w_2 has that of x, and min(d_1 / d_2, d_2 / d_1) > s:
        w_1 <- w_1 - a (x - w_1)
        w_2 <- w_2 + a (x - w_2)
    elsewhere nothing moves

======== ================= ============================================== ======
symbol   option            meaning                                        unit
======== ================= ============================================== ======
a        ``learning_rate`` share of the way to the row that is gone       0 to 1
b        ``window``        relative width of the window; 1: all rows but  0 to 1
                           those on a prototype
======== ================= ============================================== ======

Only rows that are misclassified teach, and only near a border; LVQ2.1 learns from the rows on the right side of it too.
Like it, LVQ2 is meant to refine prototypes that are near their places.

References: Kohonen, Barna, Chrisley: Statistical pattern recognition with neural networks: benchmarking studies, 1988;
Kohonen: The self-organizing map, Proceedings of the IEEE 78, 1990.

The paper of 1988 has a window of a fixed width about the plane midway between the two; here it is the relative one of
the later rules. It differs from NeuPy's LVQ2 in that window, in doing nothing outside of it (NeuPy makes a step of
LVQ1), in a rate that falls as it is told, and in moving the second prototype itself where a class has several.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numba
import numpy as np

from netwright.classical.lvq.classifier import PrototypeClassifier, begin, run_all
from netwright.classical.lvq.prototypes.kernels import in_window, move, two_nearest
from netwright.classical.lvq.prototypes.labelled_rows import LabelledRows, Part
from netwright.classical.lvq.prototypes.window import WINDOWED, ratio_of, show_windowed
from netwright.core.validation import Constraint, checks_options


class LVQ2(PrototypeClassifier):
    """Prototypes by Kohonen's second rule: a wrong nearest and a right second one move, near their border.

    It corrects what is misclassified near a border; `LVQ21` and `LVQ3` came after it and mostly do better.

    Parameters
    ----------
    prototypes_per_class : prototypes of each class, >= 1, or a dict of label and number.
    init : "kmeans" of each class, "sample" or "mean" of its rows, or an array (n_prototypes, n_features).
    labels : labels of the prototypes of an array `init`, (n_prototypes,); None where they come class by class in the
        order of `classes_`, `prototypes_per_class` of each.
    window : relative width of the window, in [0, 1]; Kohonen advises 0.2 to 0.3.
    learning_rate : share of the way to a row, in [0, 1]; a number, a pair (first, last) that changes evenly over the
        epochs, or a schedule.
    epochs : times that fit shows all rows by this rule, >= 1.
    warm_epochs : epochs of LVQ1 before these, with a learning rate that takes the same course over them.
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
    n_iter_ : epochs done, with those of LVQ1.
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
    >>> from netwright.classical import LVQ2
    >>> X = [[0.0, 0.0], [0.2, 0.1], [1.0, 0.9], [1.2, 1.0]]
    >>> network = LVQ2(init=[[0.3, 0.2], [0.9, 0.9]], labels=["low", "high"], random_state=0)
    >>> network.fit(X, ["low", "low", "high", "high"]).predict([[0.4, 0.5], [0.9, 0.8]])
    array(['low', 'high'], dtype='<U4')

    References
    ----------
    Kohonen: The self-organizing map, Proceedings of the IEEE 78, 1990.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = WINDOWED

    @checks_options
    def __init__(
        self,
        prototypes_per_class: Any = 1,
        *,
        init: Any = "kmeans",
        labels: Any = None,
        window: float = 0.2,
        learning_rate: Any = (0.05, 0.005),
        epochs: int = 20,
        warm_epochs: int = 0,
        shuffle: bool = True,
        random_state: Any = None,
        chunk_size: int = 10_000,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.prototypes_per_class = prototypes_per_class
        self.init = init
        self.labels = labels
        self.window = window
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.warm_epochs = warm_epochs
        self.shuffle = shuffle
        self.random_state = random_state
        self.chunk_size = chunk_size
        self.checkpoint = checkpoint
        self.resume = resume

    def _begin(self, data: LabelledRows) -> None:
        begin(self, data)

    def _run(self, data: LabelledRows) -> None:
        run_all(self, data, self.warm_epochs + self.epochs)

    def _epoch(self, data: LabelledRows, parts: Iterable[Part]) -> dict[str, Any]:
        return show_windowed(self, data, parts, lvq2_epoch, ratio_of(self.window))


@numba.njit(cache=True, nogil=True)
def lvq2_step(prototypes: Any, labels: Any, rows: Any, row: Any, code: Any, rate: Any, ratio: Any, room: Any) -> None:
    """One row: where the nearest prototype is wrong and the second right, they move, if the row is in the window.

    Parameters
    ----------
    prototypes : (m, n_features), changed in place.
    labels : places of the prototypes' labels among the classes, (m,); `code` is that of the row's label.
    ratio : s, the ratio of distances that bounds the window.
    room : for m numbers.
    """
    first, second = two_nearest(prototypes, rows, row, room)
    wrong = labels[first] != code and labels[second] == code
    if wrong and in_window(prototypes, first, second, rows, row, ratio):
        move(prototypes, first, rows, row, -rate)
        move(prototypes, second, rows, row, rate)


@numba.njit(cache=True, nogil=True)
def lvq2_epoch(prototypes: Any, labels: Any, rows: Any, codes: Any, order: Any, rates: Any, ratio: Any) -> None:
    """`lvq2_step` with the rows of an order, each at its rate."""
    room = np.empty(prototypes.shape[0])
    for step in range(order.shape[0]):
        row = order[step]
        lvq2_step(prototypes, labels, rows, row, codes[row], rates[step], ratio, room)
