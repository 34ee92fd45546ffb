"""Numbers by layer against the epoch: lines of up to 16 layers, named at their ends; of more an image, a row a layer.

Lines are coloured from the first layer (dark) to the last (light).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY = 16  # more layers than that are an image
NAMES = 30  # most names at the rows of an image
SHADES = (0.0, 0.85)  # of viridis: its yellow end is too light for lines on white


def layer_lines(ax: Axes, x: np.ndarray, by_layer: dict[str, np.ndarray]) -> None:
    """Draw a line a layer and the scale of epochs."""
    shades = canvas.part("cm").ScalarMappable(cmap="viridis")
    shades.set_clim(0.0, 1.0)
    colours = [shades.to_rgba(shade) for shade in np.linspace(*SHADES, max(len(by_layer), 2))]
    dots = canvas.marker(len(x))
    for (layer, y), colour in zip(by_layer.items(), colours, strict=False):
        alone = "." if np.isfinite(y).sum() == 1 else dots
        ax.plot(x, y, color=colour, marker=alone, linewidth=1.5, label=layer)
    canvas.whole_epochs(ax, int(x.min()), int(x.max()))
    ax.set_xlabel("epoch")
    canvas.tidy(ax)


def name_lines(ax: Axes) -> None:
    """Names at the ends of the lines; call it when the scales are set. Lines without a finite point have none."""
    ends: list[tuple[float, float, str, Any]] = []
    for line in ax.get_lines():
        x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        there = np.flatnonzero(np.isfinite(y))
        if there.size:
            ends.append((float(x[there[-1]]), float(y[there[-1]]), str(line.get_label()), line.get_color()))
    canvas.direct_labels(ax, ends)


def layer_image(ax: Axes, x: np.ndarray, by_layer: dict[str, np.ndarray], **colours: Any) -> Any:
    """Draw a row of pixels a layer, the first on top; `colours` are a norm and a colour map."""
    rows = np.stack(list(by_layer.values()))  # (layers, epochs)
    extent = (x[0] - 0.5, x[-1] + 0.5, len(rows) - 0.5, -0.5)
    image = ax.imshow(rows, aspect="auto", interpolation="nearest", extent=extent, **colours)
    step = -(-len(rows) // NAMES)
    shown = range(0, len(rows), step)
    canvas.plain(ax, "y", [canvas.shortened(list(by_layer)[i], 28) for i in shown], shown, fontsize=canvas.SMALL)
    ax.xaxis.set_major_locator(canvas.part("ticker").MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    ax.set_xlabel("epoch")
    canvas.bare(ax)
    return image
