"""Who proposes regions to networks that do not propose them themselves: the options of `RCNN` and `FastRCNN`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from netwright.core.validation import Constraint, one_of, satisfies
from netwright.vision.detection.given import Regions, there
from netwright.vision.regions.selective import selective_search

SELECTIVE = "selective_search"
SIDE = 4.0  # pixels of the shorter side of a region that is searched
PROPOSALS: Constraint = one_of(SELECTIVE) | satisfies("a function: image -> boxes (n, 4)", callable)


def regions_by(proposals: Any, most: int) -> Callable[..., Regions]:
    """The function ``(images, frames) -> regions`` of the options.

    Parameters
    ----------
    proposals : "selective_search", or a function of an image. most : regions of an image.
    """
    search = partial(selective_search, min_side=SIDE, max_regions=most)
    return partial(Regions, propose=search if isinstance(proposals, str) else proposals, most=most)


def lists_of(regions: Tensor) -> list[Tensor]:
    """The regions of each image, of a padded table.

    Parameters
    ----------
    regions : (n, most, 4), rows of zeros where there is none.
    """
    return [row[some] for row, some in zip(regions, there(regions), strict=True)]
