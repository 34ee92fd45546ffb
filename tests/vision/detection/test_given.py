"""Regions that are proposed from outside: found once, cut at the image, moved with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData
from netwright.vision.detection.batches import DetectionBatches
from netwright.vision.detection.given import Regions, apart, beside
from netwright.vision.detection.pictures import Canvases, Pictures, frame_of
from netwright.vision.moving.changing import change_for

SIZES = [(40, 80), (64, 64), (30, 20)]


def of(propose: Any, most: int = 3) -> tuple[Regions, Pictures, Any]:
    pictures = Pictures([np.full((*size, 3), 9, np.uint8) for size in SIZES], "images")
    frames = [frame_of(size, 64) for size in SIZES]
    return Regions(pictures, frames, propose, most), pictures, frames


def test_they_are_found_when_wanted_and_remembered() -> None:
    asked = []

    def propose(image: Any) -> Any:
        asked.append(image.shape)
        assert image.dtype == np.uint8
        return [[1, 2, 9, 12]]

    regions, _, _ = of(propose)
    first = regions.take(torch.tensor([2, 0]))
    assert asked == [(64, 43, 3), (32, 64, 3)]
    assert torch.equal(regions.take(torch.tensor([0, 1, 2]))[[2, 0]], first)
    assert asked[2:] == [(64, 64, 3)]
    assert first.tolist() == [[[1, 2, 9, 12], [0, 0, 0, 0], [0, 0, 0, 0]]] * 2


def test_they_are_cut_at_the_image_and_counted() -> None:
    given = [[-5, -5, 20, 99], [70, 0, 90, 9], [3, 3, 3.5, 9], [0, 0, 1, 1], [5, 5, 9, 9], [6, 6, 9, 9]]
    regions, _, _ = of(lambda image: given)
    assert regions.take(torch.tensor([0]))[0].tolist() == [[0, 0, 20, 32], [0, 0, 1, 1], [5, 5, 9, 9]]
    none, _, _ = of(lambda image: [])
    assert not none.take(torch.arange(3)).any()


def test_what_is_no_box_is_named() -> None:
    for wrong, text in (([[1, 2, 3]], r"proposals of image 1, boxes.*shape \(1, 3\)"), ([[0, 0, np.nan, 1]], "row 0")):
        regions, _, _ = of(lambda image, wrong=wrong: wrong)
        with pytest.raises(InvalidData, match=text):
            regions.take(torch.tensor([1]))


@pytest.mark.parametrize("augment", ["Flip(1.0)", "Mosaic(1.0)", "Mosaic(0.5), Flip(0.5), Scale(1.4)"])
def test_they_move_as_objects_do(augment: str) -> None:
    """Regions that are the objects' boxes are so still when the images have changed."""
    pictures = Pictures([np.full((64, 64, 3), number, np.uint8) for number in range(6)], "images")
    frames = [frame_of((64, 64), 64)] * 6
    low = torch.rand(6, 2, 2, generator=torch.Generator().manual_seed(0)) * 30
    boxes = torch.cat([low, low + 25], 2)
    classes = torch.tensor([[0, 1], [1, 0], [2, 2], [0, -2], [1, -1], [-1, -1]])
    boxes[classes == -1] = 0
    regions = Regions(pictures, frames, lambda image: boxes[image[0, 0, 0]].numpy(), 4)
    canvases = Canvases(pictures, frames, (64, 64))
    batches = DetectionBatches(canvases, boxes, classes, size=6, change=change_for(augment), regions=regions)
    ((_, moved), (found, kinds), _) = next(iter(batches(0)))
    alone = DetectionBatches(canvases, boxes, classes, size=6, change=change_for(augment))
    (_, (wanted, wanted_kinds), _) = next(iter(alone(0)))
    for a, b, c, d, e in zip(moved, found, kinds, wanted, wanted_kinds, strict=True):
        assert b[c >= 0].tolist() == d[e >= 0].tolist()
        assert c[c != -1].tolist() == e[e != -1].tolist()
        asked = b[c >= 0].tolist()
        assert [row for row in a.tolist() if row in asked] == asked
        assert not a[(c == -1).sum() + len(c) :].any()


def test_they_are_told_apart_from_objects() -> None:
    draw = torch.Generator().manual_seed(0)
    boxes, regions = torch.rand(3, 2, 4, generator=draw).cumsum(2), torch.rand(3, 5, 4, generator=draw).cumsum(2)
    regions[1, 3:], regions[2] = 0, 0
    classes = torch.tensor([[3, -1], [-2, 0], [-1, -1]])
    boxes[classes == -1] = 0
    for found, wanted in zip(apart(*beside(boxes, classes, regions)), (boxes, classes, regions), strict=True):
        assert torch.equal(found, wanted)
