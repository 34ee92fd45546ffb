"""Update ratios: how far each layer moves in one update, against the epoch.

    ratio = ||w_after - w_before|| / ||w_before||        of the last update of each epoch

Ratios near 1e-3 are the rule of thumb (Karpathy): much lower, and the layer hardly learns; much higher, and it jumps
about. The shaded band is half a decade to each side of it. A schedule that ends at a small rate ends below the band.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.plots import canvas
from netwright.plots.layer_lines import MANY, layer_image, layer_lines, name_lines
from netwright.plots.subjects import columns_by_layer, epochs, history_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RULE_OF_THUMB = 1e-3
SCALE = (1e-4, 1e-2)  # what the axis shows at least
LABEL = "size of an update / size of the weights"
BAND = (RULE_OF_THUMB / 10**0.5, RULE_OF_THUMB * 10**0.5)


def update_ratios(history: Any, ax: Axes | None = None) -> Axes:
    """Norm of each layer's last update of an epoch over the norm of its parameters, on a logarithmic axis.

    Lines are coloured from the first layer (dark) to the last (light). More than 16 layers are an image with a row a
    layer: blue below the rule of thumb, vermillion above it. A layer that never moves is named in the title.

    Parameters
    ----------
    history : a History, or a fitted estimator.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidData : no epoch, or no update ratios in the records.
    InvalidParameter : neither a history nor an estimator.

    Examples
    --------
    >>> from netwright.plots import update_ratios
    >>> ax = update_ratios([{"epoch": 1, "update_ratio": {"conv1": 2e-3, "softmax1": 5e-4}}])
    >>> [line.get_label() for line in ax.get_lines()]
    ['conv1', 'softmax1']

    References
    ----------
    Karpathy, *CS231n: Convolutional neural networks for visual recognition*, notes on neural networks, part 3, 2015.
    """
    records = history_of("update_ratios", history)
    by_layer = columns_by_layer("update_ratios", records, "update_ratio")
    still = [layer for layer, y in by_layer.items() if not (y > 0.0).any()]
    positive = {layer: np.where(y > 0.0, y, np.nan) for layer, y in by_layer.items()}
    many = len(by_layer) > MANY
    ax = canvas.axes_or_new("update_ratios", ax, (6.8, min(2.0 + 0.14 * len(by_layer), 8.0) if many else 4.2))
    if many:
        _image(ax, epochs(records), positive)
        title = "White: the rule of thumb, about 1e-3"
    else:
        _lines(ax, epochs(records), positive)
        title = "Shaded: the rule of thumb, about 1e-3"
    if still:
        names = ", ".join(still[:3]) + (f" and {len(still) - 3} more" if len(still) > 3 else "")
        title += f"\nNot moving at all: {names}"
    ax.set_title(title, loc="left", fontsize="medium", parse_math=False)
    return ax


def _lines(ax: Axes, x: np.ndarray, positive: dict[str, np.ndarray]) -> None:
    layer_lines(ax, x, positive)
    numbers = np.concatenate(list(positive.values()))
    there = numbers[np.isfinite(numbers)]
    ax.set_yscale("log")
    ax.set_ylim(min([SCALE[0], *(there / 1.3)]), max([SCALE[1], *(there * 1.3)]))
    ax.axhspan(*BAND, color=canvas.GREEN, alpha=0.13, linewidth=0, zorder=0)
    ax.set_ylabel(LABEL)
    name_lines(ax)


def _image(ax: Axes, x: np.ndarray, positive: dict[str, np.ndarray]) -> None:
    """Blue below the rule of thumb, vermillion above it, gray where a layer does not move."""
    colours = canvas.part("colors")
    image = layer_image(
        ax,
        x,
        positive,
        cmap=canvas.signed_colours(canvas.GRAY),
        norm=colours.LogNorm(RULE_OF_THUMB / 100, RULE_OF_THUMB * 100),
    )
    bar = canvas.colour_bar(ax, image, LABEL)
    bar.ax.minorticks_off()
