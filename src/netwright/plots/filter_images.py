"""Filters: the weights of a layer as images, on one scale that is symmetric round zero.

A filter with one input channel is drawn from blue (negative) by white (0) to vermillion (positive); with three input
channels it is drawn in colour, gray being 0; with any other number each channel has an image of its own, a row a
filter. A filter over sequences is an image of steps (across) and channels (down); one over volumes has its slices as
channels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import check, integer, nothing, tuple_of
from netwright.plots import canvas
from netwright.plots.mosaic import columns_for, mosaic, opaque
from netwright.plots.subjects import layer_named, module_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONVOLUTIONS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
TILES = 1024  # most images in one picture
ROWS, CHANNELS = 32, 32  # most filters and channels where each channel has an image


def filters(
    module: Any,
    layer: str | None = None,
    columns: int | None = None,
    shape: tuple[int, ...] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The filters of a convolution, or the weights of a fully connected layer, as images.

    Parameters
    ----------
    module : a torch module, or a fitted estimator.
    layer : path of the layer, such as "conv2"; None for the first convolution (the first fully connected layer if
        there is none).
    columns : images in a row; None for what fits the screen.
    shape : of the input of a fully connected layer, (height, width) or (channels, height, width); None where the
        estimator's own `Input` says it.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : no such layer, a layer without weights, or a shape that is not that of its input.
    NotFittedError : an estimator that was not fitted.

    Examples
    --------
    >>> import torch
    >>> from netwright.plots import filters
    >>> ax = filters(torch.nn.Conv2d(1, 6, 5), columns=3)
    >>> ax.images[0].get_array().shape, ax.get_title(loc="left")
    ((11, 17), '6 filters of 5 x 5')
    """
    check("filters(columns)", columns, integer(1) | nothing)
    check("filters(shape)", shape, tuple_of(integer(1), least=2) | nothing)
    network = module_of("filters", module)
    name, chosen = _choose(network, layer)
    weights, what = _weights(module, name, chosen, shape)  # (n, channels, height, width)
    volumes = isinstance(chosen, torch.nn.Conv3d)
    if weights.shape[1] == 3 and not volumes:
        return _coloured(ax, weights, columns, what)
    if weights.shape[1] == 1:
        return _signed(ax, weights[:, 0], columns, what)
    weights, columns, what = _channels(weights, what, "slices" if volumes else "channels")
    ax = _signed(ax, weights[:, 0], columns, what, apart=True)
    ax.set_xlabel("slice of an input channel" if volumes else "input channel")
    return ax


def _choose(module: torch.nn.Module, name: str | None) -> tuple[str, torch.nn.Module]:
    if name is not None:
        return name, layer_named("filters", module, name)
    for kinds in (CONVOLUTIONS, (torch.nn.Linear,)):
        for path, layer in module.named_modules():
            if isinstance(layer, kinds):
                return path, layer
    got = f"a {type(module).__name__} without any"
    raise InvalidParameter(problem("filters(module)", "a convolution or a fully connected layer in it", got))


def _weights(thing: Any, name: str, layer: torch.nn.Module, shape: Any) -> tuple[np.ndarray, str]:
    """The layer's weights as images, (n, channels, height, width), and what they are, in words."""
    if isinstance(layer, torch.nn.Sequential) and len(layer) and isinstance(layer[0], torch.nn.Linear):
        layer = layer[0]  # ReLU(128) and its like: a linear part and an activation
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, torch.Tensor) or not isinstance(layer, (*CONVOLUTIONS, torch.nn.Linear)):
        got = f"{name!r}, a {type(layer).__name__}"
        raise InvalidParameter(problem("filters(layer)", "a convolution or a fully connected layer", got))
    w = weight.detach().to("cpu", torch.float64).numpy()
    if isinstance(layer, torch.nn.Linear):
        return _dense(thing, name, w, shape)
    size = " x ".join(map(str, w.shape[2:]))
    if w.ndim == 3:  # (n, 1, channels, steps)
        return w[:, None], f"{len(w)} filters of {size} steps (across) on {w.shape[1]} channels (down)"
    return w.reshape(len(w), -1, *w.shape[-2:]), f"{len(w)} filters of {size}"


def _dense(thing: Any, name: str, w: np.ndarray, shape: Any) -> tuple[np.ndarray, str]:
    """Rows of a matrix as images of the input's shape."""
    if shape is None:
        first = getattr(getattr(thing, "network_", None), "input_shape", None)
        shape = first if isinstance(first, tuple) and len(first) in (2, 3) and math.prod(first) == w.shape[1] else None
    if shape is None or math.prod(shape) != w.shape[1] or len(shape) > 3:
        expected = f"the shape of an image with {w.shape[1]} numbers, which {name or 'the layer'!r} takes"
        remedy = "Give (height, width) or (channels, height, width)."
        raise InvalidParameter(problem("filters(shape)", expected, shown(shape), remedy))
    images = w.reshape(len(w), *((1, *shape) if len(shape) == 2 else shape))
    return images, f"Weights of {len(w)} units on {' x '.join(map(str, shape[-2:]))} inputs"


def _channels(weights: np.ndarray, what: str, name: str) -> tuple[np.ndarray, int, str]:
    """An image for each channel (or slice) of each filter, a row a filter; the first ones of many."""
    n, channels = min(len(weights), ROWS), min(weights.shape[1], CHANNELS)
    what += f" on {weights.shape[1]} {name}"
    if n < len(weights) or channels < weights.shape[1]:
        what += f", the first {n} and {channels} of them"
    return weights[:n, :channels].reshape(n * channels, 1, *weights.shape[2:]), channels, what


def _signed(ax: Axes | None, weights: np.ndarray, columns: int | None, what: str, apart: bool = False) -> Axes:
    """Images (n, height, width) on one symmetric scale of colours."""
    weights, what, columns = _fitting(weights, what, columns)
    image = mosaic(weights, columns)
    ax = canvas.axes_or_new("filters", ax, _size(image, 1.4), "compressed")
    bound = _bound(weights)
    scale = canvas.signed_colours("#c4c4c4")  # between the images: white is a weight of 0
    drawn = ax.imshow(image, cmap=scale, vmin=-bound, vmax=bound, interpolation="nearest")
    canvas.colour_bar(ax, drawn, "weight")
    _number(ax, weights.shape, columns, what, 1 if apart else columns)
    return ax


def _coloured(ax: Axes | None, weights: np.ndarray, columns: int | None, what: str) -> Axes:
    """Filters on three channels (n, 3, height, width) as colours, gray being 0."""
    weights, what, columns = _fitting(weights, what, columns)
    bound = _bound(weights)
    image = opaque(mosaic(np.moveaxis(0.5 + weights / (2 * bound), 1, -1), columns))
    ax = canvas.axes_or_new("filters", ax, _size(image, 0.7), "compressed")
    ax.imshow(image, interpolation="nearest")
    what += f": gray is 0, full colour ±{canvas.nice(bound)}"
    _number(ax, (len(weights), *weights.shape[2:]), columns, what, columns)
    return ax


def _bound(weights: np.ndarray) -> float:
    """The largest size of a weight, of those that are finite; 1 where all are 0."""
    return float(np.abs(weights[np.isfinite(weights)]).max(initial=0.0)) or 1.0


def _fitting(weights: np.ndarray, what: str, columns: int | None) -> tuple[np.ndarray, str, int]:
    """No more images than can be told apart, and the number of columns."""
    if len(weights) > TILES:
        weights, what = weights[:TILES], f"{what}, the first {TILES}"
    return weights, what, columns or columns_for(len(weights), weights.shape[-2], weights.shape[-1], 1.6)


def _size(image: np.ndarray, beside: float) -> tuple[float, float]:
    """Inches for a mosaic: pixels as large as the screen allows, at most 0.2 inch each."""
    height, width = image.shape[:2]
    pixel = min(0.2, 8.0 / width, 7.5 / height)
    return max(3.6, width * pixel + beside), max(1.8, height * pixel + 0.6)


def _number(ax: Axes, shape: tuple[int, ...], columns: int, what: str, per_row: int) -> None:
    """At each row the number of its first filter, at each column what to add to it (or the channel); the title."""
    n, height, width = shape
    down = _thin(math.ceil(n / columns))
    across = _thin(columns)
    at_rows = [(height - 1) / 2 + row * (height + 1) for row in down]
    at_columns = [(width - 1) / 2 + column * (width + 1) for column in across]
    canvas.plain(ax, "y", [str(row * per_row) for row in down], at_rows, fontsize=canvas.SMALL)
    plus = "+" if per_row > 1 else ""
    canvas.plain(ax, "x", [f"{plus}{column}" for column in across], at_columns, fontsize=canvas.SMALL)
    ax.set_ylabel("number of the filter")
    canvas.bare(ax)
    ax.set_title(what, loc="left", fontsize="medium")


def _thin(count: int) -> range:
    """At most 16 of so many rows or columns, evenly spaced."""
    return range(0, count, -(-count // 16))
