"""Newton's rule against its equations in NumPy, SciPy's trust-exact, and on saddles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, rosen, rosen_der, rosen_hess
from torch import Tensor

from netwright.core.errors import InvalidParameter
from netwright.optim import Newton
from netwright.optim.newton import minimiser, next_radius

Loss = Callable[[Any], Any]


def parameters(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


def rosenbrock(w: Tensor) -> Tensor:
    return (100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2).sum()


def constrained(matrix: np.ndarray, gradient: np.ndarray, radius: float) -> np.ndarray:
    """The minimum of the model in a ball: -(B + lambda I)^-1 g with lambda by bisection (no hard case)."""
    values, vectors = np.linalg.eigh(matrix)
    slopes = vectors.T @ gradient
    if values[0] > 0 and np.linalg.norm(slopes / values) <= radius:
        return -vectors @ (slopes / values)
    low, high = max(0.0, -values[0]), np.linalg.norm(gradient) / radius + abs(values).max()
    for _ in range(200):
        middle = (low + high) / 2
        with np.errstate(divide="ignore"):
            outside = np.linalg.norm(slopes / (values + middle)) > radius
        low, high = (middle, high) if outside else (low, middle)
    return -vectors @ (slopes / (values + high))


def trust_region(loss: Loss, slope: Loss, curve: Loss, w: np.ndarray, damping: float, radius: float, steps: int) -> Any:
    """The header's equations, one step after another."""
    for _ in range(steps):
        matrix, gradient, here = curve(w) + damping * np.eye(len(w)), slope(w), loss(w)
        best, next_one, trial_radius, shrunk = None, radius, radius, False
        while True:
            d = constrained(matrix, gradient, trial_radius)
            fall, length = -(gradient @ d + d @ matrix @ d / 2), np.linalg.norm(d)
            found = loss(w + d)
            if not found < (here if best is None else best[1]):
                if best is not None:
                    next_one = trial_radius / 2
                    break
                trial_radius, shrunk = length / 4, True
                continue
            rho, bounded, best = (here - found) / fall, length > trial_radius * (1 - 1e-10), (d, found)
            next_one = trial_radius
            if rho < 1 / 4:
                next_one = length / 4
            elif rho > 3 / 4 and bounded:
                next_one = 2 * trial_radius
            if not (bounded and rho > 9 / 10) or shrunk:
                break
            trial_radius = next_one
        w, radius = w + best[0], next_one
        yield w


def line_search(loss: Loss, slope: Loss, curve: Loss, w: np.ndarray, damping: float, radius: float, steps: int) -> Any:
    """Algorithm 3.3 of Nocedal and Wright, or the lowest eigenvector; shorter steps by section 3.5."""
    for _ in range(steps):
        matrix, gradient = curve(w) + damping * np.eye(len(w)), slope(w)
        least, lowest = 1e-3 * abs(np.diag(matrix)).max(), np.diag(matrix).min()
        shift = 0.0 if lowest > 0 else least - lowest
        while np.linalg.eigvalsh(matrix + shift * np.eye(len(w)))[0] <= 0:
            shift = max(2 * shift, least)
        d = -np.linalg.solve(matrix + shift * np.eye(len(w)), gradient)
        values, vectors = np.linalg.eigh(matrix)
        v, low = vectors[:, 0], values[0]
        length, steep = radius, abs(gradient @ v)
        if low < 0 and length * steep - length**2 * low / 2 > -(gradient @ d + d @ matrix @ d / 2):
            v = -v * np.sign(gradient @ v)
            while loss(w + length * v) >= loss(w) - 1e-4 * (length * steep - length**2 * low / 2):
                length /= 2
            w = w + length * v
            yield w
            continue
        fall, a, tried = gradient @ d, 1.0, None
        while loss(w + a * d) > loss(w) + 1e-4 * a * fall:
            here = loss(w + a * d) - loss(w)
            if tried is None:
                new = -fall * a**2 / (2 * (here - a * fall))
            else:
                b, before = tried
                system = np.array([[a**3, a**2], [b**3, b**2]])
                c3, c2 = np.linalg.solve(system, [here - fall * a, before - fall * b])
                new = (-c2 + np.sqrt(c2**2 - 3 * c3 * fall)) / (3 * c3)
            tried, a = (a, here), float(np.clip(new, 0.1 * a, 0.5 * a))
        w = w + a * d
        yield w


@pytest.mark.parametrize("damping", [0.0, 0.7])
@pytest.mark.parametrize("start", [[-1.2, 1.0], [2.0, -3.0, 1.0], [0.0, 0.5, 0.0, 0.3]])
@pytest.mark.parametrize("search", ["trust_region", "line_search"])
def test_the_rule_is_its_equations(search: str, start: list[float], damping: float) -> None:
    w = parameters(*start)
    optimizer = Newton(damping, search=search, radius=0.8).build([w])
    given = (rosen, rosen_der, rosen_hess, np.array(start), damping)
    for there in (trust_region if search == "trust_region" else line_search)(*given, 0.8, 14):
        optimizer.step(lambda: rosenbrock(w))
        np.testing.assert_allclose(w.detach(), there, rtol=1e-12, atol=1e-12)


@given(
    st.integers(1, 6),
    st.integers(0, 10_000),
    st.floats(-3, 3),
    st.sampled_from([0.0, 1e-14, 1.0]),
    st.floats(-3, 3),
)
def test_the_minimum_in_a_ball(size: int, seed: int, shift: float, share: float, log_radius: float) -> None:
    """Its conditions (More and Sorensen): (B + lambda I) d = -c, B + lambda I >= 0, lambda (Delta - |d|) = 0."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(size, generator=generator, dtype=torch.float64).add(shift).sort().values
    slopes = torch.randn(size, generator=generator, dtype=torch.float64)
    slopes[0] *= share  # 0: the hard case, where c has no part along the lowest eigenvector
    radius = 10**log_radius
    d, bounded = minimiser(values, slopes, radius)
    length = float(d.norm())
    assert length <= radius * (1 + 1e-9)
    lambdas = (-slopes - values * d) / torch.where(d == 0, 1.0, d)
    multiplier = float(lambdas[d.abs().argmax()]) if bounded else 0.0
    assert bounded == (length > radius * (1 - 1e-9))
    assert multiplier >= -1e-9
    assert float(values[0]) + multiplier >= -1e-9
    scale = 1e-8 * (1 + float(slopes.norm()) + multiplier * radius)
    torch.testing.assert_close((values + multiplier) * d, -slopes, rtol=1e-7, atol=scale)


def test_the_radius_that_follows() -> None:
    assert next_radius(2.0, 1.0, 0.2, False) == 0.25
    assert next_radius(2.0, 2.0, 0.8, True) == 4.0
    assert next_radius(2.0, 1.0, 0.8, False) == 2.0
    assert next_radius(2.0, 2.0, 0.5, True) == 2.0


@pytest.mark.parametrize("search", ["trust_region", "line_search"])
def test_a_quadratic_ends_in_one_step_from_any_distance(search: str) -> None:
    scale, centre = torch.tensor([0.01, 1.0, 30.0], dtype=torch.float64), torch.tensor([5.0, -2.0, 900.0])
    w = parameters(-700.0, 0.0, 1.0)
    Newton(search=search).build([w]).step(lambda: (scale * (w - centre) ** 2).sum())
    torch.testing.assert_close(w.detach(), centre.double(), rtol=1e-12, atol=1e-12)


def test_the_same_minimum_as_trust_exact() -> None:
    start = np.array([-1.0, 2.0, 0.5, -0.5, 1.5])
    expected = minimize(rosen, start, method="trust-exact", jac=rosen_der, hess=rosen_hess, options={"gtol": 1e-10})
    for search in ("trust_region", "line_search"):
        w = parameters(*start)
        optimizer = Newton(search=search).build([w])
        for _ in range(expected.nit + 10):
            optimizer.step(lambda: rosenbrock(w))  # noqa: B023
        np.testing.assert_allclose(w.detach(), expected.x, atol=1e-8)


def saddle(w: Tensor) -> Tensor:
    return w[0] ** 2 - w[1] ** 2 + w[1] ** 4


@pytest.mark.parametrize("search", ["trust_region", "line_search"])
@pytest.mark.parametrize("start", [(0.0, 0.0), (3.0, 0.0), (1e-9, 0.0), (0.0, 1e-12), (0.0, -1e-12)])
def test_leaves_a_saddle_by_the_most_negative_curvature(search: str, start: tuple[float, float]) -> None:
    w = parameters(*start)
    optimizer = Newton(search=search).build([w])
    for _ in range(25):
        optimizer.step(lambda: saddle(w))
    assert abs(w[0].item()) < 1e-8
    assert w[1].item() == pytest.approx(np.sqrt(0.5) * (-1 if start[1] < 0 else 1), rel=1e-7)


@pytest.mark.parametrize("search", ["trust_region", "line_search"])
def test_the_first_step_off_a_saddle_has_the_radius(search: str) -> None:
    w = parameters(0.0, 0.0)
    Newton(search=search, radius=0.01).build([w]).step(lambda: saddle(w))
    assert w[0].item() == 0
    assert w[1].item() == pytest.approx(0.01 if search == "line_search" else 0.32)  # doubled while the model is good


@pytest.mark.slow
@pytest.mark.parametrize("search", ["trust_region", "line_search"])
def test_leaves_a_maximum_and_the_symmetry_of_a_network(search: str) -> None:
    w = parameters(0.0, 0.0)
    optimizer = Newton(search=search).build([w])
    for _ in range(20):
        optimizer.step(lambda: torch.cos(w[0]) + torch.cos(w[1]))
    np.testing.assert_allclose(w.detach().abs() % (2 * np.pi), np.pi, rtol=1e-7)

    first, last = torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    first.requires_grad_()
    last.requires_grad_()
    inputs = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64) - 0.5
    targets = torch.tensor([0.3, -0.2, 0.4, -0.5], dtype=torch.float64)  # odd: fits without biases in part
    optimizer = Newton(search=search).build([first, last])
    losses = [float(optimizer.step(lambda: torch.tanh(inputs @ first) @ last - targets)) for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]
    assert not optimizer.stuck or losses[-1] < 0.2


@pytest.mark.parametrize("search", ["trust_region", "line_search"])
def test_a_flat_saddle_and_a_singular_hessian(search: str) -> None:
    w = parameters(0.0, 1.0, 2.0)
    optimizer = Newton(search=search).build([w])
    for _ in range(3):
        optimizer.step(lambda: w[0] ** 3 + (w[1] - 3) ** 2)  # flat along the first at 0, and along the third
    assert w.tolist()[0] == 0
    assert w.tolist()[2] == 2
    assert w[1].item() == pytest.approx(3, abs=1e-7)
    optimizer = Newton(search=search).build([w])
    optimizer.step(lambda: w[0] ** 3)
    assert optimizer.stuck


def test_a_loss_without_curvature_is_followed_as_far_as_the_radius_goes() -> None:
    w = parameters(0.0, 0.0)
    optimizer = Newton(radius=2.0).build([w])
    losses = [float(optimizer.step(lambda: w[0].clamp_min(-50) + 2 * w[1].clamp_min(-50))) for _ in range(6)]
    assert losses[-1] < losses[0] - 50
    assert np.isfinite(losses).all()


def test_damping_shortens_the_step() -> None:
    ends = []
    for damping in (0.0, 1.0, 3.0):
        w = parameters(2.0)
        Newton(damping, search="line_search").build([w]).step(lambda: 0.5 * (w**2).sum())  # noqa: B023
        ends.append(w.item())
    np.testing.assert_allclose(ends, [0.0, 1.0, 1.5], atol=1e-15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"damping": -1}, r"Newton\(damping\): expected a number in \[0, inf\), got -1"),
        ({"search": "exact"}, r"Newton\(search\): expected 'trust_region' or 'line_search', got 'exact'"),
        ({"radius": 0}, r"Newton\(radius\): expected a number in \(0, inf\), got 0"),
    ],
)
def test_options_that_cannot_be(options: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        Newton(**options)
