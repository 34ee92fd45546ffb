"""The loss of YOLO against its equations in NumPy, and what passes no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.vision.boxes.overlap import complete_box_iou
from netwright.vision.yolo.answers import Scale, boxes_of
from netwright.vision.yolo.assignment import assign, listed
from netwright.vision.yolo.loss import FORMS, YoloLoss

SCALES = [Scale(8, torch.tensor([[10.0, 12.0], [20.0, 16.0]])), Scale(16, torch.tensor([[30.0, 30.0], [40.0, 20.0]]))]
GRIDS = [(4, 6), (2, 3)]
CLASSES = 3


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def entropy(z: Any, t: Any) -> Any:
    return np.logaddexp(0, z) - z * t


def outputs(seed: int = 0) -> tuple[torch.Tensor, ...]:
    draw = torch.Generator().manual_seed(seed)
    made = (torch.randn(2, 2, *grid, 5 + CLASSES, generator=draw, dtype=torch.float64) for grid in GRIDS)
    return tuple(each.requires_grad_() for each in made)


BOXES = torch.tensor(
    [[[2.0, 3, 14, 17], [20, 8, 44, 30], [0, 0, 0, 0]], [[30.0, 2, 46, 20], [1, 1, 9, 9], [8, 8, 30, 28]]]
)
TABLE = torch.tensor([[0, 2, -1], [1, -2, 0]])


def decoded(t: Any, column: int, row: int, stride: int, anchor: Any, form: str) -> Any:
    """One box by the equations of its form."""
    if form == "v3":
        x, y = stride * (column + sigmoid(t[0])), stride * (row + sigmoid(t[1]))
        w, h = anchor[0] * np.exp(t[2]), anchor[1] * np.exp(t[3])
    else:
        x, y = (stride * (c + 2 * sigmoid(u) - 0.5) for c, u in ((column, t[0]), (row, t[1])))
        w, h = (p * (2 * sigmoid(u)) ** 2 for p, u in zip(anchor, t[2:4], strict=True))
    return np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])


def iou(a: Any, b: Any) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def by_hand(given: tuple[torch.Tensor, ...], how: str) -> float:
    form, objects = FORMS[how], listed(BOXES.double(), TABLE)
    asked = assign(objects, [s.anchors.double() for s in SCALES], [s.stride for s in SCALES], GRIDS, how)
    total, count = 0.0, sum(len(p.item) for p in asked)
    for tensor, scale, positives in zip(given, SCALES, asked, strict=True):
        z = tensor.detach().numpy()
        anchors = scale.anchors.double().numpy()
        wanted = {}
        for image, a, row, column, item in zip(*(part.tolist() for part in positives), strict=True):
            t = z[image, a, row, column]
            told, true = decoded(t, column, row, scale.stride, anchors[a], form), objects.boxes[item].numpy()
            total += 5 * (1 - float(complete_box_iou(told[None], true[None])[0, 0]))
            classes = np.eye(CLASSES)[int(objects.classes[item])]
            total += entropy(t[5:], classes).sum()
            wanted[image, a, row, column] = 1.0 if how == "best" else iou(told, true)
        for index in np.ndindex(*z.shape[:4]):
            image, a, row, column = index
            if index not in wanted:
                told = decoded(z[index], column, row, scale.stride, anchors[a], form)
                alone = TABLE[image] != -1 if how == "best" else TABLE[image] <= -2
                if any(iou(told, b.numpy()) > 0.5 for b in BOXES[image].double()[alone]):
                    continue
            total += entropy(z[index][4], wanted.get(index, 0.0))
    return total / count


@pytest.mark.parametrize("how", ["best", "neighbours"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_as_the_equations_say(how: str, seed: int) -> None:
    given = outputs(seed)
    loss = YoloLoss(SCALES, how)
    got = loss(tuple(each.double() for each in given), (BOXES.double(), TABLE))
    # the library computes the sums in float32
    assert float(got.detach()) == pytest.approx(by_hand(given, how), rel=2e-5)


def test_images_without_an_object_teach_that_there_is_none() -> None:
    given = outputs()
    loss = YoloLoss(SCALES, "neighbours")(given, (torch.zeros(2, 1, 4), torch.full((2, 1), -1)))
    wanted = sum(entropy(each.detach().numpy()[..., 4], 0.0).sum() for each in given)
    assert float(loss.detach()) == pytest.approx(wanted, rel=1e-5)
    loss.backward()
    for each in given:
        assert (each.grad[..., 4] > 0).all()
        assert not each.grad[..., :4].any()
        assert not each.grad[..., 5:].any()


def test_objects_that_are_not_asked_for_are_neither_right_nor_wrong() -> None:
    """Answers that find one are left alone; the same object as none would be a fault, as one it would be asked for."""
    scale = [Scale(8, torch.tensor([[16.0, 16.0]]))]
    answers = torch.zeros(1, 1, 4, 4, 6, requires_grad=True)  # boxes of 16 x 16 about the middles of the cells
    box = boxes_of(answers.detach()[..., :4], scale[0], "v5")[0, 0, 1, 1]
    loss = YoloLoss(scale, "neighbours")
    grads = {}
    for kind in (-2, -1):
        loss((answers,), (box[None, None], torch.tensor([[kind]]))).backward()
        grads[kind] = answers.grad[0, 0, :, :, 4].clone()
        answers.grad = None
    assert grads[-2][1, 1] == 0
    assert (grads[-1] > 0).all()
    assert (grads[-2][0] > 0).all()
