"""The cells of a map of units: squares, or hexagons whose centres are 1 apart; the first row is on top.

What all plots of self-organizing maps share: which maps can be drawn, where their cells are, and axes that count rows
and columns. Units of a map of one axis stand in one row. A torus is cut open along its first row and column.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from netwright.classical.maps.grid import Grid
from netwright.classical.maps.trained_map import TrainedMap
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL, LEAST, GREATEST, TITLE = 0.42, 2.2, 8.0, 4.6  # inches: a cell, least and greatest side of a map, a title
LIGHT = ("#eef5fb", "#c3dcee", "#72aed8", canvas.BLUE, "#003152")  # nearly white to blue to nearly black
MANY = 25  # most units along an axis that are set apart by full lines
EMPTY = "#f2f2f2"
SQUARE_STEPS = [[-1, 0], [0, 1], [1, 0], [0, -1]]
CLASSES = (  # Okabe and Ito's colours, the strong ones first, and four more
    *(canvas.BLUE, canvas.ORANGE, canvas.GREEN, canvas.VERMILLION, "#CC79A7", "#56B4E9", "#F0E442", "#8C564B"),
    *("#332288", "#999933", "#882255", "#A0A0A0"),
)


def grid_of(where: str, som: Any) -> Grid:
    """The grid of a fitted map of one or two axes.

    Raises
    ------
    InvalidParameter : something else than a map, or a map of three or more axes.
    """
    if not isinstance(som, TrainedMap):
        remedy = "Give a fitted SOFM."
        raise InvalidParameter(problem(f"{where}(som)", "a self-organizing map", shown(som), remedy))
    check_is_fitted(som)
    if len(som.shape_) > 2:
        remedy = "Draw a slice of som.on_grid(...) yourself."
        raise InvalidParameter(problem(f"{where}(som)", "a map of one or two axes", f"shape {som.shape_}", remedy))
    return Grid(som.shape_, som.topology, som.toroidal)


def centres(grid: Grid) -> np.ndarray:
    """The centre of each cell, (n_units, 2), x to the right and y down."""
    places = grid.centres[:, ::-1]
    return places if places.shape[1] == 2 else np.column_stack([places[:, 0], np.zeros(len(places))])


def outlines(grid: Grid, scale: Any = 1.0) -> np.ndarray:
    """The corners of each cell, (n_units, 4 or 6, 2), about its centre as large as `scale` says, one or one a cell."""
    if grid.is_hexagonal:
        angles = np.deg2rad(np.arange(30, 390, 60))
        corners = np.column_stack([np.cos(angles), np.sin(angles)]) / math.sqrt(3)
    else:
        corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    sizes = np.broadcast_to(np.asarray(scale, dtype=float), (grid.n_units,))
    found: np.ndarray = centres(grid)[:, None] + sizes[:, None, None] * corners
    return found


def across(grid: Grid) -> np.ndarray:
    """The unit beyond each side of each cell, the sides in the order of the corners, (n_units, 4 or 6); -1: none."""
    steps = np.array([[1, 1], [1, -1], [0, -2], [-1, -1], [-1, 1], [0, 2]] if grid.is_hexagonal else SQUARE_STEPS)
    rows, width = (1, *grid.shape)[-2], grid.shape[-1] * grid.steps
    places = np.column_stack([np.zeros(grid.n_units, dtype=int), grid.places])[:, -2:]
    table = np.full((rows, width), -1)
    table[places[:, 0], places[:, 1]] = np.arange(grid.n_units)
    beside = places[:, None] + steps
    wrapped = beside % (rows, width)
    inside = (wrapped == beside).all(axis=2)
    if grid.toroidal:
        inside |= (beside[..., 0] == places[:, :1]) | (len(grid.shape) == 2)
    return np.where(inside, table[wrapped[..., 0], wrapped[..., 1]], -1)


def size_of(grid: Grid, more: float = 1.2) -> tuple[float, float]:
    """Inches of a new figure for a map, `more` of them beside it."""
    wide, high = np.ptp(outlines(grid).reshape(-1, 2), axis=0) * CELL
    factor = min(max(1.0, LEAST / min(wide, high)), GREATEST / max(wide, high))
    return max(float(wide * factor + more), TITLE), float(max(high * factor, 0.8) + 0.7)


def fill(ax: Axes, grid: Grid, *, scale: Any = 1.0, **options: Any) -> Any:
    """Draw the cells as one collection; options as of ``PolyCollection``."""
    cells = canvas.part("collections").PolyCollection(outlines(grid, scale), **options)
    ax.add_collection(cells)
    return cells


def ground(ax: Axes, grid: Grid, colours: Any = EMPTY) -> None:
    """Draw the cells with white lines between them, finer ones where there are many."""
    fill(ax, grid, facecolors=colours, edgecolors="white", linewidths=1.0 if max(grid.shape) <= MANY else 0.3)


def frame(ax: Axes, grid: Grid, named: bool = True, cut: float = -0.05) -> None:
    """Limits round the cells, of which so much is cut off, and rows and columns counted at the margins."""
    low, high = outlines(grid).reshape(-1, 2).min(axis=0), outlines(grid).reshape(-1, 2).max(axis=0)
    ax.set_xlim(low[0] + cut, high[0] - cut)
    down = cut if len(grid.shape) == 2 and grid.shape[0] > 1 else min(cut, 0.0)
    ax.set_ylim(high[1] - down, low[1] + down)
    ax.set_aspect("equal")
    canvas.bare(ax)
    rows, columns = (1, *grid.shape)[-2:]
    if not named:
        ax.set_xticks([])
        ax.set_yticks([])
        return
    _count(ax.xaxis, columns, 1.0)
    _count(ax.yaxis, rows, math.sqrt(0.75) if grid.is_hexagonal else 1.0)
    ax.set_xlabel("column" if len(grid.shape) == 2 else "unit", fontsize=canvas.SMALL)
    if len(grid.shape) == 2:
        ax.set_ylabel("row", fontsize=canvas.SMALL)
    else:
        ax.set_yticks([])


def _count(axis: Any, number: int, step: float) -> None:
    """Ticks at 0, 1, 2... or at every 2nd, 5th, 10th... where there are many."""
    every = next(size for size in (1, 2, 5, 10, 20, 50, 100, number) if number <= 10 * size or size == number)
    ticks = range(0, number, every)
    axis.set_ticks([tick * step for tick in ticks], [str(tick) for tick in ticks])
    axis.set_tick_params(labelsize=canvas.SMALL, labelcolor=canvas.GRAY, pad=1)


def class_colours(count: int) -> list[Any]:
    """A colour for each class; of more classes than there are colours, round the circle of hues."""
    if count <= len(CLASSES):
        return list(CLASSES[:count])
    hues = np.arange(count) / count
    brightness = np.where(np.arange(count) % 2, 0.65, 0.95)
    return list(canvas.part("colors").hsv_to_rgb(np.column_stack([hues, np.full(count, 0.75), brightness])))


def counted(where: str, som: Any, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """The classes, sorted, and the rows of each that each unit wins, (n_units, n_classes).

    Raises
    ------
    InvalidData : another number of labels than rows.
    """
    units, labels = som.predict(X), np.asarray(y)
    if labels.shape != units.shape:
        got = f"shape {labels.shape} for {len(units)} rows"
        raise InvalidData(problem(f"{where}(y)", "a label a row, (n,)", got, "Give one a row."))
    classes, codes = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(som.weights_), len(classes)), dtype=np.intp)
    np.add.at(counts, (units, codes), 1)
    return classes, counts


def key(ax: Axes, classes: np.ndarray, colours: list[Any], title: str = "class") -> None:
    """A legend of the classes beside the map."""
    patches = canvas.part("patches")
    handles = [patches.Patch(facecolor=colour) for colour in colours]
    labels = [canvas.shortened(name) for name in classes.tolist()]
    legend = ax.legend(
        handles,
        labels,
        title=title,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
        fontsize=canvas.SMALL,
        title_fontsize=canvas.SMALL,
        handlelength=1.0,
        handleheight=1.0,
        ncols=1 if len(labels) <= 14 else 2,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
