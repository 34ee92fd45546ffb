"""Boxes that go with their images: rectangles are painted, and found again where the boxes say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data.augment import (
    Augmentation,
    Color,
    Compose,
    Crop,
    Elastic,
    Erase,
    Flip,
    Rotate,
    Scale,
    Shear,
    Shift,
    Zoom,
)
from netwright.vision.moving import move_boxes
from netwright.vision.moving.boxes import outlined

HEIGHT, WIDTH = 96, 128
STRAIGHT = [
    Flip(0.5, 0.5),
    Crop(20),
    Shift(30),
    Scale(1.5, stretch=True),
    Zoom(0.5, 2.0),
    Compose(Flip(), Scale(1.3), Shift(20), Color()),
    Compose(Shift(40), Flip(), Zoom(0.4, 0.6), Crop(20)),  # what the first one cuts off does not come back
]
TURNED = [
    Rotate(180),
    Shear(40),
    Elastic(200, 12),
    Compose(Flip(), Elastic(200, 12), Rotate(30), Zoom(0.6, 1)),
    Compose(Color(), Shear(20), Shift(30), Scale(1.2), Rotate(90)),
]
SEEDS = range(8)


def painted(seed: int, n: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    """Images with a rectangle in each channel, and tables with two rows of padding."""
    rng = np.random.default_rng(seed)
    images, boxes = torch.zeros(n, 3, HEIGHT, WIDTH), torch.zeros(n, 5, 4)
    classes = torch.full((n, 5), -1)
    for image in range(n):
        for place, channel in enumerate(rng.permutation(3).tolist()):
            w, h = rng.integers(8, 60, 2)
            x, y = rng.integers(0, WIDTH - w + 1), rng.integers(0, HEIGHT - h + 1)
            images[image, channel, y : y + h, x : x + w] = 1
            row = [0, 2, 3][place]
            boxes[image, row], classes[image, row] = torch.tensor([x, y, x + w, y + h]), channel
    return images, boxes, classes


def found(channel: Tensor, least: float = 0.5) -> list[int]:
    """The box of what is bright."""
    rows, columns = (channel > least).any(1).nonzero(), (channel > least).any(0).nonzero()
    return [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.slow
@pytest.mark.parametrize("augmentation", STRAIGHT, ids=repr)
def test_painted_rectangles_are_where_their_boxes_say(augmentation: Augmentation) -> None:
    kept = gone = 0
    for seed in SEEDS:
        images, boxes, classes = painted(seed)
        made, moved, left = move_boxes(augmentation, images, boxes, classes, seeded(seed))
        for image, row in (classes >= 0).nonzero().tolist():
            channel = made[image, classes[image, row]] / max(1e-9, float(made[image].max()))
            if left[image, row] >= 0:
                kept += 1
                assert left[image, row] == classes[image, row]
                np.testing.assert_allclose(moved[image, row], found(channel), atol=1.0)
            else:  # less than the share, or than a pixel, is left of it
                gone += 1
                assert float(channel.sum()) <= 0.2 * 60 * 60 * 4
    assert kept > 100
    assert gone > 0 or isinstance(augmentation, (Flip, Crop, Compose, Scale, Shift))


@pytest.mark.slow
@pytest.mark.parametrize("augmentation", TURNED, ids=repr)
def test_painted_rectangles_that_are_turned_or_bent(augmentation: Augmentation) -> None:
    compared = 0
    for seed in SEEDS:
        images, boxes, classes = painted(seed)
        made, moved, left = move_boxes(augmentation, images, boxes, classes, seeded(seed))
        for image, row in (left >= 0).nonzero().tolist():
            x1, y1, x2, y2 = moved[image, row].tolist()
            if min(x1, y1) > 0 and x2 < WIDTH and y2 < HEIGHT:  # cut corners do not show, and tips are faint
                np.testing.assert_allclose([x1, y1, x2, y2], found(made[image, left[image, row]], 0.25), atol=1.3)
                compared += 1
    assert compared > 60


@pytest.mark.parametrize("augmentation", [Rotate(180), Compose(Rotate(30), Shear(20), Scale(1.2))], ids=repr)
def test_ellipses_are_tight_round_painted_ellipses(augmentation: Augmentation) -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for seed in range(20):
        rng = np.random.default_rng(seed)
        a, b, c, d = rng.uniform(35, 90), rng.uniform(35, 60), rng.uniform(10, 30), rng.uniform(10, 30)
        disc = torch.tensor(((x - a) / c) ** 2 + ((y - b) / d) ** 2 < 1).float()[None, None]
        box = torch.tensor([[[a - c, b - d, a + c, b + d]]], dtype=torch.float32)
        one = torch.zeros(1, 1, dtype=torch.long)
        made, moved, left = move_boxes(augmentation, disc, box, one, seeded(seed), outline="ellipse")
        x1, y1, x2, y2 = moved[0, 0].tolist()
        if left[0, 0] == 0 and min(x1, y1) > 0 and x2 < WIDTH and y2 < HEIGHT:
            np.testing.assert_allclose(moved[0, 0], found(made[0, 0]), atol=1.3)


@pytest.mark.parametrize("outline", ["box", "ellipse"])
def test_outlines_have_the_box_as_their_hull(outline: str) -> None:
    boxes = torch.rand(7, 3, 4, generator=seeded(0), dtype=torch.float64)
    boxes[..., 2:] += boxes[..., :2]
    points = outlined(boxes, outline)
    torch.testing.assert_close(torch.cat([points.amin(2), points.amax(2)], 2), boxes)
    assert len(set(map(tuple, points[0, 0].tolist()))) == points.shape[2]


@pytest.mark.parametrize("augmentation", [*STRAIGHT, *TURNED], ids=repr)
def test_the_same_seed_gives_the_same_tables(augmentation: Augmentation) -> None:
    batch = painted(0)
    first, second = (move_boxes(augmentation, *batch, seeded(4)) for _ in range(2))
    assert all(a.equal(b) for a, b in zip(first, second, strict=True))
    assert first[0].equal(augmentation(batch[0], seeded(4)))


@pytest.mark.parametrize("augmentation", [Color(), Erase(20)], ids=repr)
def test_boxes_stay_where_only_colours_change(augmentation: Augmentation) -> None:
    images, boxes, classes = painted(0)
    _, moved, left = move_boxes(augmentation, images, boxes, classes, seeded(0))
    assert moved.equal(boxes)
    assert left.equal(classes)


@pytest.mark.parametrize("augmentation", [*STRAIGHT, *TURNED], ids=repr)
def test_padding_stays_padding(augmentation: Augmentation) -> None:
    images, boxes, classes = painted(1)
    boxes[classes == -1] = 50.0 * torch.rand(int((classes == -1).sum()), 4, generator=seeded(0))  # whatever is there
    _, moved, left = move_boxes(augmentation, images, boxes, classes, seeded(2))
    assert bool((left[classes == -1] == -1).all())
    assert not moved[left == -1].any()
    inside = moved[left >= 0]
    assert bool(((inside >= 0) & (inside <= torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT]))).all())
    assert bool((inside[:, 2:] - inside[:, :2] >= 1).all())


def half_out(share: float) -> tuple[Tensor, Tensor]:
    """A box of which a share is in an image of 10 x 10."""
    width = 8.0
    return torch.tensor([[[-width * (1 - share), 0.0, width * share, 10.0]]]), torch.zeros(1, 3, 10, 10)


@pytest.mark.parametrize(("share", "least", "kept"), [(0.25, 0.2, True), (0.25, 0.3, False), (0.25, 0.25, True)])
def test_the_share_that_must_be_seen(share: float, least: float, kept: bool) -> None:
    boxes, images = half_out(share)
    _, moved, left = move_boxes(
        Color(), images, boxes, torch.tensor([[3]]), seeded(0), min_visibility=least, outline="box"
    )
    assert left.tolist() == [[3 if kept else -1]]
    assert moved.tolist() == [[[0.0, 0.0, 2.0, 10.0] if kept else [0.0] * 4]]


def test_what_is_smaller_than_a_pixel_goes_and_what_is_not_asked_for_stays_longer() -> None:
    boxes, images = half_out(0.14)  # 1.12 of 8 pixels
    for code, after in ((2, -1), (-2, -2), (-5, -5), (-1, -1)):
        left = move_boxes(Color(), images, boxes, torch.tensor([[code]]), seeded(0))[2]
        assert left.tolist() == [[after]]
    boxes, images = half_out(0.1)  # 0.8 of 8 pixels
    assert move_boxes(Color(), images, boxes, torch.tensor([[-2]]), seeded(0))[2].tolist() == [[-1]]
    assert move_boxes(Color(), images, boxes, torch.tensor([[2]]), seeded(0), min_visibility=0)[2].tolist() == [[-1]]


def test_a_mirrored_box() -> None:
    images, boxes = torch.zeros(1, 3, 80, 100), torch.tensor([[[10.0, 20.0, 40.0, 60.0]]])
    moved = move_boxes(Flip(1.0), images, boxes, torch.tensor([[0]]), seeded(0))[1]
    assert moved.tolist() == [[[60.0, 20.0, 90.0, 60.0]]]


def test_batches_without_images_and_tables_without_rows() -> None:
    images, boxes, classes = painted(0)
    assert move_boxes(Rotate(), images[:0], boxes[:0], classes[:0], seeded(0))[1].shape == (0, 5, 4)
    assert move_boxes(Rotate(), images, boxes[:, :0], classes[:, :0], seeded(0))[1].shape == (8, 0, 4)


@pytest.mark.parametrize(
    "tables",
    [
        (torch.zeros(2, 3, 4), torch.zeros(2, 2).long()),
        (torch.zeros(1, 3, 4), torch.zeros(1, 3).long()),
        (torch.zeros(2, 3, 4).long(), torch.zeros(2, 3).long()),
        (torch.zeros(2, 3, 4), torch.zeros(2, 3)),
        ([[0, 0, 1, 1]], [0]),
    ],
)
def test_tables_that_do_not_fit_are_refused(tables: tuple[Any, Any]) -> None:
    with pytest.raises(InvalidData, match=r"^move_boxes: expected .*images"):
        move_boxes(Flip(), torch.zeros(2, 3, 8, 8), *tables, seeded(0))


@pytest.mark.parametrize("options", [{"min_visibility": 2}, {"outline": "round"}])
def test_other_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter, match=r"^move_boxes\((min_visibility|outline)\): expected"):
        move_boxes(Flip(), *painted(0), seeded(0), **options)
