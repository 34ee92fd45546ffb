"""Batches of one row and of all rows, where another size does better, and where it does not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks.after.batches import extreme, noise_scale

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


def sgd(module: nn.Module, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(module.parameters(), lr)


# the figure


def test_the_noise_scale_of_a_mean(train: Any) -> None:
    """For y = w with rows y_i ~ N(m, s^2) the gradient of a row is 2 (w - y_i): B = s^2 / (w - m)^2."""
    y = 3 + 2 * torch.randn(32, 1, generator=torch.Generator().manual_seed(0))
    module = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(10.0)
    context = train(module, SQUARES, (torch.ones(32, 1), y), epochs=0).context()
    expected = float(y.var()) / float((10 - y.mean()).square() - y.var() / 32)
    assert noise_scale(context) == pytest.approx(expected, rel=1e-3)


def test_rows_that_agree_have_none(train: Any) -> None:
    module = nn.Linear(1, 1)
    context = train(module, SQUARES, (torch.ones(64, 1), 5 * torch.ones(64, 1)), epochs=0).context()
    assert noise_scale(context) == pytest.approx(0.0, abs=1e-6)


# the finding


@pytest.mark.slow
def test_one_row_at_a_large_rate(train: Any, net: Any, halves: Any) -> None:
    module = net(64, 32, 10)
    program = train(module, CROSS, *halves("load_digits"), epochs=2, size=1, optimizer=sgd(module, 0.2))
    (found,) = program.asked(extreme, batch_size=1)
    assert (found.code, found.level) == ("batch-size", "note")
    assert found.evidence["noise_scale"] > 20
    assert found.evidence["larger"] < 0.7 * found.evidence["as_is"]
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("loader", "batch_size", 32)


@pytest.mark.slow
def test_one_row_at_a_small_rate(train: Any, net: Any, halves: Any) -> None:
    module = net(64, 32, 10)
    program = train(module, CROSS, *halves("load_digits"), epochs=3, size=1, optimizer=sgd(module, 0.005))
    assert program.asked(extreme, batch_size=1) == []


def test_all_rows_at_once_and_an_unfinished_run(train: Any, net: Any, halves: Any) -> None:
    data, held = halves("load_digits")
    program = train(net(64, 32, 10), CROSS, data, held, epochs=20, size=len(data[0]), lr=1e-3)
    (found,) = program.asked(extreme, batch_size=len(data[0]))
    assert (found.code, found.level) == ("batch-size", "note")
    assert found.evidence["smaller"] < 0.7 * found.evidence["as_is"]
    assert "1 step an epoch" in found.seen


def test_all_rows_at_once_and_a_finished_run(train: Any, net: Any, halves: Any) -> None:
    data, held = halves("load_digits")
    program = train(net(64, 32, 10), CROSS, data, held, epochs=200, size=len(data[0]))
    assert program.asked(extreme, batch_size=len(data[0])) == []


# silence


def test_a_size_between(train: Any, net: Any, halves: Any) -> None:
    program = train(net(64, 32, 10), CROSS, *halves("load_digits"), epochs=1, lr=1e-3)
    context = program.context(batch_size=32)
    assert list(extreme(context)) == []
    assert "_trials" not in vars(context)  # nothing was tried


def test_few_rows_may_go_at_once(train: Any, net: Any, halves: Any) -> None:
    data, held = halves("load_wine")
    program = train(net(13, 16, 3), CROSS, data, held, epochs=5, size=len(data[0]), lr=1e-3)
    assert program.asked(extreme, batch_size=len(data[0])) == []


def test_a_rule_that_searches_wants_all_rows(train: Any, net: Any, halves: Any) -> None:
    data, held = halves("load_digits")
    program = train(net(64, 32, 10), CROSS, data, held, epochs=0)
    program.optimizer = torch.optim.LBFGS(program.module.parameters())
    assert program.asked(extreme, batch_size=len(data[0])) == []


def test_without_an_optimizer(train: Any, net: Any, halves: Any) -> None:
    data, held = halves("load_digits")
    program = train(net(64, 32, 10), CROSS, data, held, epochs=0)
    program.optimizer = None
    assert program.asked(extreme, batch_size=len(data[0])) == []
