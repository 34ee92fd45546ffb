"""NewtonCG against its equations in NumPy and SciPy's Newton-CG; its inner loop and its damping."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, rosen, rosen_der, rosen_hess
from torch import Tensor, nn

from netwright.core.errors import InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.optim import NewtonCG
from netwright.optim.newton_cg import Inner, conjugate_gradients, damped, foretold, moved


def rosenbrock(w: Tensor) -> Tensor:
    return (100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2).sum()


def inner(matrix: np.ndarray, g: np.ndarray, tolerance: float) -> np.ndarray:
    """The loop of algorithm 7.1 of Nocedal and Wright."""
    z, r, d = np.zeros_like(g), g, -g
    for j in range(250):
        if d @ matrix @ d <= 0:
            return -g if j == 0 else z
        alpha = r @ r / (d @ matrix @ d)
        z, following = z + alpha * d, r + alpha * matrix @ d
        if np.linalg.norm(following) <= tolerance:
            return z
        d = -following + following @ following / (r @ r) * d
        r = following
    return z


def newton_cg(w: np.ndarray, mu: float, phi: float) -> tuple[np.ndarray, float]:
    """One step: the inner loop, section 3.5, and the damping."""
    g, matrix, loss = rosen_der(w), rosen_hess(w) + mu * np.eye(len(w)), rosen(w)
    size = np.linalg.norm(g)
    d = inner(matrix, g, min(phi, np.sqrt(size)) * size)
    fall, a, tried = g @ d, 1.0, None
    while rosen(w + a * d) > loss + 1e-4 * a * fall:
        here = rosen(w + a * d) - loss
        if tried is None:
            new = -fall * a**2 / (2 * (here - a * fall))
        else:
            b, before = tried
            c3, c2 = np.linalg.solve([[a**3, a**2], [b**3, b**2]], [here - fall * a, before - fall * b])
            new = (-c2 + np.sqrt(c2**2 - 3 * c3 * fall)) / (3 * c3)
        tried, a = (a, here), float(np.clip(new, 0.1 * a, 0.5 * a))
    rho = (loss - rosen(w + a * d)) / -(a * fall + a**2 / 2 * d @ matrix @ d)
    return w + a * d, mu * (3 / 2 if rho < 1 / 4 else 2 / 3 if rho > 3 / 4 else 1)


@pytest.mark.parametrize(("damping", "forcing"), [(0.0, 0.5), (0.0, 0.01), (2.0, 0.5)])
@pytest.mark.parametrize("start", [[-1.2, 1.0], [0.1, 0.9, -0.4, 0.3]])
def test_the_rule_is_its_equations(start: list[float], damping: float, forcing: float) -> None:
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = NewtonCG("hessian", damping, forcing=forcing).build([w])
    there, mu = np.array(start), damping
    for _ in range(10):
        optimizer.step(lambda: rosenbrock(w))
        there, mu = newton_cg(there, mu, forcing)
        np.testing.assert_allclose(w.detach(), there, rtol=1e-10, atol=1e-12)
        assert optimizer.state_dict()["state"][0].get("mu", 0.0) == pytest.approx(mu, rel=1e-12)


def test_the_same_minimum_as_scipy() -> None:
    start = np.array([-1.0, 2.0, 0.5, -0.5, 1.5])
    expected = minimize(rosen, start, method="Newton-CG", jac=rosen_der, hess=rosen_hess, options={"xtol": 1e-12})
    w = torch.tensor(start, requires_grad=True)
    optimizer = NewtonCG(forcing=0.1).build([w])
    for _ in range(60):
        optimizer.step(lambda: rosenbrock(w))
    np.testing.assert_allclose(w.detach(), expected.x, atol=1e-8)


def test_a_quadratic_ends_in_as_many_products_as_it_has_eigenvalues() -> None:
    scale = torch.tensor([1.0, 1.0, 5.0, 5.0, 5.0, 20.0], dtype=torch.float64)
    gradient, count = torch.arange(1.0, 7.0, dtype=torch.float64), 0

    def product(vector: Tensor) -> Tensor:
        nonlocal count
        count += 1
        return scale * vector

    found = conjugate_gradients(product, gradient, 1e-10, 100)
    assert count == 3
    torch.testing.assert_close(found.step, -gradient / scale, rtol=1e-12, atol=1e-12)
    assert float(found.residual.norm()) < 1e-10
    assert float(conjugate_gradients(product, gradient, 1e-10, 2).residual.norm()) > 1e-3


@pytest.mark.parametrize(
    ("scale", "gradient", "step"),
    [
        ([-1.0, 2.0], [3.0, 0.1], [-3.0, -0.1]),  # at once: the gradient
        ([0.0, 0.0], [3.0, 0.1], [-3.0, -0.1]),
        ([2.0, -1.0], [3.0, 0.1], None),  # later: what there is
    ],
)
def test_negative_curvature_ends_the_inner_loop(scale: Any, gradient: Any, step: Any) -> None:
    matrix, g = torch.tensor(scale, dtype=torch.float64), torch.tensor(gradient, dtype=torch.float64)
    found = conjugate_gradients(lambda v: matrix * v, g, 1e-12, 10)
    if step is None:
        step = (-g * (g @ g) / (g @ (matrix * g))).tolist()
    np.testing.assert_allclose(found.step, step)
    torch.testing.assert_close(found.residual, matrix * found.step + g)
    assert float(g @ found.step) < 0


def test_damping_is_added_and_moves_by_the_gain() -> None:
    vector = torch.tensor([1.0, 2.0])
    assert damped(lambda v: 3 * v, 0.5)(vector).tolist() == [3.5, 7.0]
    assert (moved(1.0, 0.2), moved(1.0, 0.5), moved(1.5, 0.9)) == (1.5, 1.0, 1.0)
    half = Inner(torch.tensor([-1.0]), torch.tensor([0.0]))  # the minimum of g d + d^2 / 2 for g = 1
    assert foretold(half, torch.tensor([1.0]), 1.0) == 0.5
    assert foretold(half, torch.tensor([1.0]), 0.5) == 0.375


def test_more_weights_than_a_matrix_could_hold() -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(50, 500), nn.Tanh(), nn.Linear(500, 200), nn.Tanh(), nn.Linear(200, 1))
    inputs = torch.randn(64, 50, generator=generator)  # 126,000 weights
    targets = torch.sin(inputs[:, :1])
    for rule in (NewtonCG("gauss_newton", 0.1, iterations=20), NewtonCG(iterations=20)):
        optimizer = rule.build(module.parameters())
        losses = [float(optimizer.step(lambda: module(inputs) - targets)) for _ in range(4)]
        assert losses[-1] < 0.7 * losses[0]
        assert (np.diff(losses) <= 0).all()


def test_what_a_step_is_handed_depends_on_the_curvature() -> None:
    assert NewtonCG().takes == "objective"
    rule = NewtonCG("gauss_newton")
    assert rule.takes == "residuals"
    assert from_json(to_json(rule)) == rule
    assert from_json(to_json(rule)).takes == "residuals"


def test_exactly_on_a_saddle_it_stays() -> None:
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = NewtonCG(damping=1.0).build([w])
    for _ in range(2):
        optimizer.step(lambda: w[0] ** 2 - w[1] ** 2)
        assert optimizer.stuck
    assert optimizer.state_dict()["state"][0]["mu"] == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"curvature": "fisher"}, r"NewtonCG\(curvature\): expected 'hessian' or 'gauss_newton', got 'fisher'"),
        ({"damping": -1}, r"NewtonCG\(damping\): expected a number in \[0, inf\), got -1"),
        ({"forcing": 1}, r"NewtonCG\(forcing\): expected a number in \(0, 1\), got 1"),
        ({"iterations": 0}, r"NewtonCG\(iterations\): expected an integer >= 1, got 0"),
    ],
)
def test_options_that_cannot_be(options: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        NewtonCG(**options)
