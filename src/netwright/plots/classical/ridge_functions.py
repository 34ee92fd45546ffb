"""Ridge functions: what a projection pursuit regression has found, term by term.

    r_m = y - f(x) + g_m(v_m),   v_m = w_m^T z        partial residual: what is left for the term

Each function is drawn over its projection, with the partial residuals as points, and its direction below it as bars.
All functions have the same scale, so that the height of a curve is what its term does to the prediction. Of several
targets, residuals are those of the mixture of targets that the term is of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from netwright.classical.projection_pursuit import ProjectionPursuitRegressor
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 3000  # rows that are drawn, of more every so many
BARS = 10  # inputs of a direction that are drawn
STEPS = 201  # of a curve
ROUNDING = 1e-6  # share of a curve's width
ROOM = 0.06  # above and below, as a share of the height
TAILS = (0.5, 99.5)  # percentiles of the residuals between which the scale lies at least


def ridge_functions(
    network: Any, X: Any = None, y: Any = None, names: Sequence[str] | None = None, figure: Any = None
) -> np.ndarray:
    """Each ridge function over its projection, with partial residuals, and its direction as bars below it.

    Parameters
    ----------
    network : a fitted `ProjectionPursuitRegressor`.
    X : rows whose projections are marked, (n, n_features); of more than 3,000 every so many is drawn.
    y : their targets, for partial residuals, (n,) or (n, n_targets).
    names : of the inputs; None for those of the fit, or x0, x1...
    figure : an empty Figure or SubFigure, or None for a new figure.

    Returns
    -------
    array of two Axes a term, the function and the direction.

    Raises
    ------
    InvalidParameter : another network, one without terms, too few names.
    InvalidData : y without X, or of another shape than the predictions.

    Examples
    --------
    >>> from netwright.classical import ProjectionPursuitRegressor
    >>> from netwright.plots import ridge_functions
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> model = ProjectionPursuitRegressor(n_terms=1).fit(X, X[:, 0] ** 2)
    >>> axes = ridge_functions(model, X, X[:, 0] ** 2, names=["age", "size", "rate"])
    >>> axes[0].get_title(loc="left"), [label.get_text() for label in axes[1].get_yticklabels()]
    ('1: 100 %', ['age', 'size', 'rate'])
    """
    _check(network, X, y)
    labels = _labels(network, names)
    count = network.n_terms_
    columns = min(count, 4 if count in (4, 7, 8) or count > 9 else 3)
    bands = -(-count // columns)
    below = 0.45 + 0.17 * min(len(labels), BARS)
    figure = canvas.figure_or_new("ridge_functions", figure, (0.6 + 3.1 * columns, bands * (2.5 + below)))
    grid = canvas.panels(figure, 2 * bands, columns, height_ratios=[2.5, below] * bands).reshape(2 * bands, columns)
    places = [(2 * (term // columns), term % columns) for term in range(count)]
    axes = np.array([grid[row + part, column] for row, column in places for part in (0, 1)])
    for ax in set(grid.ravel()) - set(axes):
        ax.remove()
    projections, residuals = _rows(network, X, y)
    for term in range(count):
        _function(axes[2 * term], network, term, projections, residuals)
        _direction(axes[2 * term + 1], network.directions_[term], labels)
    _scale(axes[::2], residuals)
    for (_, column), curve, bars in zip(places, axes[::2], axes[1::2], strict=True):
        curve.set_ylabel("g(v)" if residuals is None or column else "g(v) and partial residuals")
        bars.set_ylabel("input")
    return axes


def partial_residuals(network: Any, X: Any, y: Any) -> np.ndarray:
    """What is left for each term, with several targets of the mixture that the term is of, (n, n_terms).

    Parameters
    ----------
    network : a fitted `ProjectionPursuitRegressor`.
    X : rows, (n, n_features).
    y : their targets, (n,) or (n, n_targets).
    """
    projections = network.transform(X)
    left = (np.asarray(y, dtype=float) - network.predict(X)).reshape(len(projections), -1)
    values = [network.ridge(term, projections[:, term]) for term in range(network.n_terms_)]
    found: np.ndarray = left @ network.output_weights_ + np.array(values).T
    return found


def _check(network: Any, X: Any, y: Any) -> None:
    if not isinstance(network, ProjectionPursuitRegressor):
        where = "ridge_functions(network)"
        raise InvalidParameter(problem(where, "a ProjectionPursuitRegressor", shown(network)))
    check_is_fitted(network)
    if network.n_terms_ == 0:
        remedy = "Its target or its inputs did not vary."
        raise InvalidParameter(problem("ridge_functions(network)", "a network with a term", "one with 0", remedy))
    if y is not None and X is None:
        raise InvalidData(problem("ridge_functions(X)", "the rows that y belongs to", "None", "Give X and y."))
    if y is not None:
        wanted, got = np.shape(network.predict(X)), np.shape(y)
        if wanted != got:
            raise InvalidData(problem("ridge_functions(y)", f"targets of shape {wanted}", f"shape {got}"))


def _labels(network: Any, names: Sequence[str] | None) -> list[str]:
    width = network.n_features_in_
    if names is None:
        names = getattr(network, "feature_names_in_", [f"x{column}" for column in range(width)])
    if isinstance(names, str) or len(names) != width:
        raise InvalidParameter(problem("ridge_functions(names)", f"{width} names, one an input", shown(names)))
    return [canvas.shortened(name) for name in names]


def _rows(network: Any, X: Any, y: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Projections and partial residuals of the rows that are drawn, (n, n_terms)."""
    if X is None:
        return None, None
    projections = network.transform(X)
    every = slice(None, None, -(-len(projections) // POINTS))
    return projections[every], None if y is None else partial_residuals(network, X, y)[every]


def _function(ax: Axes, network: Any, term: int, projections: np.ndarray | None, residuals: np.ndarray | None) -> None:
    """The curve where it was fitted, dashed where rows lie beyond."""
    low, high = network.knots_[term, 3], network.knots_[term, -4]
    if projections is not None and residuals is not None:
        opacity = float(np.clip(8.0 / np.sqrt(len(projections)), 0.15, 0.7))
        ax.scatter(projections[:, term], residuals[:, term], s=10, color=canvas.GRAY, alpha=opacity, linewidths=0)
    elif projections is not None:
        marks = projections[:, term]
        rug: dict[str, Any] = {"color": canvas.GRAY, "alpha": 0.4, "markersize": 6, "markeredgewidth": 0.7}
        ax.plot(marks, np.full(len(marks), 0.02), "|", transform=ax.get_xaxis_transform(), **rug)
    style: dict[str, Any] = {"color": canvas.BLUE, "linewidth": 2.2, "path_effects": canvas.outlined(ax)}
    v = np.linspace(low, high, STEPS)
    ax.plot(v, network.ridge(term, v), **style)
    if projections is not None:
        for ends in ([projections[:, term].min(), low], [high, projections[:, term].max()]):
            if ends[1] - ends[0] > ROUNDING * (high - low):
                ax.plot(ends, network.ridge(term, ends), linestyle=(0, (3, 2)), **style)
    share = 100 * network.importances_[term]
    ax.set_title(f"{term + 1}: {share:.{0 if share >= 10 else 1}f} %", loc="left", fontsize="medium")
    ax.set_xlabel("projection v")
    canvas.tidy(ax)


def _direction(ax: Axes, direction: np.ndarray, labels: list[str]) -> None:
    """The entries of a direction, of many the largest, the first input on top."""
    chosen = np.sort(np.argsort(-abs(direction), kind="stable")[:BARS])
    entries, places = direction[chosen], np.arange(len(chosen))
    colours = [canvas.BLUE if entry >= 0 else canvas.VERMILLION for entry in entries]
    ax.barh(places, entries, height=0.7, color=colours)
    ax.axvline(0.0, color=canvas.GRAY, linewidth=0.8)
    canvas.plain(ax, "y", [labels[column] for column in chosen], places.tolist(), fontsize=canvas.SMALL)
    ax.set_xlim(-1.05, 1.05)
    ax.set_xticks([-1.0, -0.5, 0.0, 0.5, 1.0], ["-1", "", "0", "", "1"], fontsize=canvas.SMALL)
    ax.set_ylim(len(chosen) - 0.4, -0.6)
    ax.set_xlabel("direction w" if len(chosen) == len(labels) else f"direction w, {BARS} largest of {len(labels)}")
    canvas.tidy(ax, grid="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _scale(axes: np.ndarray, residuals: np.ndarray | None) -> None:
    """One scale for all functions: that of the curves, and of nearly all residuals."""
    curves = [line for ax in axes for line in ax.get_lines() if line.get_color() == canvas.BLUE]
    lines = np.concatenate([line.get_ydata() for line in curves])
    low, high = float(lines.min()), float(lines.max())
    if residuals is not None:
        tails = np.percentile(residuals, TAILS)
        low, high = min(low, float(tails[0])), max(high, float(tails[1]))
    room = ROOM * (high - low) or 0.5
    for ax in axes:
        ax.set_ylim(low - room, high + room)
