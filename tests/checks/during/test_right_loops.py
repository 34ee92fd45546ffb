"""Loops that are unusual and right: none of them is called a fault."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks import Watch, watch

CROSS = nn.CrossEntropyLoss()
SGD, Adam = torch.optim.SGD, torch.optim.Adam
LOOPS: dict[str, Callable[..., Watch]] = {}
Data = tuple[Tensor, Tensor]


def loop(run: Callable[..., Watch]) -> Callable[..., Watch]:
    """Enter a loop."""
    LOOPS[run.__name__.replace("_", " ")] = run
    return run


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    parts: list[nn.Module] = []
    for inside, outside in zip(widths, widths[1:], strict=False):  # noqa: RUF007
        parts += [nn.Linear(inside, outside), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def parts(data: Data, epochs: int, size: int = 32) -> Any:
    """Batches, each epoch in another order."""
    for _ in range(epochs):
        for rows in torch.randperm(len(data[0])).split(size):
            yield data[0][rows], data[1][rows]


@loop
def a_maker_whose_critic_has_an_optimizer_of_its_own(data: Data) -> Watch:
    maker = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    critic, loss = mlp(2, 16, 1), nn.BCEWithLogitsLoss()
    ours, theirs = Adam(maker.parameters(), 1e-3), Adam(critic.parameters(), 1e-3)
    with watch(maker, ours, loss) as watching:
        for _ in range(80):
            with torch.no_grad():
                made = maker(torch.randn(32, 4))
            theirs.zero_grad()
            (loss(critic(torch.randn(32, 2)), torch.ones(32, 1)) + loss(critic(made), torch.zeros(32, 1))).backward()
            theirs.step()
            ours.zero_grad()
            loss(critic(maker(torch.randn(32, 4))), torch.ones(32, 1)).backward()
            ours.step()
    return watching


@loop
def a_critic_with_a_backward_of_each_kind(data: Data) -> Watch:
    critic, loss = mlp(6, 16, 1), nn.BCEWithLogitsLoss()
    optimizer = Adam(critic.parameters(), 1e-2)
    with watch(critic, optimizer, loss) as watching:
        for X, _ in parts(data, 8):
            optimizer.zero_grad()
            loss(critic(X), torch.ones(len(X), 1)).backward()
            loss(critic(torch.randn(len(X), 6) + 1), torch.zeros(len(X), 1)).backward()
            optimizer.step()
    return watching


@loop
def mixed_precision_with_a_scale(data: Data) -> Watch:
    module = mlp(6, 32, 3)
    optimizer, scaler = SGD(module.parameters(), 0.2), torch.amp.GradScaler("cpu", growth_interval=30)
    with watch(module, optimizer, CROSS) as watching:
        for X, y in parts(data, 12):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                value = CROSS(module(X), y)
            scaler.scale(value).backward()
            scaler.step(optimizer)
            scaler.update()
    return watching


class Sharp(torch.optim.Optimizer):
    """A rule of two steps round another one, of which `step` is never called."""

    def __init__(self, parameters: Any, lr: float) -> None:
        super().__init__(parameters, {"lr": lr})
        self.base = SGD(self.param_groups, lr=lr)

    @torch.no_grad()
    def climb(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["old"] = p.clone()
                p += 0.05 * p.grad / (p.grad.norm() + 1e-12)
        self.zero_grad()

    @torch.no_grad()
    def descend(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                p.copy_(self.state[p]["old"])
        self.base.step()
        self.zero_grad()


@loop
def a_rule_that_looks_uphill_first(data: Data) -> Watch:
    module = mlp(6, 32, 3)
    optimizer = Sharp(module.parameters(), 0.2)
    with watch(module, optimizer, CROSS) as watching:
        for X, y in parts(data, 10):
            CROSS(module(X), y).backward()
            optimizer.climb()
            CROSS(module(X), y).backward()
            optimizer.descend()
    return watching


@loop
def weights_that_are_moved_by_hand(data: Data) -> Watch:
    module = mlp(6, 32, 3)
    with watch(module, None, CROSS) as watching:
        for X, y in parts(data, 15):
            module.zero_grad()
            CROSS(module(X), y).backward()
            with torch.no_grad():
                for p in module.parameters():
                    p -= 0.2 * p.grad
    return watching


@loop
def gradients_that_are_asked_for(data: Data) -> Watch:
    module = mlp(6, 32, 3)
    optimizer, weights = Adam(module.parameters(), 1e-2), list(module.parameters())
    with watch(module, optimizer, CROSS) as watching:
        for X, y in parts(data, 10):
            for p, slope in zip(weights, torch.autograd.grad(CROSS(module(X), y), weights), strict=True):
                p.grad = slope
            optimizer.step()
    return watching


@loop
def statistics_that_are_refreshed_each_epoch(data: Data) -> Watch:
    module = nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = Adam(module.parameters(), 1e-2)
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(8):
            module.train()
            for X, y in parts(data, 1):
                optimizer.zero_grad()
                CROSS(module(X), y).backward()
                optimizer.step()
            torch.optim.swa_utils.update_bn(data[0].split(40), module)
    return watching


@loop
def statistics_that_are_frozen(data: Data) -> Watch:
    module = nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))
    module(data[0])
    optimizer = Adam(module.parameters(), 1e-2)
    with watch(module, optimizer, CROSS) as watching:
        for X, y in parts(data, 10):
            module.train()
            module[1].eval()
            optimizer.zero_grad()
            CROSS(module(X), y).backward()
            optimizer.step()
    return watching


@loop
def a_line_search(data: Data) -> Watch:
    module = mlp(6, 16, 3)
    optimizer = torch.optim.LBFGS(module.parameters(), line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = CROSS(module(data[0]), data[1])
        value.backward()
        return value

    with watch(module, optimizer, CROSS) as watching:
        for _ in range(15):
            optimizer.step(closure)
    return watching


@loop
def optimizers_that_take_turns(data: Data) -> Watch:
    module = mlp(6, 32, 3)
    rules = Adam(module[0].parameters(), 1e-2), Adam(module[2].parameters(), 1e-2)
    with watch(module, list(rules), CROSS) as watching:
        for step, (X, y) in enumerate(parts(data, 12)):
            rules[step % 2].zero_grad()
            CROSS(module(X), y).backward()
            rules[step % 2].step()
    return watching


@loop
def an_optimizer_that_steps_seldom(data: Data) -> Watch:
    module = mlp(6, 32, 3)
    often, seldom = Adam(module[0].parameters(), 1e-2), Adam(module[2].parameters(), 1e-2)
    with watch(module, [often, seldom], CROSS) as watching:
        for step, (X, y) in enumerate(parts(data, 12)):
            often.zero_grad()
            CROSS(module(X), y).backward()
            often.step()
            if step % 5 == 4:
                seldom.step()
                seldom.zero_grad()
    return watching


@loop
def batches_that_are_left_out(data: Data) -> Watch:
    module = mlp(6, 32, 3)
    optimizer = Adam(module.parameters(), 1e-2)
    with watch(module, optimizer, CROSS) as watching:
        for step, (X, y) in enumerate(parts(data, 12)):
            optimizer.zero_grad()
            (CROSS(module(X), y) * (math.inf if step == 40 else 1.0)).backward()
            if torch.isfinite(nn.utils.clip_grad_norm_(module.parameters(), 1.0)):
                optimizer.step()
    return watching


@loop
def a_network_that_had_learned_before(data: Data) -> Watch:
    module = mlp(6, 32, 3)
    for rate, epochs in ((1e-2, 40), (1e-5, 10)):
        optimizer = Adam(module.parameters(), rate)
        with watch(module, optimizer, CROSS) as watching:
            for X, y in parts(data, epochs):
                optimizer.zero_grad()
                CROSS(module(X), y).backward()
                optimizer.step()
    return watching


@loop
def an_average_over_dropout_as_validation(data: Data) -> Watch:
    module = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 3))
    optimizer = Adam(module.parameters(), 1e-2)
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(8):
            for X, y in parts((data[0][:240], data[1][:240]), 1):
                optimizer.zero_grad()
                CROSS(module(X), y).backward()
                optimizer.step()
            with torch.no_grad():
                mean = torch.stack([module(data[0][240:]).softmax(1) for _ in range(20)]).mean(0)
            watching.validation(score=(mean.argmax(1) == data[1][240:]).float().mean())
    return watching


@loop
def a_validation_with_gradients(data: Data) -> Watch:
    module = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 3))
    optimizer = Adam(module.parameters(), 1e-2)
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(10):
            module.train()
            for X, y in parts((data[0][:240], data[1][:240]), 1):
                optimizer.zero_grad()
                CROSS(module(X), y).backward()
                optimizer.step()
            module.eval()
            output = module(data[0][240:])
            watching.validation(loss=CROSS(output, data[1][240:]).item())
            module.train()
    return watching


@pytest.mark.slow
@pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS.keys())
def test_no_fault(run: Callable[..., Watch], rows: Any) -> None:
    diagnosis = run(rows(320)).diagnosis
    assert diagnosis.ok, str(diagnosis)
    assert "not-examined" not in [each.code for each in diagnosis.notes]


def test_there_are_many() -> None:
    assert len(LOOPS) > 14
