"""The value of a loss taken apart into its addends."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from netwright.checks.before.steps.addends import addends


def error(output: Tensor, target: Tensor) -> Tensor:
    return functional.mse_loss(output[:, :3], target)


def size(output: Tensor) -> Tensor:
    return output[:, 3:].square().sum()


def bend(output: Tensor) -> Tensor:
    return output[:, 3:].exp().mean()


def in_place(o: Tensor, t: Tensor) -> Tensor:
    value = error(o, t)
    value += 2 * size(o)
    value -= bend(o)
    return value


LOSSES = {
    "plus": lambda o, t: error(o, t) + 2 * size(o) - bend(o),
    "number first": lambda o, t: 3.0 + 2 * size(o) - bend(o) + error(o, t) - 3.0,
    "number minus": lambda o, t: 1.0 - (1.0 - error(o, t)) + size(o) * 2 + -bend(o),
    "list": lambda o, t: sum([error(o, t), 2 * size(o), -bend(o)]),
    "stack": lambda o, t: torch.stack([error(o, t), 2 * size(o), -bend(o)]).sum(),
    "cat": lambda o, t: torch.cat([error(o, t)[None], 2 * size(o)[None], bend(o).neg()[None]]).sum(),
    "functions": lambda o, t: torch.sub(torch.add(error(o, t), size(o), alpha=2), bend(o)),
    "tensors as factors": lambda o, t: (error(o, t) + size(o) * torch.tensor(2.0) - bend(o) / torch.tensor(1.0)) * 1.0,
    "in place": in_place,
    "rows": lambda o, t: (
        (o[:, :3] - t).square().mean(1) + 2 * len(o) * o[:, 3:].square().sum(1) - o[:, 3:].exp().mean(1)
    ).mean(),
    "spread over rows": lambda o, t: ((o[:, :3] - t).square().mean(1) + 2 * size(o) - bend(o)).mean(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_three_terms_however_they_are_put_together(name: str, draw: Any) -> None:
    output, target = draw(6, 5).requires_grad_(), draw(6, 3)
    value, parts = addends(LOSSES[name], output, target)
    assert float(value.detach()) == pytest.approx(float(LOSSES[name](output, target).detach()), rel=1e-6)
    assert len(parts) == 3
    found = sorted(float(part.detach()) for part in parts)
    expected = sorted(float(term.detach()) for term in (error(output, target), 2 * size(output), -bend(output)))
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_add_up(name: str, draw: Any) -> None:
    output, target = draw(6, 5).requires_grad_(), draw(6, 3)
    value, parts = addends(LOSSES[name], output, target)
    whole = torch.autograd.grad(value, output, retain_graph=True)[0]
    torch.testing.assert_close(whole, torch.autograd.grad(sum(parts), output)[0])  # type: ignore[arg-type]


def test_what_is_not_linear_is_one_term(draw: Any) -> None:
    output, target = draw(6, 3).requires_grad_(), draw(6, 3)
    for loss in (
        functional.mse_loss,
        lambda o, t: (o - t).square().mean().sqrt(),
        lambda o, t: o.mean() * t.mean() * o.square().mean(),
        lambda o, t: 1 / (functional.mse_loss(o, t) + o.square().mean()),
    ):
        assert len(addends(loss, output, target)[1]) == 1


def test_a_long_sum_is_followed_as_far_as_is_sensible(draw: Any) -> None:
    output, target = draw(6, 3).requires_grad_(), draw(6, 3)
    value, parts = addends(lambda o, t: sum(k * (o - t).square().mean() for k in range(500)), output, target)
    assert len(parts) < 60
    assert sum(float(part.detach()) for part in parts) == pytest.approx(float(value.detach()), rel=1e-5)


def test_the_same_term_twice(draw: Any) -> None:
    output, target = draw(6, 3).requires_grad_(), draw(6, 3)

    def doubled(o: Tensor, t: Tensor) -> Tensor:
        one = functional.mse_loss(o, t)
        return one + one

    value, parts = addends(doubled, output, target)
    assert len(parts) == 2
    assert sum(float(part.detach()) for part in parts) == pytest.approx(float(value.detach()))
