"""What the option `augment` of a detector says, as one function that changes a batch of images with their objects."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import check
from netwright.data.augment import Augmentation, Compose
from netwright.estimators.augmenting import augmentations_of
from netwright.vision.moving.boxes import OUTLINE, SHARE, move_boxes
from netwright.vision.moving.mosaic import Mosaic

USUAL = "Mosaic(0.3), Flip(0.5), Scale(1.25), Color()"  # of detectors, where the user says nothing

# images (n, 3, h, w), boxes (n, m, 4), classes (n, m), generator -> the same, changed
Change = Callable[[Tensor, Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor, Tensor]]


def change_for(
    augment: Any, *, min_visibility: float = 0.2, outline: str = "box", where: str = "augment"
) -> Change | None:
    """The function ``change(images, boxes, classes, generator) -> (images, boxes, classes)`` of an option.

    Augmentations that stand in a row are one `Compose`, and so its warps one resampling.

    Parameters
    ----------
    augment : an augmentation or `Mosaic`, a tuple of them, a text such as ``"Mosaic(), Flip(), Color()"``, or None.
    min_visibility, outline : as of `move_boxes`.
    where : the name of the option, for messages.

    Raises
    ------
    InvalidParameter : something that is no augmentation.

    Examples
    --------
    >>> change = change_for("Mosaic(1.0), Flip(), Scale(1.3), Color()")
    >>> images, boxes = torch.zeros(4, 3, 80, 100), torch.tensor([[[10.0, 20.0, 40.0, 60.0]]] * 4)
    >>> made = change(images, boxes, torch.zeros(4, 1, dtype=torch.long), torch.Generator().manual_seed(0))
    >>> made[0].shape, change_for(None)
    (torch.Size([4, 3, 80, 100]), None)
    """
    check("change_for(min_visibility)", min_visibility, SHARE)
    check("change_for(outline)", outline, OUTLINE)
    if augment is None:
        return None
    parts = augmentations_of(augment, where)
    wrong = [part for part in parts if not isinstance(part, (Augmentation, Mosaic))]
    if wrong:
        expected = "augmentations of images, or Mosaic()"
        raise InvalidParameter(problem(where, expected, shown(wrong[0]), "Make it a subclass of Augmentation."))
    steps: list[Augmentation | Mosaic] = []
    for moving, group in groupby(parts, key=lambda part: isinstance(part, Augmentation)):
        row = list(group)
        steps += [Compose(*row)] if moving and len(row) > 1 else row
    return partial(changed, tuple(steps), min_visibility=min_visibility, outline=outline)


def changed(
    steps: tuple[Augmentation | Mosaic, ...],
    images: Tensor,
    boxes: Tensor,
    classes: Tensor,
    generator: torch.Generator,
    *,
    min_visibility: float = 0.2,
    outline: str = "box",
) -> tuple[Tensor, Tensor, Tensor]:
    """A batch after some steps in their order.

    Parameters
    ----------
    steps : augmentations and mosaics.
    images, boxes, classes, generator, min_visibility, outline : as of `move_boxes`.
    """
    batch = images, boxes, classes
    for step in steps:
        if isinstance(step, Mosaic):
            batch = step(*batch, generator, min_visibility=min_visibility)
        else:
            batch = move_boxes(step, *batch, generator, min_visibility=min_visibility, outline=outline)
    return batch
