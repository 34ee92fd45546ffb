"""Prototypes of learning vector quantization: the regions that they cut out, and what a learned distance looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from netwright.classical.lvq.classifier import PrototypeClassifier
from netwright.classical.lvq.gmlvq import GMLVQ
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.plots import canvas
from netwright.plots.classical.map_cells import class_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELLS = 240  # of the picture of the regions, along each side
ROOM = 0.06  # of the width of the data that is left around them
NAMED = 40  # most features whose names are written
MANY_WRONG = 150  # rows on the wrong side, from which on their crosses are small
FLAT = 4.0  # times as wide as high, or as high as wide: up to it both axes have one scale
SHARE = 0.85  # of the longer side that the shorter one has at least then


def prototypes(network: PrototypeClassifier, X: Any, y: Any, ax: Axes | None = None) -> Axes:
    """Rows (dots), prototypes (diamonds) and the regions that they cut out, in the colours of the classes.

    Rows in the region of another class have a dark cross. A `GMLVQ` of rank 2 on more features than two is drawn in
    the plane that it learned, where the regions are exact, too.

    Parameters
    ----------
    network : a fitted network of two features, or a `GMLVQ` of rank 2.
    X : rows (n, n_features).
    y : their labels (n,).
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : something else than a network with prototypes; one whose regions do not lie in a plane.
    InvalidData : another number of labels than rows, or labels that the network does not know.

    Examples
    --------
    >>> from netwright.classical import LVQ1
    >>> from netwright.plots import prototypes
    >>> X, y = [[0.0, 0.0], [0.2, 0.1], [1.0, 0.9], [1.2, 1.0]], ["low", "low", "high", "high"]
    >>> ax = prototypes(LVQ1(random_state=0).fit(X, y), X, y)
    >>> ax.get_title(loc="left")
    'LVQ1, 2 prototypes: 100% of 4 rows on their own side'
    """
    plane = _plane(network, X)
    labels = _labels(network, plane.rows, y)
    ax = canvas.axes_or_new("prototypes", ax, (6.6, 5.0), layout="compressed")
    colours = class_colours(len(network.classes_))
    _regions(ax, network, plane, colours)
    wrong = network.predict(X) != labels
    for name, colour in zip(network.classes_, colours, strict=True):
        own, mine = plane.rows[labels == name], plane.places[network.labels_ == name]
        text = f"_{name}" if str(name).startswith("_") else canvas.shortened(name)
        ax.plot(own[:, 0], own[:, 1], ".", color=colour, markersize=4.5, alpha=0.8, label=text, zorder=3)
        edge: dict[str, Any] = {"markeredgecolor": "black", "markeredgewidth": 1.1}
        ax.plot(mine[:, 0], mine[:, 1], "D", color=colour, markersize=8, zorder=5, **edge)
    size = 4.5 if wrong.sum() < MANY_WRONG else 3.2
    ax.plot(*plane.rows[wrong].T, "x", color="#222222", markersize=size, markeredgewidth=0.2 * size, zorder=4)
    ax.set_xlabel(plane.names[0], parse_math=False)
    ax.set_ylabel(plane.names[1], parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    count, share = len(network.labels_), 100 * (1 - wrong.mean())
    title = f"{type(network).__name__}, {count} prototypes: {share:.3g}% of {len(labels)} rows on their own side"
    ax.set_title(title, loc="left", fontsize="medium")
    _legend(ax)
    return ax


def relevances(network: GMLVQ, names: Sequence[str] | None = None, figure: Any = None) -> np.ndarray:
    """How much each feature counts in a learned distance, and how pairs of them count together.

    On the left the diagonal of Lambda, which has the sum 1; on the right all of Lambda: a positive entry (vermillion)
    says that differences of the two features in one direction count together, a negative one (blue) that they cancel.

    Parameters
    ----------
    network : a fitted `GMLVQ`.
    names : of the features, (n_features,); None for those that X had, or their numbers.
    figure : an empty Figure or SubFigure, or None for a new one.

    Returns
    -------
    the two Axes.

    Raises
    ------
    InvalidParameter : something else than a GMLVQ; another number of names than features.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from netwright.classical import GMLVQ
    >>> from netwright.plots import relevances
    >>> X, y = load_iris(return_X_y=True)
    >>> bars, matrix = relevances(GMLVQ(random_state=0).fit(X, y), ["sepal l.", "sepal w.", "petal l.", "petal w."])
    >>> len(bars.patches), len(matrix.images)
    (4, 1)

    References
    ----------
    Schneider, Biehl, Hammer, *Adaptive relevance matrices in learning vector quantization*, 2009.
    """
    if not isinstance(network, GMLVQ):
        raise InvalidParameter(problem("relevances(network)", "a GMLVQ", shown(network), "Only it learns a distance."))
    check_is_fitted(network)
    texts = _feature_names(network, names)
    width = network.n_features_in_
    height = min(max(2.6, 0.24 * width + 1.2), 7.0) if width <= NAMED else 5.2
    figure = canvas.figure_or_new("relevances", figure, (1.55 * height + 2.4, height))
    bars, grid = canvas.panels(figure, 1, 2, width_ratios=(1.0, 1.6), sharey=True)
    bars.barh(np.arange(width), network.relevances_, color=canvas.BLUE, height=0.8 if width <= NAMED else 1.0)
    bars.set_xlabel("relevance, sum 1")
    bars.set_title("Features", loc="left", fontsize="medium")
    canvas.tidy(bars, "x")
    matrix = network.relevance_matrix_
    limit = float(np.abs(matrix).max())
    look = {"cmap": canvas.signed_colours(canvas.GRAY), "vmin": -limit, "vmax": limit, "aspect": "auto"}
    image = grid.imshow(matrix, interpolation="nearest", **look)
    grid.set_title("Pairs of them", loc="left", fontsize="medium")
    canvas.bare(grid)
    if width <= NAMED:
        canvas.plain(bars, "y", texts, range(width), fontsize=canvas.SMALL)
        canvas.plain(grid, "x", texts, range(width), fontsize=canvas.SMALL, rotation=90)
    bars.set_ylabel("feature")
    grid.set_xlabel("feature")
    bars.set_ylim(width - 0.5, -0.5)
    grid.tick_params(axis="y", labelleft=False)
    canvas.colour_bar(grid, image, "Lambda")
    return np.array([bars, grid])


@dataclass(frozen=True)
class Plane:
    """Rows and prototypes in a plane, and the matrix (or None) by which distances in it are measured."""

    rows: np.ndarray
    places: np.ndarray
    metric: np.ndarray | None
    names: tuple[str, str]


def _plane(network: Any, X: Any) -> Plane:
    if not isinstance(network, PrototypeClassifier):
        expected, remedy = "a network with prototypes", "Give a fitted LVQ1, LVQ2, LVQ21, LVQ3, GLVQ or GMLVQ."
        raise InvalidParameter(problem("prototypes(network)", expected, shown(network), remedy))
    check_is_fitted(network)
    metric = network.components_ if isinstance(network, GMLVQ) else None
    if network.n_features_in_ == 2:
        texts = _feature_names(network, None)
        rows = np.asarray(X.detach().cpu() if hasattr(X, "detach") else X, dtype=float)
        return Plane(rows, network.prototypes_.astype(float), metric, (texts[0], texts[1]))
    if isinstance(network, GMLVQ) and len(network.components_) == 2:
        seen = (network.transform(X).astype(float), network.transform(network.prototypes_).astype(float))
        return Plane(*seen, None, ("first learned direction", "second learned direction"))
    got = f"{type(network).__name__} of {network.n_features_in_} features"
    expected, remedy = "two features, or a GMLVQ of rank 2", "Fit it on two columns, or take GMLVQ(rank=2)."
    raise InvalidParameter(problem("prototypes(network)", expected, got, remedy))


def _labels(network: Any, rows: np.ndarray, y: Any) -> np.ndarray:
    labels = np.asarray(y)
    if labels.shape != (len(rows),):
        expected = f"{len(rows)} labels, one a row"
        raise InvalidData(problem("prototypes(y)", expected, f"shape {labels.shape}", "Give the labels of X."))
    unseen = ~np.isin(labels, network.classes_)
    if unseen.any():
        row = int(unseen.argmax())
        expected, got = f"labels of the network, {shown(network.classes_.tolist())}", shown(labels.tolist()[row])
        raise InvalidData(problem(f"prototypes(y), row {row}", expected, got, "Leave the row out."))
    return labels


def _feature_names(network: Any, names: Sequence[str] | None) -> list[str]:
    width = network.n_features_in_
    if names is None:
        known = getattr(network, "feature_names_in_", None)
        return [f"feature {i}" for i in range(width)] if known is None else [canvas.shortened(name) for name in known]
    if len(names) != width:
        expected = f"{width} names, one a feature"
        raise InvalidParameter(problem("relevances(names)", expected, f"{len(names)}", "Give one a column of X."))
    return [canvas.shortened(name) for name in names]


def _regions(ax: Axes, network: Any, plane: Plane, colours: list[Any]) -> None:
    """The class of each place of the plane, lightly, and the borders."""
    points = np.concatenate([plane.rows, plane.places])
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.where(high > low, ROOM * (high - low), 0.5)
    spans = high - low + 2 * room
    if spans.max() <= FLAT * spans.min():
        room = room + np.maximum(0.0, SHARE * spans.max() - spans) / 2
        ax.set_aspect("equal")
    sides = [np.linspace(start, stop, CELLS) for start, stop in zip(low - room, high + room, strict=True)]
    cells = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    places = plane.places
    if plane.metric is not None:
        cells, places = cells @ plane.metric.T, places @ plane.metric.T
    near = np.full((len(network.classes_), len(cells)), np.inf)
    for place, code in zip(places, np.searchsorted(network.classes_, network.labels_), strict=True):
        near[code] = np.minimum(near[code], ((cells - place) ** 2).sum(axis=1))
    codes = near.argmin(axis=0).reshape(CELLS, CELLS)
    tints = canvas.part("colors").ListedColormap(colours)
    look: dict[str, Any] = {"cmap": tints, "vmin": -0.5, "vmax": len(colours) - 0.5, "alpha": 0.2, "rasterized": True}
    ax.pcolormesh(*sides, codes, shading="nearest", **look)
    for code in range(len(near)):
        others = np.delete(near, code, axis=0).min(axis=0)
        margin = (others - near[code]).reshape(CELLS, CELLS)
        if margin.min() < 0 < margin.max():
            ax.contour(*sides, margin, levels=[0.0], colors=canvas.GRAY, linewidths=0.9, zorder=2)
    ax.set_xlim(sides[0][0], sides[0][-1])
    ax.set_ylim(sides[1][0], sides[1][-1])


def _legend(ax: Axes) -> None:
    """The classes, and what diamonds and crosses are, beside the picture."""
    line = canvas.part("lines").Line2D
    handles, texts = ax.get_legend_handles_labels()
    diamond = {"markerfacecolor": "none", "markeredgecolor": "black", "markersize": 7}
    signs = [line([], [], linestyle="", marker="D", **diamond)]
    signs.append(line([], [], linestyle="", marker="x", color="#222222", markersize=5))
    place: dict[str, Any] = {"bbox_to_anchor": (1.0, 1.0), "loc": "upper left", "frameon": False}
    legend = ax.legend([*handles, *signs], [*texts, "prototype", "wrong side"], fontsize=canvas.SMALL, **place)
    for text in legend.get_texts():
        text.set_parse_math(False)
