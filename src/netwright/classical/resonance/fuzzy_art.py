"""FuzzyART, adaptive resonance for numbers: clusters are boxes that grow until the vigilance stops them.

A row x is scaled to a in [0, 1]^M and coded with its complement as I = (a, 1 - a), so that |I| = M for every row. With
the minimum of each component for "and", and |.| the sum of components::

    |I and w_j| / |I| >= rho                           unit j matches
    J = argmax |I and w_j| / (alpha + |w_j|)           of the units that match; the older one of equals
    w_J <- w_J - beta (w_J - I and w_J)                a template can only shrink
    none matches:  w_new <- I                          a new unit, while there are fewer than max_units

The template w = (u, 1 - v) is the box with the corners u and v; with beta = 1 it is the least box round the rows that
the unit has taken, and the sum of its sides (M - |w|) is at most M (1 - rho).

======== ================== ============================================ =========
symbol   option             meaning                                      unit
======== ================== ============================================ =========
rho      ``vigilance``      1 - rho is the mean side that a box may      0 to 1
                            have, as a share of the range
alpha    ``choice``         small: prefer a box that holds the row,      scaled
                            of several the smallest                      units
beta     ``learning_rate``  share of the way to the row's box; 1 is      0 to 1
                            fast learning
         ``fast_commit``    a new unit takes its row as it is,
                            whatever beta is
a        ``bounds``         what is 0 and what is 1 of each feature      as X
======== ================== ============================================ =========

Reference: Carpenter, Grossberg, Rosen: Fuzzy ART: fast stable learning and categorization of analog patterns by an
adaptive resonance system, 1991.

It differs from the paper in asking all units that have a template before a new one is taken, whatever their choice (the
paper's uncommitted units compete with the choice M / (alpha + 2 M)), as other implementations do.
"""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from netwright.classical.rates import over_steps, varying
from netwright.classical.resonance.network import CHOICE, EPOCHS, MAX_UNITS, VIGILANCE, Resonance
from netwright.classical.rows import read_rows
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import RANDOM_STATE
from netwright.core.validation import Constraint, boolean, checks_options, nothing, satisfies

Array = NDArray[np.float64]


def is_pair(value: Any) -> bool:
    """Whether it is two things."""
    return isinstance(value, (tuple, list, np.ndarray)) and len(value) == 2


class FuzzyART(Resonance):
    """Clusters of numbers in boxes: of the templates w with |I and w| / |I| >= vigilance the best moves to I and w.

    The number of clusters follows from the vigilance. An epoch costs 2 n n_units n_features operations.

    Parameters
    ----------
    vigilance : 1 - vigilance is the greatest mean side of a box, as a share of the range of the features, in [0, 1];
        more makes smaller boxes and more units.
    choice : alpha in |I and w| / (alpha + |w|), > 0; small, so that a box that holds the row comes first.
    learning_rate : beta, in (0, 1]; 1 is fast learning, less forgets noise. A number, a pair (first, last) over the
        run, or a schedule.
    fast_commit : a new unit takes its row as it is, whatever the learning rate; False: it starts from the template of
        ones, and learns its first row at the learning rate.
    bounds : (low, high), each a number or one for each feature: what is scaled to 0 and to 1; None for the least and
        greatest of the rows of the first fit or partial_fit. For streams give them.
    max_units : units at most; None for as many as are needed. When all are taken, rows that match none are not
        learned and get the label -1, with a warning.
    epochs : times that fit shows all rows, >= 1; with fast learning once is usual.
    shuffle : show the rows of each epoch in a random order; False: as they come.
    random_state : seed of the orders; None, an integer >= 0, a RandomState or a Generator.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    templates_ : (u, 1 - v) of each unit's box with the corners u and v, scaled; (n_units, 2 n_features).
    labels_ : the unit that took each row in the last epoch, (n,).
    data_min_, data_max_ : what is scaled to 0 and to 1, (n_features,). Where a feature has one value only, that is 0.
    n_iter_ : epochs done.
    seed_ : the seed that random_state gave.
    n_features_in_ : width of X.

    Notes
    -----
    X (n, n_features) -> labels (n,)

    Raises
    ------
    InvalidParameter : bounds of another width, or a low that is not below its high. A UserWarning says where a row
        lies outside of the bounds: it is clipped to them, when it is learned as when it is predicted.

    Examples
    --------
    >>> from netwright.classical import FuzzyART
    >>> X = [[0.0, 0.1], [0.2, 0.0], [0.9, 1.0], [1.0, 0.8]]
    >>> art = FuzzyART(vigilance=0.8).fit(X)
    >>> art.labels_
    array([0, 0, 1, 1])
    >>> art.boxes_[0].round(3).tolist()  # lower and upper corner
    [[0.0, 0.0], [0.2, 0.1]]
    >>> art.predict([[0.1, 0.1], [0.5, 0.5]])
    array([ 0, -1])

    References
    ----------
    Carpenter, Grossberg, Rosen: Fuzzy ART: fast stable learning and categorization of analog patterns by an adaptive
    resonance system, 1991.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "vigilance": VIGILANCE,
        "choice": CHOICE,
        "learning_rate": varying(0, 1),
        "fast_commit": boolean,
        "bounds": nothing | satisfies("a pair (low, high)", is_pair),
        "max_units": MAX_UNITS,
        "epochs": EPOCHS,
        "shuffle": boolean,
        "random_state": RANDOM_STATE,
    }

    @checks_options
    def __init__(
        self,
        vigilance: float = 0.7,
        *,
        choice: float = 0.001,
        learning_rate: Any = 1.0,
        fast_commit: bool = True,
        bounds: Any = None,
        max_units: int | None = None,
        epochs: int = 1,
        shuffle: bool = False,
        random_state: Any = None,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.vigilance = vigilance
        self.choice = choice
        self.learning_rate = learning_rate
        self.fast_commit = fast_commit
        self.bounds = bounds
        self.max_units = max_units
        self.epochs = epochs
        self.shuffle = shuffle
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.resume = resume

    @property
    def boxes_(self) -> Array:
        """The lower and the upper corner of each unit's box in the units of X, (n_units, 2, n_features)."""
        check_is_fitted(self)
        width = self.n_features_in_
        corners = np.stack([self.templates_[:, :width], 1.0 - self.templates_[:, width:]], axis=1)
        boxes: Array = self.data_min_ + corners * (self.data_max_ - self.data_min_)
        return boxes

    def _coded(self, X: Any, begin: bool) -> Array:
        rows = read_rows(self, X, reset=begin, dtype=np.float64)
        if begin:
            self.data_min_, self.data_max_ = self._bounds(rows)
        outside = (rows < self.data_min_) | (rows > self.data_max_)
        if outside.any():
            self._warn_of_rows_outside(rows, outside)
        return coded(rows, self.data_min_, self.data_max_)

    def _bounds(self, rows: Array) -> tuple[Array, Array]:
        """What is scaled to 0 and to 1, checked."""
        if self.bounds is None:
            low, high = rows.min(axis=0), rows.max(axis=0)
            with np.errstate(over="ignore"):
                wide = ~np.isfinite(high - low)
            if wide.any():
                where = f"X. Column {int(wide.argmax())}"
                got = f"values from {low[wide][0]:g} to {high[wide][0]:g}"
                raise InvalidData(problem(where, "a range that is a finite number", got, "Scale it."))
            return low, high
        expected = f"two numbers low < high, or two for each of {rows.shape[1]} features"
        try:
            low, high = (np.array(np.broadcast_to(np.asarray(b, np.float64), rows.shape[1])) for b in self.bounds)
        except (TypeError, ValueError) as error:
            raise InvalidParameter(problem("FuzzyART(bounds)", expected, shown(self.bounds))) from error
        with np.errstate(over="ignore", invalid="ignore"):
            if not ((low < high) & np.isfinite(high - low)).all():
                raise InvalidParameter(problem("FuzzyART(bounds)", expected, shown(self.bounds)))
        return low, high

    def _warn_of_rows_outside(self, rows: Array, outside: NDArray[np.bool_]) -> None:
        row, column = (int(i) for i in np.unravel_index(int(outside.argmax()), outside.shape))
        expected = f"numbers from {self.data_min_[column]:g} to {self.data_max_[column]:g}"
        got = f"{rows[row, column]:g} and {outside.sum() - 1} more outside of the bounds, clipped to them"
        remedy = "Give bounds=(low, high) that hold all rows to come."
        where = f"X. Row {row}, column {column}"
        warnings.warn(problem(where, expected, got, remedy), UserWarning, stacklevel=5)

    def _no_templates(self) -> Array:
        return np.zeros((0, 2 * self.n_features_in_))

    def _resonate(self, codes: Array, order: NDArray[np.intp]) -> tuple[Array, NDArray[np.intp], bool]:
        options = (float(self.vigilance), float(self.choice), self.fast_commit, self._most_units())
        where = "FuzzyART(learning_rate)"
        rates = over_steps(self.learning_rate, self.n_iter_, self.epochs, len(codes), where=where, most=1)
        templates, labels, changed = epoch(self.templates_, codes, order, rates, options)
        return templates, labels, changed or not isinstance(self.learning_rate, numbers.Real)  # it may change yet

    def _recall(self, X: Any) -> NDArray[np.intp]:
        codes = self._coded(X, begin=False)
        options = (float(self.vigilance), float(self.choice), False, 0)  # no place and no rate: nothing is learned
        return epoch(self.templates_, codes, np.arange(len(codes)), np.zeros(len(codes)), options)[1]


def coded(rows: Array, low: Array, high: Array) -> Array:
    """Rows scaled to [0, 1], clipped, with their complements: (n, n_features) -> (n, 2 n_features)."""
    span = np.where(high > low, high - low, 1.0)
    scaled = np.clip((np.clip(rows, low, high) - low) / span, 0.0, 1.0)
    return np.hstack([scaled, 1.0 - scaled])


def epoch(
    templates: Array, codes: Array, order: NDArray[np.intp], rates: Array, options: tuple[float, float, bool, int]
) -> tuple[Array, NDArray[np.intp], bool]:
    """One epoch; the templates given stay as they are.

    Parameters
    ----------
    templates : (n_units, width).
    codes : coded rows, (n, width).
    order : numbers of the rows, in the order in which they are shown.
    rates : learning rate at each place of the order, (n,).
    options : vigilance, choice, whether a new unit takes its first row as it is, units at most.

    Returns
    -------
    the templates after it, the label of each row, and whether a template changed.
    """
    labels = np.full(len(codes), -1, dtype=np.intp)
    units, done, changed = len(templates), 0, False
    columns = np.zeros((templates.shape[1], units + max(64, units)))  # a column a unit: the kernel's inner loop
    columns[:, :units] = templates.T
    sizes = np.zeros(columns.shape[1])
    for column in columns:
        sizes += column  # in the order of the kernel's sums
    while True:
        units, more, moved = _learn(columns, sizes, units, codes, order[done:], rates[done:], labels, options)
        done, changed = done + more, changed or moved
        if done == len(order):
            return np.ascontiguousarray(columns[:, :units].T), labels, changed
        columns, sizes = np.hstack([columns, np.zeros_like(columns)]), np.concatenate([sizes, np.zeros_like(sizes)])


@numba.njit(cache=True, nogil=True)
def _resonating(columns: Any, sizes: Any, units: Any, row: Any, overlaps: Any, vigilance: Any, choice: Any) -> Any:
    """The unit of greatest choice among those that match, or -1; `overlaps` is room to work in."""
    norm = 0.0
    for unit in range(units):
        overlaps[unit] = 0.0
    for k in range(len(row)):
        here = row[k]
        norm += here
        for unit in range(units):
            overlaps[unit] += min(here, columns[k, unit])
    best, greatest = -1, -1.0
    for unit in range(units):
        if overlaps[unit] / norm >= vigilance:
            strength = overlaps[unit] / (choice + sizes[unit])
            if strength > greatest:
                best, greatest = unit, strength
    return best


@numba.njit(cache=True, nogil=True)
def _learn(columns: Any, sizes: Any, units: Any, rows: Any, order: Any, rates: Any, labels: Any, options: Any) -> Any:
    """Show rows in the order given, until one needs a place for a new unit and there is none.

    Returns the units, how many rows of the order are done, and whether anything changed; templates, their sizes and
    the labels are written where they are.
    """
    vigilance, choice, fast_commit, limit = options
    overlaps = np.empty(columns.shape[1])
    changed = False
    for place in range(len(order)):
        row, step = rows[order[place]], rates[place]
        unit = _resonating(columns, sizes, units, row, overlaps, vigilance, choice)
        if unit < 0:
            if units >= limit:
                continue  # the label stays -1
            if units == columns.shape[1]:
                return units, place, changed
            unit, units, step, changed = units, units + 1, 1.0 if fast_commit else step, True
            for k in range(len(row)):
                columns[k, unit] = 1.0
        size = 0.0
        for k in range(len(row)):
            old = columns[k, unit]
            if row[k] < old:
                columns[k, unit] = row[k] if step == 1.0 else old - step * (old - row[k])
                changed = changed or columns[k, unit] < old
            size += columns[k, unit]
        sizes[unit] = size
        labels[order[place]] = unit
    return units, len(order), changed
