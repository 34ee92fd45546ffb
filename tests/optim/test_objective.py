"""A loss as a function of one vector: its derivatives by closures of every kind, against `torch.func`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.optim.objective import Extra, Model, Objective, Point, finite, finite_curvature, least_squares


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10 * max(1.0, float(expected.abs().max())))


def going_backward(compute: Callable[[], Any], parameters: Any, how: str) -> Callable[[], Any]:
    """A closure that zeroes gradients and goes backward itself."""

    def closure() -> Any:
        for parameter in parameters:
            parameter.grad = None
        found = compute()
        loss = found[1] if isinstance(found, tuple) else found
        if how == "tensor":
            loss.backward()
        elif how == "options":
            loss.backward(None, retain_graph=True)
        else:
            torch.autograd.backward([loss])
        return float(loss.detach()) if how == "float" else found

    return closure


def test_loss_gradient_and_hessian(network: Any) -> None:
    slope, curve = network.derivatives(network.squares_of)
    objective = Objective(network.parameters, network.residuals)
    theta = objective.theta()
    point = objective.point(theta)
    assert point.loss == pytest.approx(objective.loss(theta), rel=1e-14)
    assert torch.equal(point.theta, theta)
    close(point.gradient, slope)
    close(objective.hessian(theta), curve)
    close(objective.hessian(theta, columns=5), curve)
    close(objective.hessian_diagonal(theta), curve.diagonal())
    close(objective.hessian_diagonal(theta, columns=7), curve.diagonal())


@pytest.mark.slow
@pytest.mark.parametrize("how", ["tensor", "options", "autograd", "float"])
@pytest.mark.parametrize("pair", [False, True])
def test_closures_that_go_backward_themselves(make_network: Any, how: str, pair: bool) -> None:
    for name in ("dense", "channels last", "unused layer", "batch norm"):
        network = make_network(name)
        slope, curve = network.derivatives(network.entropy_of)

        def compute(network: Any = network) -> Any:
            outputs, loss = network.entropy()
            return (outputs, loss) if pair else loss

        closure = going_backward(compute, network.parameters, how)
        for first in ("loss", "point", "hessian"):  # whichever comes first
            objective = Objective(network.parameters, closure)
            theta = objective.theta()
            getattr(objective, first)(theta)
            assert objective.loss(theta) == pytest.approx(network.entropy()[1].item(), rel=1e-13)
            close(objective.point(theta).gradient, slope)
            close(objective.hessian(theta), curve)
            assert objective.loss(theta) == pytest.approx(objective.point(theta).loss, rel=1e-13)


@pytest.mark.parametrize("how", ["tensor", "autograd"])
def test_the_model_of_a_closure_that_goes_backward(make_network: Any, how: str) -> None:
    network = make_network("dense")
    plain = Objective(network.parameters, network.entropy)
    other = Objective(network.parameters, going_backward(network.entropy, network.parameters, how))
    theta = plain.theta()
    for _ in range(2):
        one, two = plain.quadratic(theta), other.quadratic(theta)
        close(two.matrix, one.matrix)
        close(two.gradient, one.gradient)
        assert other.loss(theta) == pytest.approx(one.loss)
    vector = torch.ones(len(theta), dtype=torch.float64)
    close(other.gauss_newton_product(theta)(vector), one.matrix @ vector)


def test_two_closures_of_which_one_goes_backward(make_network: Any) -> None:
    network = make_network("dense")
    backward = going_backward(lambda: network.entropy()[1], network.parameters, "tensor")
    slopes = [network.derivatives(loss) for loss in (network.entropy_of, network.squares_of)]
    for closures in ([backward, network.residuals], [network.residuals, backward]):
        objective = Objective(network.parameters, closures)
        theta = objective.theta()
        assert objective.loss(theta) == pytest.approx(objective.point(theta).loss, rel=1e-14)
        close(objective.point(theta).gradient, slopes[0][0] + slopes[1][0])
        close(objective.hessian(theta), slopes[0][1] + slopes[1][1])
        assert objective.loss(theta) == pytest.approx(objective.point(theta).loss, rel=1e-14)


def test_gradients_are_left_alone_where_it_is_known_that_closures_leave_them_to_us(make_network: Any) -> None:
    network = make_network("dense")
    for parameter in network.parameters:
        parameter.grad = torch.full_like(parameter, 7.0)
    objective = Objective(network.parameters, network.residuals, goes_backward=False)
    theta = objective.theta()
    slope, curve = network.derivatives(network.squares_of)
    close(objective.point(theta).gradient, slope)
    close(objective.hessian(theta), curve)
    objective.quadratic(theta)
    assert all(bool((parameter.grad == 7).all()) for parameter in network.parameters)
    backward = going_backward(lambda: network.entropy()[1], network.parameters, "tensor")
    told = Objective(network.parameters, backward, goes_backward=True)
    close(told.point(theta).gradient, network.derivatives(network.entropy_of)[0])
    assert told.loss(theta) == pytest.approx(network.entropy()[1].item())


def test_a_loss_with_derivatives_in_it(make_network: Any) -> None:
    """Residuals of u' = u by the network u: the closure calls torch.autograd.grad, as networks for equations do."""
    network = make_network("steps")
    times = torch.linspace(0, 1, 6, dtype=torch.float64)[:, None].expand(6, 2).clone()

    def residuals() -> torch.Tensor:
        here = times.clone().requires_grad_()
        outputs = network.module(here)[:, 0]
        (slope,) = torch.autograd.grad(outputs.sum(), here, create_graph=True)
        return slope[:, 0] - outputs

    objective = Objective(network.parameters, residuals)
    theta = objective.theta()
    loss = objective.loss(theta)
    assert objective.point(theta).loss == pytest.approx(loss, rel=1e-14)
    assert loss == objective.loss(theta)
    assert not objective.residuals(theta).requires_grad
    model, step = objective.quadratic(theta), 1e-6
    for k in (0, 7, 11):
        unit = torch.zeros_like(theta)
        unit[k] = step
        above, below = objective.point(theta + unit), objective.point(theta - unit)
        assert float(model.gradient[k]) == pytest.approx((above.loss - below.loss) / (2 * step), abs=1e-7)
        slope = (objective.residuals(theta + unit) - objective.residuals(theta - unit)) / (2 * step)
        assert float(model.matrix[k, k]) == pytest.approx(float(slope @ slope), abs=1e-7)
    assert objective.loss(theta) == loss


def test_attention_whose_fused_kernel_has_one_derivative(make_network: Any) -> None:
    network = make_network("attention")
    plain = Objective(network.parameters, network.residuals)
    theta = plain.theta()
    attention, last = network.module.attention, network.module.last

    def residuals() -> torch.Tensor:
        x = network.inputs
        return last(attention(x, x, x, need_weights=False)[0]).squeeze(-1) - network.targets

    fused = Objective(network.parameters, residuals)
    close(fused.hessian(theta), plain.hessian(theta))
    close(fused.quadratic(theta).matrix, plain.quadratic(theta).matrix)
    vector = torch.ones(len(theta), dtype=torch.float64)
    close(fused.gauss_newton_product(theta)(vector), plain.gauss_newton_product(theta)(vector))


@pytest.mark.slow
def test_several_closures_are_one_sum(network: Any) -> None:
    if network.name == "batch norm":
        return
    pieces = [
        network._replace(inputs=network.inputs[rows], targets=network.targets[rows], classes=network.classes[rows])
        for rows in (slice(0, 1), slice(1, None))
    ]
    whole, parts = (Objective(network.parameters, each) for each in (network.residuals, [p.residuals for p in pieces]))
    theta = whole.theta()
    vectors = torch.randn(2, len(theta), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert parts.loss(theta) == pytest.approx(whole.loss(theta), rel=1e-13)
    close(parts.point(theta).gradient, whole.point(theta).gradient)
    close(parts.hessian(theta), whole.hessian(theta))
    for name in ("hessian_product", "gauss_newton_product"):
        for vector in (vectors[0], vectors):
            close(getattr(parts, name)(theta)(vector), getattr(whole, name)(theta)(vector))
    residuals = whole.residuals(theta)
    close(parts.residuals(theta), residuals)
    found = []
    for each in (whole, parts):
        push, pull = each.residual_products(theta)
        found.append((push(vectors[0]), pull(residuals)))
    close(found[1][0], found[0][0])
    close(found[1][1], found[0][1])


def test_what_is_added_by_formula(make_network: Any) -> None:
    network = make_network("dense")
    extra = Extra(lambda t: float((t**4).sum()), lambda t: 4 * t**3, lambda t: 12 * t**2)
    plain, more = (Objective(network.parameters, network.residuals, each) for each in (None, extra))
    theta = plain.theta()
    assert more.loss(theta) == pytest.approx(plain.loss(theta) + float((theta**4).sum()), rel=1e-14)
    assert more.point(theta).loss == pytest.approx(more.loss(theta), rel=1e-14)
    close(more.point(theta).gradient, plain.point(theta).gradient + 4 * theta**3)
    close(more.hessian(theta), plain.hessian(theta) + torch.diag(12 * theta**2))
    close(more.hessian_diagonal(theta), plain.hessian_diagonal(theta) + 12 * theta**2)
    vectors = torch.ones(2, len(theta), dtype=torch.float64)
    for name in ("hessian_product", "gauss_newton_product"):
        expected = getattr(plain, name)(theta)(vectors) + 12 * theta**2
        close(getattr(more, name)(theta)(vectors), expected)


def test_the_gauss_newton_product_is_that_of_the_model(network: Any) -> None:
    objective = Objective(network.parameters, network.entropy)
    theta = objective.theta()
    matrix = objective.quadratic(theta).matrix
    close(objective.gauss_newton_product(theta)(torch.eye(len(theta), dtype=torch.float64)), matrix)


def test_evaluations_are_counted_and_theta_is_what_the_parameters_hold() -> None:
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    objective = Objective([weight], lambda: weight)
    asked = torch.tensor([1 / 3, 0.0], dtype=torch.float64)
    point = objective.point(asked)
    assert point.theta[0] != asked[0]
    assert point.theta.tolist() == weight.tolist()
    assert objective.theta().tolist() == weight.tolist()
    objective.loss(asked)
    objective.quadratic(asked)
    assert objective.evaluations == 3
    assert objective.size == 2


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_is_infinite(bad: float) -> None:
    weight = torch.ones(1, requires_grad=True)
    objective = Objective([weight], lambda: (weight * bad).sum())
    assert objective.loss(objective.theta()) == math.inf
    point = objective.point(objective.theta())
    assert point.loss == math.inf
    assert Objective([weight], lambda: weight * bad).quadratic(point.theta).loss == math.inf
    with pytest.raises(
        InvalidData,
        match=r"here: expected a finite loss and gradient at the weights as they stand, got NaN or infinity. Check inp",
    ):
        finite(point, "here")


def test_points_that_are_finite_and_not() -> None:
    theta = torch.zeros(2, dtype=torch.float64)
    good = Model(theta, 1.0, theta, torch.eye(2))
    assert finite(good, "here") is good
    with pytest.raises(InvalidData, match=r"got a gradient with NaN or infinite entries"):
        finite(Point(theta, 1.0, theta + math.nan), "here")
    assert finite_curvature(theta, "here") is theta
    with pytest.raises(
        InvalidData, match=r"here: expected finite second derivatives .* got NaN or infinite ones. Take"
    ):
        finite_curvature(theta + math.inf, "here")


WEIGHT = torch.ones(2, requires_grad=True)


@pytest.mark.parametrize(
    ("closure", "got"),
    [
        (lambda: None, "a NoneType"),
        (lambda: True, "a bool"),
        (lambda: "loss", "a str"),
        (lambda: (WEIGHT, WEIGHT), "a tuple"),
        (lambda: (WEIGHT.sum(), WEIGHT.sum()), "a tuple"),
        (lambda: [WEIGHT.sum()], "a list"),
        (lambda: torch.zeros(2, dtype=torch.long), r"a tensor \(2,\) of torch.int64"),
        (lambda: torch.zeros(0, 3), r"a tensor \(0, 3\) of torch.float32"),
    ],
)
def test_answers_that_cannot_be_used(closure: Any, got: str) -> None:
    objective = Objective([WEIGHT], closure, where="Rule.step(closure)")
    message = (
        r"Rule.step\(closure\): expected a closure that returns a scalar loss, residuals with an axis of rows, or a "
        rf"pair \(outputs, loss\), got {got}. End it with `return loss`"
    )
    for method in ("loss", "point", "quadratic", "hessian"):
        with pytest.raises(InvalidParameter, match=message):
            getattr(objective, method)(objective.theta())


@pytest.mark.parametrize("loss", [lambda: 3.0, lambda: WEIGHT.detach().sum(), lambda: float(WEIGHT.detach().sum())])
def test_a_loss_without_a_graph(loss: Any) -> None:
    objective = Objective([WEIGHT], loss)
    assert objective.loss(objective.theta()) in (2.0, 3.0)
    for method in ("point", "hessian"):
        with pytest.raises(
            InvalidParameter,
            match=r"step\(closure\): expected a loss that depends on the parameters, got one without a graph",
        ):
            getattr(objective, method)(objective.theta())


def test_a_scalar_loss_has_no_jacobian() -> None:
    objective = Objective([WEIGHT], lambda: WEIGHT.sum())
    for method in ("quadratic", "gauss_newton_product", "triangle", "residual_products"):
        with pytest.raises(InvalidParameter, match=r"expected a closure that returns residuals.*got a scalar loss, of"):
            getattr(objective, method)(objective.theta())


def test_residuals_without_a_graph() -> None:
    objective = Objective([WEIGHT], lambda: WEIGHT.detach())
    for method in ("quadratic", "gauss_newton_product", "triangle", "residual_products"):
        with pytest.raises(InvalidParameter, match="expected residuals or outputs that depend on the parameters, got"):
            getattr(objective, method)(objective.theta())


def test_least_squares_looks_at_all_rows_and_takes_no_noise() -> None:
    x, y = torch.eye(16)[:, :3], torch.ones(16, 1)
    with torch.random.fork_rng():
        normalised = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        noisy = nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.Linear(4, 1))
    expected = 0.5 * (normalised(x) - y).detach().square().sum()
    objective = least_squares(normalised, x, y)
    assert objective.loss(objective.theta()) == pytest.approx(float(expected), rel=1e-5)
    with (
        torch.random.fork_rng(),
        pytest.raises(
            InvalidParameter, match=r"least_squares\(module\): expected a module that gives the same outputs"
        ),
    ):
        least_squares(noisy, x, y)
    least_squares(noisy.eval(), x, y)
    with pytest.raises(
        InvalidParameter, match=r"least_squares\(module\): expected parameters that can be trained, got n"
    ):
        least_squares(noisy.requires_grad_(False), x, y)


def test_least_squares_takes_targets_of_another_number_format() -> None:
    x = torch.eye(9)[:, :3]
    with torch.random.fork_rng():
        module = nn.Linear(3, 1)
    for y in (torch.ones(9, 1, dtype=torch.int64), torch.ones(9, 1, dtype=torch.float64)):
        objective = least_squares(module, x, y)
        expected = 0.5 * (module(x) - 1).detach().square().sum()
        assert objective.point(objective.theta()).loss == pytest.approx(float(expected), rel=1e-5)


def test_gradients_of_another_origin_have_no_second_derivatives() -> None:
    def closure() -> torch.Tensor:
        WEIGHT.grad = 2 * WEIGHT.detach()
        return WEIGHT.square().sum()

    objective = Objective([WEIGHT], closure)
    assert objective.point(objective.theta()).gradient.tolist() == [2, 2]
    with pytest.raises(
        InvalidParameter,
        match=r"expected a closure that goes backward by loss.backward\(\), or leaves that to the rule, got",
    ):
        objective.hessian(objective.theta())
    WEIGHT.grad = None


def test_an_error_in_the_closure_comes_as_it_is(make_network: Any) -> None:
    network = make_network("dense")
    objective = Objective(network.parameters, lambda: network.module(torch.ones(2, 7, dtype=torch.float64)))
    for method in ("loss", "point", "quadratic"):
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            getattr(objective, method)(objective.theta())
    with pytest.raises(ZeroDivisionError):
        Objective(network.parameters, lambda: 1 / 0).loss(objective.theta())


def test_neither_the_random_state_nor_the_mode_of_gradients_is_touched(make_network: Any) -> None:
    network = make_network("conv")
    objective = Objective(network.parameters, network.entropy)
    theta = objective.theta()
    with torch.no_grad():
        objective.point(theta)
        objective.quadratic(theta)
        objective.hessian(theta)
        objective.loss(theta)
        assert not torch.is_grad_enabled()
    objective.loss(theta)
    assert torch.is_grad_enabled()
    assert all(parameter.grad is None for parameter in network.parameters)
    assert isinstance(network.module[0], nn.Conv2d)
