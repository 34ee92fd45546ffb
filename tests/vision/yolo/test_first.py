"""The loss of the first YOLO: the paper's equation in loops, numbers by hand, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import box_iou, yolo_v1_loss

BOX = torch.tensor([0.6, 0.4, 0.16, 0.49, 0.3], dtype=torch.float64).view(1, 1, 1, 1, 5)
OBJECT = torch.tensor([1, 0.5, 0.5, 0.25, 0.36, 1, 0], dtype=torch.float64).view(1, 1, 1, 7)
KINDS = torch.tensor([0.8, 0.1], dtype=torch.float64).view(1, 1, 1, 2)


def test_numbers_by_hand() -> None:
    """Places 5 * 0.04 = 0.2, class 0.05, an empty cell 0.5 * 0.3^2 = 0.045; the rest is (p - IoU)^2."""
    empty = OBJECT.clone()
    empty[..., 0] = 0
    assert float(yolo_v1_loss(BOX, KINDS, empty)) == pytest.approx(0.045, abs=1e-12)
    iou = float(box_iou([[0.52, 0.155, 0.68, 0.645]], [[0.375, 0.32, 0.625, 0.68]])[0, 0])
    assert float(yolo_v1_loss(BOX, KINDS, OBJECT)) == pytest.approx(0.2 + 0.05 + (0.3 - iou) ** 2, abs=1e-12)
    sure = BOX.clone()
    sure[..., 4] = iou
    assert float(yolo_v1_loss(sure, KINDS, OBJECT)) == pytest.approx(0.25, abs=1e-12)
    assert float(yolo_v1_loss(sure, KINDS, OBJECT, coord=0)) == pytest.approx(0.05, abs=1e-12)


def by_loops(boxes: np.ndarray, classes: np.ndarray, target: np.ndarray) -> float:
    n, s, _, b, _ = boxes.shape
    total = 0.0
    for i, r, c in np.ndindex(n, s, s):
        there, *wanted = target[i, r, c, :5]
        ious = []
        for j in range(b):
            pair = []
            for x, y, w, h in (boxes[i, r, c, j, :4], wanted):
                x, y = (c + x) / s, (r + y) / s
                pair.append([[x - w / 2, y - h / 2, x + w / 2, y + h / 2]])
            ious.append(float(box_iou(*map(np.array, pair))[0, 0]))
        for j in range(b):
            p = boxes[i, r, c, j, 4]
            if there and j == int(np.argmax(ious)):
                x, y, w, h = boxes[i, r, c, j, :4] - np.array(wanted)
                roots = np.sqrt(boxes[i, r, c, j, 2:4]) - np.sqrt(wanted[2:])
                total += 5 * (x**2 + y**2 + (roots**2).sum()) + (p - ious[j]) ** 2
            else:
                total += 0.5 * p**2
        if there:
            total += float(((classes[i, r, c] - target[i, r, c, 5:]) ** 2).sum())
    return total / n


def test_the_paper_in_loops() -> None:
    draw = np.random.default_rng(0)
    boxes, classes = draw.uniform(0.05, 0.95, (3, 4, 4, 2, 5)), draw.random((3, 4, 4, 3))
    target = draw.uniform(0.05, 0.95, (3, 4, 4, 8))
    target[..., 0] = draw.integers(0, 2, (3, 4, 4))
    found = yolo_v1_loss(*map(torch.from_numpy, (boxes, classes, target)))
    assert float(found) == pytest.approx(by_loops(boxes, classes, target), rel=1e-12)


def test_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    boxes = torch.rand(2, 2, 2, 2, 5, generator=generator, dtype=torch.float64) * 0.8 + 0.1
    classes = torch.rand(2, 2, 2, 3, generator=generator, dtype=torch.float64)
    target = torch.rand(2, 2, 2, 8, generator=generator, dtype=torch.float64)
    target[..., 0] = (target[..., 0] > 0.5).double()
    places = boxes[..., :4].requires_grad_()
    told = boxes[..., 4:].detach()

    def of_places(x: torch.Tensor) -> torch.Tensor:  # the overlap is what confidence is told, and passes no gradient
        whole = torch.cat([x, told], -1)
        return yolo_v1_loss(whole, classes, target) - yolo_v1_loss(whole, classes, target, coord=0)

    assert torch.autograd.gradcheck(of_places, (places,))
    empty = torch.zeros(1, 1, 1, 1, 5, requires_grad=True)
    yolo_v1_loss(empty, KINDS.float(), OBJECT.float()).backward()
    assert empty.grad is not None
    assert bool(empty.grad.isfinite().all())


def test_what_cannot_be() -> None:
    with pytest.raises(InvalidData, match=r"expected shapes \(n, S, S, B, 5\).*got \(1, 1, 1, 1, 5\)"):
        yolo_v1_loss(BOX, KINDS, OBJECT[..., :6])
    with pytest.raises(InvalidParameter, match=r"coord"):
        yolo_v1_loss(BOX, KINDS, OBJECT, coord=-1)
