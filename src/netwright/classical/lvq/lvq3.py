"""LVQ3: LVQ2.1, and two right prototypes follow their rows by a smaller step, which keeps them in their class.

With w_1 and w_2 the nearest prototypes of x (earlier ones before equals), at the distances d_1 <= d_2, and s the ratio
that bounds the window of relative width b::

    s = (1 - b) / (1 + b)
    where exactly one of the two has the label of x and min(d_1 / d_2, d_2 / d_1) > s:
        w <- w + a (x - w)                 the one with the label of x
        w <- w - a (x - w)                 the other one
    where both have the label of x, in the window or not:
        w <- w + e a (x - w)               both
    elsewhere nothing moves

======== ================= ============================================== ======
symbol   option            meaning                                        unit
======== ================= ============================================== ======
a        ``learning_rate`` share of the way to the row that is gone       0 to 1
b        ``window``        relative width of the window; 1: all rows but  0 to 1
                           those on a prototype
e        ``epsilon``       share of the step of two right prototypes      0 to 1
======== ================= ============================================== ======

The second case has no window: so it is in Kohonen's paper and in LVQ_PAK's program. The best epsilon is the smaller the
narrower the window is.

References: Kohonen: Improved versions of learning vector quantization, 1990; Kohonen: The self-organizing map,
Proceedings of the IEEE 78, 1990; Kohonen, Hynninen, Kangas, Laaksonen, Torkkola: LVQ_PAK: the learning vector
quantization program package, 1996.

It differs from NeuPy's LVQ3 in the window, which is (1 - b) / (1 + b) and not 1 / (1 + b), in doing nothing outside of
it (NeuPy pushes the nearest prototype away, even a right one), and in moving the second prototype itself where a class
has several.
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
from netwright.core.validation import Constraint, checks_options, number


class LVQ3(PrototypeClassifier):
    """Prototypes by Kohonen's third rule: LVQ2.1, and two right prototypes move by epsilon learning_rate (x - w).

    The rule to begin with where a class has several prototypes; with one of each it is `LVQ21`.

    Parameters
    ----------
    prototypes_per_class : prototypes of each class, >= 1, or a dict of label and number.
    init : "kmeans" of each class, "sample" or "mean" of its rows, or an array (n_prototypes, n_features).
    labels : labels of the prototypes of an array `init`, (n_prototypes,); None where they come class by class in the
        order of `classes_`, `prototypes_per_class` of each.
    window : relative width of the window, in [0, 1]; Kohonen advises 0.2 to 0.3.
    epsilon : share of the step that two right prototypes make, in [0, 1]; Kohonen advises 0.1 to 0.5.
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
    >>> from netwright.classical import LVQ3
    >>> X = [[0.0, 0.0], [0.2, 0.1], [1.0, 0.9], [1.2, 1.0]]
    >>> network = LVQ3(init=[[0.3, 0.2], [0.9, 0.9]], labels=["low", "high"], random_state=0)
    >>> network.fit(X, ["low", "low", "high", "high"]).predict([[0.4, 0.5], [0.9, 0.8]])
    array(['low', 'high'], dtype='<U4')

    References
    ----------
    Kohonen: The self-organizing map, Proceedings of the IEEE 78, 1990.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {**WINDOWED, "epsilon": number(0, 1)}

    @checks_options
    def __init__(
        self,
        prototypes_per_class: Any = 1,
        *,
        init: Any = "kmeans",
        labels: Any = None,
        window: float = 0.2,
        epsilon: float = 0.1,
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
        self.epsilon = epsilon
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
        return show_windowed(self, data, parts, lvq3_epoch, ratio_of(self.window), self.epsilon)


@numba.njit(cache=True, nogil=True)
def lvq3_step(
    prototypes: Any, labels: Any, rows: Any, row: Any, code: Any, rate: Any, ratio: Any, epsilon: Any, room: Any
) -> None:
    """One row: LVQ2.1 where one of the two nearest prototypes is right; where both are, they follow by epsilon rate.

    Parameters
    ----------
    prototypes : (m, n_features), changed in place.
    labels : places of the prototypes' labels among the classes, (m,); `code` is that of the row's label.
    ratio : s, the ratio of distances that bounds the window.
    room : for m numbers.
    """
    first, second = two_nearest(prototypes, rows, row, room)
    right, second_right = labels[first] == code, labels[second] == code
    if right and second_right:
        move(prototypes, first, rows, row, epsilon * rate)
        move(prototypes, second, rows, row, epsilon * rate)
    elif right != second_right and in_window(prototypes, first, second, rows, row, ratio):
        move(prototypes, first, rows, row, rate if right else -rate)
        move(prototypes, second, rows, row, -rate if right else rate)


@numba.njit(cache=True, nogil=True)
def lvq3_epoch(
    prototypes: Any, labels: Any, rows: Any, codes: Any, order: Any, rates: Any, ratio: Any, epsilon: Any
) -> None:
    """`lvq3_step` with the rows of an order, each at its rate."""
    room = np.empty(prototypes.shape[0])
    for step in range(order.shape[0]):
        row = order[step]
        lvq3_step(prototypes, labels, rows, row, codes[row], rates[step], ratio, epsilon, room)
