"""Graphs of units in the space of their data: growing neural gas and neural gas.

Units are dots and edges are lines, in one colour for each connected component; rows are faint dots in the colour of the
component that they belong to. Data of more than two columns are seen along their two principal axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from netwright.classical.gas.growing_neural_gas import GrowingNeuralGas
from netwright.classical.gas.neural_gas import NeuralGas
from netwright.core.errors import InvalidParameter, problem, shown
from netwright.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# of components, the largest first; more than eight begin anew
COLOURS = (canvas.BLUE, canvas.VERMILLION, canvas.GREEN, canvas.ORANGE, "#CC79A7", "#56B4E9", "#8B6914", "#4B3B8F")


def neural_graph(network: GrowingNeuralGas | NeuralGas, X: Any = None, ax: Axes | None = None) -> Axes:
    """Units and edges of a network over its data, one colour a connected component.

    Parameters
    ----------
    network : a fitted `netwright.classical.GrowingNeuralGas` or `netwright.classical.NeuralGas`.
    X : rows to draw below, (n, n_features), or None.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes; of more than two columns the principal axes of X (of the units without X).

    Raises
    ------
    InvalidParameter : another network.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from netwright.plots import neural_graph
    >>> X, _ = make_moons(500, noise=0.05, random_state=0)
    >>> ax = neural_graph(GrowingNeuralGas(40, random_state=0).fit(X), X)
    >>> ax.get_title(loc="left")
    '40 units, 2 components'

    References
    ----------
    Fritzke, *A growing neural gas network learns topologies*, 1995.
    """
    if not isinstance(network, (GrowingNeuralGas, NeuralGas)):
        remedy = "Give a fitted network that has edges."
        expected = "a GrowingNeuralGas or a NeuralGas"
        raise InvalidParameter(problem("neural_graph(network)", expected, shown(network), remedy))
    check_is_fitted(network)
    ax = canvas.axes_or_new("neural_graph", ax, (6.8, 4.6))
    units, rows, names = _flat(network, None if X is None else np.asarray(X, dtype=float))
    colours = np.array([COLOURS[part % len(COLOURS)] for part in network.component_])  # of units
    if rows is not None:
        own = colours[network.transform(X).argmin(axis=1)]
        size = float(np.clip(12_000 / len(rows), 2, 16))
        ax.scatter(rows[:, 0], rows[:, 1], s=size, c=own, alpha=0.3, linewidths=0, zorder=1, rasterized=True)
    if len(network.edges_):
        _draw_edges(ax, units[network.edges_], colours[network.edges_[:, 0]])
    size = float(np.clip(2400 / len(units), 8, 40))
    face = ax.get_facecolor()
    ax.scatter(units[:, 0], units[:, 1], s=size, c=colours, edgecolors=[face], linewidths=0.6, zorder=3)
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1])
    ax.set_aspect("equal")
    canvas.tidy(ax, grid="")
    ax.set_title(
        _title(len(units), int(network.component_.max()) + 1, len(network.edges_)), loc="left", fontsize="medium"
    )
    return ax


def _draw_edges(ax: Axes, ends: np.ndarray, colours: np.ndarray) -> None:
    """Lines between pairs of points, (n_edges, 2, 2), the thinner the more there are."""
    width = float(np.clip(250 / len(ends), 0.6, 1.3))
    ax.add_collection(canvas.part("collections").LineCollection(ends, colors=colours, linewidths=width, zorder=2))


def _title(units: int, components: int, edges: int) -> str:
    counts = [(units, "unit"), (components, "component")] if edges else [(units, "unit")]
    return ", ".join(f"{count} {name}" + ("s" if count != 1 else "") for count, name in counts)


def _flat(network: Any, rows: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None, Sequence[str]]:
    """Units and rows in the plane, (n, 2), and what its axes are."""
    units = np.asarray(network.weights_, dtype=float)
    features = units.shape[1]
    if features <= 2:
        names = [str(name) for name in getattr(network, "feature_names_in_", [f"x{i}" for i in range(features)])]
        empty = [(0, 0), (0, 2 - features)]
        return np.pad(units, empty), None if rows is None else np.pad(rows, empty), [*names, ""][:2]
    data = units if rows is None else rows
    centre = data.mean(axis=0)
    _, scales, axes = np.linalg.svd(data - centre, full_matrices=False)
    axes = np.vstack([axes, np.zeros((2, features))])[:2]
    axes *= np.where(axes[[0, 1], np.abs(axes).argmax(axis=1)] < 0, -1.0, 1.0)[:, np.newaxis]
    share = np.append(scales**2, [0.0, 0.0])[:2] / max(float((scales**2).sum()), np.finfo(float).tiny)
    names = [f"principal axis {place + 1} ({share[place]:.0%} of the variance)" for place in range(2)]
    flat = [None if points is None else (points - centre) @ axes.T for points in (units, rows)]
    assert flat[0] is not None
    return flat[0], flat[1], names
