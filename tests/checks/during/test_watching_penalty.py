"""A penalty that a loss takes from the weights it refers to is no loss of another module."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from netwright.checks import watch


def test_a_penalty_in_a_closure_belongs_to_the_program(net: Any, rows: Any) -> None:
    X, y = rows()
    module = net(6, 16, 3)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-6)  # badly, so that the program is looked at too

    def penalised(output: Any, target: Any) -> Any:
        return nn.functional.cross_entropy(output, target) + 1e-3 * sum(p.square().sum() for p in module.parameters())

    with watch(module, optimizer, penalised) as watching:
        for _ in range(40):
            optimizer.zero_grad()
            penalised(module(X), y).backward()
            optimizer.step()
    assert "unregistered" not in watching.diagnosis.codes
    assert "lr-too-low" in watching.diagnosis.codes
