"""GaussNewton against its equations in NumPy, SciPy's least_squares, and where J^T J is singular."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from torch import Tensor

from netwright.core.errors import InvalidParameter
from netwright.optim import GaussNewton
from netwright.optim.gauss_newton import direction

TIME = np.linspace(0, 4, 12)
SEEN = 2 * np.exp(-0.5 * TIME) + 0.3 + 0.05 * np.sin(7 * TIME)


def residuals(w: Any) -> Any:
    time, seen = (TIME, SEEN) if isinstance(w, np.ndarray) else (torch.tensor(TIME), torch.tensor(SEEN))
    power = np.exp if isinstance(w, np.ndarray) else torch.exp
    return w[0] * power(-w[1] * time) + w[2] - seen


def jacobian(w: np.ndarray) -> np.ndarray:
    decay = np.exp(-w[1] * TIME)
    return np.stack([decay, -w[0] * TIME * decay, np.ones_like(TIME)], 1)


def gauss_newton(w: np.ndarray, ridge: float) -> np.ndarray:
    """One step: the header's equations, with section 3.5 of Nocedal and Wright."""
    rows, r = jacobian(w), residuals(w)
    loss, gradient = r @ r / 2, rows.T @ r
    d = -np.linalg.solve(rows.T @ rows + ridge * np.eye(len(w)), gradient)
    fall, a, tried = gradient @ d, 1.0, None
    while True:
        trial = residuals(w + a * d)
        here = trial @ trial / 2 - loss
        if here <= 1e-4 * a * fall:
            return w + a * d
        if tried is None:
            new = -fall * a**2 / (2 * (here - a * fall))
        else:
            b, before = tried
            c3, c2 = np.linalg.solve([[a**3, a**2], [b**3, b**2]], [here - fall * a, before - fall * b])
            new = (-c2 + np.sqrt(c2**2 - 3 * c3 * fall)) / (3 * c3)
        tried, a = (a, here), float(np.clip(new, 0.1 * a, 0.5 * a))


@pytest.mark.parametrize("ridge", [0.0, 0.5])
@pytest.mark.parametrize("start", [[1.0, 0.3, 0.0], [0.5, 2.0, 1.0], [6.0, 0.1, -3.0]])
def test_the_rule_is_its_equations(start: list[float], ridge: float) -> None:
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer, there = GaussNewton(ridge).build([w]), np.array(start)
    for _ in range(6):
        optimizer.step(lambda: residuals(w))
        there = gauss_newton(there, ridge)
        np.testing.assert_allclose(w.detach(), there, rtol=1e-11, atol=1e-12)


def test_the_same_fit_as_least_squares() -> None:
    expected = least_squares(residuals, [1.0, 0.3, 0.0], jac=jacobian, xtol=1e-14, ftol=1e-14, gtol=1e-14)
    w = torch.tensor([1.0, 0.3, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = GaussNewton().build([w])
    losses = [float(optimizer.step(lambda: residuals(w))) for _ in range(12)]
    np.testing.assert_allclose(w.detach(), expected.x, rtol=1e-7)
    assert losses[-1] == pytest.approx(expected.cost, rel=1e-12)


def test_linear_least_squares_ends_in_one_step() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    seen = torch.randn(20, generator=generator, dtype=torch.float64)
    w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    GaussNewton().build([w]).step(lambda: rows @ w - seen)
    np.testing.assert_allclose(w.detach(), np.linalg.lstsq(rows.numpy(), seen.numpy())[0], rtol=1e-12)


@pytest.mark.parametrize("count", [2, 5])
def test_a_singular_system_takes_the_shortest_step(count: int) -> None:
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    rows[:, 3] = rows[:, 1] - 2 * rows[:, 2]
    seen = torch.randn(count, generator=generator, dtype=torch.float64)
    w = torch.ones(4, dtype=torch.float64, requires_grad=True)
    expected = 1 + np.linalg.lstsq(rows.numpy(), (seen - rows.sum(1)).numpy(), rcond=1e-10)[0]
    optimizer = GaussNewton().build([w])
    for _ in range(3):
        optimizer.step(lambda: rows @ w - seen)
        np.testing.assert_allclose(w.detach(), expected, rtol=1e-9)


def test_a_jacobian_of_zeros() -> None:
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = GaussNewton().build([w])
    for _ in range(3):
        assert float(optimizer.step(lambda: w**2 + 1)) == 1
        assert optimizer.stuck
    assert w.tolist() == [0, 0]


def direct(matrix: Any, gradient: Any, ridge: float = 0.0) -> list[float]:
    return direction(torch.tensor(matrix), torch.tensor(gradient), ridge).tolist()


def test_no_direction_leads_uphill() -> None:
    assert direct([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]) == [-1.0, -0.5]
    assert direct([[2.0, 0.0], [0.0, -4.0]], [2.0, 2.0]) == pytest.approx([-1.0, -0.5])  # by its size
    assert direct([[0.0, 0.0], [0.0, 0.0]], [2.0, -1.0]) == [0.0, 0.0]
    assert direct([[0.0, 0.0], [0.0, 4.0]], [2.0, 2.0]) == pytest.approx([0.0, -0.5])
    assert direct([[-1.0, 0.0], [0.0, 4.0]], [2.0, 1.0], 3.0) == pytest.approx([-1.0, -1 / 7])


def test_a_gradient_where_the_matrix_is_zero_is_followed() -> None:
    w = torch.tensor([0.0, 0.0], dtype=torch.float64, requires_grad=True)

    def closure() -> tuple[Tensor, Tensor]:
        outputs = 1 * w
        return outputs, outputs[0] + (outputs[1] - 1) ** 2

    optimizer = GaussNewton().build([w])
    losses = [float(optimizer.step(closure)) for _ in range(5)]
    assert (np.diff(losses) < 0).all()
    assert w[1].item() == 1
    assert w[0].item() < -2


def test_a_loss_that_is_not_convex_in_its_outputs_still_falls() -> None:
    w = torch.tensor([0.1, 2.0], dtype=torch.float64, requires_grad=True)

    def closure() -> tuple[Tensor, Tensor]:
        outputs = 1 * w
        return outputs, (outputs**4 / 4 - outputs**2 / 2).sum()

    optimizer = GaussNewton().build([w])
    losses = [float(optimizer.step(closure)) for _ in range(40)]
    assert (np.diff(losses) <= 0).all()
    np.testing.assert_allclose(w.detach(), [1, 1], atol=1e-3)


def test_cross_entropy_of_a_linear_network_is_newtons_rule(make_network: Any) -> None:
    """Logistic regression: the generalised Gauss-Newton matrix is the Hessian."""
    generator = torch.Generator().manual_seed(2)
    rows = torch.randn(30, 2, generator=generator, dtype=torch.float64)
    kinds = (rows[:, 0] + 0.8 * torch.randn(30, generator=generator, dtype=torch.float64) > 0).double()
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)

    def closure() -> tuple[Tensor, Tensor]:
        outputs = rows @ w
        return outputs, torch.nn.functional.binary_cross_entropy_with_logits(outputs, kinds)

    optimizer, there = GaussNewton().build([w]), np.zeros(2)
    for _ in range(6):
        optimizer.step(closure)
        p = 1 / (1 + np.exp(-rows.numpy() @ there))
        slope = rows.numpy().T @ (p - kinds.numpy()) / 30
        there = there - np.linalg.solve(rows.numpy().T @ (rows.numpy() * (p * (1 - p))[:, None]) / 30, slope)
        np.testing.assert_allclose(w.detach(), there, rtol=1e-9)


def test_an_option_that_cannot_be() -> None:
    with pytest.raises(InvalidParameter, match=r"GaussNewton\(ridge\): expected a number in \[0, inf\), got -1"):
        GaussNewton(-1)
