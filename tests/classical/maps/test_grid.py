"""Grids: places, distances and neighbours against plain geometry."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.classical.maps.grid import Grid
from netwright.core.errors import InvalidParameter

GRIDS = [
    Grid(shape, topology, toroidal)
    for shape in [(1,), (5,), (2,), (3, 4), (4, 3), (1, 5), (2, 2), (4, 1), (2, 3, 4), (2, 2, 2, 2)]
    for topology in ("rect", "hexagon")
    for toroidal in (False, True)
    if topology == "rect" or (len(shape) <= 2 and not (toroidal and len(shape) == 2 and shape[0] == 3))
]
each = pytest.mark.parametrize("grid", GRIDS, ids=repr)


def centre(grid: Grid, unit: int) -> tuple[float, ...]:
    """The centre of a cell by geometry: unit squares, or hexagons whose centres are 1 apart."""
    index = np.unravel_index(unit, grid.shape)
    if grid.topology == "hexagon" and len(grid.shape) == 2:
        row, column = map(int, index)
        return row * math.sqrt(3) / 2, column + 0.5 * (row % 2)
    return tuple(map(float, index))


def distance(grid: Grid, first: int, second: int) -> float:
    """The least distance to any of the copies of a unit that a torus has."""
    size = [float(length) for length in grid.shape]
    if grid.topology == "hexagon" and len(grid.shape) == 2:
        size[0] *= math.sqrt(3) / 2
    a, b = centre(grid, first), centre(grid, second)
    turns = itertools.product((-1, 0, 1) if grid.toroidal else (0,), repeat=len(size))
    return min(math.dist(a, [y + k * s for y, k, s in zip(b, turn, size, strict=True)]) for turn in turns)


@each
def test_distances_are_those_of_the_centres(grid: Grid) -> None:
    units = range(grid.n_units)
    expected = [[distance(grid, first, second) ** 2 for second in units] for first in units]
    got = grid.squared_distances(list(units))
    np.testing.assert_allclose(got, expected, atol=1e-12)
    np.testing.assert_array_equal(grid.codes, got * grid.steps**2)
    np.testing.assert_allclose(grid.centres, [centre(grid, unit) for unit in units], rtol=1e-15)


@each
def test_distances_are_exact_and_symmetric(grid: Grid) -> None:
    got = grid.squared_distances(np.arange(grid.n_units))
    np.testing.assert_array_equal(got, got.T)
    np.testing.assert_array_equal(4 * got, np.round(4 * got))
    assert not got.diagonal().any()


@each
@pytest.mark.parametrize("corners", [False, True])
def test_neighbours_are_the_cells_that_touch(grid: Grid, corners: bool) -> None:
    hexagonal = grid.topology == "hexagon" and len(grid.shape) == 2
    limit = math.sqrt(len(grid.shape)) if corners and not hexagonal else 1.0
    expected = []
    for first, second in itertools.combinations(range(grid.n_units), 2):
        touch = distance(grid, first, second) <= limit + 1e-9
        if touch and corners and not hexagonal:  # sqrt(n) is a corner only where no axis is 2 apart
            ends = np.unravel_index([first, second], grid.shape)
            gaps = [abs(int(a) - int(b)) for a, b in ends]
            gaps = [min(g, s - g) if grid.toroidal else g for g, s in zip(gaps, grid.shape, strict=True)]
            touch = max(gaps) <= 1
        if touch:
            expected.append([first, second])
    pairs = grid.neighbours(corners)
    assert pairs.tolist() == expected
    if len(pairs):
        assert grid.are_neighbours(pairs[:, 0], pairs[:, 1], corners).all()


@pytest.mark.parametrize(
    ("grid", "corners", "count"),
    [
        (Grid((6, 6), "rect", True), True, 8),
        (Grid((6, 6), "rect", True), False, 4),
        (Grid((6, 7), "hexagon", True), True, 6),
        (Grid((6, 7), "hexagon", True), False, 6),
        (Grid((4, 5, 6), "rect", True), True, 26),
        (Grid((4, 5, 6), "rect", True), False, 6),
        (Grid((9,), "hexagon", True), True, 2),
    ],
)
def test_on_a_torus_all_units_have_as_many_neighbours(grid: Grid, corners: bool, count: int) -> None:
    assert np.all(np.bincount(grid.neighbours(corners).ravel(), minlength=grid.n_units) == count)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 4).map(lambda half: 2 * half),
    st.integers(1, 7),
    st.sampled_from(["rect", "hexagon"]),
    st.integers(0, 9),
)
def test_a_torus_looks_the_same_from_every_unit(rows: int, columns: int, topology: str, unit: int) -> None:
    grid = Grid((rows, columns), topology, True)
    found = np.sort(grid.squared_distances([0, unit % grid.n_units]), axis=1)
    np.testing.assert_array_equal(found[0], found[1])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.booleans())
def test_the_triangle_inequality_holds(shape: list[int], toroidal: bool) -> None:
    apart = np.sqrt(Grid(tuple(shape), "rect", toroidal).squared_distances(range(math.prod(shape))))
    assert (apart[:, :, None] <= apart[:, None, :] + apart[None] + 1e-9).all()


def test_extents_are_the_longest_ways() -> None:
    np.testing.assert_allclose(Grid((4, 6)).extents, [3, 5])
    np.testing.assert_allclose(Grid((4, 6), toroidal=True).extents, [2, 3])
    np.testing.assert_allclose(Grid((4, 6), "hexagon").extents, [3 * math.sqrt(0.75), 5])
    assert Grid((1,)).extents.tolist() == [0]


def test_grids_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"hexagons: expected one or two axes, got shape \(2, 2, 2\). Set topol"):
        Grid((2, 2, 2), "hexagon")
    with pytest.raises(
        InvalidParameter,
        match=r"a torus of hexagons: expected an even number of rows, got shape \(5, 4\). Take 4 or 6:",
    ):
        Grid((5, 4), "hexagon", True)
    assert Grid((1, 4), "hexagon", True).n_units == 4
