"""Dead units: the share of each rectifying layer's units that give 0 for every probe row, against the epoch.

A unit that is 0 for all rows gets no gradient and can stay so for ever. A few are usual; a layer that loses half of
them while it trains has a learning rate that is too high, or biases that are far below zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.plots import canvas
from netwright.plots.layer_lines import MANY, layer_image, layer_lines, name_lines
from netwright.plots.subjects import columns_by_layer, epochs, history_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABEL = "units that are 0 for all probe rows"


def dead_units(history: Any, ax: Axes | None = None) -> Axes:
    """Share of units that are 0 for all probe rows, a line a rectifying layer.

    Lines are coloured from the first layer (dark) to the last (light). More than 16 layers are an image with a row a
    layer.

    Parameters
    ----------
    history : a History, or a fitted estimator.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidData : no epoch, or a network without rectifiers.
    InvalidParameter : neither a history nor an estimator.

    Examples
    --------
    >>> from netwright.plots import dead_units
    >>> ax = dead_units([{"epoch": 1, "dead_units": {"relu1": 0.25}}, {"epoch": 2, "dead_units": {"relu1": 0.5}}])
    >>> ax.get_lines()[0].get_ydata().tolist()
    [0.25, 0.5]

    References
    ----------
    Maas, Hannun, Ng, *Rectifier nonlinearities improve neural network acoustic models*, 2013.
    """
    records = history_of("dead_units", history)
    by_layer = columns_by_layer("dead_units", records, "dead_units")
    many = len(by_layer) > MANY
    ax = canvas.axes_or_new("dead_units", ax, (6.8, min(2.0 + 0.14 * len(by_layer), 8.0) if many else 3.6))
    percent = canvas.part("ticker").PercentFormatter(1.0, 0, " %")
    highest = float(np.nan_to_num(np.stack(list(by_layer.values()))).max())
    if many:
        image = layer_image(ax, epochs(records), by_layer, cmap="viridis", vmin=0.0, vmax=_top(highest))
        canvas.colour_bar(ax, image, LABEL).ax.yaxis.set_major_formatter(percent)
        return ax
    layer_lines(ax, epochs(records), by_layer)
    ax.set_ylim(-0.02 * _top(highest), _top(highest))
    ax.yaxis.set_major_formatter(percent)
    ax.set_ylabel(LABEL)
    name_lines(ax)
    return ax


def _top(highest: float) -> float:
    """The end of the scale: a tenth at least, so that a network without dead units looks like one."""
    return min(1.02, max(0.1, 1.25 * highest))
