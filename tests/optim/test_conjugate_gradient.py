"""Conjugate gradients against a NumPy transcription of the papers' betas, the linear method, SciPy, and bad input."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize, rosen, rosen_der

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.optim import ConjugateGradient
from netwright.optim.conjugate_gradient import advance, beta_of
from netwright.optim.objective import Objective

Array = NDArray[np.float64]


def hager_zhang(g: Array, n: Array, d: Array) -> float:
    y = n - g
    beta = (y - 2 * d * (y @ y) / (d @ y)) @ n / (d @ y)
    return float(max(beta, -1 / (np.linalg.norm(d) * min(0.01, np.linalg.norm(g)))))


BETAS: dict[str, Callable[[Array, Array, Array], float]] = {  # of g, g+ and d
    "fletcher_reeves": lambda g, n, d: n @ n / (g @ g),
    "polak_ribiere": lambda g, n, d: n @ (n - g) / (g @ g),
    "hestenes_stiefel": lambda g, n, d: n @ (n - g) / (d @ (n - g)),
    "liu_storey": lambda g, n, d: -n @ (n - g) / (d @ g),
    "dai_yuan": lambda g, n, d: n @ n / (d @ (n - g)),
    "hager_zhang": hager_zhang,
}


def transcription(rule: ConjugateGradient, slopes: list[Array]) -> list[Array]:
    """The directions of a path with these gradients."""
    found, count = [-slopes[0]], 0
    for g, n in pairwise(slopes):
        count += 1
        d = found[-1]
        beta = BETAS[rule.beta](g, n, d)
        if rule.positive and rule.beta in ("polak_ribiere", "hestenes_stiefel", "liu_storey"):
            beta = max(0.0, beta)
        following = -n + beta * d
        if abs(n @ g) >= rule.nu * (n @ n) or following @ n >= 0 or count >= (rule.every or len(n)):
            following, count = -n, 0
        found.append(following)
    return found


def rosenbrock(w: torch.Tensor) -> torch.Tensor:
    return ((1 - w[:-1]) ** 2 + 100 * (w[1:] - w[:-1] ** 2) ** 2).sum()


def network(dtype: torch.dtype = torch.float64) -> tuple[torch.nn.Module, Callable[[], torch.Tensor]]:
    generator = torch.Generator().manual_seed(3)
    first, last = (torch.nn.utils.skip_init(torch.nn.Linear, *sizes, dtype=dtype) for sizes in ((3, 4), (4, 1)))
    module = torch.nn.Sequential(first, torch.nn.Tanh(), last)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    inputs = torch.randn(50, 3, generator=generator, dtype=torch.float64).to(dtype)
    targets = inputs.sin().sum(1, keepdim=True)
    return module, lambda: (module(inputs) - targets).square().mean()


def run(rule: ConjugateGradient, loss: Callable[[torch.Tensor], Any], w: torch.Tensor, steps: int) -> list[float]:
    optimizer = rule.build([w.requires_grad_()])
    losses = [float(optimizer.step(lambda: loss(w))) for _ in range(steps)]
    return [*losses, float(loss(w.detach()))]


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("options", [{}, {"positive": False}, {"nu": 0.2}, {"every": 3}, {"nu": 1e9, "c2": 0.4}])
@pytest.mark.parametrize("case", ["rosenbrock", "network"])
def test_steps_are_those_of_the_papers(beta: str, options: dict[str, Any], case: str) -> None:
    rule = ConjugateGradient(beta, **options)
    module, loss = network()
    parameters = list(module.parameters())
    if case == "rosenbrock":
        w = torch.linspace(-1.2, 1.3, 6, dtype=torch.float64, requires_grad=True)
        parameters, loss = [w], lambda: rosenbrock(w)
    objective = Objective(parameters, loss)
    point, memory = objective.point(objective.theta()), {}
    points = [point]
    for _ in range(15):
        point, memory = advance(rule, objective, point, memory)
        points.append(point)
    path, slopes = [p.theta.numpy() for p in points], [p.gradient.numpy() for p in points]  # type: ignore[union-attr]
    for k, d in enumerate(transcription(rule, slopes)[:-1]):
        s = path[k + 1] - path[k]
        a = s @ d / (d @ d)
        assert a > 0
        np.testing.assert_allclose(path[k] + a * d, path[k + 1], rtol=1e-12, atol=1e-12)
        assert points[k + 1].loss <= points[k].loss + 1e-4 * a * slopes[k] @ d
        assert abs(slopes[k + 1] @ d) <= rule.c2 * abs(slopes[k] @ d) * (1 + 1e-9)


@pytest.mark.parametrize("beta", BETAS)
def test_on_a_quadratic_all_are_the_linear_method(beta: str) -> None:
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    matrix = root @ root.T + torch.eye(5, dtype=torch.float64)
    right = torch.randn(5, generator=generator, dtype=torch.float64)
    w = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimizer = ConjugateGradient(beta, c1=1e-8, c2=1e-7).build([w])
    a, x = matrix.numpy(), np.zeros(5)
    r = p = right.numpy()  # Hestenes, Stiefel (1952)
    for _ in range(5):
        step = r @ r / (p @ a @ p)
        x, new = x + step * p, r - step * a @ p
        r, p = new, new + new @ new / (r @ r) * p
        optimizer.step(lambda: 0.5 * w @ matrix @ w - right @ w)
        np.testing.assert_allclose(w.detach(), x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(w.detach(), np.linalg.solve(a, right.numpy()), rtol=1e-5)


def test_a_beta_that_divides_by_zero_begins_anew() -> None:
    assert np.isnan(beta_of("dai_yuan", gg=1.0, gn=0.0, nn=1.0, gd=-1.0, nd=-1.0, dd=1.0))
    assert np.isnan(beta_of("hager_zhang", gg=1.0, gn=0.0, nn=1.0, gd=-1.0, nd=-1.0, dd=1.0))


@pytest.mark.slow
@pytest.mark.parametrize("beta", BETAS)
def test_the_minimum_that_scipy_finds(beta: str) -> None:
    start = np.linspace(0.2, 1.5, 8)
    w = torch.tensor(start, requires_grad=True)
    losses = run(ConjugateGradient(beta), rosenbrock, w, 250)
    expected = minimize(rosen, start, jac=rosen_der, method="CG", options={"gtol": 1e-9, "maxiter": 2000})
    np.testing.assert_allclose(w.detach(), expected.x, atol=1e-5)
    assert all(after <= before for before, after in pairwise(losses))


@pytest.mark.slow
@pytest.mark.parametrize("beta", BETAS)
def test_hard_places(beta: str) -> None:
    rule = ConjugateGradient(beta)
    spread = torch.logspace(0, 8, 6, dtype=torch.float64)
    steep = run(rule, lambda w: (spread * (w - 1) ** 2).sum(), torch.zeros(6, dtype=torch.float64), 300)
    assert steep[-1] < 1e-7 * steep[0]
    saddle = run(rule, lambda w: w[0] ** 2 - w[1] ** 2 + w[1] ** 4, torch.tensor([1.0, 1e-3]).double(), 60)
    assert saddle[-1] == pytest.approx(-0.25, abs=1e-8)
    bounded = run(rule, lambda w: (w - 2 * torch.log(1 - w**2)).sum(), torch.tensor([0.9, -0.99]).double(), 60)
    assert bounded[-1] == pytest.approx(2 * (2 - np.sqrt(5) - 2 * np.log(1 - (2 - np.sqrt(5)) ** 2)), abs=1e-8)
    for losses in (steep, saddle, bounded):
        assert all(after <= before for before, after in pairwise(losses))


@pytest.mark.slow
@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_stationary_point_and_the_end_of_the_digits(beta: str, dtype: torch.dtype) -> None:
    w = torch.zeros(2, dtype=dtype, requires_grad=True)
    optimizer = ConjugateGradient(beta).build([w])
    optimizer.step(lambda: w[0] ** 2 - w[1] ** 2)
    assert optimizer.stuck
    w = torch.tensor([3.0, -1.0], dtype=dtype, requires_grad=True)
    optimizer = ConjugateGradient(beta).build([w])
    losses = [float(optimizer.step(lambda: 7 + (w[0] - 1) ** 2 + 5 * (w.sum() - 0.3) ** 2)) for _ in range(40)]
    assert all(after <= before for before, after in pairwise(losses))
    assert losses[-1] == pytest.approx(7.0, rel=1e-6)
    assert optimizer.stuck or optimizer._last.gradient.norm() < 1e-9
    assert optimizer._objective.evaluations < 300


def test_single_precision_goes_the_same_way() -> None:
    ends = []
    for dtype in (torch.float32, torch.float64):
        module, loss = network(dtype)
        optimizer = ConjugateGradient().build(module.parameters())
        for _ in range(6):
            optimizer.step(loss)
        ends.append(torch.cat([p.detach().reshape(-1).double() for p in module.parameters()]))
    torch.testing.assert_close(*ends, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_resumes_bit_by_bit(dtype: torch.dtype) -> None:
    rule = ConjugateGradient("hager_zhang")
    module, loss = network(dtype)
    optimizer = rule.build(module.parameters())
    for _ in range(7):
        optimizer.step(loss)
    file = io.BytesIO()
    torch.save((module.state_dict(), optimizer.state_dict()), file)
    for _ in range(7):
        optimizer.step(loss)
    file.seek(0)
    weights, state = torch.load(file, weights_only=True)
    again, loss_again = network(dtype)
    again.load_state_dict(weights)
    resumed = rule.build(again.parameters())
    resumed.load_state_dict(state)
    for _ in range(7):
        resumed.step(loss_again)
    for one, other in zip(module.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    for made in (pickle.loads(pickle.dumps(resumed)), copy.deepcopy(resumed)):
        assert made.rule == rule
        assert set(made.state_dict()["state"][0]) == set(state["state"][0])


def test_begins_anew_after_the_weights_were_moved() -> None:
    w = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    optimizer = ConjugateGradient(every=100).build([w])
    for _ in range(5):
        optimizer.step(lambda: rosenbrock(w))
    with torch.no_grad():
        w.copy_(torch.tensor([0.5, 2.0]))
    before = w.detach().clone()
    optimizer.step(lambda: rosenbrock(w))
    gradient = rosen_der(before.numpy())
    s = (w.detach() - before).numpy()
    np.testing.assert_allclose(s / np.linalg.norm(s), -gradient / np.linalg.norm(gradient), rtol=1e-12)


def test_a_loss_that_changes_or_is_not_finite() -> None:
    module, loss = network()
    before = copy.deepcopy(module.state_dict())
    optimizer = ConjugateGradient().build(module.parameters())
    with pytest.raises(InvalidData, match=r"ConjugateGradient.step\(closure\): expected a finite loss and gradient"):
        optimizer.step(lambda: loss() * float("nan"))
    assert all(torch.equal(item, before[name]) for name, item in module.state_dict().items())
    generator = torch.Generator().manual_seed(0)

    def noisy() -> torch.Tensor:
        return loss() * (1 + torch.rand((), generator=generator, dtype=torch.float64))

    optimizer.step(noisy)
    with pytest.raises(InvalidData, match="expected the same loss at the same weights, of all rows and without noise"):
        list(map(optimizer.step, [noisy] * 8))
    rows = torch.arange(48.0).split(16)
    w = torch.ones(1, requires_grad=True)
    optimizer = type(optimizer.rule)().build([w])
    with pytest.raises(InvalidData, match=r"Give all rows at every step \(no mini-batches\) and take dropout out"):
        list(map(optimizer.step, [lambda b=b: (w * b - 1).square().mean() for b in rows]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": "fletcher"}, r"ConjugateGradient\(beta\): expected .*, got 'fletcher'. Did you mean"),
        ({"positive": 1}, r"ConjugateGradient\(positive\): expected True or False, got 1"),
        ({"nu": 0.0}, r"ConjugateGradient\(nu\): expected a number in \(0, inf\), got 0.0"),
        ({"every": 0}, r"ConjugateGradient\(every\): expected None or an integer >= 1, got 0"),
        ({"c1": 0.5}, r"ConjugateGradient\(c1\): expected a number below c2 = 0.1, got 0.5. Take c1=1e-4"),
        ({"c2": 0.0}, r"ConjugateGradient\(c2\): expected a number in \(0, 1\), got 0.0"),
        ({"trials": 0}, r"ConjugateGradient\(trials\): expected an integer >= 1, got 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        ConjugateGradient(**options)
