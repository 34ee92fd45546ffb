"""What the checks share: the program on copies, and the figures that more than one check needs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright import optim
from netwright.checks.budget import OutOfTime
from netwright.checks.context import Intent, learns
from netwright.checks.trial import default_start, rate_times

CROSS, LOGITS, SQUARES = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss()


@pytest.fixture
def data(draw: Any, classes: Any) -> Any:
    X = draw(160, 4)
    return X, classes(X)


# intent


@pytest.mark.parametrize(
    ("frozen", "name", "expected"),
    [
        ((), "body.0.weight", False),
        (False, "body.0.weight", False),
        (True, "body.0.weight", True),
        (("body",), "body.0.weight", True),
        (("body.0",), "body.0.weight", True),
        (("body.0.weight",), "body.0.weight", True),
        (("bod",), "body.0.weight", False),
        (("head", "body"), "body.0.weight", True),
        (("body.0.weight",), "body.0.bias", False),
    ],
    ids=str,
)
def test_what_is_declared_to_be_frozen(frozen: Any, name: str, expected: bool) -> None:
    assert Intent(frozen).freezes(name) == expected


# the rows


def test_rows_for_statistics_probes_and_units(context: Any, net: Any, draw: Any) -> None:
    program = context(net(2, 1), SQUARES, (draw(9000, 2), torch.arange(9000.0)[:, None]))
    sizes = [len(rows) for rows in (program.rows, program.many, program.probe, program.batch)]
    assert sizes == [4096, 512, 64, 32]
    for rows in (program.rows, program.many, program.probe):
        y = rows.target[:, 0]
        assert (float(y[0]), float(y[-1])) == (0.0, 8999.0)  # evenly from the first to the last
        assert bool((y.diff() > 0).all())


def test_few_rows_are_all_of_them(context: Any, net: Any, draw: Any) -> None:
    program = context(net(2, 1), SQUARES, (draw(5, 2), draw(5, 1)), validation=(draw(3, 2), draw(3, 1)))
    assert [len(rows) for rows in (program.rows, program.many, program.probe, program.held)] == [5, 5, 5, 3]


def test_a_loader_gives_its_own_batch(context: Any, net: Any, data: Any) -> None:
    loader = DataLoader(TensorDataset(*data), batch_size=24)
    program = context(net(4, 3), CROSS, loader)
    assert len(program.probe) in (24, 64)
    assert torch.equal(program.batch.inputs[0], data[0][:24])
    assert context(net(4, 3), CROSS, data).held is None


# the target


def test_classes_are_whole_numbers_one_a_row(context: Any, net: Any, data: Any) -> None:
    X, y = data
    assert torch.equal(context(net(4, 3), CROSS, (X, y)).classes, y)
    assert torch.equal(context(net(4, 3), CROSS, (X, y.to(torch.int32))).classes, y)
    yes = (y > 0).float()[:, None]
    assert torch.equal(context(net(4, 1), LOGITS, (X, yes)).classes, (y > 0).long())
    assert context(net(4, 1), SQUARES, (X, yes)).classes is None
    assert context(net(4, 3), LOGITS, (X, functional.one_hot(y, 3).float())).classes is None
    assert context(net(4, 1), LOGITS, (X, torch.rand(160, 1))).classes is None


def test_numbers_are_what_squares_are_taken_of(context: Any, net: Any, data: Any) -> None:
    X, y = data
    assert context(net(4, 1), SQUARES, (X, X[:, :1])).numeric
    assert context(net(4, 1), nn.HuberLoss(), (X, X[:, :1])).numeric
    assert not context(net(4, 3), CROSS, (X, y)).numeric
    assert not context(net(4, 1), LOGITS, (X, (y > 0).float()[:, None])).numeric


# the network at its start


def test_answers_are_those_of_eval_mode_and_modes_are_put_back(context: Any, data: Any) -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 3)).train()
    module[2].eval()
    program = context(module, CROSS, data)
    answer = program.output
    assert [each.training for each in program.module.modules()] == [True, True, True, False, True]
    assert not answer.requires_grad
    assert torch.equal(answer, module.eval()(program.probe.inputs[0]).detach())
    assert int(program.module[2].num_batches_tracked) == 0


def test_the_loss_at_the_start(context: Any, net: Any, data: Any) -> None:
    module = net(4, 8, 3)
    program = context(module, CROSS, data)
    with torch.no_grad():
        assert program.start == pytest.approx(float(CROSS(module(data[0]), data[1])), rel=1e-6)
    assert program.value(torch.zeros(3, 2), torch.tensor([0, 1, 0])) == pytest.approx(math.log(2))
    assert math.isnan(program.value("nothing", data[1]))


def test_gradients_by_name(context: Any, net: Any, data: Any) -> None:
    module = net(4, 8, 3)
    module[0].bias.requires_grad_(False)
    program = context(module, CROSS, data)
    CROSS(module(*program.batch.inputs), program.batch.target).backward()
    assert program.gradients["0.bias"] is None
    for name in ("0.weight", "2.weight", "2.bias"):
        assert torch.allclose(program.gradients[name], module.get_parameter(name).grad)


def test_gradients_of_nothing(context: Any, net: Any, data: Any) -> None:
    assert set(context(net(4, 3).requires_grad_(False), CROSS, data).gradients.values()) == {None}
    assert set(context(net(4, 3), lambda z, t: z.argmax(1).float().mean(), data).gradients.values()) == {None}


# trials


def test_without_an_optimizer_there_are_no_steps(context: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3)
    assert context(module, CROSS, data).steps == 0
    assert context(module, CROSS, data, adam(module)).steps == 60


def test_what_is_left_of_the_loss(context: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 16, 3)
    program = context(module, CROSS, data, adam(module))
    assert program.left(program.as_is) == pytest.approx(program.as_is.end / program.prior)
    assert learns(program)
    frozen = context(module, CROSS, data, torch.optim.SGD(module.parameters(), lr=1e-9))
    assert frozen.left(frozen.as_is) > 0.9
    assert not learns(frozen)


def test_without_a_prior_it_is_a_share_of_the_start(context: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 16, 2)
    program = context(
        module, lambda z, t: (z[0] - t["y"][0]).square().mean(), (data[0], {"y": data[0][:, :2]}), adam(module)
    )
    assert math.isnan(program.prior)
    assert program.left(program.as_is) == pytest.approx(program.as_is.end / program.as_is.start)


def test_a_slow_program_gets_fewer_steps(context: Any, formula: Any, adam: Any, data: Any) -> None:
    import time

    def slow(m: Any, x: Any) -> Any:
        end = time.process_time() + 0.03
        while time.process_time() < end:
            pass
        return m.o(x)

    module = formula(slow, o=nn.Linear(4, 3))
    assert context(module, CROSS, data, adam(module)).steps == 10


def test_the_loss_belongs_to_the_program(context: Any, net: Any, adam: Any, data: Any) -> None:
    module, loss = net(4, 8, 3), nn.CrossEntropyLoss(weight=torch.ones(3))
    program = context(module, loss, data, adam(module))
    assert program.user_loss is loss
    assert program.loss is not loss
    assert program.loss is program.loss
    fresh, (optimizer,), _ = program.copies()
    assert fresh is not program.module
    assert optimizer.param_groups[0]["params"][0] is fresh[0].weight


def test_a_penalty_has_a_gradient(context: Any, data: Any) -> None:
    class Own(nn.Linear):
        def loss(self, z: Any, t: Any) -> Any:
            return CROSS(z, t) + self.weight.square().sum()

    module = Own(4, 3)
    found = context(module, module.loss, data).gradients["weight"]
    plain = context(module, CROSS, data).gradients["weight"]
    assert torch.allclose(found - plain, 2 * module.weight.detach(), atol=1e-5)


def test_a_trial_begins_with_the_loss_as_the_user_has_it(context: Any, net: Any, adam: Any, data: Any) -> None:
    class Rising(nn.CrossEntropyLoss):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, z: Any, t: Any) -> Any:
            self.calls += 1
            return self.calls * super().forward(z, t)

    module, loss = net(4, 8, 3), Rising()
    program = context(module, loss, data, adam(module))
    first = program.trial(steps=3).losses
    for _ in range(4):
        program.value(program.output, program.probe.target)
    assert program.trial(steps=3).losses == first
    assert program.trial(steps=4).losses[:3] == first
    assert float(loss.calls) == 0


def test_the_same_trial_is_made_once(context: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3)
    program = context(module, CROSS, data, adam(module))
    assert program.trial() is program.as_is
    assert program.trial(steps=60) is program.as_is
    assert program.trial(steps=61) is not program.as_is
    assert program.trial(clip=1.0) is not program.as_is
    assert program.trial(default_start) is program.trial(default_start)
    assert program.trial(rate_times(2.0)) is not program.trial(rate_times(2.0))
    assert program.trial(loss=CROSS) is not program.as_is


def test_trials_share_a_budget(context: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3)
    program = context(module, CROSS, data, adam(module))
    program.budget.spent = program.budget.seconds - 1e-4
    assert program.as_is.finite  # what has begun is brought to its end
    with pytest.raises(OutOfTime):
        program.trial(rate_times(2.0))
    assert program.trial() is program.as_is
    assert program.in_the_end == 0.0
    with pytest.raises(OutOfTime):
        program.with_(user_optimizers=[adam(module)]).trial(steps=3)


def test_a_trial_counts_by_its_batches(context: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3)
    program = context(module, CROSS, data, adam(module), batch_size=32)
    usual = program.trial(steps=20).seconds
    assert program.budget.spent == pytest.approx(20 * usual)
    program.trial(steps=20, batches=[batch.rows(slice(0, 8)) for batch in program.data.stream(20)])
    assert program.budget.spent == pytest.approx(25 * usual)


@pytest.mark.slow
def test_a_few_trials_are_made_however_long_they_take(context: Any, formula: Any, adam: Any, data: Any) -> None:
    import time

    def slow(m: Any, x: Any) -> Any:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        return m.o(x)

    module = formula(slow, o=nn.Linear(4, 3))
    program = context(module, CROSS, data, adam(module))
    program.budget.seconds = 0.0
    assert [len(program.trial(rate_times(2.0)).losses) for _ in range(2)] == [10, 10]
    assert 1.9 < program.budget.seconds < 6


def test_rules_that_look_at_all_rows_are_given_them(context: Any, net: Any, data: Any) -> None:
    module = net(4, 8, 3)
    program = context(module, CROSS, data, optim.IRpropPlus().build(module.parameters()), batch_size=16)
    with torch.no_grad():
        assert program.as_is.losses[0] == pytest.approx(float(CROSS(module(data[0]), data[1])), rel=1e-5)
    assert learns(program)
    assert [len(batch) for batch in program.data.stream(2)] == [160, 160]
    few = replace(program.data, whole=program.data.whole.rows(slice(0, 20)))
    assert len(program.with_(data=few).batch) == 20
    assert len(context(module, CROSS, data, torch.optim.SGD(module.parameters()), batch_size=16).batch) == 16


def test_rules_whose_steps_take_long_are_not_tried(context: Any, net: Any, data: Any) -> None:
    module = net(4, 64, 64, 3)
    program = context(module, CROSS, data, optim.Newton().build(module.parameters()))
    assert program.steps == 60
    for steps in (None, 1):
        program = context(module, CROSS, data, optim.Newton().build(module.parameters()))
        with pytest.raises(OutOfTime, match="so many weights"):
            program.trial(steps=steps)


def test_signals_are_noted(context: Any, net: Any, data: Any) -> None:
    program = context(net(4, 3), CROSS, data)
    assert program.signal("share", torch.tensor(0.25), 0.5, "dead-units") == 0.25
    assert (program.signals["share"].value, program.signals["share"].limit) == (0.25, 0.5)


def test_another_program_takes_nothing_over(context: Any, net: Any, data: Any) -> None:
    program = context(net(4, 3), CROSS, data)
    program.signal("share", 0.25, 0.5, "dead-units")
    before = program.start
    other = program.with_(user_module=net(4, 3))
    assert other.signals == {}
    assert other.start != before
    assert other.data is program.data
    assert program.signals


def test_copies_are_made_anew(context: Any, net: Any, data: Any) -> None:
    module = net(4, 3)
    program = context(module, CROSS, data)
    first, second = program.fresh(), program.fresh()
    with torch.no_grad():
        first[0].weight.zero_()
    assert torch.equal(second[0].weight, module[0].weight)
    assert torch.equal(program.module[0].weight, module[0].weight)
    assert program.module is program.module


def test_a_summed_loss_is_measured_by_as_many_rows(context: Any, net: Any, adam: Any, data: Any) -> None:
    """What a trial leaves of the loss of guessing does not depend on how many rows either was added up over."""
    module = net(4, 64, 64, 3)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-9)
    for loss, summed in ((CROSS, False), (torch.nn.CrossEntropyLoss(reduction="sum"), True)):
        program = context(module, loss, data, optimizer)
        assert program.summed is summed
        assert program.left(program.as_is) == pytest.approx(1.0, abs=0.15)
        assert not learns(program)


def test_a_loss_of_all_triplets_is_asked_of_two_batches(context: Any, net: Any, draw: Any) -> None:
    """Its work grows by the cube of the rows: that of 512 would take 4096 times that of 32."""

    def triplets(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        near = torch.cdist(z, z)
        apart = near[:, :, None] - near[:, None, :] + 0.2
        like = (y[:, None] == y).float()
        return (functional.relu(apart) * like[:, :, None] * (1 - like)[:, None, :]).mean()

    def pairs(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (torch.cdist(z, z) * (y[:, None] == y)).mean()

    def picky(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if len(z) < 24:
            raise ValueError("expected 24 rows or more, got fewer")
        return pairs(z, y)

    X, y = draw(600, 4), torch.arange(600) % 3
    for loss, rows in ((triplets, 64), (pairs, 512), (CROSS, 512), (picky, 512)):
        assert len(context(net(4, 8, 3), loss, (X, y)).many) == rows
    assert len(context(net(4, 8, 3), triplets, (X[:40], y[:40])).many) == 40
