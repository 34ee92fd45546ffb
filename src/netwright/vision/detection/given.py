"""Regions that are proposed from outside of a network, and how they go with their images.

They are found when an image is first wanted, and remembered: a table (n, most, 4), on the canvas, rows without a region
are zeros. An augmentation moves them as it moves objects: they stand beside these in the tables, as objects of a class
of their own, and are taken apart again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.vision.detection.pictures import Frame
from netwright.vision.detection.targets import boxes_of
from netwright.vision.moving.mosaic import compacted

NOTHING = -1  # the class of a row without an object
PROPOSED = 2**30  # the class of a region that stands among objects
LEAST = 1.0  # pixels of the sides of a region

Propose = Callable[[Any], Any]  # uint8 (height, width, 3) -> boxes (n, 4) in its pixels, the best first


class Regions:
    """The regions of some images.

    Parameters
    ----------
    pictures : the images, or some of them. frames : of each. propose : finds the regions of an image at the scale of
        its frame. most : of an image that are kept, the first ones.

    Raises
    ------
    InvalidData : what was proposed for an image are no boxes.

    Examples
    --------
    >>> from netwright.vision.detection.pictures import Pictures, frame_of
    >>> images = Pictures([np.zeros((40, 80, 3), np.uint8)], "images")
    >>> regions = Regions(images, [frame_of((40, 80), 40)], lambda image: [[0, 0, *image.shape[1::-1]]], most=2)
    >>> regions.take(torch.tensor([0])).tolist()
    [[[0.0, 0.0, 40.0, 20.0], [0.0, 0.0, 0.0, 0.0]]]
    """

    def __init__(self, pictures: Any, frames: Sequence[Frame], propose: Propose, most: int) -> None:
        self._pictures, self._frames, self._propose = pictures, frames, propose
        self._held = torch.zeros(len(frames), most, 4)
        self._known = torch.zeros(len(frames), dtype=torch.bool)

    def take(self, rows: Tensor) -> Tensor:
        """The regions of some images: (k, most, 4)."""
        for row in rows[~self._known[rows]].tolist():
            found = self._found(row)
            self._held[row, : len(found)] = found
            self._known[row] = True
        return self._held[rows]

    def _found(self, row: int) -> Tensor:
        """The regions of one image, cut at its edges, without those that lie outside: (k, 4)."""
        frame = self._frames[row]
        image = np.ascontiguousarray(self._pictures.scaled(row, frame).permute(1, 2, 0).numpy())
        height, width = frame.shape
        boxes = boxes_of(self._propose(image), f"proposals of image {row}")
        boxes = np.clip(boxes, 0, [width, height, width, height])
        whole = (boxes[:, 2:] - boxes[:, :2] >= LEAST).all(1)
        return torch.from_numpy(boxes[whole][: self._held.shape[1]]).float()


def beside(boxes: Tensor, classes: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
    """Objects and regions in one table.

    Parameters
    ----------
    boxes, classes : of the objects, (n, m, 4) and (n, m). regions : (n, r, 4).

    Shapes
    ------
    -> (n, m + r, 4), (n, m + r)
    """
    kinds = torch.where(there(regions), PROPOSED, NOTHING)
    return torch.cat([boxes, regions], 1), torch.cat([classes, kinds], 1)


def apart(boxes: Tensor, classes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The inverse of `beside`: objects, their classes, and regions, wherever they stand now.

    Parameters
    ----------
    boxes, classes : the table.

    Examples
    --------
    >>> boxes, regions = torch.tensor([[[1.0, 1, 3, 3]]]), torch.tensor([[[0.0, 0, 9, 9], [0, 0, 0, 0]]])
    >>> [part.tolist() for part in apart(*beside(boxes, torch.tensor([[4]]), regions))]
    [[[[1.0, 1.0, 3.0, 3.0]]], [[4]], [[[0.0, 0.0, 9.0, 9.0]]]]
    """
    proposed = classes == PROPOSED
    objects, regions = (
        compacted(boxes.where(which[..., None], 0), classes.where(which, NOTHING))
        for which in (~proposed & (classes != NOTHING), proposed)
    )
    return *objects, regions[0]


def there(regions: Tensor) -> Tensor:
    """Which rows hold a region: (..., 4) -> (...).

    Parameters
    ----------
    regions : as `Regions.take` gives them.
    """
    return (regions[..., 2:] > regions[..., :2]).all(-1)
