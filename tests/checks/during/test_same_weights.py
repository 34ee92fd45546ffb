"""A loop gives the same weights, to the last bit, and the same random numbers, whether or not it is watched."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks import watch

CROSS = nn.CrossEntropyLoss()
Loop = Callable[[nn.Module, Any], Any]


def textbook(module: nn.Module, optimizer: Any, data: Any, each: Callable[[], object] = lambda: None) -> None:
    """25 steps: more than are looked at in a row."""
    X, y = data
    for _ in range(5):
        module.train()
        for part in torch.randperm(len(X)).split(len(X) // 5):
            optimizer.zero_grad()
            CROSS(module(X[part]), y[part]).backward()
            each()
            optimizer.step()
        module.eval()
        with torch.no_grad():
            CROSS(module(X), y)


@pytest.fixture
def same(rows: Any) -> Callable[..., None]:
    """Asserts that a loop does the same with and without a watch: ``same(module, optimizer, loop, loss)``."""

    def check(module: nn.Module, make: Callable[[nn.Module], Any], loop: Loop | None = None, loss: Any = CROSS) -> None:
        states, draws, buffers = [], [], []
        data = rows(60)
        for watched in (False, True):
            own = copy.deepcopy(module)
            optimizer = make(own)
            several = optimizer if isinstance(optimizer, list) else [optimizer]
            torch.manual_seed(3)
            run: Any = loop or textbook
            if watched:
                with watch(own, optimizer, loss) as watching:
                    run(own, optimizer, data)
                assert not watching.tape.trouble
                assert watching.tape.steps > 4
                assert watching.tape.samples or not watching.tape.backwards
            else:
                run(own, optimizer, data)
            draws.append(torch.rand(3))
            states.append([p.detach().clone() for p in own.parameters()])
            kept = [part for each in several for held in each.state.values() for part in held.values()]
            buffers.append([*(b.clone() for b in own.buffers()), *(part for part in kept if isinstance(part, Tensor))])
            assert all(p.grad is None or not p.grad.requires_grad for p in own.parameters())
        for pair in (states, buffers):
            assert len(pair[0]) == len(pair[1])
            assert all(torch.equal(a, b) for a, b in zip(*pair, strict=True))
        assert torch.equal(*draws)

    return check


@pytest.mark.parametrize(
    "rule",
    [
        lambda p: torch.optim.SGD(p, lr=0.1),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
        lambda p: torch.optim.SGD(p, lr=0.1, foreach=False),
        lambda p: torch.optim.Adam(p, lr=1e-2),
        lambda p: torch.optim.AdamW(p, lr=torch.tensor(1e-2)),
        lambda p: torch.optim.RMSprop(p, lr=1e-2),
        lambda p: torch.optim.Adam(p, lr=1e-2, fused=True),
    ],
    ids=["sgd", "momentum", "sgd, one by one", "adam", "adamw, rate in a tensor", "rmsprop", "adam, fused"],
)
def test_of_every_rule(rule: Any, same: Any, net: Any) -> None:
    same(net(6, 12, 3), lambda module: rule(module.parameters()))


def test_with_dropout_and_batch_statistics(same: Any, adam: Any) -> None:
    parts = [nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.4), nn.Linear(16, 3)]
    same(nn.Sequential(*parts), adam)
    same(nn.Sequential(nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 4, 3), nn.Dropout1d(), nn.Flatten()), adam)


def test_with_attention(same: Any, adam: Any, formula: Any) -> None:
    parts = {"body": nn.TransformerEncoderLayer(6, 2, 12, batch_first=True), "head": nn.Linear(6, 3)}
    same(formula(lambda m, x: m.head(m.body(x.unsqueeze(1)).mean(1)), **parts), adam)


def test_with_recurrence(same: Any, adam: Any, formula: Any) -> None:
    parts = {"body": nn.LSTM(1, 8, 2, dropout=0.3, batch_first=True), "head": nn.Linear(8, 3)}
    same(formula(lambda m, x: m.head(m.body(x.unsqueeze(-1))[0][:, -1]), **parts), adam)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_with_a_closure_of_a_line_search(search: Any, same: Any, net: Any) -> None:
    def loop(module: nn.Module, optimizer: Any, data: Any) -> None:
        def closure() -> Tensor:
            optimizer.zero_grad()
            value = CROSS(module(data[0]), data[1])
            value.backward()
            return value

        for _ in range(6):
            optimizer.step(closure)

    same(net(6, 8, 3), lambda m: torch.optim.LBFGS(m.parameters(), max_iter=5, line_search_fn=search), loop)


def test_with_a_closure_of_a_plain_rule(same: Any, net: Any) -> None:
    def loop(module: nn.Module, optimizer: Any, data: Any) -> None:
        def closure() -> Tensor:
            optimizer.zero_grad()
            value = CROSS(module(data[0]), data[1])
            value.backward()
            return value

        for _ in range(25):
            optimizer.step(closure)

    same(net(6, 8, 3), lambda m: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9), loop)


def test_with_a_loader(same: Any, net: Any, adam: Any) -> None:
    def loop(module: nn.Module, optimizer: Any, data: Any) -> None:
        generator = torch.Generator().manual_seed(5)
        loader = DataLoader(TensorDataset(*data), batch_size=7, shuffle=True, num_workers=0, generator=generator)
        for _ in range(3):
            for X, y in loader:
                optimizer.zero_grad()
                CROSS(module(X), y).backward()
                optimizer.step()

    same(net(6, 12, 3), adam, loop)


def test_with_accumulated_gradients(same: Any, net: Any, adam: Any) -> None:
    def loop(module: nn.Module, optimizer: Any, data: Any) -> None:
        for _ in range(5):
            for index, part in enumerate(torch.arange(60).split(5)):
                (CROSS(module(data[0][part]), data[1][part]) / 3).backward()
                if index % 3 == 2:
                    optimizer.step()
                    optimizer.zero_grad()

    same(net(6, 12, 3), adam, loop)


@pytest.mark.parametrize("scaled", [False, True])
def test_with_mixed_precision(scaled: bool, same: Any, net: Any, adam: Any) -> None:
    def loop(module: nn.Module, optimizer: Any, data: Any) -> None:
        scaler = torch.amp.GradScaler("cpu", enabled=scaled)
        for _ in range(25):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                value = CROSS(module(data[0]), data[1])
            scaler.scale(value).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()

    same(net(6, 12, 3), adam, loop)


def test_with_several_optimizers(same: Any, net: Any, adam: Any) -> None:
    def loop(module: nn.Module, optimizers: Any, data: Any) -> None:
        for step in range(25):
            for optimizer in optimizers:
                optimizer.zero_grad()
            CROSS(module(data[0]), data[1]).backward()
            optimizers[0].step()
            if step % 2:
                optimizers[1].step()

    rules = lambda module: [adam(module[0]), torch.optim.SGD(module[2].parameters(), lr=0.1)]  # noqa: E731
    same(net(6, 12, 3), rules, loop)


def test_with_clipping_and_a_schedule(same: Any, net: Any, adam: Any) -> None:
    def loop(module: nn.Module, optimizer: Any, data: Any) -> None:
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        clip = lambda: nn.utils.clip_grad_norm_(module.parameters(), 0.1)  # noqa: E731
        textbook(module, optimizer, data, clip)
        schedule.step()

    same(net(6, 12, 3), adam, loop)


@pytest.mark.parametrize(
    "loss",
    [functional.cross_entropy, lambda output, target: functional.nll_loss(output.log_softmax(1), target), None],
    ids=["of torch", "of the user", "none"],
)
def test_with_a_loss_that_is_a_function(loss: Any, same: Any, net: Any, adam: Any) -> None:
    def loop(module: nn.Module, optimizer: Any, data: Any) -> None:
        for part in [*torch.arange(60).split(10)] * 4:
            optimizer.zero_grad()
            (loss or functional.cross_entropy)(module(data[0][part]), data[1][part]).backward()
            optimizer.step()

    same(net(6, 12, 3), adam, loop, loss)


def test_with_a_second_gradient(same: Any, formula: Any, adam: Any) -> None:
    def loop(module: nn.Module, optimizer: Any, data: Any) -> None:
        x = data[0].clone().requires_grad_()
        for _ in range(12):
            output = module(x)
            (slope,) = torch.autograd.grad(output.sum(), x, create_graph=True)
            optimizer.zero_grad()
            (output.square().mean() + slope.square().mean()).backward()
            optimizer.step()

    same(formula(lambda m, x: m.last(m.first(x).tanh()), first=nn.Linear(6, 8), last=nn.Linear(8, 1)), adam, loop)


def test_with_a_checkpoint(same: Any, formula: Any, adam: Any) -> None:
    def forward(module: Any, x: Tensor) -> Tensor:
        inside = torch.utils.checkpoint.checkpoint(module.first, x.requires_grad_(), use_reentrant=True)
        return module.last(inside.relu())  # type: ignore[no-any-return]

    same(formula(forward, first=nn.Linear(6, 8), last=nn.Linear(8, 3)), adam)
