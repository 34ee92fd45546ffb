"""RPROP+ weight by weight as Riedmiller and Braun have it, in plain Python, against ours on tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.optim import IRpropMinus, IRpropPlus, Optimizer, Rprop

START = np.linspace(2.0, -1.5, 7)
SCALE, CENTRE = np.linspace(0.2, 2.0, 7), np.linspace(-1, 1, 7)


def gradient(w: np.ndarray) -> np.ndarray:
    return SCALE * (w - CENTRE) + 0.8 * np.cos(4 * w + w[::-1])


def transcription(rule: Rprop, w: np.ndarray) -> Iterator[np.ndarray]:
    """The paper's program: a loop over the weights, with their products of derivatives."""
    w = w.copy()
    size, move, before = np.full(len(w), rule.step), np.zeros(len(w)), np.zeros(len(w))
    while True:
        now = gradient(w)
        for i in range(len(w)):
            if before[i] * now[i] > 0:
                size[i] = min(size[i] * rule.eta_plus, rule.maximum)
                move[i] = -np.sign(now[i]) * size[i]
                w[i] += move[i]
                before[i] = now[i]
            elif before[i] * now[i] < 0:
                size[i] = max(size[i] * rule.eta_minus, rule.minimum)
                w[i] -= move[i]
                before[i] = 0
            else:
                move[i] = -np.sign(now[i]) * size[i]
                w[i] += move[i]
                before[i] = now[i]
        yield w


RULES = [
    Rprop(),
    Rprop(0.3),
    Rprop(0.05, eta_minus=0.3, eta_plus=1.7),
    Rprop(0.2, eta_minus=0.9, minimum=0.15, maximum=0.25),
]


@pytest.mark.parametrize("split", [(7,), (3, 4)], ids=["one tensor", "two tensors"])
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_iterates_of_the_paper(rule: Rprop, split: tuple[int, ...]) -> None:
    expected = transcription(rule, START)
    weights = [torch.tensor(part, requires_grad=True) for part in np.split(START, np.cumsum(split)[:-1])]
    optimizer = rule.build(weights)
    went_back = 0
    for _ in range(60):
        before = torch.cat(weights).detach().numpy()
        for weight, part in zip(weights, np.split(gradient(before), np.cumsum(split)[:-1]), strict=True):
            weight.grad = torch.tensor(part)
        optimizer.step()
        found = torch.cat(weights).detach().numpy()
        np.testing.assert_allclose(found, next(expected), rtol=1e-12, atol=1e-14)
        went_back += sum(int((optimizer.state[weight]["sign"] == 0).sum()) for weight in weights)
    assert went_back > 20  # the branch that matters has been gone through


def test_single_precision_within_its_rounding() -> None:
    path = transcription(RULES[0], START)
    weight = torch.tensor(START, dtype=torch.float32, requires_grad=True)
    optimizer = RULES[0].build([weight])
    for _ in range(15):
        weight.grad = torch.tensor(gradient(weight.detach().double().numpy()), dtype=torch.float32)
        optimizer.step()
        np.testing.assert_allclose(weight.detach().numpy(), next(path), rtol=1e-5, atol=1e-5)


def test_a_weight_goes_back_where_it_came_from() -> None:
    weight = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    optimizer = Rprop(0.5).build([weight])
    places = [weight.item()]
    for slope in (1.0, 1.0, -1.0, -1.0, 1.0):
        weight.grad = torch.tensor([slope], dtype=torch.float64)
        optimizer.step()
        places.append(weight.item())
    assert places == pytest.approx([0.3, -0.2, -0.8, -0.2, 0.1, -0.2])


def test_gradients_whose_product_is_too_small_for_the_format() -> None:
    weight = torch.zeros(1, requires_grad=True)
    optimizer = Rprop(0.1).build([weight])
    for _ in range(3):
        weight.grad = torch.tensor([1e-30])
        optimizer.step()
    assert weight.item() == pytest.approx(-(0.1 + 0.12 + 0.144))


def test_a_zero_gradient_stays_and_starts_afresh() -> None:
    weight = torch.zeros(1, requires_grad=True)
    optimizer = Rprop(0.1).build([weight])
    places = []
    for slope in (1.0, 0.0, -1.0, -1.0):
        weight.grad = torch.tensor([slope])
        optimizer.step()
        places.append(round(weight.item(), 6))
    assert places == [-0.1, -0.1, 0.0, 0.12]


def test_the_groups_lr_multiplies_the_moves() -> None:
    weights = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    optimizer = Rprop().build([{"params": weights[0]}, {"params": weights[1], "lr": 0.1, "step": 0.4}])
    for slope in (1.0, 1.0, -1.0):
        for weight in weights:
            weight.grad = torch.tensor([slope])
        optimizer.step()
    assert [weight.item() for weight in weights] == pytest.approx([-0.1, -0.04])


@pytest.mark.parametrize("rule", [Rprop(), IRpropPlus(), IRpropMinus()], ids=repr)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_changes_nothing(rule: Optimizer, bad: float) -> None:
    weights = [torch.zeros(3, requires_grad=True), torch.ones(2, requires_grad=True)]
    optimizer = rule.build(weights)
    weights[0].grad, weights[1].grad = torch.ones(3), torch.tensor([1.0, bad])
    message = (
        rf"{type(rule).__name__}\.step\((closure)?\): expected finite gradients, got NaN or infinite entries. Check"
    )
    with pytest.raises(InvalidData, match=message):
        optimizer.step(lambda: 1.0)
    assert torch.equal(torch.cat(weights), torch.tensor([0.0, 0, 0, 1, 1]))
    assert not optimizer.state


def test_gradients_whose_sum_overflows_are_finite() -> None:
    weight = torch.zeros(2, requires_grad=True)
    weight.grad = torch.full((2,), 3e38)
    Rprop(0.1).build([weight]).step()
    assert weight.tolist() == pytest.approx([-0.1, -0.1])


@pytest.mark.parametrize("cls", [Rprop, IRpropPlus, IRpropMinus])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 0}, r"\(step\): expected a number in \(0, inf\), got 0"),
        (
            {"step": 60},
            r"\(step\): expected a number in \[minimum, maximum\] = \[1e-06, 50\], got 60.*Widen the bounds",
        ),
        ({"minimum": 0.5}, r"\(step\): expected a number in \[minimum, maximum\] = \[0.5, 50\], got 0.1"),
        ({"eta_minus": 1.0}, r"\(eta_minus\): expected a number in \(0, 1\), got 1.0"),
        ({"eta_plus": 1.0}, r"\(eta_plus\): expected a number in \(1, inf\), got 1.0"),
        ({"minimum": -1}, r"\(minimum\): expected a number in \[0, inf\), got -1"),
        ({"maximum": 0}, r"\(maximum\): expected a number in \(0, inf\), got 0"),
        ({"learning_rate": 0.1}, r": expected one of its options, got 'learning_rate'"),
    ],
)
def test_options_that_cannot_be(cls: Callable[..., Optimizer], options: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidParameter, match=f"{cls.__name__}{message}"):
        cls(**options)
