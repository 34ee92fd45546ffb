"""Activations: what each layer gives for one sample, from the input to the output.

A layer of channels (channels, height, width) is a row of tiles, one a channel; a layer of two axes, such as (steps,
features), is one image whose longer axis runs to the right; a fully connected layer is a strip with a cell a unit. Each
layer has a scale of its own; an input of one or three channels is shown as the image that it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem
from netwright.plots import canvas
from netwright.plots.mosaic import columns_for, in_unit_range, mosaic
from netwright.plots.subjects import classes_of, leaves, module_of, tensors_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SILENT = (torch.nn.Flatten, torch.nn.Unflatten, torch.nn.Identity, torch.nn.Dropout)  # they show nothing new
LAYERS = 12  # most that are shown when none is named
CHANNELS, UNITS = 128, 1024  # most of one layer
WIDTH, TALLEST = 8.4, 4.0  # inches of a panel
PIXEL = 0.11  # inches, the largest
STRIP = 128  # most cells in a row of a strip
NAMED = 30  # most classes that are named


def activations(module: Any, x: Any, layer: str | Sequence[str] | None = None, figure: Any = None) -> np.ndarray:
    """The outputs of the layers for one sample, a panel a layer, on a scale from dark (least) to light (greatest).

    Parameters
    ----------
    module : a torch module, or a fitted estimator (it prepares the sample as for `predict`).
    x : one sample without the batch axis, such as ``X[0]``; a tuple of arrays for several inputs; a frame of one row.
    layer : path or paths, such as "conv1"; None for the input and all layers (12 of more), those left out that only
        reshape or that do nothing at prediction.
    figure : an empty Figure or SubFigure, or None for a new figure.

    Returns
    -------
    array of Axes, one a layer in the order in which they ran.

    Raises
    ------
    InvalidParameter : no such layer.
    InvalidData : a sample that the module does not run on.
    NotFittedError : an estimator that was not fitted.

    Examples
    --------
    >>> import torch
    >>> from netwright.plots import activations
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(16, 3))
    >>> axes = activations(net, torch.zeros(1, 4, 4))
    >>> [ax.get_title(loc="left").split(":")[0] for ax in axes]
    ['input', '0 Conv2d', '1 ReLU', '3 Linear']
    """
    network = module_of("activations", module)
    inputs = tensors_for("activations", module, network, x)
    seen = _run(network, inputs, _wanted(network, layer))
    if layer is None:
        seen = _thinned(seen)
    maps = {name: picture(output) for name, output in seen.items()}
    if layer is None:
        names = ["input"] if len(inputs) == 1 else [f"input {i}" for i in range(1, len(inputs) + 1)]
        maps = {**{name: entrance(tensor[0]) for name, tensor in zip(names, inputs, strict=True)}, **maps}
    heights = [max(shown.inches, 0.15) for shown in maps.values()]
    figure = canvas.figure_or_new("activations", figure, (WIDTH + 0.2, sum(heights) + 0.27 * len(maps) + 0.5))
    axes = canvas.panels(figure, len(maps), gridspec_kw={"height_ratios": heights})
    kinds = {path: type(part).__name__ for path, part in network.named_modules()}
    for ax, (name, shown) in zip(axes, maps.items(), strict=True):
        kind = kinds.get(name, "")
        said = not kind or kind.lower() in name.lower()
        _draw(ax, shown, f"{name}: {shown.what}" if said else f"{name} {kind}: {shown.what}")
    _name_units(axes[-1], classes_of(module), list(maps.values())[-1])
    return axes


def _wanted(module: torch.nn.Module, layer: Any) -> dict[str, torch.nn.Module]:
    """The layers to watch, by path."""
    if layer is None:
        return {path: part for path, part in leaves(module) if not isinstance(part, SILENT)}
    known = {path: part for path, part in module.named_modules() if path} or dict(leaves(module))
    wanted = [layer] if isinstance(layer, str) else list(layer)
    for path in wanted:
        if path not in known:
            remedy = did_you_mean(str(path), known)
            raise InvalidParameter(problem("activations(layer)", "names of layers of the module", repr(path), remedy))
    return {path: known[path] for path in wanted}


def _run(
    module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], wanted: dict[str, torch.nn.Module]
) -> dict[str, torch.Tensor]:
    """The first output of each wanted layer for the sample, in the order of the calls."""
    seen: dict[str, torch.Tensor] = {}

    def watch(path: str) -> Any:
        def hook(part: torch.nn.Module, args: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, torch.Tensor) and path not in seen:
                seen[path] = first[0].detach().clone()

        return hook

    handles = [part.register_forward_hook(watch(path)) for path, part in wanted.items()]
    try:
        with _evaluating(module), torch.no_grad():
            module(*inputs)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        shapes = ", ".join(str(tuple(t.shape[1:])) for t in inputs)
        reason = " ".join(str(error).split())
        expected = f"one sample (no batch axis) that {type(module).__name__} runs on"
        raise InvalidData(problem("activations(x)", expected, f"shape {shapes}", f"torch says: {reason}")) from error
    finally:
        for handle in handles:
            handle.remove()
    return seen


@contextmanager
def _evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode, and afterwards the mode that each part had."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _thinned(seen: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """All layers, or a dozen evenly spaced ones with the first and the last."""
    if len(seen) <= LAYERS:
        return seen
    kept = np.unique(np.linspace(0, len(seen) - 1, LAYERS).round().astype(int))
    return {name: seen[name] for name in np.array(list(seen))[kept].tolist()}


@dataclass(frozen=True)
class Picture:
    """One output as an image, its height in inches, whether its pixels are square, and what it is, in words."""

    image: np.ndarray
    inches: float
    square: bool
    what: str


def picture(output: torch.Tensor) -> Picture:
    """The image of an output without its batch axis."""
    values = output.to("cpu", torch.float64).numpy()
    what = f"{' x '.join(map(str, values.shape)) or '1'}, {canvas.nice(values.min())} to {canvas.nice(values.max())}"
    if values.ndim >= 3:
        tiles = values.reshape(len(values), -1, values.shape[-1])[:CHANNELS]
        what += f", the first {CHANNELS} channels" if len(tiles) < len(values) else ""
        image = mosaic(tiles, columns_for(len(tiles), tiles.shape[1], tiles.shape[2], 7.0))
        return Picture(image, _inches(image), True, what)
    if values.ndim == 2:
        image = values if values.shape[0] <= values.shape[1] else values.T
        what += f", the first {CHANNELS} lines" if len(image) > CHANNELS else ""
        return Picture(image[:CHANNELS], min(TALLEST, PIXEL * len(image[:CHANNELS])), False, what)
    units = values.reshape(-1)[:UNITS]
    what += f", the first {UNITS} units" if units.size < values.size else ""
    rows = math.ceil(units.size / STRIP)
    image = np.full((rows, math.ceil(units.size / rows)), np.nan)
    image.ravel()[: units.size] = units
    return Picture(image, 0.22 * rows, False, what)


def entrance(sample: torch.Tensor) -> Picture:
    """The picture of an input: gray or in colour where it is an image."""
    values = sample.to("cpu", torch.float64).numpy()
    shown = picture(sample)
    if values.ndim != 3 or len(values) not in (1, 3):
        return shown
    image = np.moveaxis(in_unit_range(values), 0, -1)  # (height, width, channels)
    image = np.repeat(image, 3, axis=2) if len(values) == 1 else image
    return Picture(image, _inches(image), True, shown.what)


def _inches(image: np.ndarray) -> float:
    """The height at which an image of square pixels fits the panel; one that is not wide gets half the height."""
    height, width = image.shape[:2]
    tall = TALLEST if width > 2 * height else TALLEST / 2
    return float(height * min(PIXEL, WIDTH / width, tall / height))


def _draw(ax: Axes, shown: Picture, title: str) -> None:
    aspect: Any = "equal" if shown.square else "auto"
    ax.imshow(shown.image, cmap="viridis", interpolation="nearest", aspect=aspect)
    ax.set_anchor("W")
    ax.set_xticks([])
    ax.set_yticks([])
    canvas.bare(ax)
    ax.set_title(title, loc="left", fontsize=canvas.SMALL, parse_math=False)


def _name_units(ax: Axes, classes: Sequence[Any] | None, shown: Picture) -> None:
    """What stands under the cells of the last layer, where they are few: classes, or the numbers of the units."""
    units = shown.image.shape[1]
    if shown.square or shown.image.shape[0] != 1 or units > NAMED:
        return
    labels = classes if classes is not None and len(classes) == units else range(units)
    texts = [canvas.shortened(label, max(3, 90 // units)) for label in labels]
    canvas.plain(ax, "x", texts, range(units), fontsize=canvas.SMALL)
    ax.set_xlabel("class" if labels is classes else "unit", fontsize=canvas.SMALL)
