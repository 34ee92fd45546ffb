"""HessianDiagonal against its equations in NumPy; its estimate, its rates and its memory."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter
from netwright.optim import HessianDiagonal, step_decay
from netwright.optim.hessian_diagonal import direction, estimated, probes
from netwright.optim.objective import Objective

A = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -0.2], [0.5, -0.2, 0.001]])
B = np.array([1.0, -2.0, 0.3])


def loss_at(w: Any) -> Any:
    """A quartic with a negative curvature at first; of NumPy and torch alike."""
    a, b = (A, B) if isinstance(w, np.ndarray) else (torch.tensor(A), torch.tensor(B))
    return w @ a @ w / 2 + b @ w + (w**4 / 4 - 2 * w**2).sum()


def slope_at(w: np.ndarray) -> np.ndarray:
    return A @ w + B + w**3 - 4 * w


def curve_at(w: np.ndarray) -> np.ndarray:
    return A + np.diag(3 * w**2 - 4)


def shortened(w: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Section 3.5 of Nocedal and Wright: Armijo by interpolation."""
    fall, a, tried = slope_at(w) @ d, 1.0, None
    while loss_at(w + a * d) > loss_at(w) + 1e-4 * a * fall:
        here = loss_at(w + a * d) - loss_at(w)
        if tried is None:
            new = -fall * a**2 / (2 * (here - a * fall))
        else:
            b, before = tried
            c3, c2 = np.linalg.solve([[a**3, a**2], [b**3, b**2]], [here - fall * a, before - fall * b])
            new = (-c2 + np.sqrt(c2**2 - 3 * c3 * fall)) / (3 * c3)
        tried, a = (a, here), float(np.clip(new, 0.1 * a, 0.5 * a))
    return w + a * d


@pytest.mark.parametrize("rate", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("estimate", ["exact", "hutchinson"])
def test_the_rule_is_its_equations(estimate: str, rate: float) -> None:
    start = np.array([0.3, -1.0, 2.0])
    rule = HessianDiagonal(rate, 0.05, estimate=estimate, samples=70, seed=3)
    w = torch.tensor(start, requires_grad=True)
    optimizer, there = rule.build([w]), start
    generator = torch.Generator().manual_seed(3)
    for _ in range(6 if rate > 1 else 20):  # far too long a step is shortened by differences of nearly equal losses
        optimizer.step(lambda: loss_at(w))
        h = np.diag(curve_at(there))
        if estimate == "hutchinson":
            parts = [torch.randint(0, 2, (count, 3), generator=generator, dtype=torch.float64) for count in (64, 6)]
            z = torch.cat(parts).numpy() * 2 - 1
            h = np.mean(z * (z @ curve_at(there)), 0)
        there = shortened(there, -rate * slope_at(there) / np.maximum(abs(h), 0.05))
        np.testing.assert_allclose(w.detach(), there, rtol=1e-12, atol=1e-12)


def test_where_the_hessian_is_diagonal_a_step_ends() -> None:
    w = torch.tensor([3.0, -4.0], dtype=torch.float64, requires_grad=True)
    HessianDiagonal().build([w]).step(lambda: 5 * (w[0] - 1) ** 2 + 0.1 * w[1] ** 2)
    np.testing.assert_allclose(w.detach(), [1, 0], atol=1e-14)


def test_negative_curvature_and_flatness_do_not_lead_uphill() -> None:
    gradient = torch.tensor([1.0, -1.0, 2.0, 0.0])
    found = direction(gradient, torch.tensor([-2.0, 0.0, 1e9, -1.0]), 0.5)
    torch.testing.assert_close(found, torch.tensor([-0.5, 2.0, -2e-9, 0.0]))


def test_the_estimate_is_right_on_average_and_exact_for_a_diagonal(make_network: Any) -> None:
    network = make_network("dense")
    objective = Objective(network.parameters, network.residuals)
    theta = objective.theta()
    dense = objective.hessian(theta)
    generator = torch.Generator().manual_seed(0)
    count = 20_000
    found = estimated(lambda v: v @ dense, objective, count, generator)
    deviation = ((dense - dense.diag().diag()).square().sum(1) / count).sqrt()
    assert float(((found - dense.diagonal()) / deviation.clamp_min(1e-12)).abs().max()) < 5
    few = estimated(lambda v: 3 * v, objective, 1, generator)
    assert torch.equal(few, torch.full_like(theta, 3.0))


def test_probes_begin_at_the_seed_and_go_on_where_they_stood() -> None:
    one = probes(7, None)
    torch.randint(0, 2, (5,), generator=one)
    state = one.get_state()
    expected = torch.randint(0, 2, (9,), generator=one)
    assert torch.equal(torch.randint(0, 2, (9,), generator=probes(0, state)), expected)
    assert not torch.equal(probes(7, None).get_state(), probes(8, None).get_state())


def test_the_memory_has_the_generator_and_nothing_else() -> None:
    w = torch.ones(2, requires_grad=True)
    for rule, names in (
        (HessianDiagonal(), {"step", "loss", "trained"}),
        (HessianDiagonal(estimate="hutchinson"), {"step", "loss", "trained", "generator"}),
    ):
        optimizer = rule.build([w])
        optimizer.step(lambda: (w**2).sum())
        state = optimizer.state_dict()["state"][0]
        assert set(state) == names
        if "generator" in names:
            before = state["generator"].clone()
            w.data.add_(1)
            optimizer.step(lambda: (w**2).sum())
            assert not torch.equal(before, optimizer.state_dict()["state"][0]["generator"])


def moved(optimizer: Any, w: Tensor) -> list[float]:
    before = w.detach().clone()
    optimizer.step(lambda: (w**2).sum() / 2)
    return (before - w.detach()).tolist()


def test_the_rate_is_that_of_the_group_as_a_loop_writes_it() -> None:
    w = torch.ones(2, dtype=torch.float64, requires_grad=True)
    rule = HessianDiagonal(step_decay(0.5, every=1))
    optimizer = rule.build([w])
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert moved(optimizer, w) == [0.5, 0.5]
    optimizer.param_groups[0]["lr"] = rule.rate(1, 10)
    assert moved(optimizer, w) == pytest.approx([0.5 * rule.rate(1, 10)] * 2)
    optimizer.param_groups[0]["lr"] = 0.0
    assert moved(optimizer, w) == [0.0, 0.0]
    assert optimizer.stuck
    again = HessianDiagonal(0.25).build([w])
    assert copy.deepcopy(again).param_groups[0]["lr"] == 0.25


def test_a_rate_for_each_group() -> None:
    one, two, three = (torch.ones(n, dtype=torch.float64, requires_grad=n != 2) for n in (1, 2, 3))
    groups = [{"params": [one, two], "lr": 0.5}, {"params": [three]}]
    optimizer = HessianDiagonal(0.25).build(groups)
    optimizer.step(lambda: (one**2).sum() / 2 + (three**2).sum() / 2)
    assert one.tolist() == [0.5]
    assert two.tolist() == [1, 1]
    assert three.tolist() == [0.75] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0}, r"HessianDiagonal\(learning_rate\): expected a number in \(0, inf\) or a schedule"),
        ({"floor": 0}, r"HessianDiagonal\(floor\): expected a number in \(0, inf\), got 0"),
        ({"estimate": "guess"}, r"HessianDiagonal\(estimate\): expected 'exact' or 'hutchinson', got 'guess'"),
        ({"samples": 0}, r"HessianDiagonal\(samples\): expected an integer >= 1, got 0"),
        ({"seed": -1}, r"HessianDiagonal\(seed\): expected an integer"),
    ],
)
def test_options_that_cannot_be(options: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        HessianDiagonal(**options)
