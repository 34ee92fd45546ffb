"""Gradients that are cleared before any update has used them, and those that are meant to be."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks import watch
from netwright.checks.during.protocol import gradients_used

CROSS = nn.CrossEntropyLoss()


@pytest.mark.parametrize("way", ["dedented", "accumulated", "attacked"])
def test_gradients_that_are_cleared_before_an_update(way: str, found: Any, net: Any, rows: Any) -> None:
    X, y = rows(320)
    module = net(6, 16, 3)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(6):
            for x, t in zip(X.split(32), y.split(32), strict=True):
                if way != "accumulated":
                    optimizer.zero_grad()
                CROSS(module(x.clone().requires_grad_(way == "attacked")), t).backward()
            optimizer.step()
            optimizer.zero_grad()
    seen = found(gradients_used, watching)
    assert [each.code for each in seen] == (["missing-step"] if way == "dedented" else [])
    if seen:
        assert (seen[0].evidence["backwards"], seen[0].evidence["steps"]) == (60, 6)


def test_gradients_that_are_copied_before_they_are_cleared(found: Any, net: Any, rows: Any) -> None:
    X, y = rows(320)
    module = net(6, 16, 3)
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-2)
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(60):  # the gradient of each part is kept, and their mean makes the update
            kept = []
            for x, t in zip(X.split(64), y.split(64), strict=True):
                optimizer.zero_grad()
                CROSS(module(x), t).backward()
                kept.append([p.grad.clone() for p in module.parameters()])
            for p, parts in zip(module.parameters(), zip(*kept, strict=True), strict=True):
                p.grad = torch.stack(parts).mean(0)
            optimizer.step()
    assert not [each for each in found(gradients_used, watching) if each.level == "fault"]
