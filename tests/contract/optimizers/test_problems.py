"""Every rule on a parabola, Rosenbrock's valley, a quadratic of condition 1e8, a saddle and a small network."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from netwright.optim import Optimizer


def never_rises(losses: list[float]) -> bool:
    """Whether each loss is at most the one before it, but for its last digits."""
    slack = 1e-14 * max(losses)
    return all(after <= before + slack for before, after in itertools.pairwise(losses))


@pytest.mark.parametrize("name", ["parabola", "rosenbrock", "ill", "net"])
def test_finds_its_way_down(
    cls: type[Optimizer], name: str, problems: dict[str, Callable[..., Any]], task_of: Callable[..., Any]
) -> None:
    rule, steps, share = task_of(cls, name)
    problem = problems[name]()
    losses = problem.descend(rule, rule.build(problem.weights), steps)
    assert all(map(math.isfinite, losses))
    assert losses[-1] <= share * losses[0], f"{losses[-1] / losses[0]:.3g} of the first loss, not {share:g}"
    if rule.takes in ("objective", "residuals"):
        assert never_rises(losses)


@pytest.mark.parametrize("place", [(1.0, 1e-3), (0.5, 0.0), (0.0, 0.0), (0.0, 1e-9)], ids=str)
def test_a_saddle_is_left_or_stood_on(
    cls: type[Optimizer],
    place: tuple[float, float],
    problems: dict[str, Callable[..., Any]],
    task_of: Callable[..., Any],
) -> None:
    rule, steps, _ = task_of(cls, "saddle")
    problem = problems["saddle"](*place)
    losses = problem.descend(rule, rule.build(problem.weights), steps)
    assert all(map(math.isfinite, losses))
    assert problem.weights[0].isfinite().all()
    if rule.takes in ("objective", "residuals"):
        assert never_rises(losses)
    if place == (1.0, 1e-3):
        assert losses[-1] < losses[0]


def test_single_precision_goes_the_same_way(
    cls: type[Optimizer], problems: dict[str, Callable[..., Any]], task_of: Callable[..., Any]
) -> None:
    rule = task_of(cls, "net")[0]
    paths = []
    for dtype in (torch.float64, torch.float32):
        problem = problems["net"](dtype)
        paths.append(problem.descend(rule, rule.build(problem.weights), 5))
    assert paths[1] == pytest.approx(paths[0], rel=2e-3, abs=1e-5 * paths[0][0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_keeps_the_dtype(cls: type[Optimizer], dtype: torch.dtype, problems: dict[str, Callable[..., Any]]) -> None:
    problem, rule = problems["net"](dtype), cls()
    before = [weight.detach().clone() for weight in problem.weights]
    problem.descend(rule, rule.build(problem.weights), 3)
    assert all(weight.dtype is dtype and weight.isfinite().all() for weight in problem.weights)
    assert any(not torch.equal(*pair) for pair in zip(before, problem.weights, strict=True))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu(
    cls: type[Optimizer],
    small_net: Callable[..., Any],
    problem_of: Callable[..., Any],
    task_of: Callable[..., Any],
) -> None:
    rule, paths = task_of(cls, "net")[0], []
    for device in ("cpu", "cuda"):
        problem = problem_of(*(part.to(device) for part in small_net(torch.float64)))
        paths.append(problem.descend(rule, rule.build(problem.weights), 5))
    assert paths[1] == pytest.approx(paths[0], rel=1e-6)
