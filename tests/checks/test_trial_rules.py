"""Trials of programs with rules and weights of somebody else: wrappers, complex weights, weights of no layer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.reading import Batch
from netwright.checks.trial import default_start, run_trial

CROSS = nn.CrossEntropyLoss()


@pytest.fixture
def batches(draw: Any) -> list[Batch]:
    return [Batch((draw(12, 4),), torch.arange(12) % 3) for _ in range(6)]


class Several(torch.optim.Optimizer):
    """A wrapper that takes a closure and does not pass it on."""

    def __init__(self, *inner: torch.optim.Optimizer) -> None:
        super().__init__([{"params": group["params"]} for each in inner for group in each.param_groups], {"lr": 0.1})
        self.inner = inner

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for each in self.inner:
            each.step()


class Loose(torch.optim.SGD):
    """A rule whose step takes whatever it is given."""

    def step(self, *given: Any, **named: Any) -> None:  # type: ignore[override]
        assert not given
        super().step()


@pytest.mark.parametrize("kind", ["several", "loose"])
def test_wrappers_learn_as_what_they_wrap(kind: str, net: Any, batches: Any) -> None:
    module = net(4, 6, 3)
    if kind == "several":
        parts = [torch.optim.SGD(part.parameters(), lr=0.1) for part in (module[0], module[2])]
        trial = run_trial((module, [Several(*parts)]), CROSS, batches)
    else:
        trial = run_trial((module, [Loose(module.parameters(), lr=0.1)]), CROSS, batches)
    plain = run_trial((module, [torch.optim.SGD(module.parameters(), lr=0.1)]), CROSS, batches)
    assert trial.losses == pytest.approx(plain.losses)


def test_complex_weights_are_measured(draw: Any) -> None:
    class Spectral(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.filter = nn.Parameter(torch.randn(1, 3, dtype=torch.complex64))

        def forward(self, x: Tensor) -> Tensor:
            return torch.fft.irfft(torch.fft.rfft(x) * self.filter, 4)

    module, X = Spectral(), draw(16, 4)
    trial = run_trial((module, [torch.optim.SGD(module.parameters(), lr=0.1)]), nn.MSELoss(), [Batch((X,), 2 * X)] * 4)
    before = module.filter.detach()
    assert trial.weights[0] == pytest.approx(float(before.abs().square().sum().sqrt()))
    assert trial.end < trial.start


def test_own_weights_that_are_large_are_made_small() -> None:
    class Own(nn.Module):
        def __init__(self, scale: float) -> None:
            super().__init__()
            self.W = nn.Parameter(scale * torch.randn(25, 25))

    for scale, usual in ((3.0, 0.2), (0.1, 0.1)):
        module = Own(scale)
        default_start(module, [])
        assert float(module.W.detach().std()) == pytest.approx(usual, rel=0.2)
