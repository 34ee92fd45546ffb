"""The head of regions: what it looks at, and what it learns from."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netwright.vision import box_iou, encode_boxes, roi_align, roi_pool
from netwright.vision.rcnn.head import RegionHead, lesson, region_loss
from netwright.vision.rcnn.sampling import Rules

BOXES = torch.tensor([[[4.0, 4, 20, 20], [30, 30, 50, 44]], [[10, 8, 40, 40], [0, 0, 0, 0]]])
CLASSES = torch.tensor([[1, 0], [2, -1]])


@pytest.fixture(autouse=True)
def own_numbers() -> Any:
    """Weights and regions are drawn by torch's generator, which is put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def around(seed: int = 0) -> list[Any]:
    """Regions beside the objects of two images, and some elsewhere."""
    draw = torch.Generator().manual_seed(seed)
    near = [boxes[classes >= 0] for boxes, classes in zip(BOXES, CLASSES, strict=True)]
    found = []
    for boxes in near:
        shaken = boxes.repeat(6, 1) + 4 * torch.rand(6 * len(boxes), 4, generator=draw) - 2
        low = 40 * torch.rand(20, 2, generator=draw)
        found.append(torch.cat([shaken, torch.cat([low, low + 12], 1)]))
    return found


@pytest.mark.parametrize("pooling", ["align", "pool"])
def test_it_sees_pooled_regions(pooling: str) -> None:
    head, maps = RegionHead(5, 4, 3, bins=3, units=8, pooling=pooling), torch.randn(2, 5, 16, 16)
    regions = around()
    if pooling == "pool":
        bins = roi_pool(maps, regions, 3, 0.25)
    else:
        bins = roi_align(maps, regions, 3, 0.25, sampling_ratio=2, aligned=True)
    first, second = head.hidden[1], head.hidden[3]
    h = (second(first(bins.flatten(1)).relu())).relu()
    logits, corrections = head(maps, regions)
    torch.testing.assert_close(logits, head.kinds(h))
    torch.testing.assert_close(corrections.flatten(1), head.corrections(h))


def test_what_regions_learn() -> None:
    regions, rules = around(), Rules(foreground=0.5, background=0.5, drawn=16, share=0.25, best=False)
    drawn = lesson(regions, (BOXES, CLASSES), rules)
    assert [len(some) for some in drawn.regions] == [16, 16]
    moves = iter(drawn.moves)
    for some, kinds, boxes, classes in zip(drawn.regions, drawn.kinds.split(16), BOXES, CLASSES, strict=True):
        overlap = box_iou(some, boxes)
        assert (kinds > 0).sum() == 4
        for row, kind in enumerate(kinds.tolist()):
            assert (overlap[row].max() >= 0.5) == (kind > 0)
            if kind:
                own = overlap[row].argmax()
                assert kind == classes[own] + 1
                torch.testing.assert_close(next(moves), encode_boxes(boxes[own], some[row], (10.0, 10.0, 5.0, 5.0)))


def test_images_without_regions_or_objects() -> None:
    head, maps = RegionHead(5, 4, 3, bins=2, units=8), torch.randn(2, 5, 16, 16)
    none, nothing = torch.zeros(0, 4), torch.full((2, 2), -1)
    for regions, classes in (([none, none], CLASSES), (around(), nothing), ([none, none], nothing)):
        loss = region_loss(head, maps, regions, (BOXES, classes))
        loss.backward()
        assert loss.isfinite()
