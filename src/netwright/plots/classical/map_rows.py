"""Rows on a self-organizing map: how many each unit wins, and of which classes.

References
----------
Vesanto, *SOM-based data visualization methods*, 1999.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.classical.maps.grid import Grid
from netwright.plots import canvas
from netwright.plots.classical import map_cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WRITTEN = 20  # most columns of a map whose cells are written in
SHORT = 2  # most letters of the classes that are written in
FULL = 0.94  # of a cell that the greatest count fills
PALE = 0.25  # opacity of a cell whose most frequent class has a share of nearly nothing


def hits(som: Any, X: Any, y: Any = None, ax: Axes | None = None) -> Axes:
    """How many rows each unit of a self-organizing map wins: the area of each mark is the count.

    With labels each mark is a pie of the classes of its rows.

    Parameters
    ----------
    som : a fitted map of one or two axes.
    X : rows, (n, n_features).
    y : labels, (n,), or None.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : something else than a map, or a map of three or more axes. InvalidData : another number of
        labels than rows.

    Examples
    --------
    >>> from netwright.classical import SOFM
    >>> from netwright.plots import hits
    >>> X = np.random.default_rng(0).normal(size=(90, 3))
    >>> hits(SOFM((4, 6), epochs=2).fit(X), X).get_title(loc="left")[:19]
    '90 rows on 24 units'

    References
    ----------
    Vesanto, *SOM-based data visualization methods*, 1999.
    """
    grid = map_cells.grid_of("hits", som)
    classes, counts = map_cells.counted("hits", som, X, np.zeros(len(som.predict(X))) if y is None else y)
    totals = counts.sum(axis=1)
    ax = canvas.axes_or_new("hits", ax, map_cells.size_of(grid, 0.8 + 0.6 * (y is not None)), "compressed")
    map_cells.ground(ax, grid)
    sizes = FULL * np.sqrt(totals / max(totals.max(), 1))
    if y is None:
        map_cells.fill(ax, grid, scale=sizes, facecolors=canvas.BLUE, edgecolors="none")
    else:
        colours = map_cells.class_colours(len(classes))
        _pies(ax, grid, counts, sizes, colours)
        map_cells.key(ax, classes, colours)
    map_cells.frame(ax, grid)
    if grid.n_units <= WRITTEN and y is None:
        _write(ax, grid, [str(total) if total else "" for total in totals], ["white"] * grid.n_units)
    empty = f", {int((totals == 0).sum()):,} of them empty" if not totals.all() else ""
    units = "1 unit" if grid.n_units == 1 else f"{grid.n_units:,} units"
    ax.set_title(f"{totals.sum():,} rows on {units}{empty}", loc="left", fontsize="medium")
    return ax


def class_map(som: Any, X: Any, y: Any, ax: Axes | None = None) -> Axes:
    """The class of most rows that each unit of a self-organizing map wins, the paler the more others it wins.

    Units that win no row are gray.

    Parameters
    ----------
    som : a fitted map of one or two axes.
    X : rows, (n, n_features).
    y : labels, (n,).
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : something else than a map, or a map of three or more axes. InvalidData : another number of
        labels than rows.

    Examples
    --------
    >>> from netwright.classical import SOFM
    >>> from netwright.plots import class_map
    >>> X = np.array([[0.0], [0.1], [1.0], [1.1]])
    >>> class_map(SOFM(2).fit(X), X, ["low", "low", "high", "high"]).get_title(loc="left")
    '100.0 % of 4 rows are of the class of their unit'

    References
    ----------
    Vesanto, *SOM-based data visualization methods*, 1999.
    """
    grid = map_cells.grid_of("class_map", som)
    classes, counts = map_cells.counted("class_map", som, X, y)
    totals, most = counts.sum(axis=1), counts.argmax(axis=1)
    ax = canvas.axes_or_new("class_map", ax, map_cells.size_of(grid, 1.4), "compressed")
    colours = map_cells.class_colours(len(classes))
    shares = counts.max(axis=1) / np.maximum(totals, 1)
    rgb = canvas.part("colors").to_rgb
    solid = np.array([rgb(colours[code]) for code in most])
    opacity = (PALE + (1 - PALE) * shares)[:, None]
    fills = np.where(totals[:, None] > 0, 1 - opacity * (1 - solid), rgb(map_cells.EMPTY))
    map_cells.ground(ax, grid, fills)
    names = [str(name) for name in classes.tolist()]
    if max(grid.shape) <= WRITTEN and max(map(len, names)) <= SHORT:
        texts = [names[code] if total else "" for code, total in zip(most, totals, strict=True)]
        _write(ax, grid, texts, ["white" if 0.3 * r + 0.59 * g + 0.11 * b < 0.55 else "black" for r, g, b in fills])
    map_cells.key(ax, classes, colours)
    map_cells.frame(ax, grid)
    right = f"{counts.max(axis=1).sum() / totals.sum():.1%}".replace("%", " %")
    title = f"{right} of {totals.sum():,} rows are of the class of their unit"
    ax.set_title(title, loc="left", fontsize="medium")
    return ax


def _pies(ax: Axes, grid: Grid, counts: np.ndarray, sizes: np.ndarray, colours: list[Any]) -> None:
    """A pie in each cell, clockwise from the top, the classes in their order."""
    wedge = canvas.part("patches").Wedge
    wedges, fills = [], []
    for centre, row, size in zip(map_cells.centres(grid), counts, sizes, strict=True):
        ends = -90 + 360 * np.concatenate([[0], np.cumsum(row)]) / max(row.sum(), 1)
        for code in np.flatnonzero(row):
            wedges.append(wedge(tuple(centre), 0.5 * float(size), ends[code], ends[code + 1]))
            fills.append(colours[code])
    collection = canvas.part("collections").PatchCollection(wedges, facecolors=fills, edgecolors="none")
    ax.add_collection(collection)


def _write(ax: Axes, grid: Grid, texts: list[str], colours: list[str]) -> None:
    """A text in the middle of each cell."""
    for (x, y), text, colour in zip(map_cells.centres(grid), texts, colours, strict=True):
        ax.text(x, y, text, ha="center", va="center", color=colour, fontsize=canvas.SMALL, parse_math=False)
