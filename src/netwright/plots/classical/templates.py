"""Templates: what each unit of a classical network has learned, as a mosaic; and a matrix of associations.

Numbers that are all positive are drawn from black (0) to white (the greatest), like the images that they often are;
where some are negative, from blue by white (0) to vermillion, on a scale that is symmetric round 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import check, integer, nothing, tuple_of
from netwright.plots import canvas
from netwright.plots.mosaic import columns_for, mosaic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEARNED = {"templates_": "template", "prototypes_": "prototype", "weights_": "unit", "components_": "component"}
TILES = 1024  # most images in one picture
PANELS = 60  # most groups of bars
WRITTEN = 120  # most weights that are written into their places
NAMED = 40  # most names along an axis
BETWEEN, BETWEEN_DARK = "#c4c4c4", "#6f8fae"  # between images: none of the colours that they have


def templates(network: Any, shape: tuple[int, ...] | None = None, ax: Axes | None = None) -> Axes:
    """The templates, prototypes, weights or components of a network: an image for each unit, or a group of bars.

    A template in complement coding, which is a box, is drawn as the middle of its box.

    Parameters
    ----------
    network : a fitted network with ``templates_``, ``prototypes_``, ``weights_`` or ``components_``.
    shape : of the images that the rows of X are, (height, width); None for bars, one a feature.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : no such network, or a shape that is not that of its rows. NotFittedError : one not fitted.

    Examples
    --------
    >>> from netwright.classical import ART1
    >>> from netwright.plots import templates
    >>> art = ART1(0.5).fit([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0]])
    >>> ax = templates(art, shape=(2, 2))
    >>> ax.images[0].get_array().shape, ax.get_title(loc="left")
    ((2, 5), 'ART1: 2 templates of 2 x 2')
    """
    check("templates(shape)", shape, tuple_of(integer(1), least=2) | nothing)
    weights, kind = _learned("templates", network)
    name, features = type(network).__name__, weights.shape[1]
    if shape is None:
        return _bars(ax, weights, f"{name}: {_counted(len(weights), kind)} on {_counted(features, 'feature')}")
    if len(shape) != 2 or math.prod(shape) != features:
        remedy = "Give (height, width), or None for bars."
        expected = f"the shape of an image with {features} numbers"
        raise InvalidParameter(problem("templates(shape)", expected, shown(shape), remedy))
    size = " x ".join(map(str, shape))
    return _images(ax, weights.reshape(-1, *shape), f"{name}: {_counted(len(weights), kind)} of {size}")


def association(network: Any, ax: Axes | None = None) -> Axes:
    """The weights of a network as a matrix: a row a unit, a column an input, on one scale that is symmetric round 0.

    A line divides inputs whose weights are fixed from those that learned.

    Parameters
    ----------
    network : a fitted network with ``weights_``, such as `Hebb`, `Instar` or `Outstar`.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : a network without weights. NotFittedError : one that was not fitted.

    Examples
    --------
    >>> from netwright.classical import Hebb
    >>> from netwright.plots import association
    >>> ax = association(Hebb().fit([[1, 0], [0, 1]], [[1, -1], [0, 1]]))
    >>> [text.get_text() for text in ax.texts]
    ['0.1', '0', '-0.1', '0.1']
    """
    weights, _ = _learned("association", network, ("weights_",))
    units, features = weights.shape
    cell = min(0.6, 9.0 / features, 6.0 / units)
    size = (max(3.6, features * cell + 1.6), max(1.8, units * cell + 0.9))
    ax = canvas.axes_or_new("association", ax, size, "compressed")
    bound = _bound(weights)
    drawn = ax.imshow(weights, cmap=canvas.signed_colours(BETWEEN), vmin=-bound, vmax=bound, interpolation="nearest")
    canvas.colour_bar(ax, drawn, "weight")
    names = [canvas.shortened(name) for name in getattr(network, "feature_names_in_", [])]
    _number_line(ax, "x", features, names)
    _number_line(ax, "y", units, [])
    ax.set_xlabel("input" if not names else "")
    ax.set_ylabel("unit")
    canvas.bare(ax)
    fixed = getattr(network, "n_unconditioned", 0)
    if fixed:
        ax.axvline(fixed - 0.5, color=canvas.GRAY, linewidth=2.0)
    if weights.size <= WRITTEN:
        for (row, column), weight in np.ndenumerate(weights):
            colour = "white" if abs(weight) > 0.6 * bound else "black"
            text = canvas.nice(round(float(weight), 12) + 0.0)
            ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=canvas.SMALL)
    what = f"{_counted(units, 'unit')} on {_counted(features, 'input')}"
    ax.set_title(f"{type(network).__name__}: weights of {what}", loc="left", fontsize="medium")
    return ax


def _learned(where: str, network: Any, names: tuple[str, ...] = tuple(LEARNED)) -> tuple[np.ndarray, str]:
    """The rows that a network has learned, (n_units, n_features), and what one of them is, in a word."""
    if hasattr(network, "get_params"):
        check_is_fitted(network)
    found = [name for name in names if np.asarray(getattr(network, name, None)).ndim == 2]
    if not found:
        expected = f"a fitted network with {' or '.join(names)}"
        raise InvalidParameter(problem(f"{where}(network)", expected, shown(network)))
    learned, features = np.asarray(getattr(network, found[0]), dtype=np.float64), getattr(network, "n_features_in_", 0)
    if found[0] == "templates_" and learned.shape[1] == 2 * features:
        learned = (learned[:, :features] + 1.0 - learned[:, features:]) / 2
    return learned, LEARNED[found[0]]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _images(ax: Axes | None, images: np.ndarray, what: str) -> Axes:
    """Images (n, height, width) side by side."""
    if len(images) > TILES:
        images, what = images[:TILES], f"{what}, the first {TILES}"
    n, height, width = images.shape
    columns = columns_for(n, height, width, 1.6)
    picture = mosaic(images, columns)
    pixel = min(0.2, 8.0 / picture.shape[1], 7.5 / picture.shape[0])
    size = (max(3.6, picture.shape[1] * pixel + 1.4), max(1.8, picture.shape[0] * pixel + 0.6))
    ax = canvas.axes_or_new("templates", ax, size, "compressed")
    bound, signed = _bound(images), bool((images < 0).any())
    ink = canvas.part("colors").LinearSegmentedColormap.from_list("ink", ("#000000", "#ffffff"))
    colours = canvas.signed_colours(BETWEEN) if signed else ink.with_extremes(bad=BETWEEN_DARK)
    low = -bound if signed else 0.0
    drawn = ax.imshow(picture, cmap=colours, vmin=low, vmax=bound, interpolation="nearest")
    canvas.colour_bar(ax, drawn, "weight")
    _number_tiles(ax, n, columns, (height + 1, width + 1), ((height - 1) / 2, (width - 1) / 2))
    ax.set_title(what, loc="left", fontsize="medium")
    return ax


def _bars(ax: Axes | None, weights: np.ndarray, what: str) -> Axes:
    """A group of bars for each unit, all on one scale, in rows of groups."""
    if len(weights) > PANELS:
        weights, what = weights[:PANELS], f"{what}, the first {PANELS}"
    n, features = weights.shape
    columns = columns_for(n, 1.0, max(1.0, features / 8), 1.6)
    rows = math.ceil(n / columns)
    size = (max(4.2, min(9.0, columns * (0.08 * features + 0.5)) + 0.6), max(2.2, min(7.5, 0.7 * rows) + 0.9))
    ax = canvas.axes_or_new("templates", ax, size)
    bound, signed = _bound(weights), bool((weights < 0).any())
    heights = weights / bound * (0.42 if signed else 0.84)
    step = features + 1.0 + 0.06 * features
    left = np.arange(n) % columns * step
    base = -(np.arange(n) // columns) - (0.0 if signed else 0.42)
    places = (left[:, None] + np.arange(features)).ravel()
    colours = np.where(heights.ravel() < 0, canvas.BLUE, canvas.VERMILLION)
    ax.bar(places, heights.ravel(), 0.8, bottom=np.repeat(base, features), color=colours.tolist())
    ax.hlines(base, left - 0.6, left + features - 0.4, color=canvas.GRAY, linewidth=0.6)
    ax.set_xlim(-1.0, columns * step - 0.4)
    ax.set_ylim(-rows + 0.4, 0.5)
    _number_tiles(ax, n, columns, (-1.0, step), (0.0, (features - 1) / 2))
    ax.set_xlabel(f"features; the longest bar is {canvas.nice(bound)}", fontsize=canvas.SMALL)
    ax.set_title(what, loc="left", fontsize="medium")
    return ax


def _bound(weights: np.ndarray) -> float:
    """The largest size of a weight, of those that are finite; 1 where all are 0."""
    return float(np.abs(weights[np.isfinite(weights)]).max(initial=0.0)) or 1.0


def _number_tiles(ax: Axes, n: int, columns: int, step: tuple[float, float], first: tuple[float, float]) -> None:
    """At each row the number of its first unit, at each column what to add to it."""
    down, across = _thin(math.ceil(n / columns), 16), _thin(columns, 16)
    canvas.plain(
        ax, "y", [str(i * columns) for i in down], [first[0] + i * step[0] for i in down], fontsize=canvas.SMALL
    )
    canvas.plain(ax, "x", [f"+{i}" for i in across], [first[1] + i * step[1] for i in across], fontsize=canvas.SMALL)
    ax.set_ylabel("number of the unit")
    canvas.bare(ax)


def _number_line(ax: Axes, axis: str, count: int, names: list[str]) -> None:
    """Numbers, or names, along one side of a matrix."""
    at = _thin(count, NAMED if names else 16)
    turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if names else {}
    canvas.plain(ax, axis, [names[i] if names else str(i) for i in at], list(at), fontsize=canvas.SMALL, **turned)


def _thin(count: int, most: int) -> range:
    """At most so many of a number of rows or columns, evenly spaced."""
    return range(0, count, -(-count // most))
