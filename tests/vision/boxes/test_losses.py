"""Losses: one minus the overlap of each pair; the focal loss by its equation and by finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from netwright import vision
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import sigmoid_focal_loss

NAMES = ["box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou"]
each_loss = pytest.mark.parametrize("name", NAMES)


def loss_of(name: str) -> Callable[..., Any]:
    return getattr(vision, f"{name}_loss")


def boxes(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner, side = torch.rand(2, count, 2, generator=generator, dtype=torch.float64)
    return torch.cat([corner, corner + side + 0.1], 1)


@each_loss
def test_a_loss_is_one_minus_the_overlap_of_each_pair(name: str) -> None:
    first, second = boxes(20, 0), boxes(20, 1)
    each = loss_of(name)(first, second)
    torch.testing.assert_close(each, 1 - getattr(vision, name)(first, second).diagonal())
    torch.testing.assert_close(loss_of(name)(first, second, "mean"), each.mean())
    torch.testing.assert_close(loss_of(name)(first, second, reduction="sum"), each.sum())
    torch.testing.assert_close(
        loss_of(name)(first.view(4, 5, 4), second[:5]), loss_of(name)(first, second[:5].repeat(4, 1)).view(4, 5)
    )


@each_loss
def test_gradients_are_finite_for_boxes_without_area(name: str) -> None:
    odd = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 5], [5, 5, 1, 1], [2, 2, 3, 3]], requires_grad=True)
    loss = loss_of(name)(odd, odd.detach().flip(0), "sum") + loss_of(name)(odd, odd.detach(), "sum")
    loss.backward()
    assert odd.grad is not None
    assert torch.isfinite(odd.grad).all()


@each_loss
def test_no_boxes_cost_nothing(name: str) -> None:
    none = torch.zeros(0, 4, requires_grad=True)
    loss = loss_of(name)(none, torch.zeros(0, 4), "mean")
    loss.backward()
    assert float(loss.detach()) == 0
    assert loss_of(name)([], [], "sum") == 0


@pytest.mark.parametrize("name", NAMES[:3])
def test_gradients_of_boxes(name: str) -> None:
    first, second = boxes(4, 2).requires_grad_(), boxes(4, 3).requires_grad_()
    assert torch.autograd.gradcheck(loss_of(name), (first, second))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES[1:])
def test_boxes_that_share_nothing_are_led_together(name: str) -> None:
    box = torch.tensor([[0.0, 0.0, 2.0, 2.0]], requires_grad=True)
    target = torch.tensor([[3.0, 4.0, 6.0, 9.0]])
    optimizer = torch.optim.Adam([box], 0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss_of(name)(box, target, "sum").backward()
        optimizer.step()
    assert float(vision.box_iou(box.detach(), target)) > 0.8


@pytest.mark.parametrize("alpha", [0.25, 0.9, None])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_focal_loss_by_its_equation(alpha: float | None, gamma: float) -> None:
    generator = np.random.default_rng(0)
    x, t = generator.normal(size=(5, 3)) * 3, generator.integers(0, 2, (5, 3)).astype(float)
    p = 1 / (1 + np.exp(-x))
    p_t = p * t + (1 - p) * (1 - t)
    weight = 1 if alpha is None else alpha * t + (1 - alpha) * (1 - t)
    expected = -weight * (1 - p_t) ** gamma * np.log(p_t)
    np.testing.assert_allclose(sigmoid_focal_loss(x, t, alpha, gamma), expected, rtol=1e-10)
    assert sigmoid_focal_loss(x, t, alpha, gamma, "mean") == pytest.approx(expected.mean())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_of_large_logits_and_gradients(gamma: float) -> None:
    x = torch.tensor([1e4, -1e4, 1e4, -1e4, 100.0, -100.0], requires_grad=True)
    t = torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0, 0.0])
    loss = sigmoid_focal_loss(x, t, None, gamma)
    torch.testing.assert_close(loss[:4], torch.tensor([0.0, 0.0, 1e4, 1e4]))
    loss.sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(6, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: sigmoid_focal_loss(z, t.double(), 0.25, gamma), (z,))


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(InvalidParameter, match=r"box_iou_loss\(reduction\): expected 'none' or 'mean'.*got 'avg'"):
        vision.box_iou_loss([[0, 0, 1, 1]], [[0, 0, 1, 1]], "avg")
    with pytest.raises(InvalidData, match=r"expected one shape, got \(2, 4\) and \(3, 4\)"):
        vision.box_iou_loss(np.zeros((2, 4)), np.zeros((3, 4)))
    with pytest.raises(InvalidData, match=r"sigmoid_focal_loss\(inputs, targets\): expected one shape"):
        sigmoid_focal_loss(np.zeros((2, 3)), np.zeros(2))
    with pytest.raises(InvalidParameter, match=r"sigmoid_focal_loss\(alpha\)"):
        sigmoid_focal_loss([0.0], [1.0], 1.5)


def test_eps_is_added_to_denominators() -> None:
    """The figures of torchvision with its 1e-7, and one by hand."""
    first, second = ([0, 0, 2, 2], [3, 3, 5, 5]), ([0, 0, 4, 2], [1, 0, 3, 4])
    assert float(vision.distance_box_iou_loss(*first, "sum")) == pytest.approx(1.36, abs=1e-15)
    assert float(vision.distance_box_iou_loss(*first, "sum", 1e-7)) == pytest.approx(1.3599999993, abs=1e-10)
    assert float(vision.complete_box_iou_loss(*second, eps=1e-7)) == pytest.approx(1 - 0.2683316691, abs=1e-8)
    assert float(vision.generalized_box_iou_loss(*second, eps=1.0)) == pytest.approx(1 - 4 / 13 + 4 / 17, abs=1e-12)
    assert float(vision.distance_box_iou([first[0]], [first[1]], 1e-7)[0, 0]) == pytest.approx(-0.3599999993, abs=1e-10)
    with pytest.raises(InvalidParameter, match=r"generalized_box_iou_loss\(eps\)"):
        vision.generalized_box_iou_loss(*second, eps=-1.0)
