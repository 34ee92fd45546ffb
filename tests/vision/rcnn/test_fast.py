"""Fast R-CNN beside what all detectors do: whose proposals it takes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import FastRCNN

SMALL = nw.models.darknet(8, (1, 1), stride=2, headless=True)


def squares(n: int, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Pictures (48, 64) with a bright square in each."""
    draw = np.random.default_rng(seed)
    images, targets = [], []
    for _ in range(n):
        image = draw.integers(0, 50, (48, 64, 3), dtype=np.uint8)
        x, y, side = int(draw.integers(0, 40)), int(draw.integers(0, 24)), int(draw.integers(14, 24))
        image[y : y + side, x : x + side] = (230, 200, 60)
        images.append(image)
        targets.append({"boxes": [[x, y, x + side, y + side]], "labels": ["square"]})
    return images, targets


def shaken(image: Any, others: int = 20) -> Any:
    """Boxes about the bright square, none of them right, and some elsewhere."""
    ys, xs = (image[..., 0] > 150).nonzero()
    draw = np.random.default_rng(int(xs.sum()))
    low = draw.uniform(0, 30, (others, 2))
    box = [xs.min() - 4, ys.min() - 1, xs.max() + 1, ys.max() + 4]
    return np.concatenate([[box], np.concatenate([low, low + draw.uniform(8, 20, (others, 2))], 1)])


def made(**options: Any) -> Any:
    usual: dict[str, Any] = {"optimizer": "AdamW(0.004)", "epochs": 8, "scales": 1, "augment": None}
    return FastRCNN(SMALL, size=64, batch_size=4, random_state=0, **{**usual, **options})


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{}, pytest.param({"augment": "Flip()", "pooling": "pool"}, marks=pytest.mark.slow)]
)
def test_proposals_of_a_function_are_corrected(options: Any) -> None:
    images, targets = squares(32)
    detector = made(proposals=shaken, max_proposals=9, **options).fit(images, targets)
    others = squares(20, seed=1)
    found = detector.predict(others[0], max_detections=1, score_threshold=0)
    before = [nw.vision.box_iou(t["boxes"], shaken(i)[:1])[0, 0] for i, t in zip(*others, strict=True)]
    after = [nw.vision.box_iou(t["boxes"], f["boxes"])[0, 0] for t, f in zip(others[1], found, strict=True)]
    assert np.mean(after) > np.mean(before) + 0.05
    assert detector.score(*others) > 0.9


def test_images_of_which_nothing_is_proposed() -> None:
    images, targets = squares(8)
    detector = made(proposals=partial(shaken, others=0), epochs=1).fit(images, targets)
    detector.proposals = lambda image: np.zeros((0, 4))
    again = detector.fit(images, targets)
    assert np.isfinite(again.loss_curve_).all()
    assert all(one["boxes"].shape == (0, 4) and not len(one["labels"]) for one in again.predict(images))


def test_a_function_that_gives_no_boxes_is_told_the_image() -> None:
    images, targets = squares(4)
    with pytest.raises(InvalidData, match=r"proposals of image \d, boxes"):
        made(proposals=lambda image: [[1, 2]]).fit(images, targets)


def test_a_function_is_not_written_to_a_file(tmp_path: Any) -> None:
    images, targets = squares(4)
    detector = made(proposals=shaken, epochs=1).fit(images, targets)
    with pytest.raises(InvalidParameter):
        detector.save(tmp_path / "model.nw")
