"""Scores that a line or neighbours beat, answers that are all the same, and programs that are right on hard data."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks.after.score import held_down, one_answer

CROSS, LOGITS, SQUARES, ABSOLUTE = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss(), nn.L1Loss()
either = pytest.mark.parametrize("held", [True, False], ids=["held-out rows", "training rows"])


# worse than a line


@either
def test_a_network_that_stopped_long_before_a_line(held: bool, train: Any, net: Any, halves: Any) -> None:
    program = train(net(64, 32, 10), CROSS, *halves("load_digits"), epochs=1, lr=1e-4)
    found = program.asked(held_down, held)
    assert [(each.code, each.level) for each in found] == [("underfitting", "fault")]
    evidence = found[0].evidence
    assert evidence["line"] > 0.9
    assert evidence["network"] < 0.8
    assert evidence["line"] - evidence["network"] > 3 * evidence["error"]
    assert ("held-out rows" in found[0].seen) is held


def test_numbers_too(train: Any, net: Any, halves: Any) -> None:
    program = train(net(10, 16, 1), SQUARES, *halves("make_regression", n_samples=400, n_features=10), epochs=1)
    (found,) = program.asked(held_down)
    assert (found.code, found.level) == ("underfitting", "fault")
    assert "R^2" in found.seen
    assert found.evidence["line"] > 0.99


def test_more_steps_that_help_are_the_remedy(train: Any, net: Any, halves: Any) -> None:
    data = halves("make_regression", n_samples=400, n_features=10)
    program = train(net(10, 16, 1), SQUARES, *data, epochs=2)
    (found,) = program.asked(held_down, epochs=2)
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("loop", "epochs", 10)
    assert found.evidence["loss_after"] < 0.85 * found.evidence["loss"]
    assert "10 epochs" in found.do
    (found,) = program.asked(held_down)
    assert found.remedy is None
    assert found.do.startswith("Train several times as long")


def test_a_rate_that_helps_is_the_remedy(train: Any, net: Any, halves: Any) -> None:
    program = train(net(64, 32, 10), CROSS, *halves("load_digits"), epochs=2, lr=1e-4)
    (found,) = program.asked(held_down, epochs=2)
    assert (found.remedy.object, found.remedy.argument) == ("optimizer", "lr")
    assert found.remedy.value == pytest.approx(1e-3)


@pytest.mark.slow
def test_nothing_that_helps_a_copy(train: Any, net: Any, halves: Any) -> None:
    program = train(net(64, 1, 10), CROSS, *halves("load_digits"), epochs=60)
    program.optimizer = None
    (found,) = program.asked(held_down)
    assert found.level == "fault"
    assert found.remedy is None
    assert "more units" in found.do


def test_a_small_distance_is_a_note(train: Any, net: Any, halves: Any) -> None:
    program = train(net(64, 32, 10), CROSS, *halves("load_digits"), epochs=5, lr=1e-3)
    (found,) = program.asked(held_down)
    assert (found.code, found.level) == ("underfitting", "note")
    assert 0.05 < found.evidence["line"] - found.evidence["network"] < 0.1


def test_frozen_layers_that_are_declared_make_it_a_note(train: Any, net: Any, halves: Any) -> None:
    module = net(64, 8, 10)
    module[0].requires_grad_(False)
    optimizer = torch.optim.Adam(module[2].parameters(), 1e-2)
    program = train(module, CROSS, *halves("load_digits"), optimizer=optimizer)
    assert program.asked(held_down)[0].level == "fault"
    assert program.asked(held_down, frozen=("0",))[0].level == "note"


# no better than a line, where neighbours are


def test_two_units_on_moons(train: Any, net: Any, halves: Any) -> None:
    program = train(net(2, 2, 2), CROSS, *halves("make_moons", n_samples=600, noise=0.1), epochs=10)
    (found,) = program.asked(held_down)
    assert (found.code, found.level) == ("underfitting", "fault")
    assert found.evidence["neighbours"] > 0.97
    assert found.evidence["network"] < 0.9
    assert program.asked(held_down, held=False) == []  # neighbours among training rows may be their copies


def test_enough_units_on_moons(train: Any, net: Any, halves: Any) -> None:
    program = train(net(2, 32, 2), CROSS, *halves("make_moons", n_samples=600, noise=0.1), epochs=40)
    assert program.asked(held_down) == []


def test_a_linear_network_is_meant_so(train: Any, halves: Any) -> None:
    program = train(nn.Linear(2, 2), CROSS, *halves("make_moons", n_samples=600, noise=0.1), epochs=40)
    (found,) = program.asked(held_down)
    assert found.level == "note"
    assert "hidden layer" in found.do


# right programs


def test_a_right_network_on_a_straight_task(train: Any, net: Any, draw: Any) -> None:
    X = draw(600, 8)
    y = X @ draw(8, 1) + 0.3 * draw(600, 1)
    program = train(net(8, 32, 1), SQUARES, (X[:400], y[:400]), (X[400:], y[400:]), epochs=40)
    context = program.context()
    assert list(held_down(context)) == []
    assert context.quality(context.judged, context.line) > 0.95


@pytest.mark.slow
def test_learned_by_heart_is_not_held_down(train: Any, net: Any, halves: Any) -> None:
    program = train(net(10, 128, 1), SQUARES, *halves("load_diabetes"), epochs=200)
    context = program.context()
    assert context.behind(context.held_out, context.line).mean > 0.1
    assert list(held_down(context)) == []


@pytest.mark.parametrize(
    "loss",
    [nn.CrossEntropyLoss(weight=torch.tensor([1.0, 30.0])), nn.CrossEntropyLoss(weight=torch.tensor([30.0, 1.0]))],
    ids=["the second class", "the first class"],
)
def test_a_loss_that_minds_one_class_more(loss: Any, train: Any, net: Any, halves: Any) -> None:
    program = train(net(2, 16, 2), loss, *halves("make_moons", n_samples=600, noise=0.5), epochs=20)
    context = program.context()
    assert not context.even
    assert list(held_down(context)) == []


def test_a_loss_that_minds_too_little_more_than_too_much(train: Any, net: Any, halves: Any) -> None:
    def quantile(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        away = target - output
        return torch.maximum(0.95 * away, -0.05 * away).mean()

    program = train(net(10, 16, 1), quantile, *halves("load_diabetes"), epochs=40)
    context = program.context()
    assert context.task == "numbers"
    assert not context.even
    assert list(held_down(context)) == []


def test_absolute_errors_are_compared_by_themselves(train: Any, net: Any, draw: Any) -> None:
    X = draw(600, 4)
    y = X.sum(1, keepdim=True) + 60 * (draw(600, 1) > 2.2)  # a few rows far away
    program = train(net(4, 32, 1), ABSOLUTE, (X[:400], y[:400]), (X[400:], y[400:]), epochs=40)
    context = program.context()
    assert "absolute" in context.score
    assert list(held_down(context)) == []


def test_a_bottleneck_that_copies_its_input(train: Any, net: Any, draw: Any) -> None:
    X = draw(400, 12)
    program = train(net(12, 2, 12), SQUARES, (X, X), epochs=20)
    assert program.context().task == ""
    assert program.asked(held_down) == []


def test_an_embedding_whose_largest_output_means_nothing(train: Any, net: Any, halves: Any) -> None:
    def alike(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        apart = torch.cdist(output, output)
        same = target[:, None] == target[None, :]
        return torch.where(same, apart, (1 - apart).clamp_min(0)).mean()

    program = train(net(13, 16, 3), alike, *halves("load_wine"), epochs=10)
    assert program.context().task == ""
    assert program.asked(held_down) == []


# collapse


@either
def test_one_class_for_every_row(held: bool, train: Any, net: Any, halves: Any) -> None:
    module = net(13, 16, 3)
    program = train(module, CROSS, *halves("load_wine"), epochs=0)
    with torch.no_grad():
        module[2].bias[1] += 50
    (found,) = program.asked(one_answer, held)
    assert (found.code, found.level) == ("collapse", "fault")
    assert found.evidence["class"] == 1
    assert found.evidence["share"] == 1.0
    assert found.evidence["rival"] > 0.9
    assert program.asked(held_down, held) == []  # told once


def test_one_logit(train: Any, net: Any, halves: Any) -> None:
    (X, y), (Xh, yh) = halves("load_breast_cancer")
    module = net(30, 8, 1)
    program = train(module, LOGITS, (X, y[:, None].float()), (Xh, yh[:, None].float()), epochs=0)
    with torch.no_grad():
        module[2].bias += 50
    (found,) = program.asked(one_answer)
    assert (found.code, found.level, found.evidence["class"]) == ("collapse", "fault", 1)


def test_the_same_answer_is_a_note_where_nobody_knows_better(train: Any, net: Any, draw: Any) -> None:
    X, y = draw(600, 5), (torch.arange(600) % 10 > 6).long()
    program = train(net(5, 2, 2), CROSS, (X[:300], y[:300]), (X[300:], y[300:]), epochs=0)
    with torch.no_grad():
        program.module[2].bias[0] += 50
    (found,) = program.asked(one_answer)
    assert (found.code, found.level) == ("collapse", "note")


def test_the_same_answer_is_right_for_nearly_all_rows(train: Any, net: Any, draw: Any) -> None:
    X, y = draw(600, 5), (torch.arange(600) % 10 > 8).long()
    program = train(net(5, 8, 2), CROSS, (X[:300], y[:300]), (X[300:], y[300:]), epochs=5)
    assert program.asked(one_answer) == []


def test_one_number_for_every_row(train: Any, net: Any, halves: Any) -> None:
    module = net(10, 16, 1)
    program = train(module, SQUARES, *halves("load_diabetes"), epochs=0)
    with torch.no_grad():
        module[2].weight *= 1e-3
    (found,) = program.asked(one_answer)
    assert (found.code, found.level) == ("collapse", "fault")
    assert found.evidence["share"] < 0.01
    assert found.evidence["line"] > 0.3


def test_one_number_is_the_best_answer_to_noise(train: Any, net: Any, draw: Any) -> None:
    X, y = draw(400, 5), draw(400, 1)
    program = train(net(5, 1), SQUARES, (X, y), epochs=0)
    with torch.no_grad():
        program.module[0].weight *= 0
    assert program.asked(one_answer) == []


def test_few_rows(train: Any, net: Any, halves: Any) -> None:
    (X, y), _ = halves("load_wine")
    program = train(net(13, 16, 3), CROSS, (X[:25], y[:25]), epochs=0)
    assert [*program.asked(one_answer), *program.asked(held_down)] == []


def test_what_is_found_stands_without_time_for_a_remedy(train: Any, net: Any, halves: Any) -> None:
    program = train(net(64, 32, 10), CROSS, *halves("load_digits"), epochs=1, lr=1e-4)
    context = program.context()
    context.budget.spent = 1e9
    (found,) = held_down(context)
    assert (found.level, found.remedy) == ("fault", None)
    assert "loss_after" not in found.evidence
