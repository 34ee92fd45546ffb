"""How the gradient grows on its way back through the steps of a sequence."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from netwright.checks.before.backward.growth import growth_through_time

CROSS = nn.CrossEntropyLoss()


@pytest.fixture
def data(draw: Any) -> tuple[Tensor, Tensor]:
    X = draw(40, 20, 3)
    return X, (X[:, -1, 0] > 0).long()


def straight(factor: float) -> nn.RNN:
    """A layer that multiplies its state by a factor in every step."""
    cell = nn.RNN(3, 16, batch_first=True, nonlinearity="relu")
    with torch.no_grad():
        cell.weight_hh_l0.copy_(factor * torch.eye(16))
        cell.weight_ih_l0.abs_()
        cell.bias_ih_l0.fill_(30.0)  # all units stay on
    return cell


@pytest.mark.parametrize("factor", [1.5, 1.0, 0.7])
def test_a_factor_in_every_step_is_a_power(factor: float, context: Any, formula: Any, data: Any) -> None:
    module = formula(lambda m, x: m.o(m.c(x)[0][:, -1] / 1e6), c=straight(factor), o=nn.Linear(16, 2))
    # the first two steps against the last two, eighteen apart
    assert growth_through_time(context(module, CROSS, data)) == pytest.approx(factor**18, rel=1e-3)


def test_without_recurrent_layers_nothing_grows(context: Any, net: Any, draw: Any) -> None:
    assert growth_through_time(context(net(4, 8, 3), CROSS, (draw(20, 4), torch.arange(20) % 3))) == 1.0


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_layers_as_torch_draws_them_do_not_grow(kind: Any, context: Any, formula: Any, data: Any) -> None:
    for options in ({}, {"num_layers": 2}, {"bidirectional": True}):
        cell = kind(3, 16, batch_first=True, **options)
        wide = 32 if cell.bidirectional else 16
        last = formula(lambda m, x: m.o(m.c(x)[0][:, -1]), c=cell, o=nn.Linear(wide, 2))
        assert growth_through_time(context(last, CROSS, data)) < 10
        first = formula(lambda m, x: m.o(m.c(x)[0].mean(1)), c=cell, o=nn.Linear(wide, 2))
        assert growth_through_time(context(first, CROSS, data)) < 10


def test_a_loss_of_every_step_adds_up_and_is_no_power(context: Any, formula: Any, draw: Any) -> None:
    X = draw(20, 60, 3)
    module = formula(lambda m, x: m.o(m.c(x)[0]).mT / 60, c=straight(1.0), o=nn.Linear(16, 2))
    assert growth_through_time(context(module, CROSS, (X, (X[..., 0] > 0).long()))) < 10


def test_cells_are_followed_from_call_to_call(context: Any, formula: Any, data: Any) -> None:
    def run(m: Any, x: Tensor) -> Tensor:
        h = torch.zeros(len(x), 16)
        for step in range(x.shape[1]):
            h = m.c(x[:, step], h)
        return m.o(h)  # type: ignore[no-any-return]

    for size, grows in ((0.1, False), (2.0, True)):
        module = formula(run, c=nn.RNNCell(3, 16), o=nn.Linear(16, 2))
        nn.init.normal_(module.c.weight_hh, 0.0, size)
        assert (growth_through_time(context(module, CROSS, data)) > 10) == grows


def test_packed_sequences_are_followed(context: Any, formula: Any, data: Any) -> None:
    def run(m: Any, x: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, [20] * len(x), batch_first=True)
        return m.o(m.c(packed)[1][0])  # type: ignore[no-any-return]

    for factor in (1.5, 0.7):
        module = formula(lambda m, x: run(m, x) / 1e6, c=straight(factor), o=nn.Linear(16, 2))
        assert growth_through_time(context(module, CROSS, data)) == pytest.approx(factor**18, rel=1e-3)


def test_rows_that_end_early_do_not_grow(context: Any, formula: Any, data: Any) -> None:
    lengths = 4 + torch.arange(40) % 10  # the last steps of all rows are padding

    def run(m: Any, x: Tensor, n: Tensor) -> Tensor:
        return m.o(m.c(x)[0][torch.arange(len(x)), n - 1])  # type: ignore[no-any-return]

    for factor, grows in ((1.0, False), (5.0, True)):
        module = formula(run, c=straight(factor), o=nn.Linear(16, 2))
        assert (growth_through_time(context(module, CROSS, (data[0], lengths, data[1]))) > 10) == grows


def test_a_gradient_that_is_not_finite_has_no_bound(context: Any, formula: Any, data: Any) -> None:
    module = formula(lambda m, x: m.o(m.c(x)[0][:, -1]), c=straight(1e9), o=nn.Linear(16, 2))
    assert math.isinf(growth_through_time(context(module, CROSS, data)))


def test_the_module_is_left_as_it_is(context: Any, formula: Any, data: Any) -> None:
    module = formula(lambda m, x: m.o(m.c(x)[0][:, -1]), c=straight(1.0), o=nn.Linear(16, 2))
    growth_through_time(context(module, CROSS, data))
    assert not module.c._forward_pre_hooks
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not data[0].requires_grad
