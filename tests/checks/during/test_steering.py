"""Optimizers that cannot move anything, and optimizers that are made for one step each."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import optimizer as torch_optimizer

from netwright.checks import watch
from netwright.checks.during import steering

CROSS = nn.CrossEntropyLoss()


def attacked(module: nn.Module, X: Any, y: Any, optimizer: Any, steps: int, freed: bool) -> Any:
    """A loop of adversarial training, which freezes the weights for the attack."""
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(steps):
            module.requires_grad_(False)
            inputs = X.clone().requires_grad_()
            (slope,) = torch.autograd.grad(CROSS(module(inputs), y), inputs)
            module.requires_grad_(freed)
            optimizer.zero_grad()
            CROSS(module(inputs + 0.01 * slope.sign()), y).backward()
            optimizer.step()
    return watching


def test_weights_that_the_loop_froze_for_good(net: Any, adam: Any, rows: Any, the: Any) -> None:
    module = net(6, 12, 3)
    watching = attacked(module, *rows(40), adam(module), 12, freed=False)
    told = the(steering.frozen_inside, watching)
    assert (told.code, told.level) == ("all-frozen", "fault")
    assert told.evidence == {"steps": 12, "frozen": 4, "free": 4}
    assert "test_steering.py:" in told.where.line
    assert watching.diagnosis.codes[0] == "all-frozen"


def test_weights_that_are_frozen_for_a_while(net: Any, adam: Any, rows: Any, found: Any) -> None:
    module = net(6, 12, 3)
    assert not found(steering.frozen_inside, attacked(module, *rows(40), adam(module), 12, freed=True))
    module = net(6, 12, 3)
    optimizer, (X, y) = adam(module), rows(40)
    with watch(module, optimizer, CROSS) as watching:
        for step in range(12):
            module[0].requires_grad_(step % 2 == 0)
            module[2].requires_grad_(step % 2 == 1)
            optimizer.zero_grad()
            CROSS(module(X), y).backward()
            optimizer.step()
    module.requires_grad_(False)  # what is done with it later says nothing of the run
    assert not found(steering.frozen_inside, watching)


def made(module: nn.Module, data: Any, make: Any, steps: int = 30, every: int = 1) -> Any:
    """A loop that makes its optimizer anew every so many steps, watched with one that it does not use."""
    X, y = data
    with watch(module, make(module.parameters()), CROSS) as watching:
        for step in range(steps):
            if step % every == 0:
                optimizer = make(module.parameters())
            optimizer.zero_grad()
            CROSS(module(X), y).backward()
            optimizer.step()
    assert not torch_optimizer._global_optimizer_post_hooks
    return watching


def momentum(parameters: Any) -> Any:
    """What remembers the steps before."""
    return torch.optim.SGD(parameters, lr=1e-2, momentum=0.9)


@pytest.mark.parametrize("make", [momentum, torch.optim.Adam])
def test_an_optimizer_made_anew_for_each_step(make: Any, net: Any, rows: Any, the: Any) -> None:
    told = the(steering.made_anew, made(net(6, 12, 3), rows(40), make))
    assert (told.code, told.level) == ("foreign-optimizer", "fault")
    assert told.evidence["optimizers"] == told.evidence["steps"] >= 20
    assert ("momentum_buffer" if make is momentum else "exp_avg") in told.seen
    assert "test_steering.py:" in told.where.line


def test_an_optimizer_that_is_made_for_a_phase_or_remembers_nothing(net: Any, rows: Any, found: Any) -> None:
    assert not found(steering.made_anew, made(net(6, 12, 3), rows(40), momentum, every=10))
    assert not found(steering.made_anew, made(net(6, 12, 3), rows(40), lambda p: torch.optim.SGD(p, lr=1e-2)))
    watching = made(net(6, 12, 3), rows(40), lambda p: torch.optim.LBFGS(p), steps=0)
    assert not found(steering.made_anew, watching)


def test_optimizers_of_another_network_are_not_counted(net: Any, adam: Any, rows: Any) -> None:
    module, other, (X, y) = net(6, 12, 3), net(6, 12, 3), rows(40)
    with watch(module, adam(module), CROSS) as watching:
        for _ in range(12):
            optimizer = adam(other)
            CROSS(other(X), y).backward()
            optimizer.step()
    assert watching.tape.strange == 0


def test_the_second_optimizer_of_a_loop_is_no_stranger(net: Any, adam: Any, rows: Any) -> None:
    module, (X, y) = net(6, 12, 3), rows(40)
    first = adam(module)
    with watch(module, first, CROSS) as watching:
        for step in range(40):
            optimizer = first if step < 20 else adam(module)
            optimizer.zero_grad()
            CROSS(module(X), y).backward()
            optimizer.step()
    assert watching.tape.strange == 0
    assert "foreign-optimizer" not in watching.diagnosis.codes


# left behind


@pytest.mark.parametrize("case", ["left out", "frozen", "other", "declared", "cut", "all"])
def test_parameters_that_stand_still(case: str, formula: Any, net: Any, rows: Any) -> None:
    """The run learns all the same, so that only what it left behind tells."""
    X, y = rows(200)
    body = net(6, 24, 24)
    cut = case == "cut"
    module = formula(
        lambda m, x: m.head(torch.cat([(m.body(x).detach() if cut else m.body(x)), x], 1)),
        body=body,
        head=nn.Linear(30, 3),
    )
    module.body.requires_grad_(case != "frozen")
    whole = case in ("cut", "all")
    optimizer = torch.optim.Adam((module if whole else module.head).parameters(), lr=1e-2)
    second = torch.optim.Adam(module.body.parameters(), lr=1e-3)
    with watch(module, optimizer, CROSS, frozen=["body"] if case == "declared" else ()) as watching:
        for _ in range(150):
            module.zero_grad()
            CROSS(module(X), y).backward()
            optimizer.step()
            if case == "other":
                second.step()
    expected = {"left out": ("missing-parameters",), "cut": ("detached",)}.get(case, ())
    assert watching.diagnosis.codes == expected
    if expected:
        assert "150 updates did not move them" in watching.diagnosis.faults[0].seen
