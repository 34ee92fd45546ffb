"""Questions to the first steps: too long or too short."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from netwright.checks.before.steps.penalty import weight_decay
from netwright.checks.before.steps.rate import epsilon, rate_of, too_high, too_low

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()
SGD, Adam = torch.optim.SGD, torch.optim.Adam


@pytest.fixture
def data(draw: Any, classes: Any) -> Any:
    X = draw(160, 4)
    return X, classes(X)


def test_the_rate_of_an_optimizer(context: Any, net: Any, data: Any) -> None:
    module = net(4, 3)
    assert rate_of(context(module, CROSS, data, SGD(module.parameters(), lr=0.25))) == 0.25
    assert rate_of(context(module, CROSS, data, SGD(module.parameters(), lr=torch.tensor(0.5)))) == 0.5
    assert not rate_of(context(module, CROSS, data)) > 0


# too high


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "rate"), [(SGD, 300.0), (Adam, 3.0)], ids=["sgd", "adam"])
def test_steps_longer_than_the_weights(rule: Any, rate: float, one: Any, context: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 16, 3)
    optimizer = rule(module.parameters(), lr=rate)
    found = one(too_high, module, CROSS, data, optimizer)
    assert (found.code, found.level) == ("lr-too-high", "fault")
    assert found.evidence["rate"] == rate
    assert found.evidence["left_smaller"] < 0.75 * found.evidence["left_as_is"]
    assert (found.remedy.object, found.remedy.argument) == ("optimizer", "lr")
    assert found.remedy.value in (pytest.approx(rate * factor) for factor in (0.1, 0.01, 0.001))
    assert f"{rate:g}" in found.seen


def test_the_first_step_is_measured(one: Any, context: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 16, 3)
    optimizer = SGD(module.parameters(), lr=300.0)
    found = one(too_high, module, CROSS, data, optimizer)
    batch = context(module, CROSS, data, optimizer).batch
    matrices = [p for p in module.parameters() if p.ndim == 2]
    slopes = torch.autograd.grad(CROSS(module(*batch.inputs), batch.target), matrices)
    ratios = [300 * float(g.norm() / p.detach().norm()) for g, p in zip(slopes, matrices, strict=True)]
    assert found.evidence["first_step"] == pytest.approx(max(ratios), rel=1e-4)


@pytest.mark.slow
def test_a_program_that_learns_and_would_learn_much_more(context: Any, formula: Any) -> None:
    X = torch.randint(0, 12, (400, 6), generator=torch.Generator().manual_seed(1))
    y = (X + (nn.functional.pad(X, (1, 0))[:, :-1] > 6)) % 12
    parts = {"e": nn.Embedding(12, 16), "c": nn.LSTM(16, 24, batch_first=True), "o": nn.Linear(24, 12)}
    module = formula(lambda m, x: m.o(m.c(m.e(x))[0]).mT, **parts)

    def asked(rate: float, scheduled: bool = False) -> list[Any]:
        optimizer = Adam(module.parameters(), lr=rate)
        if scheduled:
            torch.optim.lr_scheduler.StepLR(optimizer, 100)
        program = context(module, CROSS, (X, y), optimizer)
        program.budget.seconds = 60.0
        return list(too_high(program))

    (found,) = asked(1.0)
    assert (found.code, found.level) == ("lr-too-high", "fault")
    assert found.evidence["left_smaller"] < 0.2 * found.evidence["left_as_is"] < 0.2
    assert found.remedy.value == pytest.approx(0.1)
    assert not asked(1.0, scheduled=True), "which may bring it down"
    assert not asked(0.1)


def test_a_loss_that_becomes_infinite(one: Any, net: Any, draw: Any) -> None:
    X = draw(160, 4)
    module = net(4, 32, 1)
    found = one(too_high, module, SQUARES, (X, X[:, :1] * X[:, 1:2]), SGD(module.parameters(), lr=30.0))
    assert (found.code, found.level) == ("lr-too-high", "fault")


@pytest.mark.parametrize(
    ("rule", "rate"), [(SGD, 0.1), (SGD, 0.5), (Adam, 1e-2), (Adam, 1e-3)], ids=["0.1", "0.5", "0.01", "0.001"]
)
def test_usual_rates_are_right(rule: Any, rate: float, ask: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 3)
    assert not ask(too_high, module, CROSS, data, rule(module.parameters(), lr=rate))
    assert not ask(too_low, module, CROSS, data, rule(module.parameters(), lr=rate))


def test_without_an_optimizer_there_is_no_rate(ask: Any, net: Any, data: Any) -> None:
    for question in (too_high, too_low, weight_decay):
        assert not ask(question, net(4, 16, 3), CROSS, data)


# too low


@pytest.mark.parametrize(
    ("rule", "rate"),
    [(SGD, 1e-5), (Adam, 1e-6), (SGD, 1e-7), (Adam, 1e-8)],
    ids=["sgd", "adam", "sgd, far", "adam, far"],
)
def test_steps_that_do_nothing(rule: Any, rate: float, one: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 3)
    found = one(too_low, module, CROSS, data, rule(module.parameters(), lr=rate))
    assert (found.code, found.level) == ("lr-too-low", "fault")
    assert found.evidence["rate"] == rate
    assert found.evidence["ratio"] < 3e-5
    assert found.evidence["end_larger"] < found.evidence["end"]
    assert found.remedy.value > 10 * rate


def test_a_rate_that_warms_up_is_right(ask: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 3)
    optimizer = Adam(module.parameters(), lr=1e-2)
    torch.optim.lr_scheduler.LinearLR(optimizer, 1e-6, total_iters=100)
    assert not ask(too_low, module, CROSS, data, optimizer)


def test_a_small_rate_of_a_trained_network_is_right(ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 16, 3)
    optimizer = adam(module, 2e-2)
    for _ in range(300):
        optimizer.zero_grad()
        CROSS(module(data[0]), data[1]).backward()
        optimizer.step()
    module.zero_grad()
    assert not ask(too_low, module, CROSS, data, adam(module, 1e-6))


def test_a_run_that_is_long_enough_is_right(ask: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 3)
    optimizer = SGD(module.parameters(), lr=2e-3)
    assert not ask(too_low, module, CROSS, data, optimizer, epochs=100_000)


def test_a_run_that_is_long_enough_is_right_whatever_batch_comes_first(ask: Any, net: Any) -> None:
    for seed in range(4):
        torch.manual_seed(seed)
        X = torch.randn(160, 4)
        y = (X[:, 0] + X[:, 1] > 0).long() + (X[:, 1] + X[:, 2] > 0.5).long()
        module = net(4, 16, 3)
        assert not ask(too_low, module, CROSS, (X, y), SGD(module.parameters(), lr=1e-3), epochs=100_000)


def test_a_hundredth_is_a_usual_rate_of_deeper_networks(ask: Any, net: Any) -> None:
    for seed in range(2):
        torch.manual_seed(seed)
        X = torch.randn(500, 10)
        data = X, (X @ torch.randn(10, 5)).argmax(1)
        module = net(10, 32, 32, 5)
        found = ask(too_low, module, CROSS, data, SGD(module.parameters(), lr=1e-2))
        assert all(each.level == "note" for each in found)


# the number that keeps the divisor from 0


@pytest.mark.parametrize("rule", [Adam, torch.optim.AdamW, torch.optim.NAdam])
def test_an_epsilon_that_outweighs_the_gradients(rule: Any, one: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 3)
    found = one(epsilon, module, CROSS, data, rule(module.parameters(), lr=1e-2, eps=100.0))
    assert (found.code, found.level) == ("lr-too-low", "fault")
    assert found.evidence["eps"] == 100.0
    assert found.evidence["left_default"] < 0.75 * found.evidence["left_as_is"]
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("optimizer", "eps", 1e-8)


def test_usual_epsilons_are_right(ask: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 3)
    for value in (1e-8, 1e-6, 1e-3):
        assert not ask(epsilon, module, CROSS, data, Adam(module.parameters(), lr=1e-2, eps=value))
    assert not ask(epsilon, module, CROSS, data, SGD(module.parameters(), lr=0.1))
    assert not ask(epsilon, module, CROSS, data)


def test_an_epsilon_that_does_no_harm_is_right(ask: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 3)
    assert not ask(epsilon, module, CROSS, data, Adam(module.parameters(), lr=1e-2, eps=1e-14))
    assert not ask(epsilon, module, CROSS, data, Adam(module.parameters(), lr=1.0, eps=1.0))  # with a rate to match


def test_a_large_rate_that_ends_well(ask: Any, draw: Any) -> None:
    """Rows of length one in many columns: gradients are small, and a rate of 20 goes up and down before it settles."""
    X = torch.nn.functional.normalize((draw(1500, 100) > 0.5).float())
    y = (X @ draw(100) > 0).long()
    module = nn.Linear(100, 2)
    rule = torch.optim.SGD(module.parameters(), lr=20.0)
    assert not ask(too_high, module, nn.CrossEntropyLoss(), (X, y), rule, epochs=20, batch_size=100)


def test_a_first_batch_that_is_hard_hides_no_low_rate(one: Any, net: Any, draw: Any) -> None:
    X = draw(640, 4)
    y = (X[:, :1] * X[:, 1:2]).tanh() + X[:, 2:3]
    hard = (y[:, 0] - y.mean()).abs().argsort(descending=True)[:200:6][:32]
    others = torch.tensor([k for k in range(640) if k not in hard.tolist()])
    order = torch.cat([hard, others])
    module = net(4, 24, 24, 1)
    rule = torch.optim.SGD(module.parameters(), lr=1e-5, momentum=0.9)
    batches = DataLoader([(X[k], y[k]) for k in order.split(32)], batch_size=None)
    found = one(too_low, module, nn.MSELoss(), batches, rule, epochs=10)
    assert (found.code, found.level) == ("lr-too-low", "fault")
