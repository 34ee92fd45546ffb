"""What can be asked of a map of units whatever taught it: winners, distances, errors, the U-matrix, who won which rows.

With b(x) the nearest unit of the row x, b'(x) the second nearest, and N(u) the neighbours of u on the grid::

    quantization error   mean_x dist(x, w_b(x))
    topographic error    share of the rows whose b and b' are not neighbours
    distance map         mean_{v in N(u)} dist(w_u, w_v)           the U-matrix, one figure a unit

Neighbours share an edge or, by default, at least a corner: 8 on a rect grid of two axes, 4 with ``corners=False``;
hexagons have 6 either way.

References: Kiviluoto: Topology preservation in self-organizing maps, 1996; Ultsch, Siemon: Kohonen's self-organizing
feature maps for exploratory data analysis, 1990.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import ClassicalNetwork, learns
from netwright.classical.chunks import Chunks, in_order
from netwright.classical.maps.grid import Grid
from netwright.classical.maps.labels import class_shares, count_classes
from netwright.classical.maps.winners import Metric, distances, gaps, lengths, nearest
from netwright.classical.nearest import require_squares
from netwright.classical.rows import read_labels
from netwright.core.errors import InvalidData, problem

R = TypeVar("R")
Nearest = tuple[NDArray[np.intp], NDArray[np.float64]]  # of each row the nearest two units, and how far the nearest is


class TrainedMap(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassicalNetwork, shared=True):
    """The answers of a map; who inherits has the options and sets `weights_` and `shape_`."""

    shape_: tuple[int, ...]
    weights_: NDArray[Any]
    topology: str
    toroidal: bool
    metric: Metric
    chunk_size: int
    n_jobs: int | None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return len(self.weights_)

    def predict(self, X: Any) -> NDArray[np.intp]:
        """The number of the winner, the nearest unit, of each row, (n,), whether or not the map has labels.

        Parameters
        ----------
        X : rows, (n, n_features), or an iterable of such.

        Returns
        -------
        numbers of units, from 0, along the last axis of the grid first.
        """
        return np.concatenate([found[:, 0] for found in self._of_chunks(X, nearest)])

    def transform(self, X: Any) -> NDArray[Any]:
        """Distances of each row from all units, (n, n_units).

        Parameters
        ----------
        X : rows, (n, n_features), or an iterable of such.

        Returns
        -------
        distances of the map's metric, in the type of the weights.
        """
        return np.concatenate(list(self._of_chunks(X, distances)))

    def winners(self, X: Any) -> NDArray[np.intp]:
        """The places of the winners on the grid, (n, n_axes): their rows and columns on a map of two axes.

        Parameters
        ----------
        X : rows, (n, n_features), or an iterable of such.

        Returns
        -------
        an index for each axis of the grid, from 0.
        """
        units = self.predict(X)
        return np.stack(np.unravel_index(units, self.shape_), axis=1)

    def quantization_error(self, X: Any) -> float:
        """The mean distance of the rows and their winners.

        Parameters
        ----------
        X : rows, (n, n_features), or an iterable of such.

        Returns
        -------
        the error, in the units of the metric.
        """
        return self._errors(self._of_chunks(X, two_nearest))[0]

    def topographic_error(self, X: Any, *, corners: bool = True) -> float:
        """The share of the rows whose nearest two units are not neighbours on the grid.

        Parameters
        ----------
        X : rows, (n, n_features), or an iterable of such.
        corners : whether units of a rect grid that share only a corner are neighbours: 8 of them, else 4.

        Returns
        -------
        the error, from 0 to 1; 0 for a map of one unit.
        """
        return self._errors(self._of_chunks(X, two_nearest), corners)[1]

    def distance_map(self, *, corners: bool = True) -> NDArray[np.float64]:
        """The U-matrix: the mean distance of each unit's weights from those of its neighbours, in the grid's shape.

        Parameters
        ----------
        corners : whether units of a rect grid that share only a corner are neighbours: 8 of them, else 4.

        Returns
        -------
        distances of the map's metric; 0 for a map of one unit.
        """
        check_is_fitted(self)
        first, second = self._grid().neighbours(corners).T
        units = self._units()
        apart = gaps(units[first], units, second, self.metric)
        ends = np.concatenate([first, second])
        sums = np.bincount(ends, weights=np.tile(apart, 2), minlength=len(self.weights_))
        return self.on_grid(sums / np.maximum(np.bincount(ends, minlength=len(self.weights_)), 1))

    def hits(self, X: Any) -> NDArray[np.intp]:
        """How many rows each unit wins, in the grid's shape.

        Parameters
        ----------
        X : rows, (n, n_features), or an iterable of such.

        Returns
        -------
        counts, whose sum is n.
        """
        return self.on_grid(np.bincount(self.predict(X), minlength=len(self.weights_)))

    def members(self, X: Any) -> list[NDArray[np.intp]]:
        """The rows that each unit wins, by their numbers.

        Parameters
        ----------
        X : rows, (n, n_features), or an iterable of such.

        Returns
        -------
        a list with an array for each unit, empty for a unit that wins nothing.
        """
        units = self.predict(X)
        order = np.argsort(units, kind="stable")
        return np.split(order, np.searchsorted(units[order], np.arange(1, len(self.weights_))))

    def on_grid(self, values: Any = None) -> NDArray[Any]:
        """One value or row a unit, such as the weights, in the shape of the grid.

        Parameters
        ----------
        values : an array (n_units, ...); None for the weights.

        Returns
        -------
        an array (*shape, ...), of the weights (rows, columns, n_features) on a map of two axes.

        Raises
        ------
        InvalidData : another number of values than units.
        """
        check_is_fitted(self)
        array = self.weights_ if values is None else np.asarray(values)
        if array.ndim < 1 or len(array) != len(self.weights_):
            expected = f"{len(self.weights_)} values, one a unit"
            raise InvalidData(problem("on_grid(values)", expected, f"shape {array.shape}", "Order them as weights_."))
        return array.reshape(*self.shape_, *array.shape[1:])

    def centres(self) -> NDArray[np.float64]:
        """Where the units stand, in units of the grid; rows of hexagons are sqrt(3/4) apart.

        Returns
        -------
        coordinates (n_units, n_axes), on a map of two axes down and to the right.
        """
        check_is_fitted(self)
        return self._grid().centres

    @learns
    def label_units(self, X: Any, y: Any) -> TrainedMap:
        """Label the units by rows that they win; the weights stay.

        Parameters
        ----------
        X : rows, (n, n_features), as of `fit`.
        y : labels, (n,).

        Returns
        -------
        the map itself.
        """
        self._label(self.predict(X), y)
        return self

    def predict_label(self, X: Any) -> NDArray[Any]:
        """The label of the winner of each row, (n,).

        Parameters
        ----------
        X : rows, (n, n_features), or an iterable of such.

        Returns
        -------
        labels as in y.
        """
        self._require_labels()
        labels: NDArray[Any] = self.labels_[self.predict(X)]
        return labels

    def predict_label_proba(self, X: Any) -> NDArray[np.float64]:
        """The shares of the classes among the rows that the winner of each row won, (n, n_classes).

        Parameters
        ----------
        X : rows, (n, n_features), or an iterable of such.

        Returns
        -------
        shares in the order of `classes_`, which sum to 1.
        """
        self._require_labels()
        return class_shares(self.class_counts_, self._units(), self.metric)[self.predict(X)]

    def _grid(self) -> Grid:
        return Grid(self.shape_, self.topology, self.toroidal)

    def _units(self) -> NDArray[Any]:
        """The weights as the metric wants them: for the cosine of length 1, also if another metric taught them."""
        if self.metric != "cosine" or np.allclose(lengths(self.weights_), 1.0, rtol=1e-3):
            return self.weights_
        return of_length_one(self.weights_, "weights_")

    def _of_chunks(self, X: Any, function: Callable[..., R]) -> Iterator[R]:
        """``function(rows, weights, metric)`` of each chunk of X."""
        check_is_fitted(self)
        chunks = Chunks(self, X, reset=False, chunk_size=self.chunk_size, dtype=self.weights_.dtype)
        return self._answers(chunks, function)

    def _answers(self, chunks: Chunks, function: Callable[..., R], checked: bool = False) -> Iterator[R]:
        asked = partial(function, weights=self._units(), metric=self.metric)
        return in_order(asked, measurable(chunks, self.metric, checked), self.n_jobs)

    def _errors(
        self, parts: Iterable[Nearest], corners: bool = True, winners: list[NDArray[np.intp]] | None = None
    ) -> tuple[float, float]:
        """Both errors of what `two_nearest` gave of each chunk; the winners are put into a list where there is one."""
        grid, apart, torn, n = self._grid(), 0.0, 0, 0
        for units, gap in parts:
            apart, n = apart + float(gap.sum()), n + len(gap)
            torn += int((~grid.are_neighbours(units[:, 0], units[:, -1], corners)).sum())
            if winners is not None:
                winners.append(units[:, 0])
        return apart / n, torn / n

    def _label(self, units: NDArray[np.intp], y: Any) -> None:
        """Count the classes of the rows that each unit won, and label it."""
        self.classes_, codes = read_labels(self, y, len(units))
        self.class_counts_ = count_classes(units, codes, len(self.weights_), len(self.classes_))
        self.labels_ = self.classes_[class_shares(self.class_counts_, self._units(), self.metric).argmax(axis=1)]

    def _require_labels(self) -> None:
        check_is_fitted(self)
        got = "a map that was taught without y"
        check_is_fitted(self, "labels_", msg=problem("labels of the units", "labels", got, "Call label_units(X, y)."))


def two_nearest(rows: NDArray[Any], weights: NDArray[Any], metric: Metric) -> Nearest:
    """The nearest two units of each row (one, where there is no other), and the distance of the nearest.

    Shapes
    ------
    rows (n, n_features), weights (n_units, n_features) -> (n, 2), (n,)
    """
    units = nearest(rows, weights, metric, min(2, len(weights)))
    return units, gaps(rows, weights, units[:, 0], metric)


def measurable(chunks: Iterable[NDArray[Any]], metric: Metric, checked: bool = False) -> Iterator[NDArray[Any]]:
    """The chunks as the metric wants them: rows of length 1 for the cosine.

    Parameters
    ----------
    checked : whether their squares are known to be finite.

    Raises
    ------
    InvalidData : a row of zeros, which has no direction; a number whose square is too large.
    """
    start = 0
    for chunk in chunks:
        if not checked:
            require_squares(chunk)
        yield chunk if metric != "cosine" else of_length_one(chunk, "X", start)
        start += len(chunk)


def of_length_one(rows: NDArray[Any], name: str, start: int = 0) -> NDArray[Any]:
    """The rows, each divided by its length.

    Parameters
    ----------
    name : what the caller calls them.
    start : number of the first one.

    Raises
    ------
    InvalidData : a row of zeros, which has no direction.
    """
    size = lengths(rows)
    if not size.all():
        remedy = "Leave the row out, or set metric='euclidean'."
        where = f"{name}. Row {start + int(size.argmin())}"
        raise InvalidData(problem(where, "a number that is not 0, for a direction", "a row of zeros", remedy))
    return (rows / size[:, None]).astype(rows.dtype, copy=False)
