"""Grids of units: where each unit of a map stands, how far units are from each other, and which are neighbours.

Distances are euclidean, between the centres of the cells, and neighbours that share an edge are 1 apart::

    "rect"      squares (cubes...) on 1 to n axes                d^2 = sum_k D_k^2
    "hexagon"   rows of hexagons; every second row, from the     d^2 = 3/4 D_row^2 + D_column^2
                second, stands half a unit to the right
    a torus     D_k <- min(D_k, size_k - D_k)                    the last row is beside the first one

Units are numbered as NumPy orders an array of that shape: along the last axis first.

Neighbours share an edge or, where corners count, at least a corner: 4 or 8 on a rect grid of two axes, 2n or 3^n - 1 on
n axes, 6 on hexagons either way.

References: Kohonen: Self-organizing maps, 3rd edition, 2001 (sections 3.1 and 3.13).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidParameter, problem

Units = NDArray[np.intp]


@dataclass(frozen=True)
class Grid:
    """A grid of units, rect or of hexagons, flat or closed to a torus.

    Attributes
    ----------
    shape : units along each axis, each >= 1.
    topology : "rect", or "hexagon" (one or two axes).
    toroidal : whether every axis is closed; rows of hexagons must then be even in number.

    Raises
    ------
    InvalidParameter : a hexagonal grid of three or more axes, or a torus of an odd number of rows of hexagons.

    Examples
    --------
    >>> grid = Grid((2, 3))
    >>> grid.squared_distances([0])
    array([[0., 1., 4., 1., 2., 5.]])
    >>> Grid((2, 3), "hexagon").squared_distances([0])
    array([[0., 1., 4., 1., 3., 7.]])
    >>> grid.neighbours(corners=False).tolist()
    [[0, 1], [0, 3], [1, 2], [1, 4], [2, 5], [3, 4], [4, 5]]
    """

    shape: tuple[int, ...]
    topology: str = "rect"
    toroidal: bool = False

    def __post_init__(self) -> None:
        if self.topology == "hexagon" and len(self.shape) > 2:
            got = f"shape {self.shape}"
            raise InvalidParameter(problem("a grid of hexagons", "one or two axes", got, "Set topology='rect'."))
        if self.is_hexagonal and self.toroidal and self.shape[0] % 2 and self.shape[0] > 1:
            remedy = f"Take {self.shape[0] - 1} or {self.shape[0] + 1}: every second row stands half a unit apart."
            expected = "an even number of rows"
            raise InvalidParameter(problem("a torus of hexagons", expected, f"shape {self.shape}", remedy))

    @property
    def n_units(self) -> int:
        """The number of units."""
        return math.prod(self.shape)

    @property
    def is_hexagonal(self) -> bool:
        """Whether rows are shifted: a single axis of hexagons is the same as one of squares."""
        return self.topology == "hexagon" and len(self.shape) == 2

    @property
    def steps(self) -> int:
        """Places along the last axis for each unit: 2 on hexagons, whose rows may stand half a unit apart."""
        return 2 if self.is_hexagonal else 1

    @property
    def scales(self) -> NDArray[np.float64]:
        """What a squared difference of places counts on each axis, (n_axes,)."""
        return np.array([0.75, 0.25]) if self.is_hexagonal else np.ones(len(self.shape))

    @property
    def periods(self) -> NDArray[np.int64]:
        """Places after which each axis begins again, (n_axes,); 0 where it does not."""
        sizes = np.array(self.shape, dtype=np.int64)
        sizes[-1] *= self.steps
        return sizes if self.toroidal else np.zeros_like(sizes)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Whole numbers that say where each unit stands, (n_units, n_axes); see `steps` for the last axis."""
        places = np.indices(self.shape).reshape(len(self.shape), -1).T.astype(np.int64)
        if self.is_hexagonal:
            places[:, 1] = 2 * places[:, 1] + places[:, 0] % 2
        return np.ascontiguousarray(places)

    @property
    def centres(self) -> NDArray[np.float64]:
        """Coordinates of the centres in units of the grid, (n_units, n_axes)."""
        return np.asarray(self.places * np.sqrt(self.scales), dtype=np.float64)

    @property
    def extents(self) -> NDArray[np.float64]:
        """The greatest distance along each axis, (n_axes,)."""
        lengths = np.array(self.shape) - 1 if not self.toroidal else np.array(self.shape) // 2
        return lengths * (np.array([math.sqrt(0.75), 1.0]) if self.is_hexagonal else 1.0)

    def squared_distances(self, units: object) -> NDArray[np.float64]:
        """Squared distances on the grid from some units to all, (len(units), n_units); exact.

        Parameters
        ----------
        units : numbers of units.
        """
        own = self.places[np.asarray(units)]
        squares = np.zeros((len(own), *self.shape))
        for axis, scale in enumerate(self.scales):
            places = self._places_along(axis)
            apart = self._shorter(own[:, axis].reshape(-1, *[1] * places.ndim) - places, axis)
            squares += scale * apart**2
        return squares.reshape(len(own), -1)

    @cached_property
    def codes(self) -> NDArray[np.int32]:
        """Squared distances of all pairs as whole numbers, (n_units, n_units): d^2 on a rect grid, else 4 d^2."""
        squares = self.squared_distances(np.arange(self.n_units))
        return (squares * self.steps**2).astype(np.int32)

    def are_neighbours(
        self, first: NDArray[np.intp], second: NDArray[np.intp], corners: bool = True
    ) -> NDArray[np.bool_]:
        """Whether the units of each pair are neighbours (or the same).

        Parameters
        ----------
        first, second : numbers of units, of the same shape.
        corners : whether units of a rect grid that share only a corner are neighbours.
        """
        apart = self._apart(self.places[first], self.places[second])
        if self.is_hexagonal or not corners:
            return np.asarray(apart**2 @ self.scales <= 1)
        return np.asarray(apart.max(axis=-1) <= 1)

    def neighbours(self, corners: bool = True) -> Units:
        """All pairs of neighbours, each once with the lower number first, sorted, (n_pairs, 2).

        Parameters
        ----------
        corners : whether units of a rect grid that share only a corner are neighbours.
        """
        index = np.indices(self.shape).reshape(len(self.shape), -1).T
        sizes, units = np.array(self.shape), np.arange(self.n_units)
        found = []
        for step in itertools.product((-1, 0, 1), repeat=len(sizes)):
            other = index + step
            if not self.toroidal:
                inside = ((other >= 0) & (other < sizes)).all(axis=1)
            else:
                inside, other = np.full(self.n_units, True), other % sizes
            pairs = np.column_stack([units[inside], np.ravel_multi_index(tuple(other[inside].T), self.shape)])
            found.append(pairs[self.are_neighbours(pairs[:, 0], pairs[:, 1], corners)])
        pairs = np.concatenate(found).astype(np.intp)
        return np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)

    def _apart(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
        """Differences of places along each axis, the shorter way round on a torus."""
        axes = [self._shorter((first - second)[..., axis], axis) for axis in range(len(self.shape))]
        return np.stack(axes, axis=-1)

    def _shorter(self, apart: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
        """The size of a difference of places along an axis, on a torus that of the shorter way."""
        apart = np.abs(apart)
        return np.minimum(apart, np.abs(self.periods[axis] - apart)) if self.toroidal else apart

    def _places_along(self, axis: int) -> NDArray[np.int64]:
        """The places along an axis, of the grid's number of axes: of length 1 on those that do not matter for them."""
        whole = self.places.reshape(*self.shape, -1)[..., axis]
        if self.is_hexagonal and axis == 1:
            return whole
        return whole[tuple(slice(None) if other == axis else slice(1) for other in range(whole.ndim))]
