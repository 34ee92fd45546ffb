"""Energy models: what a machine makes up, sweep by sweep, and how well it knew some rows after each epoch.

Its weights as images are `netwright.plots.classical.templates`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import check, integer, tuple_of
from netwright.plots import canvas
from netwright.plots.mosaic import in_unit_range, mosaic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SWEEPS = (1, 10, 100, 1000)
PANELS = (
    ("pseudo_likelihood", "log pseudo-likelihood", "greater is better"),
    ("reconstruction_error", "reconstruction error", "smaller is better"),
)
COLOURS = (canvas.BLUE, canvas.VERMILLION, canvas.GREEN, canvas.ORANGE, canvas.GRAY)


def fantasies(
    network: Any,
    shape: tuple[int, ...],
    count: int = 12,
    sweeps: Sequence[int] = SWEEPS,
    random_state: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """What chains of Gibbs sampling look like: a column a chain, a row for each number of sweeps.

    Each image is the mean of the visible units given the hidden ones. All rows of a column are the same chain.

    Parameters
    ----------
    network : a fitted `RBM` or `DBN`.
    shape : of an image, (height, width).
    count : chains, >= 1.
    sweeps : after how many sweeps they are shown, each >= 1.
    random_state : seed of the chains, an integer; None for the network's own.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : a network that makes up nothing, or a shape that is not that of its rows. NotFittedError : one
        that was not fitted.

    Examples
    --------
    >>> from netwright.classical import RBM
    >>> from netwright.plots import fantasies
    >>> bars = np.repeat([[1, 1, 0, 0], [0, 0, 1, 1]], 20, axis=0)
    >>> ax = fantasies(RBM(2, random_state=0).fit(bars), shape=(2, 2), count=5, sweeps=(1, 10))
    >>> ax.images[0].get_array().shape, ax.get_title(loc="left")
    ((5, 14), 'RBM: 5 chains of Gibbs sampling')
    """
    check("fantasies(count)", count, integer(1))
    check("fantasies(sweeps)", sweeps, tuple_of(integer(1), least=1))
    check("fantasies(shape)", shape, tuple_of(integer(1), least=2))
    if not hasattr(network, "sample") or not hasattr(network, "fit"):
        raise InvalidParameter(problem("fantasies(network)", "a fitted RBM or DBN", shown(network)))
    check_is_fitted(network)
    features = network.n_features_in_
    if len(shape) != 2 or math.prod(shape) != features:
        expected = f"the shape (height, width) of an image with {features} numbers"
        raise InvalidParameter(problem("fantasies(shape)", expected, shown(shape)))
    rows = [network.sample(count, steps, means=True, random_state=random_state) for steps in sweeps]
    picture = mosaic(in_unit_range(np.concatenate(rows)).reshape(-1, *shape), count)
    inches = min(0.85, 8.0 / count) / shape[1]
    size = (max(3.0, picture.shape[1] * inches + 1.0), max(1.4, picture.shape[0] * inches + 0.9))
    ax = canvas.axes_or_new("fantasies", ax, size, "compressed")
    ink = canvas.part("colors").LinearSegmentedColormap.from_list("ink", ("#000000", "#ffffff"))
    ax.imshow(picture, cmap=ink.with_extremes(bad="#6f8fae"), vmin=0.0, vmax=1.0, interpolation="nearest")
    _label(ax, count, [f"{steps:,}" for steps in sweeps], shape)
    title = f"{type(network).__name__}: {count} chain{'s' * (count > 1)} of Gibbs sampling"
    ax.set_title(title, loc="left", fontsize="medium")
    return ax


def energy_curves(network: Any, figure: Any = None) -> np.ndarray:
    """Pseudo-likelihood and reconstruction error after each epoch, of a machine or of all machines of a stack.

    Parameters
    ----------
    network : a fitted `RBM` or `DBN`.
    figure : an empty Figure or SubFigure, or None for a new figure.

    Returns
    -------
    array of Axes, from top to bottom: the log pseudo-likelihood where units are Bernoulli, the reconstruction error.

    Raises
    ------
    InvalidParameter : something else. InvalidData : no epoch. NotFittedError : a network that was not fitted.

    Examples
    --------
    >>> from netwright.classical import DBN
    >>> from netwright.plots import energy_curves
    >>> bars = np.repeat([[1, 1, 0, 0], [0, 0, 1, 1]], 20, axis=0)
    >>> axes = energy_curves(DBN((3, 2), epochs=4, random_state=0).fit(bars))
    >>> [ax.get_ylabel() for ax in axes], [line.get_label() for line in axes[0].get_lines()]
    (['log pseudo-likelihood', 'reconstruction error'], ['layer 1', 'layer 2'])
    """
    histories = _histories(network)
    measured = [panel for panel in PANELS if any(panel[0] in record for history in histories for record in history)]
    figure = canvas.figure_or_new("energy_curves", figure, (6.4, 2.4 * len(measured) + 0.6))
    axes = canvas.panels(figure, len(measured), sharex=True)
    last = max(record["epoch"] for history in histories for record in history)
    canvas.whole_epochs(axes[0], 1, last)
    for ax, (key, label, sense) in zip(axes, measured, strict=True):
        ends = []
        for number, history in enumerate(histories):
            points = [(record["epoch"], record[key]) for record in history if key in record]
            if not points:
                continue
            name = f"layer {number + 1}" if len(histories) > 1 else type(network).__name__
            colour = COLOURS[number % len(COLOURS)]
            x, y = zip(*points, strict=True)
            ax.plot(x, y, color=colour, linewidth=1.6, marker=canvas.marker(len(points)), label=name)
            ends.append((float(x[-1]), float(y[-1]), name, colour))
        ax.set_ylabel(label)
        ax.set_title(sense, loc="right", fontsize=canvas.SMALL, color=canvas.GRAY)
        canvas.tidy(ax)
        if len(histories) > 1:
            canvas.direct_labels(ax, ends)
        ax.label_outer()
    axes[-1].set_xlabel("epoch")
    axes[0].set_title(f"{type(network).__name__}: how well it knows some rows", loc="left", fontsize="medium")
    return axes


def _histories(network: Any) -> list[list[dict[str, Any]]]:
    """The records of each machine, from the bottom to the top."""
    if not hasattr(network, "fit"):
        raise InvalidParameter(problem("energy_curves(network)", "a fitted RBM or DBN", shown(network)))
    check_is_fitted(network)
    histories = [getattr(machine, "history_", None) for machine in getattr(network, "rbms_", [network])]
    if not all(isinstance(history, list) for history in histories):
        raise InvalidParameter(problem("energy_curves(network)", "a fitted RBM or DBN", shown(network)))
    if not any(histories):
        remedy = "Fit it at a lower learning rate."
        raise InvalidData(problem("energy_curves(network)", "at least one epoch", "none", remedy))
    return histories  # type: ignore[return-value]


def _label(ax: Axes, count: int, names: Sequence[str], shape: tuple[int, ...]) -> None:
    """The number of sweeps at each row, the number of the chain at the columns."""
    height, width = shape
    middle = [(height - 1) / 2 + row * (height + 1) for row in range(len(names))]
    canvas.plain(ax, "y", list(names), middle, fontsize=canvas.SMALL)
    shown_chains = range(0, count, -(-count // 16))
    places = [(width - 1) / 2 + column * (width + 1) for column in shown_chains]
    canvas.plain(ax, "x", [str(column + 1) for column in shown_chains], places, fontsize=canvas.SMALL)
    ax.set_ylabel("sweeps")
    ax.set_xlabel("chain")
    canvas.bare(ax)
