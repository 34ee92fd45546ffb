"""Levenberg-Marquardt against a NumPy transcription of its equations, SciPy, brute force, and bad input."""

from __future__ import annotations

import copy
import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.optim import LevenbergMarquardt

Array = NDArray[np.float64]


def transcription(
    residuals: Any, jacobian: Any, w: Array, steps: int, mu: float, how: str, scaled: bool, factor: float = 10.0
) -> list[Array]:
    """The header's equations in NumPy: gain ratio after Nielsen (1999), or division and multiplication by a factor."""
    path, rise, greatest = [], 2.0 if how == "gain_ratio" else factor, np.zeros(len(w))
    for _ in range(steps):
        r, jac = residuals(w), jacobian(w)
        a, g, loss = jac.T @ jac, jac.T @ r, 0.5 * r @ r
        greatest = np.maximum(greatest, np.diag(a))
        d = np.where(greatest > 0, greatest, 1.0) if scaled else np.ones(len(w))
        while mu <= 1e10:
            step = np.linalg.solve(a + mu * np.diag(d), -g)
            trial = 0.5 * residuals(w + step) @ residuals(w + step)
            if trial < loss:
                rho = (loss - trial) / (0.5 * step @ (mu * d * step - g))
                mu *= max(1 / 3, 1 - (2 * rho - 1) ** 3) if how == "gain_ratio" else 1 / factor
                mu, w, rise = max(mu, 1e-12), w + step, 2.0 if how == "gain_ratio" else factor
                break
            mu, rise = mu * rise, rise * 2 if how == "gain_ratio" else rise
        path.append(w.copy())
    return path


def rosenbrock(w: Array) -> Array:
    return np.array([1 - w[0], 10 * (w[1] - w[0] ** 2)])


def rosenbrock_jacobian(w: Array) -> Array:
    return np.array([[-1.0, 0.0], [-20 * w[0], 10.0]])


def as_tensors(w: torch.Tensor) -> torch.Tensor:
    return torch.stack([1 - w[0], 10 * (w[1] - w[0] ** 2)])


def network(dtype: torch.dtype = torch.float64, outputs: int = 1, rows: int = 40) -> tuple[Any, Any, Any]:
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)  # noqa: E731
    first, last = (torch.nn.utils.skip_init(torch.nn.Linear, *sizes, dtype=dtype) for sizes in ((3, 5), (5, outputs)))
    module = torch.nn.Sequential(first, torch.nn.Tanh(), last)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(draw(*parameter.shape))
    inputs = draw(rows, 3)
    targets = torch.stack([inputs.sin().sum(1), inputs[:, 0] * inputs[:, 1]], dim=1)[:, :outputs]
    return module, inputs, targets


@pytest.mark.parametrize("how", ["gain_ratio", "factor"])
@pytest.mark.parametrize("scaled", [False, True])
def test_steps_are_those_of_the_equations(how: str, scaled: bool) -> None:
    w = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    rule = LevenbergMarquardt(0.1, damping=how, scaling="diagonal" if scaled else "none")
    optimizer = rule.build([w])
    for expected in transcription(rosenbrock, rosenbrock_jacobian, np.array([-1.2, 1.0]), 12, 0.1, how, scaled):
        optimizer.step(lambda: as_tensors(w))
        np.testing.assert_allclose(w.detach().numpy(), expected, rtol=1e-12, atol=1e-14)


def test_a_network_steps_as_the_equations_say() -> None:
    module, inputs, targets = network(outputs=2)
    parameters = list(module.parameters())

    def unflattened(w: Array) -> dict[str, torch.Tensor]:
        parts = torch.from_numpy(w).split([p.numel() for p in parameters])
        return {n: part.view(p.shape) for (n, p), part in zip(module.named_parameters(), parts, strict=True)}

    def outputs(w: Array) -> torch.Tensor:
        return torch.func.functional_call(module, unflattened(w), (inputs,))

    def jacobian(w: Array) -> Array:
        found = torch.func.jacrev(lambda p: torch.func.functional_call(module, p, (inputs,)))(unflattened(w))
        return torch.cat([part.reshape(80, -1) for part in found.values()], dim=1).numpy()

    start = torch.cat([p.detach().reshape(-1) for p in parameters]).numpy()
    optimizer = LevenbergMarquardt().build(parameters)
    path = transcription(
        lambda w: (outputs(w) - targets).numpy().ravel(), jacobian, start, 8, 1e-3, "gain_ratio", False
    )
    for expected in path:
        optimizer.step(lambda: module(inputs) - targets)
        got = torch.cat([p.detach().reshape(-1) for p in parameters]).numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("solver", ["cholesky", "qr", "auto"])
@pytest.mark.parametrize("acceleration", [False, True])
def test_ends_where_scipy_ends(solver: str, acceleration: bool) -> None:
    time = np.linspace(0, 5, 30)
    seen = 2.5 * np.exp(-0.8 * time) + 0.5 + 0.01 * np.random.default_rng(0).normal(size=30)
    oracle = least_squares(lambda w: w[0] * np.exp(-w[1] * time) + w[2] - seen, [1, 1, 0], method="lm", xtol=1e-14)
    w = torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = LevenbergMarquardt(solver=solver, acceleration=acceleration).build([w])
    axis, data = torch.from_numpy(time), torch.from_numpy(seen)
    for _ in range(30):
        optimizer.step(lambda: w[0] * torch.exp(-w[1] * axis) + w[2] - data)
    np.testing.assert_allclose(w.detach().numpy(), oracle.x, rtol=1e-7)


def test_acceleration_adds_half_the_geodesic_correction() -> None:
    w = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    optimizer = LevenbergMarquardt(1e-9, acceleration=True).build([w])
    optimizer.step(lambda: torch.exp(0.3 * w) - 1.5)
    r, j, second = np.exp(0.3) - 1.5, 0.3 * np.exp(0.3), 0.09 * np.exp(0.3)
    velocity = -r / j
    stretched = 2 / 0.1 * ((np.exp(0.3 * (1 + 0.1 * velocity)) - np.exp(0.3)) / 0.1 - j * velocity)
    assert stretched == pytest.approx(second * velocity**2, rel=0.02)
    assert w.item() == pytest.approx(1 + velocity - 0.5 * stretched / j, rel=1e-7)


def test_never_goes_up_and_reports_the_loss_before_the_step() -> None:
    module, inputs, targets = network(torch.float32)
    optimizer = LevenbergMarquardt().build(module.parameters())
    losses = [float(optimizer.step(lambda: module(inputs) - targets)) for _ in range(25)]
    assert losses[0] > losses[-1]
    assert all(after <= before for before, after in pairwise(losses))
    assert losses[-1] < 1e-3 * losses[0]


def test_cross_entropy_is_trained_by_the_generalised_matrix() -> None:
    module, inputs, targets = network(outputs=2)
    labels = (targets[:, 0] > targets[:, 1]).long()
    start = torch.cat([p.detach().reshape(-1) for p in module.parameters()])

    def closure() -> tuple[torch.Tensor, torch.Tensor]:
        outputs = module(inputs)
        return outputs, torch.nn.functional.cross_entropy(outputs, labels, reduction="sum")

    outputs, _ = closure()
    jac = torch.zeros(40, 2, len(start), dtype=torch.float64)
    for i in range(40):
        for k in range(2):
            parts = torch.autograd.grad(outputs[i, k], list(module.parameters()), retain_graph=True)
            jac[i, k] = torch.cat([part.reshape(-1) for part in parts])
    p = outputs.detach().softmax(1)
    bend = torch.diag_embed(p) - p.unsqueeze(2) * p.unsqueeze(1)
    matrix = torch.einsum("nkp,nkl,nlq->pq", jac, bend, jac)
    slope = torch.einsum("nkp,nk->p", jac, p - torch.nn.functional.one_hot(labels, 2))
    mu = 10.0  # the first trial is taken
    expected = start - torch.linalg.solve(matrix + mu * torch.eye(len(start), dtype=torch.float64), slope)
    optimizer = LevenbergMarquardt(mu).build(module.parameters())
    optimizer.step(closure)
    torch.testing.assert_close(torch.cat([q.detach().reshape(-1) for q in module.parameters()]), expected)
    losses = [float(optimizer.step(closure)) for _ in range(30)]
    assert losses[-1] < 0.2 * losses[0]
    assert all(after <= before for before, after in pairwise(losses))


def test_singular_systems_are_solved_by_damping() -> None:
    w = torch.tensor([3.0, 0.0, 5.0], dtype=torch.float64, requires_grad=True)
    optimizer = LevenbergMarquardt(minimum=0.0).build([w])
    for _ in range(20):
        optimizer.step(lambda: (w[0] + w[1] - 1).reshape(1))  # rank one; the third weight is in no residual
    assert float(w.detach()[:2].sum()) == pytest.approx(1.0, abs=1e-9)
    assert w[2] == 5.0


def test_ill_conditioned_rows_go_to_qr() -> None:
    tiny = 1e-8  # Lauchli's matrix: J has full rank, J^T J has not in double precision
    errors = {}
    for solver in ("cholesky", "qr", "auto"):
        w = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
        optimizer = LevenbergMarquardt(1e-24, minimum=0.0, solver=solver).build([w])
        optimizer.step(lambda w=w: torch.cat([(w.sum() - 2).reshape(1), tiny * (w - 1)]))
        errors[solver] = float((w.detach() - 1).abs().max())
    assert errors["qr"] < 1e-6
    assert errors["auto"] < 1e-6
    assert errors["cholesky"] > 0.1


def test_where_nothing_lowers_the_loss_the_weights_stay() -> None:
    w = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    optimizer = LevenbergMarquardt().build([w])
    for _ in range(20):
        optimizer.step(lambda: w - 1)
    assert w.item() == 1.0
    assert optimizer.stuck
    optimizer.step(lambda: w - 1)
    assert w.item() == 1.0


def test_a_resumed_run_makes_the_same_steps() -> None:
    module, inputs, targets = network(torch.float32)
    rule = LevenbergMarquardt(scaling="diagonal")
    optimizer = rule.build(module.parameters())
    for _ in range(4):
        optimizer.step(lambda: module(inputs) - targets)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    other = copy.deepcopy(module)
    resumed = rule.build(other.parameters())
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for _ in range(4):
        optimizer.step(lambda: module(inputs) - targets)
        resumed.step(lambda: other(inputs) - targets)
    assert all(map(torch.equal, module.parameters(), other.parameters()))


def test_twenty_thousand_rows_take_the_memory_of_blocks() -> None:
    module, inputs, targets = network(rows=20_000)
    optimizer = LevenbergMarquardt().build(module.parameters())
    optimizer.step(lambda: module(inputs) - targets)
    scratch = optimizer._objective.layout._scratch  # type: ignore[attr-defined]
    assert scratch.numel() * 8 <= 2**20  # a whole Jacobian would have 20,000 rows of 26 numbers, four times that


def test_pieces_of_the_rows_add_up() -> None:
    module, inputs, targets = network()
    other = copy.deepcopy(module)
    whole, pieces = LevenbergMarquardt().build(module.parameters()), LevenbergMarquardt().build(other.parameters())
    closures = [lambda: other(inputs[:13]) - targets[:13], lambda: other(inputs[13:]) - targets[13:]]
    for _ in range(5):
        whole.step(lambda: module(inputs) - targets)
        pieces.step(closures)
    for one, two in zip(module.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-12)


def test_what_cannot_be_is_said() -> None:
    module, inputs, targets = network()
    kept = [p.detach().clone() for p in module.parameters()]
    optimizer = LevenbergMarquardt().build(module.parameters())
    with pytest.raises(
        InvalidParameter, match=r"LevenbergMarquardt.step\(closure\): expected a function that computes"
    ):
        optimizer.step()
    with pytest.raises(InvalidParameter, match=r"got a scalar loss, of which no Jacobian can be had. Return outputs"):
        optimizer.step(lambda: (module(inputs) - targets).square().mean())
    with pytest.raises(InvalidParameter, match=r"got a dict. End it with `return loss`"):
        optimizer.step(dict)
    broken = targets.clone()
    broken[3] = float("nan")
    with pytest.raises(InvalidData, match="expected a finite loss and gradient at the weights as they stand, got NaN"):
        optimizer.step(lambda: module(inputs) - broken)
    assert all(map(torch.equal, kept, module.parameters()))
    other = LevenbergMarquardt().build(module.parameters())
    other.step(lambda: module(inputs[:10]) - targets[:10])
    with pytest.raises(InvalidData, match="expected the same loss at the same weights"):
        other.step(lambda: module(inputs[10:20]) - targets[10:20])
    assert all(bool(p.isfinite().all()) for p in module.parameters())


def test_a_trial_that_is_not_finite_is_no_step() -> None:
    w = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    optimizer = LevenbergMarquardt(1e-9).build([w])
    for _ in range(30):
        optimizer.step(lambda: torch.log(w) + 3)  # the first full step leaves the domain
    assert w.item() == pytest.approx(np.exp(-3), rel=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mu": 0}, r"LevenbergMarquardt\(mu\): expected a number in \(0, inf\)"),
        ({"factor": 1}, r"\(factor\): expected a number in \(1, inf\)"),
        ({"damping": "fast"}, r"\(damping\)"),
        ({"scaling": None}, r"\(scaling\)"),
        ({"solver": "lu"}, r"\(solver\)"),
        ({"mu": 1e11}, r"LevenbergMarquardt\(mu\): expected a number up to maximum = 1e\+10, got 1e\+11"),
        ({"minimum": 1.0, "maximum": 0.5}, r"\(minimum\): expected a number up to maximum = 0.5, got 1"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        LevenbergMarquardt(**options)
