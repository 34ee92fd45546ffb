"""Momentum and Nesterov: the bits of `SGD`, and the runs of Sutskever's form of both."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.optim import SGD, Momentum, Nesterov, direct_step, halving

START, SCALE, CENTRE = np.linspace(2.0, -1.5, 7), np.linspace(0.2, 2.0, 7), np.linspace(-1, 1, 7)


def gradient(w: np.ndarray) -> np.ndarray:
    return SCALE * (w - CENTRE) + 0.3 * np.sin(3 * w)


def places(rule: Momentum | Nesterov | SGD, steps: int = 25) -> list[np.ndarray]:
    weight = torch.tensor(START, requires_grad=True)
    optimizer = rule.build([weight])
    found = []
    for _ in range(steps):
        weight.grad = torch.tensor(gradient(weight.detach().numpy()))
        optimizer.step()
        found.append(weight.detach().numpy().copy())
    return found


def test_momentum_is_sutskevers_form_for_a_constant_rate() -> None:
    w, v = START, np.zeros(7)
    for found in places(Momentum(0.05, 0.8)):
        v = 0.8 * v - 0.05 * gradient(w)
        w = w + v
        np.testing.assert_allclose(found, w, rtol=1e-12, atol=1e-13)


def test_nesterov_is_sutskevers_form_at_the_place_that_is_looked_ahead_at() -> None:
    u, v = START, np.zeros(7)
    for found in places(Nesterov(0.05, 0.8)):
        v = 0.8 * v - 0.05 * gradient(u + 0.8 * v)
        u = u + v
        np.testing.assert_allclose(found, u + 0.8 * v, rtol=1e-12, atol=1e-13)


def test_a_change_of_rate_acts_on_the_whole_velocity() -> None:
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = Momentum(0.1, 0.5).build([weight])
    steps = []
    for rate in (0.1, 0.01):
        before = weight.item()
        optimizer.param_groups[0]["lr"] = rate
        weight.grad = torch.ones(1, dtype=torch.float64)
        optimizer.step()
        steps.append(weight.item() - before)
    assert steps == pytest.approx([-0.1, -0.015])  # in the other form the second step is -0.05 - 0.01


@pytest.mark.parametrize(
    ("named", "plain"),
    [
        (Momentum(0.05, 0.8), SGD(0.05, 0.8)),
        (Nesterov(0.05, 0.8), SGD(0.05, 0.8, nesterov=True)),
        (Momentum(), SGD(0.01, 0.9)),
        (Nesterov(), SGD(0.01, 0.9, nesterov=True)),
    ],
)
def test_the_bits_of_sgd(named: Momentum | Nesterov, plain: SGD) -> None:
    assert all(np.array_equal(*pair) for pair in zip(places(named), places(plain), strict=True))


@pytest.mark.parametrize("rule", [Momentum(halving(0.1, 3)), Nesterov(halving(0.1, 3))])
def test_torchs_fused_kernel_and_the_way_round_its_step(rule: Momentum | Nesterov) -> None:
    weight = torch.zeros(3, requires_grad=True)
    optimizer = rule.build([weight])
    assert type(optimizer) is torch.optim.SGD
    assert optimizer.param_groups[0]["fused"] is True
    assert rule.rate(3, 10) == 0.05
    step = direct_step(optimizer)
    for _ in range(3):
        weight.grad = torch.ones(3)
        step()
    assert weight.tolist() == pytest.approx([-0.561 if isinstance(rule, Momentum) else -0.8049] * 3, rel=1e-4)


@pytest.mark.parametrize("cls", [Momentum, Nesterov])
@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_a_momentum_that_cannot_be(cls: type[Momentum], share: float) -> None:
    with pytest.raises(
        InvalidParameter, match=rf"{cls.__name__}\(momentum\): expected a number in \(0, 1\), got {share}"
    ):
        cls(0.1, share)
