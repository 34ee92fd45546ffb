"""The weights of a self-organizing map on its grid: the U-matrix, and one plane for each feature.

References
----------
Ultsch, Siemon, *Kohonen's self-organizing feature maps for exploratory data analysis*, 1990.
Vesanto, *SOM-based data visualization methods*, 1999.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.classical.maps.grid import Grid
from netwright.classical.maps.winners import gaps
from netwright.core.errors import InvalidParameter, problem, shown
from netwright.plots import canvas
from netwright.plots.classical import map_cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INNER = 0.5  # width of the middle of a cell of the U-matrix, as a share of the cell's
PLANES = 64  # most planes of one figure
LABELLED = 16  # most planes that have a colour bar each


def distance_map(som: Any, ax: Axes | None = None) -> Axes:
    """The U-matrix of a self-organizing map: light areas are clusters, dark ridges what lies between them.

    The middle of each cell shows the mean distance of its weights from those of its neighbours, what lies between two
    cells their own distance, and a crossing of four squares the mean of its diagonals.

    Parameters
    ----------
    som : a fitted map of one or two axes.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : something else than a map, or a map of three or more axes.

    Examples
    --------
    >>> from netwright.classical import SOFM
    >>> from netwright.plots import distance_map
    >>> som = SOFM((4, 6), epochs=2).fit(np.random.default_rng(0).normal(size=(90, 3)))
    >>> ax = distance_map(som)
    >>> bool(np.allclose(ax.collections[0].get_array(), som.distance_map().ravel()))
    True

    References
    ----------
    Ultsch, Siemon, *Kohonen's self-organizing feature maps for exploratory data analysis*, 1990.
    """
    grid = map_cells.grid_of("distance_map", som)
    ax = canvas.axes_or_new("distance_map", ax, map_cells.size_of(grid), "compressed")
    means = som.distance_map().ravel()
    strips, apart = _ridges(grid, som)
    low, high = min(means.min(), apart.min(initial=np.inf)), max(means.max(), apart.max(initial=0.0))
    colours = canvas.part("colors")
    style = {
        "cmap": colours.LinearSegmentedColormap.from_list("distances", map_cells.LIGHT),
        "norm": colours.Normalize(low, high if high > low else low + 1.0),
        "edgecolors": "face",
        "linewidths": 0.3,
    }
    cells = map_cells.fill(ax, grid, array=means, **style)
    ax.add_collection(canvas.part("collections").PolyCollection(strips, array=apart, **style))
    map_cells.frame(ax, grid, cut=0.0 if grid.toroidal or grid.is_hexagonal else (1 - INNER) / 2)
    canvas.colour_bar(ax, cells, "distance of weights" if len(grid.shape) == 2 else "distance")
    ax.set_title("U-matrix", loc="left", fontsize="medium")
    return ax


def component_planes(som: Any, names: Any = None, features: Any = None, figure: Any = None) -> np.ndarray:
    """One map for each feature, coloured by the units' weights: features that go together have planes that look alike.

    Every plane has a scale of its own, from its least weight to its greatest.

    Parameters
    ----------
    som : a fitted map of one or two axes.
    names : of the features, (n_features,); None for the columns' names, or numbers.
    features : which ones, by number; None for all, of which there may be 64.
    figure : an empty Figure or SubFigure, or None for a new one.

    Returns
    -------
    the array of the Axes.

    Raises
    ------
    InvalidParameter : something else than a map, a map of three or more axes, names that are too few or too many, no
        feature or more than 64 of them.

    Examples
    --------
    >>> from netwright.classical import SOFM
    >>> from netwright.plots import component_planes
    >>> som = SOFM((4, 6), epochs=2).fit(np.random.default_rng(0).normal(size=(90, 3)))
    >>> [ax.get_title(loc="left") for ax in component_planes(som, names=["a", "b", "c"])]
    ['a', 'b', 'c']

    References
    ----------
    Vesanto, *SOM-based data visualization methods*, 1999.
    """
    grid = map_cells.grid_of("component_planes", som)
    titles = _names(som, names)
    chosen = _features(som, features)
    labelled = len(chosen) <= LABELLED
    panel = _panel(grid, labelled)
    figure = canvas.figure_or_new("component_planes", figure, _size(len(chosen), panel))
    columns = _columns(len(chosen), panel, (figure.bbox.width, figure.bbox.height))
    grid_of_axes = canvas.panels(figure, -(-len(chosen) // columns), columns)
    for ax in grid_of_axes[len(chosen) :]:
        ax.set_axis_off()
    for ax, feature in zip(grid_of_axes, chosen, strict=False):
        cells = map_cells.fill(
            ax, grid, array=som.weights_[:, feature], cmap="viridis", edgecolors="face", linewidths=0.2
        )
        map_cells.frame(ax, grid, named=False)
        ax.set_title(canvas.shortened(titles[feature]), loc="left", fontsize=canvas.SMALL, parse_math=False)
        if labelled:
            _bar(ax, cells)
    return grid_of_axes[: len(chosen)]


def _ridges(grid: Grid, som: Any) -> tuple[np.ndarray, np.ndarray]:
    """A strip along each side of a cell that has a neighbour there, and its distance; on squares also the crossings."""
    beside = map_cells.across(grid)
    units, sides = np.nonzero(beside >= 0)
    inner, outer = map_cells.outlines(grid, INNER), map_cells.outlines(grid)
    first, second = inner[units, sides], inner[units, (sides + 1) % inner.shape[1]]
    if grid.is_hexagonal:
        ends = outer[units, (sides + 1) % inner.shape[1]], outer[units, sides]
    else:
        step = 0.5 * (1 - INNER) * np.array(map_cells.SQUARE_STEPS)[sides][:, ::-1]
        ends = second + step, first + step
    strips = np.stack([first, second, *ends], axis=1)
    apart = gaps(som.weights_[units], som.weights_, beside[units, sides], som.metric)
    if len(grid.shape) == 1:
        strips[..., 1] /= INNER  # as high as the cell
    if grid.is_hexagonal or len(grid.shape) == 1:
        return strips, apart
    numbers = np.arange(grid.n_units).reshape(grid.shape)
    corners = [numbers[:-1, :-1], numbers[1:, 1:], numbers[:-1, 1:], numbers[1:, :-1]]
    upper, lower, right, left = (corner.ravel() for corner in corners)
    falling = gaps(som.weights_[upper], som.weights_, lower, som.metric)
    rising = gaps(som.weights_[right], som.weights_, left, som.metric)
    squares = map_cells.outlines(grid, 1 - INNER)[upper] + 0.5
    return np.concatenate([strips, squares]), np.concatenate([apart, (falling + rising) / 2])


def _bar(ax: Axes, cells: Any) -> None:
    """A colour bar as high as the map, with few figures."""
    bar = ax.figure.colorbar(cells, cax=ax.inset_axes((1.03, 0.0, 0.045, 1.0)))
    bar.outline.set_visible(False)  # type: ignore[operator]
    low, high = cells.get_clim()
    bar.set_ticks([tick for tick in canvas.part("ticker").MaxNLocator(3).tick_values(low, high) if low <= tick <= high])
    bar.ax.tick_params(labelsize="x-small", length=2)


def _names(som: Any, names: Any) -> list[Any]:
    """A title for each feature."""
    width = som.weights_.shape[1]
    if names is None:
        names = getattr(som, "feature_names_in_", range(width))
    titles = list(names)
    if len(titles) != width:
        expected, got = f"{width} names, one a feature", f"{len(titles)}"
        raise InvalidParameter(problem("component_planes(names)", expected, got, "Name all columns of X."))
    return titles


def _features(som: Any, features: Any) -> list[int]:
    """The numbers of the features to be drawn."""
    width = som.weights_.shape[1]
    chosen = list(range(width)) if features is None else np.atleast_1d(np.asarray(features)).tolist()
    if not 0 < len(chosen) <= PLANES:
        remedy = "Choose some: features=range(16)."
        raise InvalidParameter(
            problem("component_planes(features)", f"1 to {PLANES} features", f"{len(chosen)}", remedy)
        )
    strange = [number for number in chosen if type(number) is not int or not 0 <= number < width]
    if strange:
        expected = f"numbers from 0 to {width - 1}"
        raise InvalidParameter(problem("component_planes(features)", expected, shown(strange[0])))
    return chosen


def _panel(grid: Grid, labelled: bool) -> tuple[float, float]:
    """Width and height of one plane with its title, and its colour bar where it has one, in inches."""
    wide, high = np.ptp(map_cells.outlines(grid).reshape(-1, 2), axis=0) + 0.1
    side = (2.0 if labelled else 1.0) / min(max(wide, high), 3 * min(wide, high))
    return float(wide * side + (0.75 if labelled else 0.1)), float(high * side + 0.3)


def _size(count: int, panel: tuple[float, float]) -> tuple[float, float]:
    """Inches of a new figure, about 1.4 times as wide as high."""
    columns = _columns(count, panel, (1.4, 1.0))
    return max(columns * panel[0], 2.0), max(-(-count // columns) * panel[1] + 0.1, 1.2)


def _columns(count: int, panel: tuple[float, float], size: tuple[float, float]) -> int:
    """The number of columns with which panels of that form are greatest in a figure of that form."""

    def scale(columns: int) -> float:
        return min(size[0] / (columns * panel[0]), size[1] / (-(-count // columns) * panel[1]))

    return max(range(1, count + 1), key=scale)
