"""Mosaics: four images in one, round a cross at a random place.

Each quarter is a window of an image, as large as the quarter and at a random place of that image; pixels are copied,
and nothing is resampled. The upper left one is of the image itself, the others are of three others of its batch.
Objects are so seen beside and cut off by what they never stand beside, four times as many images are in a batch, and
the statistics of batch normalisation are as of a batch four times as large.

Where this differs from the paper's programs: Darknet shows each image at the place at which it stood, and Ultralytics
a mosaic of twice the size, of which a later warp cuts the middle out. Sizes do not change here; put `Zoom` or `Scale`
before the mosaic or after it for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar, final

import torch
from torch import Tensor

from netwright.core.validation import Constraint, check, number
from netwright.core.value import value
from netwright.data.augment.base import uniform
from netwright.vision.moving.boxes import NOTHING, SHARE, require_tables, seen


@final
@value("augmentation")
class Mosaic:
    """Puts windows of four images of a batch together round a random cross; it changes images with boxes only.

    Parameters
    ----------
    probability : of an image becoming a mosaic, in [0, 1].
    margin : how near the cross comes to the border, as a share of the side in [0, 0.5]; 0.5: always in the middle.

    Shapes
    ------
    images (n, channels, height, width), boxes (n, m, 4), classes (n, m)
    -> images, boxes (n, k, 4), classes (n, k), k the most objects of an image, 1 <= k <= 4 m

    Raises
    ------
    InvalidParameter : a probability or a margin outside of its range.

    Examples
    --------
    >>> images, boxes = torch.zeros(4, 3, 80, 100), torch.tensor([[[10.0, 20.0, 40.0, 60.0]]] * 4)
    >>> classes = torch.tensor([[0], [1], [2], [3]])
    >>> made, boxes, classes = Mosaic(1.0)(images, boxes, classes, torch.Generator().manual_seed(0))
    >>> boxes.shape, classes.tolist()
    (torch.Size([4, 3, 4]), [[0, 2, 1], [1, 2, -1], [2, 1, -1], [3, 0, 1]])

    References
    ----------
    Bochkovskiy, Wang, Liao, *YOLOv4: optimal speed and accuracy of object detection*, 2020, section 3.3.
    """

    probability: float = 0.5
    _: KW_ONLY
    margin: float = 0.2

    constraints: ClassVar[Mapping[str, Constraint]] = {"probability": number(0, 1), "margin": number(0, 0.5)}

    def __call__(
        self, images: Tensor, boxes: Tensor, classes: Tensor, generator: torch.Generator, *, min_visibility: float = 0.2
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New images with their objects; rows of the tables move to the front.

        Parameters
        ----------
        images : (n, channels, height, width), floating. boxes : (n, m, 4) in pixels. classes : (n, m), -1 for none.
        generator : the source of all random numbers.
        min_visibility : the share of its area that an object must have within its window to be kept.
        """
        check("Mosaic(min_visibility)", min_visibility, SHARE)
        require_tables("Mosaic", images, boxes, classes)
        if not len(images):
            return images.clone(), boxes.clone(), classes.clone()
        partners, quarters, origins = self._drawn(images, generator)
        shift = (quarters[..., :2] - origins).repeat(1, 1, 2)  # (n, 4, 4)
        moved = boxes[partners] + shift[:, :, None].to(boxes.dtype)  # (n, 4, m, 4)
        found = seen(moved, classes[partners], quarters[:, :, None].to(boxes.dtype), min_visibility)
        made = joined(images, partners.tolist(), quarters.tolist(), origins.tolist())
        return made, *compacted(found[0].flatten(1, 2), found[1].flatten(1, 2))

    def _drawn(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Whose windows (n, 4), the quarters that they fill (n, 4, 4), and where they begin (n, 4, 2) as (x, y).

        An image that stays has its own window in all of itself, and three that are empty.
        """
        n, size = len(images), torch.tensor([images.shape[3], images.shape[2]], device=images.device)
        whether = uniform(images, generator, low=0.0) < self.probability
        order = uniform(images, generator, n, low=0.0).fill_diagonal_(-1).argsort(1)
        partners = order[:, torch.arange(4, device=images.device) % n]
        at = self.margin + (1 - 2 * self.margin) * uniform(images, generator, 2, low=0.0)
        cross = torch.where(whether[:, None], (at * size).round().long(), size)
        x, y = torch.stack([torch.zeros_like(cross), cross, size.expand_as(cross)]).unbind(2)  # each (3, n)
        quarters = torch.stack([x[[0, 1, 0, 1]], y[[0, 0, 1, 1]], x[[1, 2, 1, 2]], y[[1, 1, 2, 2]]], 2).transpose(0, 1)
        free = size - (quarters[..., 2:] - quarters[..., :2])
        origins = (uniform(images, generator, 4, 2, low=0.0) * (free + 1)).long().minimum(free)
        return partners, quarters, origins


def joined(
    images: Tensor, partners: list[list[int]], quarters: list[list[list[int]]], origins: list[list[list[int]]]
) -> Tensor:
    """Images put together from windows of images.

    Parameters
    ----------
    images : (n, channels, height, width). partners : whose windows, (n, parts).
    quarters : x1, y1, x2, y2 in the new image, (n, parts, 4). origins : (x, y) where the windows begin, (n, parts, 2).

    Examples
    --------
    >>> images = torch.arange(4.0).view(2, 1, 1, 2)
    >>> joined(images, [[0, 1], [1, 1]], [[[0, 0, 1, 1], [1, 0, 2, 1]]] * 2, [[[1, 0], [0, 0]]] * 2).flatten().tolist()
    [1.0, 2.0, 3.0, 2.0]
    """
    made = torch.empty_like(images)
    for row, parts in enumerate(zip(partners, quarters, origins, strict=True)):
        for partner, (x1, y1, x2, y2), (x, y) in zip(*parts, strict=True):
            if x1 < x2 and y1 < y2:
                made[row, :, y1:y2, x1:x2] = images[partner, :, y : y + y2 - y1, x : x + x2 - x1]
    return made


def compacted(boxes: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Tables with their objects in front, in their order, and no longer than the fullest image needs.

    Parameters
    ----------
    boxes : (n, m, 4). classes : (n, m), -1 for no object.

    Examples
    --------
    >>> compacted(torch.ones(1, 3, 4), torch.tensor([[-1, 5, -1]]))
    (tensor([[[1., 1., 1., 1.]]]), tensor([[5]]))
    """
    order = (classes == NOTHING).to(torch.uint8).argsort(dim=1, stable=True)
    most = max(1, int((classes != NOTHING).sum(1).max()))
    order = order[:, :most]
    return boxes.gather(1, order[..., None].expand(-1, -1, 4)), classes.gather(1, order)
