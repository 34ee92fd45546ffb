"""iRprop+ weight by weight as Igel and Huesken have it, in plain Python, against ours on tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.optim import IRpropPlus

START = np.linspace(2.0, -1.5, 7)
SCALE, CENTRE = np.linspace(0.2, 2.0, 7), np.linspace(-1, 1, 7)


def error(w: np.ndarray) -> float:
    return float(np.sum(0.5 * SCALE * (w - CENTRE) ** 2 + 0.2 * np.sin(4 * w)) + 0.4 * np.sin(w @ w))


def gradient(w: np.ndarray) -> np.ndarray:
    return SCALE * (w - CENTRE) + 0.8 * np.cos(4 * w) + 0.8 * w * np.cos(w @ w)


def transcription(rule: IRpropPlus, w: np.ndarray) -> Iterator[tuple[np.ndarray, int, int]]:
    """The paper's program; also how many weights have gone back and how many have waited."""
    w = w.copy()
    size, move, before, last = np.full(len(w), rule.step), np.zeros(len(w)), np.zeros(len(w)), math.inf
    while True:
        now, back, waited = gradient(w), 0, 0
        current = error(w)
        for i in range(len(w)):
            if before[i] * now[i] > 0:
                size[i] = min(size[i] * rule.eta_plus, rule.maximum)
                move[i] = -np.sign(now[i]) * size[i]
            elif before[i] * now[i] < 0:
                size[i] = max(size[i] * rule.eta_minus, rule.minimum)
                move[i] = -move[i] if current > last else 0.0
                back, waited = back + (current > last), waited + (current <= last)
                now[i] = 0.0
            else:
                move[i] = -np.sign(now[i]) * size[i]
            before[i] = now[i]
        w, last = w + move, current
        yield w, back, waited


def test_gradient_of_the_test_is_that_of_its_error() -> None:
    steps = 1e-6 * np.eye(7)
    slopes = [(error(START + step) - error(START - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(gradient(START), slopes, rtol=1e-6)


@pytest.mark.parametrize("split", [(7,), (3, 4)], ids=["one tensor", "two tensors"])
@pytest.mark.parametrize(
    "rule", [IRpropPlus(), IRpropPlus(0.4), IRpropPlus(0.3, eta_minus=0.6, eta_plus=1.5, minimum=0.1)], ids=repr
)
def test_the_iterates_of_the_paper(rule: IRpropPlus, split: tuple[int, ...]) -> None:
    expected = transcription(rule, START)
    weights = [torch.tensor(part, requires_grad=True) for part in np.split(START, np.cumsum(split)[:-1])]
    optimizer = rule.build(weights)
    gone_back = waited = 0
    for _ in range(30):  # later on, rounding decides which of two errors is the greater
        now = torch.cat(weights).detach().numpy()
        for weight, part in zip(weights, np.split(gradient(now), np.cumsum(split)[:-1]), strict=True):
            weight.grad = torch.tensor(part)
        loss = torch.tensor(error(now))
        assert optimizer.step(lambda loss=loss: loss) is loss
        w, back, stayed = next(expected)
        gone_back, waited = gone_back + back, waited + stayed
        np.testing.assert_allclose(torch.cat(weights).detach().numpy(), w, rtol=1e-12, atol=1e-14)
    assert gone_back > 5
    assert waited > 5


def test_the_error_that_decides_is_the_one_of_now() -> None:
    """One weight whose sign turns at the third step: what the errors before were does not matter."""
    for errors, place in [((3.0, 1.0, 2.0), -0.1), ((1.0, 3.0, 2.0), -0.22), ((1.0, 2.0, 2.0), -0.22)]:
        weight = torch.zeros(1, requires_grad=True)
        optimizer = IRpropPlus(0.1).build([weight])
        for slope, loss in zip((1.0, 1.0, -1.0), errors, strict=True):
            weight.grad = torch.tensor([slope])
            optimizer.step(lambda loss=loss: loss)
        assert weight.item() == pytest.approx(place)


def test_a_closure_that_goes_backward_itself() -> None:
    weight = torch.zeros(2, requires_grad=True)
    optimizer = IRpropPlus().build([weight])

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (weight - torch.tensor([1.0, -2.0])).square().sum()
        loss.backward()
        return loss

    with torch.no_grad():
        losses = [float(optimizer.step(closure)) for _ in range(80)]
    assert losses[0] == 5.0
    assert losses[-1] < 1e-6


@pytest.mark.parametrize(
    ("closure", "got"),
    [
        (None, "got None. After loss.backward"),
        (3.0, r"got 3.0. After loss.backward\(\) call optimizer.step\(lambda: loss\)"),
        (lambda: None, "got one that returns a NoneType. "),
        (lambda: True, "got one that returns a bool. "),
        (lambda: torch.ones(2), "got one that returns a Tensor. "),
    ],
)
def test_a_step_without_a_loss(closure: Any, got: str) -> None:
    weight = torch.zeros(1, requires_grad=True)
    weight.grad = torch.ones(1)
    message = rf"IRpropPlus\.step\(closure\): expected a function that returns the loss, one number, {got}"
    with pytest.raises(InvalidParameter, match=message):
        IRpropPlus().build([weight]).step(closure)
    assert weight.item() == 0


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite(loss: float) -> None:
    weight = torch.zeros(1, requires_grad=True)
    weight.grad = torch.ones(1)
    message = rf"IRpropPlus\.step\(closure\): expected a finite loss, got {loss}. Check inputs and targets; the weights"
    with pytest.raises(InvalidData, match=message):
        IRpropPlus().build([weight]).step(lambda: torch.tensor(loss))
    assert weight.item() == 0
