r"""Pooling of regions: a map of features of one size for each region of interest.

A region x1, y1, x2, y2, times `spatial_scale`, is cut into P x Q bins.

RoI align takes the mean, in each bin, of g x g values of the map, bilinear between places:

    y_i = y1 + (p + (i + 1/2) / g) h / P      i = 0 ... g - 1, g = `sampling_ratio`, or ceil(h / P) where that is <= 0
    a value is 0 where y_i < -1 or y_i > H; else y_i is moved into [0, H - 1];     x likewise

`aligned` moves regions by half a place, as the centre of place 0 is at 1/2; without it, regions are at least 1 wide.
All of this goes axis by axis: bilinear weights are products, and so is the number of values. So a bin is the sum over
the map of A[p, y] map[y, x] B[q, x], two products of matrices for all regions of an image, and gradients pass to the
map and to the regions too.

RoI pool rounds regions to whole places (halves away from 0), x1 to x2 inclusive, and takes the maximum of each bin,
from floor(p h / P) to ceil((p + 1) h / P), in whole numbers; 0 where a bin lies outside of the map.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import Constraint, boolean, check, integer, number
from netwright.vision.boxes.reading import read_numbers, require_boxes, require_finite

BLOCK = 1 << 22  # weights that are made together
_SIDE = integer(1)
_OUTPUT = _SIDE | Constraint(
    "(height, width)",
    lambda value: isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_SIDE.accepts, value)),
)


def roi_align(
    input: Any,
    boxes: Any,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Any:
    """Bilinear means of the bins of each region.

    Parameters
    ----------
    input : maps of features.
    boxes : regions x1, y1, x2, y2: a list of (l, 4), one for each image, or (k, 5) with the index of the image first.
    output_size : bins of a region, (height, width) or one number.
    spatial_scale : > 0; places of the map a unit of the boxes: 1 / stride.
    sampling_ratio : values a bin in each direction; of none, <= 0, as many as there are places.
    aligned : whether regions are moved by half a place, which is exact. Old networks were trained without.

    Shapes
    ------
    (n, channels, H, W), k regions -> (k, channels, height, width)

    Raises
    ------
    InvalidData : other shapes, regions with NaN or infinity or of no image, with the row.
    InvalidParameter : an option out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> roi_align(np.arange(16.0).reshape(1, 1, 4, 4), [[[0, 0, 3, 3]]], 2, sampling_ratio=2, aligned=True)[0, 0]
    array([[1.5625, 3.    ],
           [7.3125, 8.75  ]])

    References
    ----------
    He, Gkioxari, Dollar, Girshick, *Mask R-CNN*, 2017.
    """
    bins = _options("roi_align", output_size, spatial_scale)
    check("roi_align(sampling_ratio)", sampling_ratio, integer())
    check("roi_align(aligned)", aligned, boolean)
    maps, image, regions, form = _read("roi_align", input, boxes)
    moved = regions * spatial_scale - (0.5 if aligned else 0.0)
    found = maps.new_zeros(len(regions), maps.shape[1], *bins)
    if not len(regions) or not maps.shape[1]:
        return form.give(found + 0 * maps.sum())
    parts, places, together = [], [], _at_once(moved, bins, maps.shape, sampling_ratio)
    for index in range(len(maps)):
        own = (image == index).nonzero()[:, 0]
        plane = maps[index].transpose(0, 1).contiguous()  # (H, channels, W)
        for some in own.split(together) if len(own) else ():
            parts.append(_aligned(plane, moved[some], bins, sampling_ratio, aligned))
            places.append(some)
    back = torch.cat(places).argsort()
    return form.give(torch.cat(parts)[back])


def roi_pool(input: Any, boxes: Any, output_size: int | tuple[int, int], spatial_scale: float = 1.0) -> Any:
    """Maxima of the bins of each region.

    Parameters
    ----------
    input : maps of features.
    boxes : regions x1, y1, x2, y2: a list of (l, 4), one for each image, or (k, 5) with the index of the image first.
    output_size : bins of a region, (height, width) or one number.
    spatial_scale : > 0; places of the map a unit of the boxes: 1 / stride.

    Shapes
    ------
    (n, channels, H, W), k regions -> (k, channels, height, width)

    Raises
    ------
    InvalidData : other shapes, regions with NaN or infinity or of no image, with the row.
    InvalidParameter : an option out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> roi_pool(np.arange(16.0).reshape(1, 1, 4, 4), [[[0, 0, 3, 3]]], 2)[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])

    References
    ----------
    Girshick, *Fast R-CNN*, 2015.
    """
    bins = _options("roi_pool", output_size, spatial_scale)
    maps, image, regions, form = _read("roi_pool", input, boxes)
    scaled = regions.detach() * spatial_scale
    edges = (torch.sign(scaled) * torch.floor(scaled.abs() + 0.5)).double().tolist()
    parts = [
        _pooled(maps[index], edge, bins) for index, edge in zip(image.tolist(), edges, strict=True) if maps.shape[1]
    ]
    if not parts:
        return form.give(maps.new_zeros(len(regions), maps.shape[1], *bins) + 0 * maps.sum())
    return form.give(torch.stack(parts))


def _at_once(moved: Tensor, bins: tuple[int, int], shape: torch.Size, sampling_ratio: int) -> int:
    """How many regions are pooled together."""
    sides = (moved.detach()[:, 2:] - moved.detach()[:, :2]).clamp(min=1).amax(0).tolist()
    samples = [
        sampling_ratio if sampling_ratio > 0 else -(-side // n) for side, n in zip(sides, bins[::-1], strict=True)
    ]
    widest = max(samples[0] * bins[1] * shape[3], samples[1] * bins[0] * shape[2], bins[0] * shape[1] * shape[3])
    return max(1, int(BLOCK // max(widest, 1)))


def _aligned(plane: Tensor, regions: Tensor, bins: tuple[int, int], sampling_ratio: int, aligned: bool) -> Tensor:
    """Regions of one image: (H, channels, W), (k, 4) -> (k, channels, P, Q)."""
    height, channels, width = plane.shape
    rows = _weights(regions[:, 1], regions[:, 3], bins[0], height, sampling_ratio, aligned)  # (k, P, H)
    columns = _weights(regions[:, 0], regions[:, 2], bins[1], width, sampling_ratio, aligned)  # (k, Q, W)
    halfway = rows.reshape(-1, height) @ plane.view(height, channels * width)  # (k P, channels W)
    halfway = halfway.view(len(regions), bins[0] * channels, width)
    found = halfway @ columns.transpose(1, 2)  # (k, P channels, Q)
    return found.view(len(regions), bins[0], channels, bins[1]).transpose(1, 2)


def _weights(first: Tensor, last: Tensor, bins: int, size: int, sampling_ratio: int, aligned: bool) -> Tensor:
    """How much each place of one axis counts in each bin: (k,), (k,) -> (k, bins, size)."""
    length = last - first if aligned else (last - first).clamp(min=1)
    if sampling_ratio > 0:
        samples = torch.full_like(length, sampling_ratio)
    else:
        samples = (length.detach() / bins).ceil().clamp(min=0)
    most = int(samples.max())
    i = torch.arange(most, dtype=first.dtype, device=first.device)
    p = torch.arange(bins, dtype=first.dtype, device=first.device)
    step = (i + 0.5) / samples.clamp(min=1)[:, None]  # (k, most)
    places = first[:, None, None] + (p[:, None] + step[:, None]) * (length / bins)[:, None, None]  # (k, bins, most)
    there = (i < samples[:, None])[:, None] & (places >= -1) & (places <= size)
    places = places.clamp(0, size - 1)
    near = places[..., None] - torch.arange(size, dtype=first.dtype, device=first.device)
    weights = (1 - near.abs()).clamp(min=0) * there[..., None]
    return weights.sum(2) / samples.clamp(min=1)[:, None, None]


def _pooled(features: Tensor, edge: list[float], bins: tuple[int, int]) -> Tensor:
    """One region, its rounded edges given: (channels, H, W) -> (channels, P, Q)."""
    x1, y1, x2, y2 = (int(side) for side in edge)
    found = features
    for axis, (first, last) in ((1, (y1, y2)), (2, (x1, x2))):
        length, count, size = max(last - first + 1, 1), bins[axis - 1], features.shape[axis]
        pieces = []
        for p in range(count):
            start = min(max(first + p * length // count, 0), size)
            stop = min(max(first - (-(p + 1) * length // count), 0), size)
            shape = [*found.shape[:axis], *found.shape[axis + 1 :]]
            full = found.narrow(axis, start, stop - start).amax(axis) if stop > start else None
            pieces.append(found.new_zeros(shape) if full is None else full)
        found = torch.stack(pieces, axis)
    return found


def _options(owner: str, output_size: Any, spatial_scale: float) -> tuple[int, int]:
    """The checked number of bins, (height, width)."""
    check(f"{owner}(output_size)", output_size, _OUTPUT)
    check(f"{owner}(spatial_scale)", spatial_scale, number(0, closed="neither"))
    rows, columns = output_size if np.ndim(output_size) else (output_size, output_size)
    return int(rows), int(columns)


def _read(owner: str, input: Any, boxes: Any) -> tuple[Tensor, Tensor, Tensor, Any]:
    """Maps (n, channels, H, W), image of each region (k,), regions (k, 4), and the form of what goes back."""
    (maps,), form = read_numbers(owner, input=input)
    if maps.ndim != 4 or not maps.shape[2] or not maps.shape[3]:
        got = f"shape {tuple(maps.shape)}"
        raise InvalidData(problem(f"{owner}(input)", "shape (n, channels, H, W)", got, "Add an axis for the batch."))
    where = f"{owner}(boxes)"
    if isinstance(boxes, (list, tuple)) and not _is_table(boxes):
        if len(boxes) != len(maps):
            remedy = "Give an empty list for an image without regions."
            raise InvalidData(problem(where, f"a list for each of {len(maps)} images", f"{len(boxes)} lists", remedy))
        each = [
            require_boxes(f"{where}[{i}]", read_numbers(f"{where}[{i}]", boxes=b)[0][0]) for i, b in enumerate(boxes)
        ]
        regions = torch.cat([rows.to(maps) for rows in each]) if each else maps.new_zeros(0, 4)
        counts = torch.tensor([len(rows) for rows in each], dtype=torch.int64, device=maps.device)
        return maps, torch.arange(len(maps), device=maps.device).repeat_interleave(counts), regions, form
    (table,), _ = read_numbers(owner, boxes=boxes)
    if table.ndim != 2 or table.shape[1] != 5:
        got = f"shape {tuple(table.shape)}"
        remedy = "Put the index of the image first, or give a list with the boxes of each image."
        raise InvalidData(problem(where, "shape (k, 5), or a list of (l, 4) for each image", got, remedy))
    require_finite(where, table)
    image = table[:, 0].detach()
    wrong = ((image != image.floor()) | (image < 0) | (image >= len(maps))).nonzero()
    if len(wrong):
        row = int(wrong[0, 0])
        raise InvalidData(problem(f"{where}, row {row}", f"an image 0 ... {len(maps) - 1}", f"{float(image[row]):g}"))
    return maps, image.long(), table[:, 1:].to(maps), form


def _is_table(boxes: Any) -> bool:
    """Whether a list holds rows of five numbers, not lists of boxes."""
    return bool(len(boxes)) and all(
        isinstance(row, (list, tuple)) and len(row) == 5 and not any(isinstance(v, (list, tuple)) for v in row)
        for row in boxes
    )
