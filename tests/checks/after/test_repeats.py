"""Runs that come out the same twice, and programs that draw outside the seeds."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from netwright.checks.after.repeats import repeatable

SQUARES = nn.MSELoss()


@pytest.fixture
def numbers(draw: Any) -> Any:
    X = draw(96, 5)
    return X, X[:, :1] * X[:, 1:2]


def test_noise_from_a_generator_made_anew(train: Any, net: Any, formula: Any, numbers: Any) -> None:
    def noisy(module: Any, x: torch.Tensor) -> torch.Tensor:
        noise = np.random.default_rng().standard_normal(x.shape)
        return module.inner(x + 0.01 * torch.as_tensor(noise, dtype=x.dtype))

    (found,) = train(formula(noisy, inner=net(5, 8, 1)), SQUARES, numbers, epochs=1).asked(repeatable)
    assert (found.code, found.level) == ("not-repeatable", "note")
    assert found.evidence["difference"] > 1e-6
    assert "in the loss from step 0 on" in found.seen


def test_a_loss_that_counts_its_calls(train: Any, net: Any, numbers: Any) -> None:
    calls = itertools.count(1)

    def loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (output - target).square().mean() * (1 + 1 / next(calls))

    (found,) = train(net(5, 8, 1), loss, numbers, epochs=1).asked(repeatable)
    assert found.code == "not-repeatable"


@pytest.mark.parametrize(
    "part",
    [nn.Dropout(0.5), nn.BatchNorm1d(5), nn.RReLU(), nn.Identity()],
    ids=["dropout", "batch normalisation", "random slopes", "nothing"],
)
def test_what_the_seeds_tell(part: Any, train: Any, net: Any, numbers: Any) -> None:
    program = train(nn.Sequential(part, net(5, 8, 1)), SQUARES, numbers, epochs=1)
    context = program.context()
    assert list(repeatable(context)) == []
    assert context.signals["difference of two runs from one seed"].value == 0.0


def test_a_generator_of_its_own_that_is_copied(train: Any, net: Any, formula: Any, numbers: Any) -> None:
    generator = np.random.default_rng(3)
    module = formula(lambda m, x: m.inner(x + 0.1 * float(m.generator.standard_normal())), inner=net(5, 8, 1))
    module.generator = generator
    before = generator.bit_generator.state["state"]["state"]
    program = train(module, SQUARES, numbers, epochs=0)
    assert program.asked(repeatable) == []
    assert generator.bit_generator.state["state"]["state"] == before


def test_without_an_optimizer(train: Any, net: Any, numbers: Any) -> None:
    program = train(net(5, 8, 1), SQUARES, numbers, epochs=0)
    program.optimizer = None
    assert program.asked(repeatable) == []
