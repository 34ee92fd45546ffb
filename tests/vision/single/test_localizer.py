"""The localizer: the loss is its header's, there is a box or none, and several objects are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidData
from netwright.vision.detection.found import Limits
from netwright.vision.single.localizer import Localizer
from netwright.vision.single.localizing import LocalizerLoss, boxes_of, located

SIDE = 64
SMALL = nw.models.darknet(8, (1, 1), stride=2, headless=True)


def made(**options: Any) -> Localizer:
    given = {"size": 64, "scales": 1, "batch_size": 8, "random_state": 0, "optimizer": "AdamW(0.005)", **options}
    return Localizer(SMALL, **given)


def answers(n: int = 5, k: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    places = torch.randn(n, 5, generator=generator, dtype=torch.float64)
    places[:, 1:3] = places[:, 1:3] * 0.1 + 0.5
    return places, torch.randn(n, k, generator=generator, dtype=torch.float64)


# an object, none, one with another that is not asked for, one that is not asked for, an object in the second row
BOXES = torch.zeros(5, 2, 4, dtype=torch.float64)
BOXES[0, 0], BOXES[2, 0] = torch.tensor([[10.0, 12, 40, 50], [30, 5, 60, 33]]).double()
BOXES[2, 1] = BOXES[3, 0] = BOXES[4, 0] = torch.tensor([1.0, 2, 12, 14])
BOXES[4, 1] = torch.tensor([20.0, 21, 50, 39])
CLASSES = torch.tensor([[2, -1], [-1, -1], [0, -3], [-2, -1], [-2, 1]])


def test_the_loss_is_that_of_the_header() -> None:
    output = answers()
    places, logits = (part.numpy() for part in output)
    sigmoid = 1 / (1 + np.exp(-places))
    total = 0.0
    for i, row in enumerate((0, None, 0, "left alone", 1)):
        if row == "left alone":
            continue
        p = float(row is not None)
        total += -p * np.log(sigmoid[i, 0]) - (1 - p) * np.log(1 - sigmoid[i, 0])
        if row is not None:
            (x, y), (h, w) = places[i, 1:3], sigmoid[i, 3:5]
            told = SIDE * np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
            overlap = nw.vision.generalized_box_iou(told[None], BOXES[i, row][None].numpy())[0, 0]
            c = np.exp(logits[i]) / np.exp(logits[i]).sum()
            total += 2 * (1 - overlap) - np.log(c[CLASSES[i, row]])
    assert float(LocalizerLoss(SIDE)(output, (BOXES, CLASSES))) == pytest.approx(total / 5, rel=1e-12)


def test_its_gradient_is_right() -> None:
    loss = LocalizerLoss(SIDE)
    given = [part.clone().requires_grad_() for part in answers()]
    assert torch.autograd.gradcheck(lambda *parts: loss(parts, (BOXES, CLASSES)), given)


def test_images_without_any_object_ask_for_nothing_but_that() -> None:
    output = [part.clone().requires_grad_() for part in answers(2)]
    LocalizerLoss(SIDE)((output[0], output[1]), (torch.zeros(2, 1, 4), torch.full((2, 1), -1))).backward()
    assert output[0].grad is not None
    assert (output[0].grad[:, 0] != 0).all()
    assert not output[0].grad[:, 1:].any()
    assert output[1].grad is None or not output[1].grad.any()


def test_the_height_stands_before_the_width() -> None:
    told = boxes_of(torch.tensor([[0.0, 0.5, 0.25, 0.0, -200.0]]), 100)  # sigmoid 1/2 high, 0 wide
    torch.testing.assert_close(told, torch.tensor([[50.0, 0.0, 50.0, 50.0]]))


def test_one_box_or_none() -> None:
    places, logits = torch.zeros(2, 5), torch.tensor([[1.0, 3.0], [5.0, 5.0]])
    places[0, 0] = 4
    one, none = located(places, logits, SIDE, Limits(0.6, 0.5, 100))
    p = torch.tensor(4.0).sigmoid() * torch.tensor(2.0).sigmoid()
    torch.testing.assert_close(one.scores, p[None])
    assert one.classes.tolist() == [1]
    assert [len(part) for part in none] == [0, 0, 0]
    assert not len(located(places, logits, SIDE, Limits(0, 0.5, 0))[0].boxes)


def test_images_without_an_object_get_no_box(scenes: Any) -> None:
    images, targets = scenes(64)
    localizer = made(epochs=16).fit(images, targets)
    others, true = scenes(30, 1)
    found = localizer.predict(others)
    right = [len(one["boxes"]) == len(target["boxes"]) for one, target in zip(found, true, strict=True)]
    assert np.mean(right) > 0.9
    assert all(len(one["boxes"]) == 1 for one in localizer.predict(others, score_threshold=0))
    twice = np.kron(others[1], np.ones((2, 2, 1), np.uint8))
    (large,) = localizer.predict([twice])
    assert nw.vision.box_iou(large["boxes"], 2 * found[1]["boxes"])[0, 0] > 0.9


def test_several_objects_are_refused_with_the_image(scenes: Any) -> None:
    images, targets = scenes(8)
    targets[5] = {"boxes": [[0, 0, 9, 9], [20, 20, 40, 40]], "labels": ["disc", "disc"]}
    with pytest.raises(InvalidData, match=r"Localizer.fit\(targets\), image 5: expected at most 1 object, got 2"):
        made().fit(images, targets)
    with pytest.raises(InvalidData, match=r"Localizer\(validation\), targets, image 0: expected at most 1 object"):
        made(validation=(images[5:6], targets[5:6])).fit(*scenes(8))
    targets[5]["difficult"] = [0, 1]
    localizer = made(epochs=1, bad_boxes="error", augment="Flip(), Zoom(1.2)").fit(images, targets)
    assert np.isfinite(localizer.loss_curve_).all()


def test_bad_boxes_are_left_out_or_refused(scenes: Any) -> None:
    images, targets = scenes(8)
    targets[3] = {"boxes": [[5, 5, 5, 9]], "labels": ["disc"]}
    with pytest.warns(UserWarning, match="1 of 6 boxes left out: 1 without an area"):
        assert made(epochs=1).fit(images, targets).dropped_ == {"without an area": 1}
    with pytest.raises(InvalidData, match=r"image 3, boxes, row 0.*without an area"):
        made(bad_boxes="error").fit(images, targets)
    with pytest.raises(InvalidData, match="at least one object in all images, got none"):
        made().fit(images[:1], targets[:1])
