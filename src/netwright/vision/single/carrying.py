"""Augmentation of images with their points: what moves an image moves its points, and a mirror renames them.

In a mirror a left eye becomes a right one. Whether an image was mirrored follows from where three points that lie round
its middle went: the triangle 0, e_x, e_y turns the other way round, so

    det (p(e_x) - p(0), p(e_y) - p(0)) < 0

and then the points of each pair change places. Of several augmentations those that are one resampling are one move;
what leaves the image in a move is not to be seen afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from netwright.data.augment import Augmentation
from netwright.data.augment.compose import stages


def carry_points(
    augmentation: Augmentation,
    images: Tensor,
    points: Tensor,
    seen: Tensor,
    generator: torch.Generator,
    *,
    pairs: Sequence[tuple[int, int]] = (),
) -> tuple[Tensor, Tensor, Tensor]:
    """New images, with their points where these are now, and whether they are to be seen.

    Parameters
    ----------
    augmentation : what changes the images. images : (n, channels, height, width), floating.
    points : (n, K, 2), floating, x, y in pixels. seen : (n, K), bool. generator : the source of all random numbers.
    pairs : of points that change places in a mirror, such as those of a left and a right eye.

    Shapes
    ------
    (n, channels, height, width), (n, K, 2), (n, K) -> the same

    Examples
    --------
    >>> from netwright.data.augment import Flip
    >>> points, seen = torch.tensor([[[10.0, 20.0], [40.0, 20.0]]]), torch.ones(1, 2, dtype=torch.bool)
    >>> carry_points(Flip(1.0), torch.zeros(1, 3, 80, 100), points, seen, torch.Generator(), pairs=[(0, 1)])[1].tolist()
    [[[60.0, 20.0], [90.0, 20.0]]]
    """
    height, width = images.shape[2:]
    corner = points.new_tensor([width / 2, height / 2])
    order = list(range(points.shape[1]))
    for one, other in pairs:
        order[one], order[other] = order[other], order[one]
    for stage in stages(augmentation):
        probes = (corner + points.new_tensor([[0, 0], [1, 0], [0, 1]])).expand(len(images), 3, 2)
        images, moved = stage.together(images, torch.cat([points, probes], 1), generator)
        points, (origin, right, down) = moved[:, :-3], moved[:, -3:].unbind(1)
        right, down = right - origin, down - origin
        mirrored = right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0] < 0
        points = torch.where(mirrored[:, None, None], points[:, order], points)
        seen = torch.where(mirrored[:, None], seen[:, order], seen)
        seen = seen & ((points >= 0) & (points <= 2 * corner)).all(-1)
    return images, points, seen
