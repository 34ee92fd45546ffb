"""Do the filters of a first layer on images look like noise: the correlation of neighbouring weights.

    r = corr(w[y, x], w[y, x + 1]) and corr(w[y, x], w[y + 1, x]), over all filters and channels

It is compared with that of the same weights in any order within their filter. Weights as they were drawn have as much;
weights that learned from smooth images have more. Filters of 3 x 3 have too few neighbours to tell, and are not asked.

Reference: Karpathy, CS231n notes, *Understanding and visualizing convolutional neural networks*.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.checks.after.trained import Trained
from netwright.checks.anatomy import recorded
from netwright.checks.finding import Finding, Where, note

SMALLEST = 5  # pixels of a filter's side
SMOOTH = 0.1  # correlation of weights above that in any order
IMAGES = 0.2  # correlation of neighbouring pixels, above that of pixels in any order
ORDERS = 4
FILTERS = 64  # that are looked at, about
ROWS = 200


@dataclass(frozen=True)
class Filters:
    """The filters of the first layer.

    Attributes
    ----------
    layer : its path. weights : (filters, channels, height, width). pixels : (height, width), whether they are judged.
    """

    layer: str
    weights: Tensor
    pixels: Tensor


def like_noise(context: Trained) -> Iterable[Finding]:
    """Filters no smoother than their weights in any order, in a network that simple learners beat."""
    found = first_filters(context) if len(context.rows) >= ROWS else None
    if found is None:
        return
    alike = neighbours_alike(found.weights, found.pixels)
    others = torch.tensor([neighbours_alike(each, found.pixels) for each in _in_any_order(found)])
    pairs = len(found.weights) * found.weights.shape[1] * 2 * int(found.pixels.sum())
    if not math.isfinite(alike) or 3 * max(float(others.std()), pairs**-0.5) > SMOOTH:
        return
    above = alike - float(others.mean())
    noise = context.signal("noise in the first filters", 1 - above, 1 - SMOOTH, "filters-noise")
    if noise <= 1 - SMOOTH or not _others_are_better(context):
        return
    yield note(
        "filters-noise",
        f"neighbouring weights of the first layer correlate by {alike:.2f}, {above:.2f} above what the same weights "
        f"give in any order, while pixels of the images are smooth",
        f"at least {SMOOTH} above, as filters that learned from smooth images have",
        "Train longer or at a higher rate; where the network is too sure of its training rows, add weight decay, "
        "augmentation or images.",
        evidence={"correlation": alike, "any_order": float(others.mean()), "filters": len(found.weights)},
        where=Where(layer=found.layer),
    )


def first_filters(context: Trained) -> Filters | None:
    """The filters of the layer that is given the images; None where there is none, or none that can be judged.

    Parameters
    ----------
    context : the program.
    """
    images = _images(context)
    if images is None or _pixels_alike(images) < IMAGES:
        return None
    with recorded(context.module) as record:
        context.answer(context.module, context.probe.rows(slice(0, 2)))
    for path, layer, inputs in record.calls:
        if not isinstance(layer, (nn.Conv2d, nn.Linear)):
            if any(True for _ in layer.parameters(recurse=False)):
                return None
            continue
        given = inputs[0] if inputs and isinstance(inputs[0], Tensor) else None
        if given is None or not layer.weight.requires_grad or given.numel() // max(1, len(given)) != images[0].numel():
            return None
        weights = layer.weight.detach()[:: max(1, len(layer.weight) // FILTERS)].double().cpu()
        if isinstance(layer, nn.Linear):
            moving = images.std(0).amax(0) > 1e-6
            weights = weights.reshape(-1, *images.shape[1:])
        else:
            moving = torch.ones(weights.shape[2:], dtype=torch.bool)
        return Filters(path, weights, moving) if min(weights.shape[2:]) >= SMALLEST else None
    return None


def _images(context: Trained) -> Tensor | None:
    """The inputs as images (n, channels, height, width): as they are, or rows of a square number of pixels."""
    inputs = context.floats
    if len(inputs) != 1 or inputs[0].ndim not in (2, 3, 4):
        return None
    rows = inputs[0].detach().double().cpu()[:ROWS]
    if not bool(torch.isfinite(rows).all()):
        return None
    if rows.ndim == 2:
        side = math.isqrt(rows.shape[1])
        return rows.reshape(len(rows), 1, side, side) if side * side == rows.shape[1] and side >= SMALLEST else None
    rows = rows[:, None] if rows.ndim == 3 else rows
    return rows if min(rows.shape[2:]) >= SMALLEST else None


def _pixels_alike(images: Tensor) -> float:
    """The correlation of neighbouring pixels over rows, in the direction in which it is less, above that in any order.

    Columns of a table, read as if they were pixels, have none: whatever correlates there is not side by side.
    """
    images = images - images.mean(0)
    flat = images.flatten(2)
    order = torch.randperm(flat.shape[2], generator=torch.Generator().manual_seed(0))
    mixed = flat[..., order].reshape(images.shape)
    here, there = (min(_correlation(each, 2), _correlation(each, 3)) for each in (images, mixed))
    return here - abs(there)


def _correlation(images: Tensor, axis: int) -> float:
    n = images.shape[axis] - 1
    a, b = images.narrow(axis, 1, n), images.narrow(axis, 0, n)
    return float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-12))


def neighbours_alike(weights: Tensor, pixels: Tensor) -> float:
    """The correlation of neighbouring weights, across and down.

    Parameters
    ----------
    weights : of filters. pixels : which are judged.

    Shapes
    ------
    weights (filters, channels, height, width), pixels (height, width) -> a number

    Examples
    --------
    >>> import torch
    >>> slope = torch.linspace(-1, 1, 8).expand(1, 1, 8, 8)
    >>> round(neighbours_alike(slope, torch.ones(8, 8, dtype=torch.bool)), 2)
    0.97
    """
    across, down = pixels[:, 1:] & pixels[:, :-1], pixels[1:] & pixels[:-1]
    a = torch.cat([weights[..., 1:][..., across].flatten(), weights[..., 1:, :][..., down].flatten()])
    b = torch.cat([weights[..., :-1][..., across].flatten(), weights[..., :-1, :][..., down].flatten()])
    if len(a) < 2:
        return math.nan
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-12))


def _in_any_order(found: Filters) -> Iterable[Tensor]:
    """The filters with the weights of the judged pixels in other orders."""
    generator = torch.Generator().manual_seed(0)
    places = torch.nonzero(found.pixels.flatten())[:, 0]
    flat = found.weights.flatten(2)
    for _ in range(ORDERS):
        mixed = flat.clone()
        mixed[..., places] = flat[..., places[torch.randperm(len(places), generator=generator)]]
        yield mixed.reshape(found.weights.shape)


def _others_are_better(context: Trained) -> bool:
    """Whether a linear model or neighbours do better than the network, so that there is something left to learn."""
    part = context.judged
    if part is None:
        return True
    rivals = [each for each in (context.line, context.neighbours) if each is not None]
    return any(context.behind(part, each).above(0.0, 2.0) for each in rivals)
