"""True points of images, read for training: K in each, in one order, and which of them are to be seen.

An image's target is a mapping with ``points`` (K, 2) as (x, y) in pixels and perhaps ``visibility`` (K,), 1 for points
that are to be seen and 0 for others. Points of NaN are not to be seen. Where a point that is not to be seen stands is
not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.core.errors import InvalidData, problem, shown
from netwright.vision.detection.pictures import Frame
from netwright.vision.detection.targets import as_array


@dataclass(frozen=True)
class Points:
    """The points of one image.

    Parameters
    ----------
    places : (K, 2) float64 within the image, 0 where they are not to be seen. seen : (K,).
    """

    places: NDArray[np.float64]
    seen: NDArray[np.bool_]


def read_points(
    targets: Any,
    sizes: Sequence[tuple[int, int]],
    where: str,
    count: int | None = None,
    called: Callable[[int], str] = "image {}".format,
) -> list[Points]:
    """The points of all images.

    Parameters
    ----------
    targets : a mapping an image. sizes : (height, width) of each image. where : how an error names the targets.
    count : how many points an image has; None for as many as the first has.
    called : the name of an image by its number.

    Raises
    ------
    InvalidData : another number of targets than images or of points than K, a point that is to be seen and lies outside
        of its image or has no place, an answer that is neither 0, 1 nor 2 (of COCO); with image and point.

    Examples
    --------
    >>> nan = float("nan")
    >>> (one,) = read_points([{"points": [[2, 3], [nan, nan], [90, 90]], "visibility": [1, 0, 0]}], [(10, 10)], "y")
    >>> one.places.tolist(), one.seen.tolist()
    ([[2.0, 3.0], [0.0, 0.0], [0.0, 0.0]], [True, False, False])
    """
    if isinstance(targets, (Mapping, str, bytes)) or not hasattr(targets, "__len__"):
        raise InvalidData(problem(where, "a list of dicts, one an image", shown(targets), "Put it in a list."))
    if len(targets) != len(sizes):
        raise InvalidData(problem(where, f"{len(sizes)}, one an image", str(len(targets))))
    found: list[Points] = []
    for image, (target, size) in enumerate(zip(targets, sizes, strict=True)):
        here = f"{where}, {called(image)}"
        found.append(_read_one(target, size, here))
        wanted = len(found[0].seen) if count is None else count
        if len(found[-1].seen) != wanted:
            remedy = "Give points that are not to be seen as NaN."
            raise InvalidData(
                problem(f"{here}, points", f"{wanted}, as of the others", f"{len(found[-1].seen)}", remedy)
            )
    return found


def _read_one(target: Any, size: tuple[int, int], here: str) -> Points:
    if not isinstance(target, Mapping) or "points" not in target:
        got = f"the keys {', '.join(map(str, target))}" if isinstance(target, Mapping) else shown(target)
        raise InvalidData(problem(here, "a dict with points", got))
    points = as_array(target["points"], f"{here}, points")
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise InvalidData(problem(f"{here}, points", "shape (K, 2): x, y", f"shape {points.shape}"))
    seen: NDArray[np.bool_] = np.logical_not(np.isnan(points).all(axis=1, keepdims=False))
    given = target.get("visibility")
    if given is not None:
        told = as_array(given, f"{here}, visibility")
        if told.shape != (len(points),) or not np.isin(told, (0, 1, 2)).all():
            expected = f"0, 1 or 2 for each of the {len(points)} points"
            raise InvalidData(problem(f"{here}, visibility", expected, shown(told.tolist())))
        seen = told.astype(bool)
    height, width = size
    wrong = np.flatnonzero(seen & ~((points >= 0) & (points <= [width, height])).all(1))
    if len(wrong):
        remedy = "Give points that are not to be seen as NaN, or the visibility 0."
        expected = f"0 <= x <= {width}, 0 <= y <= {height}"
        raise InvalidData(problem(f"{here}, points, row {wrong[0]}", expected, f"{points[wrong[0]].tolist()}", remedy))
    return Points(np.where(seen[:, None], points, 0.0), seen)


def point_tables(known: Sequence[Points], frames: Sequence[Frame]) -> tuple[Tensor, Tensor]:
    """The points of all images on their canvases.

    Parameters
    ----------
    known : of each image. frames : of each image.

    Shapes
    ------
    -> points (n, K, 2) float32 on the canvas, whether they are to be seen (n, K) bool
    """
    places = np.stack([each.places * frame.scale for each, frame in zip(known, frames, strict=True)])
    return torch.from_numpy(places).float(), torch.from_numpy(np.stack([each.seen for each in known]))
