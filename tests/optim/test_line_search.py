"""Line searches against SciPy, brute force and transcriptions of their conditions; rounding, domains and bad input."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import line_search as scipy_search

from netwright.core.errors import InvalidParameter
from netwright.optim.line_search import Found, Line, backtracking, exact_quadratic, golden_section, strong_wolfe
from netwright.optim.objective import Objective, Point


def line(phi: Callable[[Any], Any], at: float = 0.0, dtype: torch.dtype = torch.float64) -> Line:
    """phi along +1 or -1, whichever leads downhill."""
    w = torch.tensor([at], dtype=dtype, requires_grad=True)
    objective = Objective([w], lambda: phi(w[0]))
    start = objective.point(objective.theta())
    assert start.gradient is not None
    return Line(objective, start, -start.gradient.sign())


# More, Thuente (1994), functions 5.1 to 5.4, and others; all begin downhill at 0
def first(a: Any) -> Any:
    return -a / (a * a + 2)


def second(a: Any) -> Any:
    return (a + 0.004) ** 5 - 2 * (a + 0.004) ** 4


def third(a: Any) -> Any:
    a = torch.as_tensor(a, dtype=torch.float64)
    wave = 2 * 0.99 / (39 * math.pi) * torch.sin(39 * math.pi / 2 * a)
    return torch.where((a - 1).abs() >= 0.01, (a - 1).abs(), (a - 1) ** 2 / 0.02 + 0.005) + wave


def fourth(a: Any) -> Any:
    root = lambda b: math.sqrt(1 + b * b) - b  # noqa: E731
    return root(0.001) * torch.sqrt((1 - a) ** 2 + 1e-6) + root(0.001) * torch.sqrt(a * a + 1e-6)


def barrier(a: Any) -> Any:
    return -torch.log(1 - a) - 3 * a


FUNCTIONS = [first, second, third, fourth, barrier, lambda a: (a - 7.0) ** 2, lambda a: torch.exp(a) - 5 * a]


def value_and_slope(phi: Any, a: float) -> tuple[float, float]:
    at = torch.tensor(a, dtype=torch.float64, requires_grad=True)
    loss = phi(at)
    return float(loss.detach()), float(torch.autograd.grad(loss, at)[0])


def require_wolfe(phi: Any, step: float, c1: float, c2: float) -> None:
    (start, slope), (loss, there) = value_and_slope(phi, 0.0), value_and_slope(phi, step)
    rounding = 1e-14 * abs(start)
    assert loss <= start + c1 * step * slope + rounding
    assert abs(there) <= c2 * abs(slope) * (1 + 1e-9)


@pytest.mark.parametrize("phi", FUNCTIONS)
@pytest.mark.parametrize("begin", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize(("c1", "c2"), [(1e-4, 0.9), (1e-4, 0.1), (1e-3, 0.01)])
def test_strong_wolfe_holds_where_it_is_said_to(phi: Any, begin: float, c1: float, c2: float) -> None:
    found = strong_wolfe(line(phi), begin, c1=c1, c2=c2, most=40)
    loss, slope = value_and_slope(phi, found.step)
    if phi is second and not found.satisfied:  # its slope at 0 is 5e-7: what c2 asks for is lost in the loss's rounding
        assert loss == pytest.approx(second(1.596), rel=1e-14)
    else:
        assert found.satisfied
        require_wolfe(phi, found.step, c1, c2)
    assert found.point.loss == pytest.approx(loss, rel=1e-14)
    assert abs(float(found.point.gradient)) == pytest.approx(abs(slope), rel=1e-12)  # type: ignore[arg-type]


@pytest.mark.parametrize("phi", [first, second, FUNCTIONS[5], FUNCTIONS[6]])
def test_as_many_evaluations_as_scipy_at_most(phi: Any) -> None:
    calls: list[float] = []

    def loss(x: Any) -> float:
        calls.append(x[0])
        return value_and_slope(phi, x[0])[0]

    zero, one = np.zeros(1), np.ones(1)
    step, *_ = scipy_search(
        loss, lambda x: np.array([value_and_slope(phi, x[0])[1]]), zero, one, c2=0.1, maxiter=50, old_old_fval=None
    )
    require_wolfe(phi, step, 1e-4, 0.1)
    found = strong_wolfe(line(phi), c2=0.1)
    assert found.satisfied
    assert found.evaluations <= len(calls) + 1


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-3, 3), min_size=4, max_size=4),
    st.floats(0.1, 5),
    st.floats(0.01, 100),
    st.sampled_from([0.1, 0.5, 0.9]),
)
def test_wolfe_or_no_increase_on_any_smooth_function(waves: list[float], bend: float, begin: float, c2: float) -> None:
    def phi(a: Any) -> Any:
        a = torch.as_tensor(a, dtype=torch.float64)
        return sum(c * torch.sin((k + 1) * a) for k, c in enumerate(waves)) + 0.5 * bend * a**2

    slope = value_and_slope(phi, 0.0)[1]
    if abs(slope) < 1e-6:
        return
    sign = -1.0 if slope > 0 else 1.0
    searched = line(phi)
    for found in (
        strong_wolfe(searched, begin, c2=c2, most=40),
        backtracking(searched, begin),
        golden_section(searched, begin),
    ):
        assert found.point.loss <= searched.origin.loss
        assert value_and_slope(phi, sign * found.step)[0] == pytest.approx(found.point.loss, abs=1e-12)
    found = strong_wolfe(line(phi), begin, c2=c2, most=40)
    assert found.satisfied
    require_wolfe(lambda a: phi(sign * a), found.step, 1e-4, c2)


def test_backtracking_is_that_of_the_book() -> None:
    def phi(a: float) -> float:
        return (a - 0.01) ** 4 + 3 * (a - 0.01) ** 2

    zero, slope = phi(0.0), 4 * (-0.01) ** 3 + 6 * (-0.01)
    steps = [4.0]
    while phi(steps[-1]) > zero + 1e-4 * steps[-1] * slope:  # equations 3.57 and 3.58
        a1 = steps[-1]
        if len(steps) == 1:
            step = -slope * a1**2 / (2 * (phi(a1) - zero - slope * a1))
        else:
            a0 = steps[-2]
            matrix = np.array([[a0**2, -(a1**2)], [-(a0**3), a1**3]]) / (a0**2 * a1**2 * (a1 - a0))
            a, b = matrix @ [phi(a1) - zero - slope * a1, phi(a0) - zero - slope * a0]
            step = (-b + math.sqrt(b * b - 3 * a * slope)) / (3 * a)
        steps.append(min(max(step, 0.1 * a1), 0.5 * a1))
    found = backtracking(line(phi), 4.0)
    assert found.evaluations == len(steps) > 3
    assert found.step == pytest.approx(steps[-1], rel=1e-12)
    assert found.satisfied
    assert found.point.gradient is None


@pytest.mark.slow
@pytest.mark.parametrize("phi", [first, barrier, FUNCTIONS[5], FUNCTIONS[6], lambda a: (a - 1e-3) ** 2])
@pytest.mark.parametrize("begin", [0.01, 1.0, 30.0])
def test_golden_section_finds_the_minimum(phi: Any, begin: float) -> None:
    found = golden_section(line(phi), begin, tolerance=1e-4, most=80)
    grid = found.step * np.linspace(0.2, 3.0, 4001)
    losses = [float(phi(torch.tensor(a, dtype=torch.float64))) for a in grid]
    assert found.satisfied
    assert found.step == pytest.approx(grid[int(np.nanargmin(losses))], rel=2e-3)


def test_golden_section_ends_with_the_evaluations() -> None:
    found = golden_section(line(lambda a: (a - 7.0) ** 2), 1e-3, most=5)
    assert (found.evaluations, found.satisfied) == (5, False)
    assert 0 < found.point.loss < 49


def test_exact_on_quadratics() -> None:
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    matrix, w = root @ root.T, torch.ones(4, dtype=torch.float64, requires_grad=True)
    objective = Objective([w], lambda: 0.5 * w @ matrix @ w)
    start = objective.point(objective.theta())
    assert start.gradient is not None
    searched = Line(objective, start, -start.gradient)
    found = exact_quadratic(searched, objective.hessian_product(start.theta))
    g = (matrix @ start.theta).numpy()
    assert found.step == pytest.approx(g @ g / (g @ matrix.numpy() @ g), rel=1e-12)
    assert found.satisfied
    assert strong_wolfe(searched, 1e-3, c1=1e-8, c2=1e-6).step == pytest.approx(found.step, rel=1e-6)


def test_exact_step_that_raises_another_loss_is_not_taken() -> None:
    found = exact_quadratic(line(lambda a: torch.cosh(3 * a) - 4 * a), lambda v: 0.1 * v)
    assert (found.step, found.satisfied) == (0.0, False)


def test_exact_without_curvature() -> None:
    with pytest.raises(
        InvalidParameter, match=r"exact_quadratic\(product\): expected a curvature d\^T H d > 0, got -2"
    ):
        exact_quadratic(line(lambda a: -(a**2) - a), lambda v: -2 * v)


@pytest.mark.parametrize("beyond", [math.inf, math.nan])
@pytest.mark.parametrize("search", [backtracking, strong_wolfe, golden_section])
def test_turns_back_from_beyond_the_domain(search: Any, beyond: float) -> None:
    def phi(a: Any) -> Any:
        inside = -torch.log(torch.clamp(1e-3 - a, min=1e-300)) - 3e3 * a
        return inside if a < 1e-3 else inside * beyond

    searched = line(phi)
    found = search(searched, 10.0)
    assert 0 < found.step < 1e-3
    assert found.point.loss < searched.origin.loss
    assert found.satisfied


@pytest.mark.parametrize("search", [backtracking, strong_wolfe, golden_section])
def test_falls_without_end(search: Any) -> None:
    searched = line(lambda a: -a)
    found: Found = search(searched, 1.0)
    assert found.point.loss < searched.origin.loss
    assert found.evaluations <= 60


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("search", [backtracking, strong_wolfe, golden_section])
def test_ends_soon_where_losses_are_rounding(search: Any, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    root = torch.randn(500, 6, generator=generator, dtype=torch.float64).to(dtype)
    seen = 1 + torch.randn(500, generator=generator, dtype=torch.float64).to(dtype)
    best = torch.linalg.lstsq(root.double(), seen.double()).solution
    for off in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7):
        w = (best + off * torch.ones(6)).to(dtype).requires_grad_()
        objective = Objective([w], lambda w=w: (root @ w - seen).square().mean())
        start = objective.point(objective.theta())
        assert start.gradient is not None
        if not start.gradient.any():
            continue
        found = search(Line(objective, start, -start.gradient), 1.0)
        assert found.point.loss <= start.loss
        assert found.evaluations <= (25 if search is golden_section else 8)


def test_approximate_wolfe_where_losses_are_equal() -> None:
    far = 2.0**30  # in single precision the square is lost in this
    found = strong_wolfe(line(lambda a: far + (a - 1) ** 2, dtype=torch.float32), 0.9, c2=0.5)
    assert (found.step, found.satisfied, found.evaluations) == (0.9, True, 1)


@pytest.mark.parametrize("search", [backtracking, strong_wolfe, golden_section])
def test_a_slope_that_the_losses_do_not_follow(search: Any) -> None:
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    objective = Objective([w], lambda: torch.ones(1, dtype=torch.float64).sum() + 0 * w.sum())
    start = Point(torch.zeros(1, dtype=torch.float64), 1.0, torch.ones(1, dtype=torch.float64))
    found = search(Line(objective, start, -torch.ones(1, dtype=torch.float64)), 1.0)
    assert found.point.loss == 1.0
    assert not found.satisfied or search is strong_wolfe
    assert found.evaluations <= 100


@pytest.mark.parametrize("search", [backtracking, strong_wolfe, golden_section])
def test_a_loss_that_only_rises(search: Any) -> None:
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    objective = Objective([w], lambda: w.abs().sum() + 1)
    start = Point(torch.zeros(1, dtype=torch.float64), 1.0, torch.ones(1, dtype=torch.float64))  # a wrong gradient
    found = search(Line(objective, start, -torch.ones(1, dtype=torch.float64)), 1.0)
    assert (found.step, found.satisfied) == (0.0, False)
    assert found.point is start


def test_uphill_level_and_without_gradient() -> None:
    w = torch.ones(2, requires_grad=True)
    objective = Objective([w], lambda: w.square().sum())
    start = objective.point(objective.theta())
    assert start.gradient is not None
    message = r"Line\(direction\): expected a direction that leads downhill, g\^T d < 0, got g\^T d = "
    for direction in (start.gradient, torch.zeros(2, dtype=torch.float64), start.gradient * math.nan):
        with pytest.raises(InvalidParameter, match=message):
            Line(objective, start, direction)
    with pytest.raises(InvalidParameter, match=r"Line\(start\): expected a point with its gradient, got one without"):
        Line(objective, start._replace(gradient=None), -start.gradient)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: strong_wolfe(a, 0.0), r"strong_wolfe\(first\): expected a number in \(0, inf\), got 0.0"),
        (lambda a: backtracking(a, math.inf), r"backtracking\(first\): expected a number in \(0, inf\), got inf"),
        (lambda a: golden_section(a, most=0), r"golden_section\(most\): expected an integer >= 1, got 0"),
        (lambda a: strong_wolfe(a, c1=0.5, c2=0.1), r"strong_wolfe\(...\): expected 0 < c1 < c2 < 1, got 0.5 and 0.1"),
        (lambda a: backtracking(a, c1=1.0), r"backtracking\(...\): expected a number in \(0, 1\), got 1.0"),
        (lambda a: golden_section(a, tolerance=0.0), r"golden_section\(...\): expected a number in \(0, 1\), got 0.0"),
    ],
)
def test_numbers_that_cannot_be(call: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        call(line(first))
