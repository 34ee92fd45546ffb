"""Pictures of self-organizing maps: what they show are the map's own numbers, at the places of its units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PatchCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from netwright.classical.maps.grid import Grid
from netwright.classical.maps.sofm import SOFM
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.plots.classical import map_cells
from netwright.plots.classical.map_grids import component_planes, distance_map
from netwright.plots.classical.map_rows import class_map, hits

X, y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]
SHAPES: list[dict[str, Any]] = [
    {"shape": 7},
    {"shape": (1, 1)},
    {"shape": (1, 5)},
    {"shape": (5, 1), "topology": "hexagon"},
    {"shape": (4, 6)},
    {"shape": (4, 6), "toroidal": True},
    {"shape": (4, 5), "topology": "hexagon"},
    {"shape": (4, 5), "topology": "hexagon", "toroidal": True},
    {"shape": 6, "toroidal": True},
    {"shape": (30, 40)},
]
each = pytest.mark.parametrize("options", SHAPES, ids=lambda options: "-".join(map(str, options.values())))


def fitted(**options: Any) -> SOFM:
    return SOFM(**{"shape": (4, 5), **options}, epochs=2, random_state=0).fit(X)


def middles(collection: PolyCollection) -> np.ndarray:
    return np.array([path.vertices[:-1].mean(axis=0) for path in collection.get_paths()])


def areas(collection: PolyCollection) -> np.ndarray:
    """Of polygons, by the shoelace formula."""
    found = []
    for path in collection.get_paths():
        a, b = path.vertices[:-1].T
        found.append(0.5 * abs(np.dot(a, np.roll(b, 1)) - np.dot(b, np.roll(a, 1))))
    return np.array(found)


@pytest.mark.slow
@each
def test_cells_stand_where_the_grid_has_its_units(options: dict[str, Any]) -> None:
    som = fitted(**options)
    cells = distance_map(som).collections[0]
    expected = map_cells.centres(Grid(som.shape_, som.topology, som.toroidal))
    np.testing.assert_allclose(middles(cells), expected, atol=1e-9)
    hexagonal = len(som.shape_) == 2 and som.topology == "hexagon"
    np.testing.assert_allclose(areas(cells), math.sqrt(0.75) if hexagonal else 1.0)


@pytest.mark.slow
@each
def test_every_plot_draws_every_grid(options: dict[str, Any]) -> None:
    som = fitted(**options)
    for ax in (distance_map(som), hits(som, X), hits(som, X, NAMES), class_map(som, X, y), *component_planes(som)):
        ax.get_figure(root=True).draw_without_rendering()
        assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first row is on top"
        assert ax.get_aspect() == 1


@pytest.mark.parametrize("topology", ["rect", "hexagon"])
@pytest.mark.parametrize("toroidal", [False, True])
def test_the_u_matrix_shows_means_and_single_distances(topology: str, toroidal: bool) -> None:
    som = fitted(shape=(4, 6), topology=topology, toroidal=toroidal)
    ax = distance_map(som)
    cells, ridges = ax.collections
    np.testing.assert_allclose(cells.get_array(), som.distance_map().ravel())
    grid = Grid((4, 6), topology, toroidal)
    apart = {
        frozenset(pair): float(np.linalg.norm(som.weights_[pair[0]] - som.weights_[pair[1]]))
        for pair in grid.neighbours(corners=False).tolist()
    }
    beside = map_cells.across(grid)
    shown = np.asarray(ridges.get_array())
    sides = [(unit, int(other)) for unit in range(24) for other in beside[unit] if other >= 0]
    assert {frozenset(pair) for pair in sides} == set(apart)
    assert len(sides) == 2 * len(apart)
    np.testing.assert_allclose(shown[: len(sides)], [apart[frozenset(pair)] for pair in sides])
    assert len(shown) == len(sides) + (15 if topology == "rect" else 0)
    assert cells.get_clim() == ridges.get_clim()
    assert cells.get_clim() == (
        pytest.approx(min(cells.get_array().min(), shown.min())),
        pytest.approx(shown.max()),
    )


@pytest.mark.parametrize("grid", [Grid((4, 6)), Grid((4, 6), "hexagon"), Grid((7,))], ids=repr)
def test_the_unit_beyond_a_side_is_the_one_whose_cell_has_it(grid: Grid) -> None:
    outlines, beside = map_cells.outlines(grid), map_cells.across(grid)
    for unit in range(grid.n_units):
        ends = (outlines[unit] + np.roll(outlines[unit], -1, axis=0)) / 2  # the middle of each side
        for side, middle in enumerate(ends):
            others = (outlines + np.roll(outlines, -1, axis=1)) / 2
            same = np.flatnonzero((np.abs(others - middle).max(axis=2) < 1e-9).any(axis=1))
            expected = [other for other in same if other != unit] or [-1]
            assert [beside[unit, side]] == expected


def test_on_a_torus_every_side_has_a_unit_beyond_it() -> None:
    for grid in (Grid((4, 6), "rect", True), Grid((4, 6), "hexagon", True)):
        beside = map_cells.across(grid)
        assert (beside >= 0).all()
        for unit in range(24):
            assert grid.are_neighbours(np.full(beside.shape[1], unit), beside[unit], corners=False).all()
    chain = map_cells.across(Grid((5,), toroidal=True))
    assert chain.tolist() == [[-1, (unit + 1) % 5, -1, (unit - 1) % 5] for unit in range(5)]


def test_the_area_of_a_mark_is_the_count() -> None:
    som = fitted(topology="hexagon")
    ax = hits(som, X)
    marks, counts = areas(ax.collections[1]), som.hits(X).ravel()
    np.testing.assert_allclose(marks / marks.max(), counts / counts.max(), atol=1e-12)
    assert sorted(text.get_text() for text in ax.texts if text.get_text()) == sorted(str(c) for c in counts if c)
    empty = int((counts == 0).sum())
    assert ax.get_title(loc="left") == f"150 rows on 20 units{f', {empty} of them empty' if empty else ''}"
    assert hits(fitted(shape=1), X).get_title(loc="left") == "150 rows on 1 unit"
    assert not hits(fitted(shape=(30, 40)), X).texts


def test_the_slices_of_a_pie_are_the_classes() -> None:
    som = fitted()
    ax = hits(som, X, NAMES)
    pies = next(item for item in ax.collections if isinstance(item, PatchCollection))
    colours = [to_rgba(colour) for colour in map_cells.class_colours(3)]
    winners = som.predict(X)
    expected = [(unit, code) for unit in range(20) for code in range(3) if ((winners == unit) & (y == code)).any()]
    assert [tuple(colour) for colour in pies.get_facecolor()] == [colours[code] for _, code in expected]
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["setosa", "versicolor", "virginica"]


def test_a_class_map_is_coloured_by_the_most_frequent_class() -> None:
    som = SOFM(4, init=[[0.0], [1.0], [2.0], [9.0]], radius=0.0, epochs=1).fit([[0.0], [1.0], [2.0]])
    rows, labels = [[0.0], [0.0], [1.0], [1.0], [1.0], [1.0], [2.0]], ["a", "a", "b", "b", "b", "a", "c"]
    ax = class_map(som, rows, labels)
    fills = ax.collections[0].get_facecolor()
    solid = [to_rgba(colour) for colour in map_cells.class_colours(3)]
    np.testing.assert_allclose(fills[0], solid[0])
    np.testing.assert_allclose(fills[2], solid[2])
    np.testing.assert_allclose(fills[3], to_rgba(map_cells.EMPTY))
    opacity = 0.25 + 0.75 * 0.75
    np.testing.assert_allclose(fills[1][:3], 1 - opacity * (1 - np.array(solid[1][:3])))
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c", ""]
    assert ax.get_title(loc="left") == "85.7 % of 7 rows are of the class of their unit"


def test_long_names_are_in_the_legend_only() -> None:
    ax = class_map(fitted(), X, NAMES)
    assert not ax.texts
    assert class_map(fitted(), X, y).texts


def test_many_classes_have_a_colour_each() -> None:
    for count in (1, 12, 13, 40):
        colours = {to_rgba(colour) for colour in map_cells.class_colours(count)}
        assert len(colours) == count
    ax = class_map(fitted(), X, np.arange(150) % 30)
    assert ax.get_legend() is not None
    ax.get_figure(root=True).draw_without_rendering()


def test_planes_are_the_weights() -> None:
    som = fitted(topology="hexagon")
    axes = component_planes(som, names=["a", "b", "$c", "d" * 40])
    for feature, ax in enumerate(axes):
        np.testing.assert_array_equal(ax.collections[0].get_array(), som.weights_[:, feature])
    assert [ax.get_title(loc="left") for ax in axes] == ["a", "b", "$c", "d" * 17 + "…"]
    assert [ax.get_title(loc="left") for ax in component_planes(som, features=[2, 0])] == ["2", "0"]
    figure = Figure()
    assert component_planes(som, figure=figure)[0].get_figure() is figure


def test_planes_have_the_names_of_the_columns() -> None:
    frame = pytest.importorskip("pandas").DataFrame(X, columns=["sl", "sw", "pl", "pw"])
    axes = component_planes(SOFM((3, 3), epochs=1).fit(frame))
    assert [ax.get_title(loc="left") for ax in axes] == ["sl", "sw", "pl", "pw"]


@pytest.mark.slow
def test_many_planes_share_a_figure() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 70))
    som = SOFM((3, 3), epochs=1).fit(rows)
    axes = component_planes(som, features=range(64))
    assert len(axes) == 64
    width, height = axes[0].get_figure(root=True).get_size_inches()
    assert 0.8 < width / height < 2
    with pytest.raises(
        InvalidParameter, match=r"component_planes\(features\): expected 1 to 64 features, got 70. Choose"
    ):
        component_planes(som)
    for features, text in (([], "got 0"), ([70], "numbers from 0 to 69, got 70"), ([0.5], "got 0.5")):
        with pytest.raises(InvalidParameter, match=text):
            component_planes(som, features=features)


@pytest.mark.parametrize(
    "draw",
    [distance_map, component_planes, lambda som: hits(som, X), lambda som: class_map(som, X, y)],
    ids=["distance_map", "component_planes", "hits", "class_map"],
)
def test_what_cannot_be_drawn_is_refused(draw: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"\(som\): expected a self-organizing map, got 5. Give a fitted SOFM."):
        draw(5)
    with pytest.raises(NotFittedError):
        draw(SOFM())
    with pytest.raises(
        InvalidParameter, match=r"\(som\): expected a map of one or two axes, got shape \(2, 2, 2\). Draw"
    ):
        draw(fitted(shape=(2, 2, 2)))


def test_labels_and_names_must_fit() -> None:
    som = fitted()
    for draw in (hits, class_map):
        with pytest.raises(
            InvalidData, match=rf"{draw.__name__}\(y\): expected a label a row, \(n,\), got shape \(9,\)"
        ):
            draw(som, X, y[:9])
    with pytest.raises(InvalidParameter, match=r"component_planes\(names\): expected 4 names, one a feature, got 2"):
        component_planes(som, names=["a", "b"])
