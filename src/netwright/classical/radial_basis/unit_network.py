"""Networks of Gaussian units with a linear readout: what regression and classification share.

A first call chooses the centres and widths; after it only the triangle of activations and targets is kept, which grows
with the rows: the readout is that of recursive least squares.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator, Mapping
from functools import partial, reduce
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import ClassicalNetwork
from netwright.classical.chunks import Chunks, in_order
from netwright.classical.radial_basis import ridge as ridges
from netwright.classical.radial_basis.orthogonal_least_squares import CANDIDATES, select
from netwright.classical.radial_basis.sites import LARGEST
from netwright.classical.radial_basis.units import activations, drawn, nearest, place, spread, typical
from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.seeds import RANDOM_STATE, to_seed
from netwright.core.validation import Constraint, boolean, checks_options, integer, nothing, number, one_of, satisfies

NARROW, WIDE, POINTS = 0.5, 32.0, 9  # factors of the typical distance of neighbouring centres that are tried as a width

Floats = NDArray[np.float64]


def _is_array(value: Any, axes: int, low: float) -> bool:
    if not isinstance(value, (np.ndarray, list, tuple)) or len(np.shape(value)) != axes or not np.size(value):
        return False
    items = np.asarray(value, dtype=object).ravel()
    return all(isinstance(item, numbers.Real) and low < float(item) < math.inf for item in items)


CENTERS = one_of("kmeans", "sample", "rows", "ols") | satisfies(
    "an array (units, features) of finite numbers", lambda value: _is_array(value, 2, -math.inf)
)
WIDTH = (
    number(0, closed="neither")
    | satisfies("an array of such, one a unit,", lambda value: _is_array(value, 1, 0))
    | one_of("gcv", "nearest", "spread")
)


class Layer(NamedTuple):
    """The units: centres (M, d), widths (M,), and whether they share out each row."""

    centers: Floats
    widths: Floats
    normalized: bool

    def answers(self, rows: NDArray[Any]) -> Floats:
        """Their activations, (n, M)."""
        return activations(rows, self.centers, self.widths, self.normalized)


class UnitNetwork(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassicalNetwork, shared=True):
    """Gaussian units and a linear readout by ridge regression; its children say what the targets are."""

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "n_units": integer(1),
        "centers": CENTERS,
        "width": WIDTH,
        "ridge": number(0) | one_of("gcv"),
        "normalized": boolean,
        "random_state": RANDOM_STATE,
        "chunk_size": integer(1),
        "n_jobs": integer(1) | integer(high=-1) | nothing,
    }

    readout_: Floats
    intercept_: Any

    @checks_options
    def __init__(
        self,
        n_units: int = 50,
        *,
        centers: Any = "kmeans",
        width: Any = "gcv",
        ridge: float | str = "gcv",
        normalized: bool = False,
        random_state: Any = None,
        chunk_size: int = 4096,
        n_jobs: int | None = None,
    ) -> None:
        self.n_units = n_units
        self.centers = centers
        self.width = width
        self.ridge = ridge
        self.normalized = normalized
        self.random_state = random_state
        self.chunk_size = chunk_size
        self.n_jobs = n_jobs

    def transform(self, X: Any) -> NDArray[Any]:
        """The activation of each unit at each row.

        Parameters
        ----------
        X : rows (n, n_features): an array, a frame, a memory map, or an iterable of arrays.

        Returns
        -------
        activations (n, n_units).
        """
        check_is_fitted(self)
        return self._over_chunks(self._layer().answers, X)

    @property
    def _n_features_out(self) -> int:
        return len(self.centers_)

    def _layer(self) -> Layer:
        return Layer(self.centers_.astype(np.float64), self.widths_, self.normalized_)

    def _outputs(self, X: Any) -> NDArray[Any]:
        """The readout at each row, (n, k)."""
        check_is_fitted(self)
        weights = self.readout_.reshape(len(self.centers_), -1)
        return self._over_chunks(partial(_read_out, self._layer(), weights, np.atleast_1d(self.intercept_)), X)

    def _over_chunks(self, function: Callable[..., Floats], X: Any) -> NDArray[Any]:
        chunks = Chunks(self, X, reset=False, chunk_size=self.chunk_size)
        return np.concatenate(list(in_order(function, chunks, self.n_jobs))).astype(self.centers_.dtype)

    def _learn(self, rows: NDArray[Any], targets: Floats) -> None:
        """Place the units at a first call, add rows (n, d), targets (n, k) to the triangle, solve for the readout."""
        if not hasattr(self, "triangle_"):
            self.seed_, self.normalized_ = to_seed(self.random_state), self.normalized
            self._place(rows, targets)
            self.triangle_, self.n_rows_ = self._triangle(self._layer(), rows, targets), len(rows)
        elif self.normalized != self.normalized_:
            where, remedy = f"{type(self).__name__}(normalized) at partial_fit", "Call fit to begin anew."
            raise InvalidParameter(problem(where, f"{self.normalized_} as before", f"{self.normalized}", remedy))
        else:
            more = self._triangle(self._layer(), rows, targets)
            self.triangle_, self.n_rows_ = ridges.joined(self.triangle_, more), self.n_rows_ + len(rows)
        found = ridges.readout(self.triangle_, self.n_rows_, targets.shape[1], self.ridge)
        self.readout_, self.intercept_ = found.weights, found.biases
        self.ridge_, self.gcv_error_ = found.ridge, found.error

    def _triangle(self, layer: Layer, rows: NDArray[Any], targets: Floats) -> Floats:
        """The triangle of rows and targets, put together from chunks in their order."""
        step = max(self.chunk_size, len(layer.centers) + targets.shape[1] + 1)
        parts = in_order(partial(_triangle_of, layer), _pieces(rows, targets, step), self.n_jobs)
        return reduce(ridges.joined, parts)

    def _place(self, rows: NDArray[Any], targets: Floats) -> None:
        """Choose the centres and their widths."""
        distinct = np.unique(rows, axis=0)
        self.error_ratios_ = None
        if isinstance(self.centers, str) and self.centers == "ols":
            self._select(drawn(distinct, CANDIDATES, self.seed_), rows, targets)
            return
        if isinstance(self.centers, str):
            centers = place(self.centers, distinct, self.n_units, self.seed_)
        else:
            centers = np.array(self.centers, dtype=np.float64)
            self._require("centers", "features", centers.shape[1], rows.shape[1])
            self._require_near(centers, rows.dtype)
        self.centers_ = centers.astype(rows.dtype)
        self.widths_ = self._widths(self.centers_.astype(np.float64), typical(distinct), rows, targets)

    def _widths(self, centers: Floats, alone: float, rows: NDArray[Any], targets: Floats) -> Floats:
        """The widths of units, (M,), by the option `width`."""
        if not isinstance(self.width, str):
            widths = np.array(self.width, dtype=np.float64)
            if widths.ndim:
                self._require("width", "units", len(widths), len(centers))
            return np.array(np.broadcast_to(widths, len(centers)))
        if self.width == "spread":
            return np.full(len(centers), spread(centers, len(centers), alone))
        neighbours = nearest(centers, alone)
        if self.width == "nearest":
            return neighbours
        common = float(np.sqrt(np.mean(np.square(neighbours))))

        def error(log_width: float) -> float:
            layer = Layer(centers, np.full(len(centers), np.exp(log_width)), self.normalized)
            triangle = self._triangle(layer, rows, targets)
            return ridges.readout(triangle, len(rows), targets.shape[1], self.ridge).error

        return np.full(len(centers), np.exp(_best_log_width(error, common)))

    def _select(self, candidates: NDArray[Any], rows: NDArray[Any], targets: Floats) -> None:
        """Centres among candidates by orthogonal least squares, of one width for all."""
        wide, alone = candidates.astype(np.float64), typical(candidates)
        if not isinstance(self.width, (str, numbers.Real)) or self.width == "nearest":
            where, expected = f"{type(self).__name__}(width)", "one width for all candidates with centers='ols'"
            raise InvalidParameter(problem(where, expected, shown(self.width), "Give a number, 'spread' or 'gcv'."))

        def path(width: float) -> Any:
            layer = Layer(wide, np.full(len(wide), width), self.normalized)
            triangle = self._triangle(layer, rows, targets)
            return select(triangle, len(rows), targets.shape[1], self.n_units)

        if not isinstance(self.width, str):
            width = float(self.width)
        elif self.width == "spread":
            width = spread(wide, min(self.n_units, len(wide)), alone)
        else:
            common = float(np.sqrt(np.mean(np.square(nearest(wide, alone)))))
            width = float(np.exp(_best_log_width(lambda log: path(float(np.exp(log))).error, common)))
        found = path(width)
        self.centers_, self.error_ratios_ = candidates[found.chosen], found.ratios
        self.widths_ = np.full(len(found.chosen), width)

    def _require_near(self, centers: Floats, dtype: Any) -> None:
        """Refuse centres that are no numbers in the type of the rows, or whose squares are none."""
        greatest, limit = float(np.abs(centers).max()), min(LARGEST, float(np.finfo(dtype).max))
        if greatest > limit:
            where, expected = f"{type(self).__name__}(centers)", f"numbers up to {limit:.3g} in size"
            raise InvalidParameter(problem(where, expected, f"{greatest:.3g}", "Put the centres where the rows are."))

    def _require(self, option: str, what: str, got: int, needed: int) -> None:
        if got != needed:
            where = f"{type(self).__name__}({option})"
            raise InvalidParameter(problem(where, f"an array for {needed} {what}", f"one for {got}", "Match them."))


def _best_log_width(error: Callable[[float], float], common: float) -> float:
    """The log width of least error around a common one."""
    return ridges.lowest(error, math.log(NARROW * common), math.log(WIDE * common), POINTS, 0.05)


def _pieces(rows: NDArray[Any], targets: Floats, step: int) -> Iterator[tuple[NDArray[Any], Floats]]:
    return ((rows[at : at + step], targets[at : at + step]) for at in range(0, len(rows), step))


def _triangle_of(layer: Layer, piece: tuple[NDArray[Any], Floats]) -> Floats:
    return ridges.triangle_of(layer.answers(piece[0]), piece[1])


def _read_out(layer: Layer, weights: Floats, biases: Floats, rows: NDArray[Any]) -> Floats:
    return layer.answers(rows) @ weights + biases
