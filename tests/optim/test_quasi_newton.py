"""Quasi-Newton rules against a NumPy transcription of the textbook's updates, SciPy, and bad input."""

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
from netwright.optim import QuasiNewton
from netwright.optim.objective import Objective
from netwright.optim.quasi_newton import DENSE, Move, advance, damped

Array = NDArray[np.float64]
UPDATES = ["bfgs", "dfp", "sr1", "lbfgs"]


def textbook(
    update: str, path: list[Array], slopes: list[Array], memory: int = 10, damp: bool = False, scale: float = 5.0
) -> list[Array]:
    """The directions that the book's formulas give along a path of weights with these gradients.

    Dense: Nocedal, Wright (2006), equations 6.17, 6.15, 6.25 for H, first scaled by 6.20, and procedure 18.2 for
    damping, with B as the inverse of H. Limited memory: algorithm 7.4, scaled by 7.20.
    """
    found = [-slopes[0] / max(1.0, float(np.linalg.norm(slopes[0])))]
    h, pairs = None, []
    for w, w_next, g, g_next in zip(path, path[1:], slopes, slopes[1:], strict=False):
        s, y = w_next - w, g_next - g
        if h is None and update != "lbfgs":
            h = scale * (s @ y) / (y @ y) * np.eye(len(s))
        elif damp and h is not None:
            b = np.linalg.inv(h)
            if s @ y < 0.2 * s @ b @ s:
                t = 0.8 * s @ b @ s / (s @ b @ s - s @ y)
                y = t * y + (1 - t) * b @ s
        if update == "lbfgs":
            pairs = [*pairs, (s, y)][-memory:]
            found.append(-two_loops(g_next, pairs))
            continue
        assert h is not None
        if update == "bfgs" and s @ y > 0:
            left = np.eye(len(s)) - np.outer(s, y) / (s @ y)
            h = left @ h @ left.T + np.outer(s, s) / (s @ y)
        elif update == "dfp" and s @ y > 0:
            h = h - np.outer(h @ y, h @ y) / (y @ h @ y) + np.outer(s, s) / (s @ y)
        elif update == "sr1" and abs((s - h @ y) @ y) > 1e-8 * np.linalg.norm(s - h @ y) * np.linalg.norm(y):
            h = h + np.outer(s - h @ y, s - h @ y) / ((s - h @ y) @ y)
        d = -h @ g_next
        found.append(-d if update == "sr1" and d @ g_next > 0 else d)
    return found


def two_loops(g: Array, pairs: list[tuple[Array, Array]]) -> Array:
    q, kept = g.copy(), []
    for s, y in reversed(pairs):
        kept.append(s @ q / (s @ y))
        q = q - kept[-1] * y
    s, y = pairs[-1]
    r = s @ y / (y @ y) * q
    for (s, y), a in zip(pairs, reversed(kept), strict=True):
        r = r + s * (a - y @ r / (s @ y))
    return r


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


def run(rule: QuasiNewton, loss: Callable[[torch.Tensor], Any], w: torch.Tensor, steps: int) -> list[float]:
    optimizer = rule.build([w.requires_grad_()])
    losses = [float(optimizer.step(lambda: loss(w))) for _ in range(steps)]
    return [*losses, float(loss(w.detach()))]


@pytest.mark.slow
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("damp", [False, True])
@pytest.mark.parametrize("case", ["rosenbrock", "network", "quartic"])
@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_steps_are_those_of_the_textbook(update: str, damp: bool, case: str, scale: float) -> None:
    if case == "network":
        module, loss = network()
        parameters = list(module.parameters())
    else:
        w = torch.linspace(-1.2, 1.3, 6, dtype=torch.float64, requires_grad=True)
        parameters = [w]
        loss = (
            (lambda: rosenbrock(w)) if case == "rosenbrock" else (lambda: (w**4 - w**2 + 0.1 * w).sum() + w.sum() ** 2)
        )
    objective = Objective(parameters, loss)
    rule = QuasiNewton(update, memory=4, curvature="damp" if damp else "skip", scale=scale)
    point, memory = objective.point(objective.theta()), {}
    points = [point]
    for _ in range(12):
        point, memory = advance(rule, objective, point, memory)
        assert point.gradient is not None
        points.append(point)
    path, slopes = [p.theta.numpy() for p in points], [p.gradient.numpy() for p in points]  # type: ignore[union-attr]
    ways = textbook(update, path, slopes, memory=4, damp=damp and update in ("bfgs", "dfp"), scale=scale)
    if damp and update == "lbfgs":
        ways = ways[:2]  # the book has no damping for it; the pair itself is checked below
    for k, d in enumerate(ways[:-1]):
        s = path[k + 1] - path[k]
        a = s @ d / (d @ d)
        assert a > 0
        np.testing.assert_allclose(path[k] + a * d, path[k + 1], rtol=1e-12, atol=1e-12)
        assert points[k + 1].loss <= points[k].loss + 1e-4 * a * slopes[k] @ d
        if k and abs(slopes[k + 1] @ d) <= 0.01 * abs(slopes[k] @ d):
            continue
        assert abs(slopes[k + 1] @ d) <= (0.1 if update == "dfp" else 0.9) * abs(slopes[k] @ d)


def test_powells_pair_has_a_fifth_of_the_models_curvature() -> None:
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    model = root @ root.T + torch.eye(5, dtype=torch.float64)  # B
    before = torch.randn(5, generator=generator, dtype=torch.float64)
    pull = torch.linalg.solve(model, before)
    s = -0.3 * pull
    for y in (-model @ s, 0.01 * model @ s, 3 * model @ s):
        found, share = damped(Move(s, y, before, before + y, 0.3, pull))
        expected = y if s @ y >= 0.2 * s @ model @ s else None
        if expected is None:
            t = 0.8 * (s @ model @ s) / (s @ model @ s - s @ y)
            expected = t * y + (1 - t) * model @ s
            assert float(s @ found) == pytest.approx(0.2 * float(s @ model @ s), rel=1e-12)
            assert share == pytest.approx(float(t), rel=1e-12)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert damped(Move(s, -s, before, before - s, 0.0, None))[1] == 1.0


@pytest.mark.parametrize("update", UPDATES)
def test_the_minimum_that_scipy_finds(update: str) -> None:
    start = np.linspace(0.2, 1.5, 8)
    w = torch.tensor(start, requires_grad=True)
    losses = run(QuasiNewton(update), rosenbrock, w, 160)
    expected = minimize(rosen, start, jac=rosen_der, method="BFGS", options={"gtol": 1e-10})
    np.testing.assert_allclose(w.detach(), expected.x, atol=1e-6)
    assert all(after <= before for before, after in pairwise(losses))


@pytest.mark.slow
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("curvature", ["skip", "damp"])
def test_hard_places(update: str, curvature: str) -> None:
    rule = QuasiNewton(update, curvature=curvature, memory=5)
    spread = torch.logspace(0, 8, 6, dtype=torch.float64)
    steep = run(rule, lambda w: (spread * (w - 1) ** 2).sum(), torch.zeros(6, dtype=torch.float64), 150)
    assert steep[-1] < (1e-7 * steep[0] if update == "lbfgs" else 1e-6)
    saddle = run(rule, lambda w: w[0] ** 2 - w[1] ** 2 + w[1] ** 4, torch.tensor([1.0, 1e-3]).double(), 60)
    assert saddle[-1] == pytest.approx(-0.25, abs=1e-8)
    bounded = run(rule, lambda w: (w - 2 * torch.log(1 - w**2)).sum(), torch.tensor([0.9, -0.99]).double(), 60)
    assert bounded[-1] == pytest.approx(2 * (np.sqrt(5) * -1 + 2 - 2 * np.log(1 - (2 - np.sqrt(5)) ** 2)), abs=1e-8)
    for losses in (steep, saddle, bounded):
        assert all(after <= before for before, after in pairwise(losses))


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_stationary_point_and_the_end_of_the_digits(update: str, dtype: torch.dtype) -> None:
    w = torch.zeros(2, dtype=dtype, requires_grad=True)
    optimizer = QuasiNewton(update).build([w])
    optimizer.step(lambda: w[0] ** 2 - w[1] ** 2)
    assert optimizer.stuck
    assert torch.equal(w, torch.zeros(2, dtype=dtype))
    module, loss = network(dtype)
    optimizer = QuasiNewton(update).build(module.parameters())
    losses = [float(optimizer.step(loss)) for _ in range(250)]
    assert all(after <= before for before, after in pairwise(losses))
    assert losses[-1] < 0.02
    assert optimizer._objective.evaluations < (2600 if update == "dfp" else 1200)


@pytest.mark.parametrize("update", UPDATES)
def test_single_precision_goes_the_same_way(update: str) -> None:
    ends = []
    for dtype in (torch.float32, torch.float64):
        module, loss = network(dtype)
        optimizer = QuasiNewton(update).build(module.parameters())
        for _ in range(6):
            optimizer.step(loss)
        ends.append(torch.cat([p.detach().reshape(-1).double() for p in module.parameters()]))
    torch.testing.assert_close(*ends, rtol=2e-3, atol=2e-4)


def test_auto_is_bfgs_for_few_weights_and_lbfgs_for_many() -> None:
    for size, kept in ((DENSE, "inverse"), (DENSE + 1, "pairs")):
        w = torch.zeros(size, requires_grad=True)
        optimizer = QuasiNewton().build([w])
        for _ in range(2):
            optimizer.step(lambda w=w: ((w - 1) ** 2 * torch.linspace(1, 2, len(w))).sum())
        assert kept in optimizer.state_dict()["state"][0]


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_resumes_bit_by_bit(update: str, dtype: torch.dtype) -> None:
    rule = QuasiNewton(update, memory=3)
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


@pytest.mark.parametrize("update", UPDATES)
def test_goes_on_after_the_weights_were_moved(update: str) -> None:
    module, loss = network()
    optimizer = QuasiNewton(update).build(module.parameters())
    for _ in range(5):
        optimizer.step(loss)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1.1)
    losses = [float(optimizer.step(loss)) for _ in range(30)]
    assert all(after <= before for before, after in pairwise(losses))
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("update", ["bfgs", "dfp", "lbfgs"])
def test_pairs_without_curvature_are_left_out(update: str) -> None:
    w = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    optimizer = QuasiNewton(update, trials=1).build([w])  # a search of one trial takes what comes
    for _ in range(8):
        optimizer.step(lambda: -torch.exp(0.01 * w).sum() - 0.1 * (w**2).sum())
        assert w.isfinite().all()
    assert not {"inverse", "pairs"} & set(optimizer.state_dict()["state"][0])


def test_a_loss_that_changes_or_is_not_finite() -> None:
    module, loss = network()
    before = copy.deepcopy(module.state_dict())
    optimizer = QuasiNewton().build(module.parameters())
    with pytest.raises(InvalidData, match=r"QuasiNewton.step\(closure\): expected a finite loss and gradient"):
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
    with pytest.raises(InvalidParameter, match="expected a function that computes the loss"):
        optimizer.step()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"update": "psb"},
            r"QuasiNewton\(update\): expected 'auto' or 'bfgs' or 'dfp' or 'sr1' or 'lbfgs', got 'psb'",
        ),
        ({"memory": 0}, r"QuasiNewton\(memory\): expected an integer >= 1, got 0"),
        ({"curvature": "clip"}, r"QuasiNewton\(curvature\): expected 'skip' or 'damp', got 'clip'"),
        ({"scale": 0.0}, r"QuasiNewton\(scale\): expected a number in \(0, inf\), got 0.0"),
        ({"c1": 0.5, "c2": 0.2}, r"QuasiNewton\(c1\): expected a number below c2 = 0.2, got 0.5. Take c1=1e-4"),
        ({"update": "dfp", "c1": 0.2}, r"QuasiNewton\(c1\): expected a number below c2 = 0.1, got 0.2"),
        ({"c2": 1.0}, r"QuasiNewton\(c2\): expected None or a number in \(0, 1\), got 1.0"),
        ({"trials": 0}, r"QuasiNewton\(trials\): expected an integer >= 1, got 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        QuasiNewton(**options)
