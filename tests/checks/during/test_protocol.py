"""Questions to the loop: gradients cleared, steps made, modes, direction, order; each fault with its healthy twin."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks import watch
from netwright.checks.during.protocol import (
    downhill,
    gradients_cleared,
    held_out_mode,
    order_of_classes,
    steps_made,
    training_mode,
)

CROSS = nn.CrossEntropyLoss()
SGD = torch.optim.SGD


# gradients


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("rule", [SGD, torch.optim.Adam])
def test_gradients_that_pile_up(missing: bool, rule: Any, train: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 12, 3)
    watching = train(module, rule(module.parameters(), lr=0.01), rows(), zero=not missing, epochs=3)
    told = found(gradients_cleared, watching)
    assert bool(told) == missing
    if missing:
        assert (told[0].code, told[0].level) == ("missing-zero-grad", "fault")
        assert told[0].evidence["stale"] == told[0].evidence["looked"] > 5
        assert told[0].remedy.argument == "zero_grad"
        assert "conftest.py" in told[0].where.line


@pytest.mark.parametrize("to_none", [True, False])
@pytest.mark.parametrize("before", [True, False])
def test_gradients_may_be_cleared_at_any_place(to_none: bool, before: bool, found: Any, net: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    optimizer = SGD(module.parameters(), lr=0.1)
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(20):
            value = CROSS(module(X), y)
            if before:
                optimizer.zero_grad(set_to_none=to_none)
            value.backward()
            optimizer.step()
            if not before:
                module.zero_grad(set_to_none=to_none)
    assert watching.tape.looked > 8
    assert not found(gradients_cleared, watching)


@pytest.mark.parametrize("missing", [True, False])
def test_gradients_of_several_passes_are_added_on_purpose(missing: bool, found: Any, net: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    optimizer = SGD(module.parameters(), lr=0.01)
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(20):
            for part in torch.arange(40).split(10):
                (CROSS(module(X[part]), y[part]) / 4).backward()
            optimizer.step()
            if not missing:
                optimizer.zero_grad()
    assert bool(found(gradients_cleared, watching)) == missing


@pytest.mark.parametrize("missing", [True, False])
def test_in_a_closure(missing: bool, found: Any, net: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    optimizer = SGD(module.parameters(), lr=0.01)

    def closure() -> Tensor:
        if not missing:
            optimizer.zero_grad()
        value = CROSS(module(X), y)
        value.backward()
        return value

    with watch(module, optimizer, CROSS) as watching:
        for _ in range(12):
            optimizer.step(closure)
    assert watching.tape.looked >= 8
    assert bool(found(gradients_cleared, watching)) == missing


def test_two_networks_that_learn_from_each_other(found: Any, net: Any, adam: Any, draw: Any) -> None:
    maker, critic, loss = net(4, 12, 2), net(2, 12, 1), nn.BCEWithLogitsLoss()
    both = nn.ModuleList([maker, critic])
    ours, theirs = adam(maker), adam(critic)
    for rules in ([ours, theirs], [theirs, ours]):
        with watch(both, rules, loss) as watching:
            for _ in range(20):
                made = maker(draw(16, 4))
                theirs.zero_grad()
                parts = loss(critic(draw(16, 2)), torch.ones(16, 1)), loss(critic(made.detach()), torch.zeros(16, 1))
                (parts[0] + parts[1]).backward()
                theirs.step()
                ours.zero_grad()
                loss(critic(made), torch.ones(16, 1)).backward()  # it reaches the critic too, whose step it is not
                ours.step()
        assert watching.tape.looked >= 8
        assert not found(gradients_cleared, watching)
        assert watching.diagnosis.ok


# steps


def test_a_backward_without_steps(train: Any, the: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 12, 3)
    told = the(steps_made, train(module, SGD(module.parameters(), lr=0.1), rows(), step=False))
    assert (told.code, told.level) == ("missing-step", "fault")
    assert told.evidence == {"backwards": 50, "steps": 0}
    assert not found(steps_made, train(module, SGD(module.parameters(), lr=0.1), rows()))


def test_steps_of_another_network(train: Any, the: Any, net: Any, rows: Any) -> None:
    module, other = net(6, 12, 3), net(6, 12, 3)
    with watch(module, SGD(other.parameters(), lr=0.1), CROSS) as watching:
        for _ in range(12):
            X, y = rows(20)
            module.zero_grad()
            CROSS(module(X), y).backward()
            watching._watched.optimizers[0].step()
    assert watching.diagnosis.codes[0] in ("missing-step", "foreign-optimizer")


@pytest.mark.parametrize("kept", [True, False])
def test_weights_that_are_put_back_do_not_move(kept: bool, found: Any, net: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    optimizer = SGD(module.parameters(), lr=0.0 if kept else 0.1)
    optimizer.param_groups[0]["lr"] = torch.tensor(0.0) if kept else 0.1
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(12):
            optimizer.zero_grad()
            CROSS(module(X), y).backward()
            optimizer.step()
    assert not found(steps_made, watching)  # a rate of 0 is another question's


def test_no_gradient_reaches_what_the_optimizer_holds(the: Any, net: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    optimizer = SGD(module.parameters(), lr=0.1)
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(12):
            optimizer.zero_grad()
            CROSS(module(X).detach().requires_grad_(), y).backward()
            for parameter in module.parameters():
                parameter.grad = torch.zeros_like(parameter)
            optimizer.step()
    told = the(steps_made, watching)
    assert told.code == "missing-step"
    assert "no gradient reaches" in told.seen


def test_weights_that_move_without_a_step_of_the_optimizer(found: Any, net: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    for optimizer in (None, SGD(module.parameters(), lr=0.1)):  # by hand, and by a rule that wraps another
        with watch(module, optimizer, CROSS) as watching:
            for _ in range(30):
                module.zero_grad()
                CROSS(module(X), y).backward()
                with torch.no_grad():
                    for parameter in module.parameters():
                        parameter -= 0.1 * parameter.grad
        assert not found(steps_made, watching)
        assert watching.diagnosis.ok


def test_by_hand_each_backward_is_a_step(net: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    with watch(module, None, CROSS) as watching:
        for _ in range(30):
            CROSS(module(X), y).backward()
    assert watching.tape.steps == len(watching.tape.values()) == 30
    assert watching.diagnosis.codes == ("missing-step",)


# modes

DROPS = lambda: nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Dropout(0.3), nn.Linear(12, 3))  # noqa: E731
NORMS = lambda: nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))  # noqa: E731


def epochs(
    module: nn.Module,
    data: tuple[Tensor, Tensor],
    *,
    begin: Any = nn.Module.train,
    validate: Any = nn.Module.eval,
    loss: Any = CROSS,
    size: int = 20,
    n: int = 6,
    tell: bool = False,
    ends: Any = None,
) -> Any:
    """A loop with a validation after each epoch, and what puts the module into its mode before either."""
    X, y = data
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    with watch(module, optimizer, loss) as watching:
        for _ in range(n):
            begin(module)
            for part in torch.arange(60).split(size):
                optimizer.zero_grad()
                loss(module(X[part]), y[part]).backward()
                optimizer.step()
            validate(module)
            with torch.no_grad():
                output = module(X[60:])
                value, score = loss(output, y[60:]), (output.argmax(1) == y[60:]).float().mean()
            if ends is not None:
                ends(module)
            if tell:
                watching.validation(loss=value, score=score)
    return watching


def test_the_line_of_a_pass_in_the_wrong_mode(the: Any, rows: Any) -> None:
    X, y = rows(100)

    def learn(module: nn.Module, optimizer: Any) -> None:
        optimizer.zero_grad()
        output = module(X)  # trained
        CROSS(output, y).backward()
        optimizer.step()

    def validate(module: nn.Module) -> Tensor:
        with torch.no_grad():
            return CROSS(module(X), y)  # held out

    lines = inspect.getsource(inspect.getmodule(learn)).splitlines()  # type: ignore[arg-type]
    for question, mark in ((training_mode, "# trained"), (held_out_mode, "# held out")):
        module = DROPS()
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        with watch(module, optimizer, CROSS) as watching:
            for _ in range(12):
                module.train(question is held_out_mode)
                learn(module, optimizer)
                module.train(question is held_out_mode)
                watching.validation(loss=validate(module))
        place, _, number = the(question, watching).where.line.rpartition(":")
        assert place == __file__
        assert lines[int(number) - 1].endswith(mark)


def stay(module: nn.Module) -> None:
    """The mode is left as it is."""


@pytest.mark.parametrize("make", [DROPS, NORMS], ids=["dropout", "batch statistics"])
def test_training_in_eval_mode(make: Any, the: Any, found: Any, rows: Any) -> None:
    told = the(training_mode, epochs(make(), rows(100), begin=stay))
    assert (told.code, told.level) == ("no-train-mode", "fault")
    assert "after the first validation" in told.seen
    assert told.evidence["share"] == pytest.approx(15 / 18)
    told = the(training_mode, epochs(make(), rows(100), begin=nn.Module.eval))
    assert "from the first" in told.seen
    assert not found(training_mode, epochs(make(), rows(100)))
    assert not found(training_mode, epochs(nn.Linear(6, 3), rows(100), begin=nn.Module.eval))


def test_batch_statistics_that_are_frozen_on_purpose(found: Any, rows: Any) -> None:
    def freeze(module: nn.Module) -> None:
        module.train()
        module[1].eval()

    assert not found(training_mode, epochs(NORMS(), rows(100), begin=freeze))


@pytest.mark.slow
@pytest.mark.parametrize("loss", [CROSS, functional.cross_entropy], ids=["module", "function"])
@pytest.mark.parametrize("size", [60, 20], ids=["one batch", "batches"])
@pytest.mark.parametrize("tell", [True, False], ids=["told", "not told"])
@pytest.mark.parametrize("make", [DROPS, NORMS], ids=["dropout", "batch statistics"])
def test_validation_in_train_mode(loss: Any, size: int, tell: bool, make: Any, the: Any, found: Any, rows: Any) -> None:
    how = {"loss": loss, "size": size, "tell": tell, "n": 10}
    told = the(held_out_mode, epochs(make(), rows(100), validate=stay, **how))
    assert (told.code, told.level) == ("no-eval-mode", "fault")
    assert told.evidence["share"] == 1.0
    assert not found(held_out_mode, epochs(make(), rows(100), **how))
    assert not found(held_out_mode, epochs(make(), rows(100), ends=nn.Module.train, **how))  # put back at once


def test_a_refresh_of_batch_statistics_is_no_validation(found: Any, rows: Any) -> None:
    X, _ = rows(100)
    refresh = lambda module: torch.optim.swa_utils.update_bn(X.split(50), module)  # noqa: E731
    assert not found(held_out_mode, epochs(NORMS(), rows(100), ends=refresh))


def test_an_average_over_passes_with_dropout_is_meant(found: Any, rows: Any) -> None:
    X, y = rows(100)
    for tell in (True, False):

        def average(module: nn.Module) -> None:
            with torch.no_grad():
                mean = torch.stack([module(X[60:]).softmax(1) for _ in range(20)]).mean(0)
            assert mean.shape == (40, 3)

        watching = epochs(DROPS(), (X, y), validate=average, ends=average, tell=tell)
        assert not found(held_out_mode, watching)


def test_targets_that_the_network_makes_itself_are_no_validation(found: Any, draw: Any) -> None:
    module = DROPS()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    with watch(module, optimizer) as watching:
        for _ in range(40):
            with torch.no_grad():
                target = 0.9 * module(draw(20, 6)).amax(1)
            optimizer.zero_grad()
            functional.mse_loss(module(draw(20, 6))[:, 0], target).backward()
            optimizer.step()
    assert watching.tape.noisy_held == 40
    assert not found(held_out_mode, watching)


# direction


@pytest.mark.slow
@pytest.mark.parametrize("times", [-1.0, -0.25])
@pytest.mark.parametrize("loss", [CROSS, functional.cross_entropy])
def test_uphill(times: float, loss: Any, train: Any, the: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 12, 3)
    told = the(downhill, train(module, SGD(module.parameters(), lr=0.01), rows(), loss, times=times))
    assert (told.code, told.level) == ("loss-sign", "fault")
    assert told.evidence["factor"] == pytest.approx(times, rel=1e-3)
    assert not found(downhill, train(module, SGD(module.parameters(), lr=0.01), rows(), loss, times=-times))


def test_an_optimizer_that_climbs(train: Any, the: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 12, 3)
    rule = SGD(module.parameters(), lr=0.01, maximize=True)
    assert the(downhill, train(module, rule, rows())).level == "fault"
    assert not found(downhill, train(module, rule, rows(), times=-1.0))


def test_a_similarity_is_to_grow(train: Any, found: Any, net: Any, draw: Any) -> None:
    similarity = lambda output, target: functional.cosine_similarity(output, target).mean()  # noqa: E731
    module, X = net(6, 12, 3), draw(320, 6)
    watching = train(module, SGD(module.parameters(), lr=0.1), (X, X[:, :3]), similarity, times=-1.0)
    assert all(each.level == "note" for each in found(downhill, watching))


# order


@pytest.mark.parametrize("sorted_rows", [True, False])
def test_one_class_after_the_other(sorted_rows: bool, the: Any, found: Any, net: Any, rows: Any) -> None:
    X, y = rows(300)
    order = y.argsort() if sorted_rows else torch.arange(300)
    module = net(6, 12, 3)
    optimizer = SGD(module.parameters(), lr=0.01)
    with watch(module, optimizer, CROSS) as watching:
        for part in order.split(20):
            optimizer.zero_grad()
            CROSS(module(X[part]), y[part]).backward()
            optimizer.step()
    assert bool(found(order_of_classes, watching)) == sorted_rows
    if sorted_rows:
        told = the(order_of_classes, watching)
        assert (told.code, told.level) == ("unshuffled", "fault")
        assert told.evidence["same"] > 0.9


def test_batches_of_one_class_that_make_one_update_are_mixed(found: Any, net: Any, adam: Any, draw: Any) -> None:
    module, loss = net(6, 12, 1), nn.BCEWithLogitsLoss()
    optimizer = adam(module)
    with watch(module, optimizer, loss) as watching:
        for _ in range(20):
            optimizer.zero_grad()
            loss(module(draw(16, 6) + 1), torch.ones(16, 1)).backward()
            loss(module(draw(16, 6) - 1), torch.zeros(16, 1)).backward()
            optimizer.step()
    assert len(watching.tape.batches) == 40
    assert not found(order_of_classes, watching)
