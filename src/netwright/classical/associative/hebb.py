"""Hebb's rule: a weight grows where input and output are active together, and fades where it is told to.

For a row x and the activities y, one a unit::

    W <- W + eta y x^T - gamma W

The activities are given with the row (supervised association), or they are the units' own output from the weights as
they are: ``"linear"``, y = W x, or ``"step"``, y = 1 where W x + b > 0 and else 0. Weights of inputs that are always
active together with the unit tend to eta / gamma.

======== ===================== =============================================== ==============
symbol   option                meaning                                         unit
======== ===================== =============================================== ==============
eta      ``learning_rate``                                                     W / (x y)
gamma    ``decay``             share of a weight that each row takes away      0 to 1
b        ``bias``              minus the threshold of a step unit              net input
         ``n_unconditioned``   first columns of X, whose weights are fixed     columns
======== ===================== =============================================== ==============

Without decay the weights of a unit with given activities are the correlation eta sum y x^T; those of a linear unit that
listens to itself grow without bound in the direction of the first principal axis (of X as it is), and with decay too
where eta times the greatest eigenvalue of the mean of x x^T is above gamma. `Oja` has the rule that bounds them.

References: Hebb: The organization of behavior, 1949; Hagan, Demuth, Beale, De Jesus: Neural network design, 2014
(chapters on supervised Hebbian and on associative learning).

Its conditioning form is NeuPy's HebbRule, whose units are step units with bias -0.5 and decay 0.2.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.classical.associative.associator import CONDITIONING, OPTIONS, Array, Associator, net_input, steps
from netwright.classical.rates import at_epoch
from netwright.core.errors import DivergenceWarning, InvalidParameter, problem
from netwright.core.validation import Constraint, checks_options, number, one_of

GROWTH = 10.0  # of the norm within one call, beyond which weights that listen to themselves are said to diverge
WIDE = 2000  # features beyond which the trace stands for the greatest eigenvalue


class Hebb(Associator):
    """Hebb's rule with decay, W <- W + eta y x^T - gamma W, for given activities or the units' own output.

    A row costs n_units n_features operations.

    Parameters
    ----------
    n_units : units; None for as many as y has columns, or one.
    learning_rate : eta, > 0: a number, a pair (first, last) or a schedule.
    decay : gamma, share of every weight that is lost at each row, in [0, 1].
    activation : "linear" or "step", what `predict` answers, and the output that the units learn from without y.
    bias : b of step units; linear ones have none.
    n_unconditioned : number of the first columns of X whose weights are fixed, below n_features.
    init : the weights to begin with, (n_units, n_features); None for 1 at unconditioned inputs and 0 elsewhere;
        "normal" for random rows of length 1.
    epochs : times that fit shows all rows, >= 1; also the length of a falling learning rate.
    shuffle : show the rows of each epoch in a random order; False: as they come.
    random_state : seed of weights and orders; None, an integer >= 0, a RandomState or a Generator.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    weights_ : (n_units, n_features).
    n_iter_ : epochs done.
    seed_ : the seed that random_state gave.
    n_features_in_ : width of X.

    Notes
    -----
    X (n, n_features), y (n,) or (n, n_units) -> outputs (n,) or (n, n_units)

    Raises
    ------
    InvalidData : no y, and units that respond to nothing. InvalidParameter : weights that are not finite any more, with
        a decay to try; a DivergenceWarning where linear units that learn from themselves grow by a factor of ten.

    Examples
    --------
    A bell that rings when there is food comes to mean food.

    >>> from netwright.classical import Hebb
    >>> food_and_bell, bell = [[1, 1]], [[0, 1]]
    >>> dog = Hebb(activation="step", n_unconditioned=1, learning_rate=0.2, decay=0.1)
    >>> for day in range(5):
    ...     print(dog.partial_fit(food_and_bell).predict(bell).item(), end=" ")
    0.0 0.0 1.0 1.0 1.0
    >>> dog.weights_.round(2).tolist()
    [[1.0, 0.82]]

    References
    ----------
    Hebb: The organization of behavior, 1949.
    Hagan, Demuth, Beale, De Jesus: Neural network design, 2014.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        **OPTIONS,
        **CONDITIONING,
        "decay": number(0, 1),
        "activation": one_of("linear", "step"),
    }

    @checks_options
    def __init__(
        self,
        n_units: int | None = None,
        *,
        learning_rate: Any = 0.1,
        decay: float = 0.0,
        activation: str = "linear",
        bias: float = -0.5,
        n_unconditioned: int = 0,
        init: Any = None,
        epochs: int = 1,
        shuffle: bool = False,
        random_state: Any = None,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.n_units = n_units
        self.learning_rate = learning_rate
        self.decay = decay
        self.activation = activation
        self.bias = bias
        self.n_unconditioned = n_unconditioned
        self.init = init
        self.epochs = epochs
        self.shuffle = shuffle
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.resume = resume

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _needs_targets(self) -> bool:
        return False

    def _is_silent(self) -> bool:
        return self.activation == "linear" or self.bias <= 0

    def _fixed(self) -> int:
        return self.n_unconditioned

    def _greatest_rate(self) -> float:
        return math.inf

    def _learn(
        self, weights: Array, rows: Array, activity: Array | None, order: NDArray[np.intp], rates: Array
    ) -> None:
        fixed, decay = self.n_unconditioned, float(self.decay)
        if activity is not None:
            _associate(weights, rows, activity, order, rates, decay, fixed)
            return
        _listen(weights, rows, order, rates, decay, fixed, self.activation == "step", float(self.bias))

    def _examine(self, before: Array, after: Array, rows: Array, activity: Array | None) -> None:
        """Warn of linear units that listen to themselves and grow."""
        if activity is not None or self.activation == "step":
            return
        first, last = float(np.linalg.norm(before)), float(np.linalg.norm(after))
        if last > GROWTH * first:
            got = f"a norm that grew from {first:.3g} to {last:.3g}"
            remedy = self._advice(rows, at_epoch(self.learning_rate, self.n_iter_, self.epochs))
            text = problem("Hebb(decay)", "weights that stay bounded", got, remedy)
            warnings.warn(text, DivergenceWarning, stacklevel=6)

    def _output(self, rows: Array) -> Array:
        if self.activation == "step":
            return steps(self.weights_, rows, self.bias)
        return rows @ self.weights_.T

    def _refuse(self, rows: Array, rate: float, listening: bool) -> NoReturn:
        if not listening or self.activation == "step":  # sums of products, none of which feeds on the others
            expected, got = "rows and activities whose products stay finite", f"numbers up to {np.abs(rows).max():g}"
            raise InvalidParameter(problem("Hebb.fit(X, y)", expected, f"{got} in X", "Scale X and y."))
        got = f"numbers beyond floats with decay {self.decay:g}"
        text = problem("Hebb(decay)", "weights that stay finite", got, self._advice(rows, rate))
        raise InvalidParameter(text)

    def _advice(self, rows: Array, rate: float) -> str:
        """The decay that holds the growth at this rate, or the rate that a decay of 1 holds."""
        with np.errstate(over="ignore"):
            second = rows.T @ rows / len(rows) if rows.shape[1] <= WIDE else np.diag([np.mean((rows**2).sum(axis=1))])
        greatest = float(np.linalg.eigvalsh(second)[-1]) if np.isfinite(second).all() else np.inf
        if not math.isfinite(greatest):
            return "Scale X."
        enough = 1.1 * rate * greatest
        if enough <= 1:
            return f"Set decay to {enough:.2g} or more, give y, or use Oja."
        return f"Set learning_rate below {1 / greatest:.2g} with a decay to match, give y, or use Oja."


@numba.njit(cache=True, nogil=True)
def _change(weights: Any, row: Any, step: Any, decay: Any) -> None:
    """w <- w + step x - decay w, of one unit."""
    if step != 0.0 or decay != 0.0:
        for f in range(len(weights)):
            weights[f] += step * row[f] - decay * weights[f]


@numba.njit(cache=True, nogil=True)
def _associate(weights: Any, rows: Any, activity: Any, order: Any, rates: Any, decay: Any, fixed: Any) -> None:
    """One epoch with given activities."""
    for place in range(len(order)):
        i = order[place]
        for unit in range(len(weights)):
            _change(weights[unit, fixed:], rows[i, fixed:], rates[place] * activity[i, unit], decay)


@numba.njit(cache=True, nogil=True)
def _listen(
    weights: Any, rows: Any, order: Any, rates: Any, decay: Any, fixed: Any, step_units: Any, bias: Any
) -> None:
    """One epoch with the units' own output."""
    for place in range(len(order)):
        row = rows[order[place]]
        for unit in range(len(weights)):
            output = net_input(weights[unit], row)
            if step_units:
                output = 1.0 if output + bias > 0.0 else 0.0
            _change(weights[unit, fixed:], row[fixed:], rates[place] * output, decay)
