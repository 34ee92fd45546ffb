"""Backward passes are heard, of however many watches and however they are made, and torch is left as it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks import watch

CROSS = nn.CrossEntropyLoss()


@pytest.fixture
def program(net: Any, adam: Any, rows: Any) -> Any:
    """A module, its optimizer, rows, and a function that makes some steps."""
    module = net(6, 12, 3)
    optimizer, loss, (X, y) = adam(module), nn.CrossEntropyLoss(), rows(40)

    def steps(n: int) -> None:
        for _ in range(n):
            optimizer.zero_grad()
            loss(module(X), y).backward()
            optimizer.step()

    return module, optimizer, loss, steps


def test_one_watch_after_another(program: Any) -> None:
    module, optimizer, loss, run = program
    with watch(module, optimizer, loss) as first:
        run(5)
    with watch(module, optimizer, loss) as second:
        run(7)
    run(2)
    assert (first.tape.steps, second.tape.steps) == (5, 7)
    with first:
        run(3)
    assert (first.tape.steps, second.tape.steps) == (8, 7)


def test_one_watch_within_another(program: Any, net: Any, adam: Any) -> None:
    module, optimizer, loss, run = program
    other = net(6, 3)
    steering = adam(other)
    with watch(module, optimizer, loss) as outer:
        run(2)
        with watch(other, steering, CROSS) as inner:
            for _ in range(3):
                steering.zero_grad()
                CROSS(other(torch.ones(4, 6)), torch.tensor([0, 1, 2, 0])).backward()
                steering.step()
            run(1)
        run(2)
    assert outer.tape.steps == 5
    assert inner.tape.steps == 3
    assert [round(value, 4) for value in inner.tape.values()] != []
    assert len(outer.tape.batches) == 5
    assert len(inner.tape.batches) == 3


def test_watches_that_end_in_another_order(program: Any) -> None:
    module, optimizer, loss, run = program
    first, second = watch(module, optimizer, loss), watch(module, optimizer, loss)
    first.__enter__()
    second.__enter__()
    run(3)
    first.__exit__(None, None, None)
    run(3)
    second.__exit__(None, None, None)
    assert (first.tape.steps, second.tape.steps) == (3, 6)
    assert not module._forward_pre_hooks


def test_somebody_elses_wrapping_stays(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module, optimizer, loss, run = program
    calls = []
    own = torch.autograd.backward
    with watch(module, optimizer, loss) as first:
        ours = torch.autograd.backward

        def theirs(*args: Any, **kwargs: Any) -> Any:
            calls.append(1)
            return ours(*args, **kwargs)

        monkeypatch.setattr(torch.autograd, "backward", theirs)
        run(2)
    assert torch.autograd.backward is theirs
    run(2)
    with watch(module, optimizer, loss) as second:
        run(3)
    assert (first.tape.steps, second.tape.steps, len(calls)) == (2, 3, 7)
    monkeypatch.undo()
    torch.autograd.backward = own
    with watch(module, optimizer, loss) as third:
        run(1)
    assert third.tape.backwards == 1


def test_steps_whose_backward_is_not_seen(net: Any, adam: Any, rows: Any) -> None:
    X, y = rows(40)
    for loss in (nn.CrossEntropyLoss(), None):
        module = net(6, 12, 3)
        optimizer, parameters = adam(module), list(module.parameters())
        with watch(module, optimizer, loss) as watching:
            for _ in range(20):
                value = (loss or CROSS)(module(X), y)
                for parameter, slope in zip(parameters, torch.autograd.grad(value, parameters), strict=True):
                    parameter.grad = slope
                optimizer.step()
        assert watching.tape.steps == 20
        values = watching.tape.values()
        assert len(values) == (20 if loss is not None else 0)
        assert loss is None or values[-1] == value.item()
        assert watching.diagnosis.ok


def test_the_function_backward_is_heard_too(net: Any, adam: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    optimizer = adam(module)
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(4):
            optimizer.zero_grad()
            parts = [CROSS(module(X), y), module[0].weight.square().sum()]
            torch.autograd.backward(parts)
            optimizer.step()
    assert watching.tape.backwards == watching.tape.steps == 4
    assert watching.tape.values()[-1] == parts[0].item()


def test_a_loss_of_several_numbers(net: Any, adam: Any, rows: Any) -> None:
    X, y = rows(40)
    module, loss = net(6, 12, 3), nn.CrossEntropyLoss(reduction="none")
    optimizer = adam(module)
    with watch(module, optimizer, loss) as watching:
        for _ in range(4):
            optimizer.zero_grad()
            value = loss(module(X), y)
            value.backward(torch.full((40,), 1 / 40))
            optimizer.step()
    assert watching.tape.values()[-1] == pytest.approx(float(value.detach().sum()), rel=1e-6)
    assert not watching._watched.plain
