"""Questions to the steps: too long, clipped, ended by a schedule, pulled by a penalty; each fault with its twin."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks import watch
from netwright.checks.during.speed import clipped, decayed, first_step, never_began, rises, schedule

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()
SGD, Adam, AdamW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW


# too long


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "rate"), [(SGD, 100.0), (Adam, 1.0)], ids=["sgd", "adam"])
def test_a_first_step_longer_than_the_weights(
    rule: Any, rate: float, train: Any, the: Any, net: Any, rows: Any
) -> None:
    module = net(6, 24, 24, 3)
    told = the(first_step, train(module, rule(module.parameters(), lr=rate), rows()))
    assert (told.code, told.level) == ("lr-too-high", "fault")
    assert told.evidence["first_step"] > 1
    assert told.evidence["rate"] == rate
    assert told.remedy.value == pytest.approx(rate / (100 if rule is SGD else 10))  # of which the loss falls
    assert ("at 0.01 of the rate" if rule is SGD else "at a tenth of the rate") in told.seen
    assert told.evidence["slower"] < 0.9 < told.evidence["as_is"]


@pytest.mark.parametrize(("rule", "rate"), [(SGD, 0.1), (Adam, 1e-2), (Adam, 1e-3)], ids=["sgd", "1e-2", "1e-3"])
def test_usual_rates(rule: Any, rate: float, train: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 24, 24, 3)
    watching = train(module, rule(module.parameters(), lr=rate), rows())
    assert not found(first_step, watching)
    assert not found(rises, watching)


@pytest.mark.slow
def test_weights_that_begin_near_nothing(train: Any, found: Any, net: Any, draw: Any) -> None:
    X = draw(320, 6)
    y = (X[:, 0] + 2 * draw(320) > 0).long()  # of which little can be foretold
    module = net(6, 24, 2)
    nn.init.normal_(module[-1].weight, std=1e-4)
    watching = train(module, Adam(module.parameters(), lr=1e-3), (X, y))
    assert max(watching.tape.samples[0].ratios.values()) > 5
    assert not found(first_step, watching)


def test_a_loop_of_which_no_trial_can_be_made_gives_a_note(the: Any, net: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 24, 3)
    optimizer = SGD(module.parameters(), lr=300.0)
    with watch(module, optimizer) as watching:
        for _ in range(8):
            optimizer.zero_grad()
            CROSS(module(X), y).backward()
            optimizer.step()
    assert the(first_step, watching).level == "note"


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.1, 0.001])
def test_a_sum_that_dies_at_a_rate_that_is_too_high(rate: float, train: Any, found: Any, net: Any, draw: Any) -> None:
    """The first step is shorter than the weights, and it is the rate all the same."""
    X = draw(640, 20)
    y = X[:, :10].argmax(1)
    module, loss = net(20, 64, 64, 10), nn.CrossEntropyLoss(reduction="sum")
    watching = train(module, SGD(module.parameters(), lr=rate), (X, y), loss, epochs=6)
    assert max(watching.tape.samples[0].ratios.values()) < 1
    told = found(first_step, watching)
    assert [(each.code, each.level) for each in told] == ([("lr-too-high", "fault")] if rate > 0.01 else [])


def test_values_of_two_that_play_against_each_other_are_not_compared(found: Any, net: Any, draw: Any) -> None:
    X = draw(64, 4)
    for alone in (True, False):
        module, other = net(2, 8, 4), net(4, 8, 1)
        optimizer = Adam(module.parameters(), lr=1e-4)
        with watch(module, optimizer) as watching:
            for step in range(60):
                if not alone:
                    (other(X) - other(module(draw(64, 2)).detach())).mean().backward()
                optimizer.zero_grad()
                (module(draw(64, 2)).square().mean() * 0 + 0.01 + step * 0.01).backward()
                optimizer.step()
        assert [each.level for each in found(rises, watching)] == (["note"] if alone else [])


@pytest.mark.parametrize("rate", [2.0, 0.02])
def test_a_loss_that_rises(rate: float, train: Any, found: Any, draw: Any) -> None:
    X = draw(320, 6)
    module = nn.Linear(6, 1)
    watching = train(module, SGD(module.parameters(), lr=rate), (X, 0.1 * X[:, :1]), SQUARES, clip=5.0)
    told = found(rises, watching)
    assert [(each.code, each.level) for each in told] == ([("lr-too-high", "fault")] if rate > 1 else [])
    assert not told or told[0].evidence["end"] > 10 * told[0].evidence["begin"]


@pytest.mark.slow
def test_a_task_that_becomes_harder_is_no_fault(found: Any, net: Any, rows: Any, draw: Any) -> None:
    X, y = rows(320)
    module = net(6, 24, 3)
    optimizer = Adam(module.parameters(), lr=1e-2)
    hard = torch.randint(0, 3, (320,), generator=torch.Generator().manual_seed(1))
    with watch(module, optimizer, CROSS) as watching:
        for epoch in range(12):
            for part in torch.arange(320).split(32):
                weight = 1.0 if epoch < 8 else 2.5  # of a second goal that comes in
                optimizer.zero_grad()
                (weight * CROSS(module(X[part]), (y if epoch < 8 else hard)[part])).backward()
                optimizer.step()
    assert all(each.level == "note" for each in found(rises, watching))


# clipping


@pytest.mark.parametrize("norm", [1e-3, 1.0])
def test_clipping_to_nothing(norm: float, train: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 24, 3)
    watching = train(module, SGD(module.parameters(), lr=0.1), rows(), clip=norm)
    told = found(clipped, watching)
    assert [(each.code, each.level) for each in told] == ([("over-clipping", "fault")] if norm < 1 else [])
    if told:
        assert told[0].evidence["used"] == pytest.approx(norm, rel=1e-3)
        assert told[0].evidence["made"] > 0.1
        assert told[0].remedy.value >= 1.0
        assert "without clipping" in told[0].seen


def test_a_rule_that_divides_by_the_gradient_does_not_mind(train: Any, found: Any, net: Any, draw: Any) -> None:
    X = draw(320, 6)
    y = (X[:, 0] + 2 * draw(320) > 0).long()
    module, loss = net(6, 24, 2), nn.CrossEntropyLoss(reduction="sum")
    watching = train(module, Adam(module.parameters(), lr=1e-3), (X, y), loss, clip=0.01)
    assert [each.level for each in found(clipped, watching)] == ["note"]


def test_a_gradient_that_is_scaled_is_not_clipped(found: Any, net: Any, rows: Any) -> None:
    X, y = rows(40)
    for loss, times in ((CROSS, 2.0**16), (None, 1000.0)):
        module = net(6, 24, 3)
        optimizer = SGD(module.parameters(), lr=0.05)
        with watch(module, optimizer, loss) as watching:
            for _ in range(30):
                optimizer.zero_grad()
                (CROSS(module(X), y) * torch.tensor(times)).backward()
                for parameter in module.parameters():
                    parameter.grad /= times
                optimizer.step()
        assert not found(clipped, watching)


# schedules


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "rate", "decay"), [(SGD, 0.1, 0.9), (SGD, 0.02, 0.95), (Adam, 1e-2, 0.9)], ids=["sgd", "slow sgd", "adam"]
)
def test_a_schedule_of_epochs_that_is_stepped_each_batch(
    rule: Any, rate: float, decay: float, train: Any, the: Any, found: Any, net: Any, rows: Any
) -> None:
    for each_batch in (True, False):
        module = net(6, 24, 3)
        optimizer = rule(module.parameters(), lr=rate)
        plan = torch.optim.lr_scheduler.ExponentialLR(optimizer, decay)
        step = {"each_batch": plan.step} if each_batch else {"each_epoch": lambda watching, plan=plan: plan.step()}
        watching = train(module, optimizer, rows(), epochs=20, **step)
        if not each_batch:
            assert not found(schedule, watching)
            continue
        told = the(schedule, watching)
        assert (told.code, told.level) == ("schedule-dead", "fault")
        assert told.evidence["resumed"] < 0.85 * told.evidence["end"]
        assert told.where.step == next(step for step, value in watching.tape.rates if value < 0.01 * rate)
        assert (told.remedy.object, told.remedy.argument) == ("scheduler", "every")


def test_a_schedule_that_ends_when_nothing_is_left_to_learn(train: Any, found: Any, net: Any, draw: Any) -> None:
    X = draw(320, 6)
    y = (X[:, 0] > 0).long()
    module = net(6, 24, 2)
    optimizer = Adam(module.parameters(), lr=0.05)
    plan = torch.optim.lr_scheduler.MultiStepLR(optimizer, [10], 1e-3)
    watching = train(module, optimizer, (X, y), epochs=20, each_epoch=lambda watching: plan.step())
    assert [each.level for each in found(schedule, watching)] == ["note"]


@pytest.mark.parametrize(
    "make",
    [
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 100),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.5, total_steps=101),
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 1e-4, total_iters=90),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 10),
    ],
    ids=["cosine", "one cycle", "warm-up", "restarts"],
)
def test_usual_schedules(make: Any, train: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 24, 3)
    optimizer = SGD(module.parameters(), lr=0.5)
    watching = train(module, optimizer, rows(), epochs=10, each_batch=make(optimizer).step)
    assert watching.tape.steps == 100
    assert not found(schedule, watching)
    assert not found(never_began, watching)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: 3e-3 * 0.99**step),
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 1e-5, total_iters=20_000),
    ],
    ids=["the rate itself", "a warm-up without an end"],
)
def test_a_schedule_that_never_lets_a_run_begin(
    make: Any, train: Any, the: Any, found: Any, net: Any, rows: Any
) -> None:
    module = net(6, 24, 3)
    optimizer = AdamW(module.parameters(), lr=3e-3)
    told = the(never_began, train(module, optimizer, rows(), epochs=10, each_batch=make(optimizer).step))
    assert (told.code, told.level) == ("schedule-dead", "fault")
    assert told.evidence["resumed"] < 0.85 * told.evidence["end"]
    module = net(6, 24, 3)  # the same at the rate that is proposed
    optimizer = AdamW(module.parameters(), lr=told.remedy.value)
    watching = train(module, optimizer, rows(), epochs=10, each_batch=make(optimizer).step)
    assert not found(never_began, watching)
    assert watching.tape.values()[-1] < 0.8 * watching.tape.values()[0]


def test_the_last_run_of_a_schedule(train: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 24, 3)
    optimizer = Adam(module.parameters(), lr=1e-2)
    plan = torch.optim.lr_scheduler.StepLR(optimizer, 200, 1e-3)
    train(module, optimizer, rows(), epochs=20, each_batch=plan.step)
    assert not found(never_began, train(module, optimizer, rows(), epochs=5, each_batch=plan.step))


def test_a_warm_up_that_is_longer_than_the_run(train: Any, the: Any, found: Any, net: Any, rows: Any) -> None:
    """Something is learned on the way up, and much more would be."""
    for steps, faulty in ((3000, True), (50, False)):
        module = net(6, 24, 3)
        optimizer = SGD(module.parameters(), lr=1.0)
        plan = torch.optim.lr_scheduler.LinearLR(optimizer, 1e-3, total_iters=steps)
        watching = train(module, optimizer, rows(), epochs=10, each_batch=plan.step)
        assert bool(found(never_began, watching)) == faulty
        if faulty:
            told = the(never_began, watching)
            assert 0.01 < told.evidence["share"] < 0.1
            assert told.evidence["resumed"] < 0.85 * told.evidence["end"] < 0.85 * watching.tape.values()[0]


# penalties


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "rate", "decay"),
    [(SGD, 0.1, 1.0), (SGD, 0.01, 5.0), (SGD, 0.01, 1.0), (Adam, 1e-2, 1.0), (AdamW, 1e-2, 30.0)],
    ids=["sgd", "slow sgd", "very slow sgd", "adam", "adamw"],
)
def test_a_decay_that_outweighs_the_data(
    rule: Any, rate: float, decay: float, train: Any, the: Any, net: Any, rows: Any
) -> None:
    module = net(6, 24, 3)
    watching = train(module, rule(module.parameters(), lr=rate, weight_decay=decay), rows(), epochs=20)
    told = the(decayed, watching)
    assert (told.code, told.level) == ("over-regularised", "fault")
    assert told.evidence["decay"] == decay
    assert told.remedy.value <= 1e-4
    assert "without it" in told.seen


@pytest.mark.slow
@pytest.mark.parametrize("decay", [0.0, 1e-4, 1e-2])
@pytest.mark.parametrize(("rule", "rate"), [(SGD, 0.1), (Adam, 1e-2), (AdamW, 1e-2)], ids=["sgd", "adam", "adamw"])
def test_usual_decays(decay: float, rule: Any, rate: float, train: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 24, 3)
    watching = train(module, rule(module.parameters(), lr=rate, weight_decay=decay), rows(), epochs=10)
    assert not found(decayed, watching)


def test_a_decay_that_costs_something_on_purpose(train: Any, found: Any, net: Any, draw: Any) -> None:
    X = draw(320, 6)
    y = (X[:, 0] + draw(320) > 0).long()
    module = net(6, 64, 2)
    watching = train(module, SGD(module.parameters(), lr=0.1, weight_decay=0.03), (X, y), epochs=20)
    assert all(each.level == "note" for each in found(decayed, watching))


@pytest.mark.parametrize("strength", [1.0, 1e-4])
def test_a_penalty_of_the_loop(strength: float, found: Any, net: Any, rows: Any, batches: Any) -> None:
    module = net(6, 24, 3)
    optimizer = SGD(module.parameters(), lr=0.05)
    with watch(module, optimizer, CROSS) as watching:
        for X, y in batches(*rows(), 10):
            penalty: Tensor = strength * sum(p.square().sum() for p in module.parameters())  # type: ignore[assignment]
            optimizer.zero_grad()
            (CROSS(module(X), y) + penalty).backward()
            optimizer.step()
    told = found(decayed, watching)
    assert [(each.code, each.level) for each in told] == ([("over-regularised", "fault")] if strength == 1 else [])


def test_the_scale_of_mixed_precision_is_no_penalty(train: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 24, 3)
    watching = train(module, AdamW(module.parameters(), lr=1e-2, weight_decay=8.0), rows(), times=1000.0, epochs=10)
    assert not [each for each in found(decayed, watching) if "goes backward" in each.seen]
