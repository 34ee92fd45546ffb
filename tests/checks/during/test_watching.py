"""`watch` from outside: what it takes, what it is told, what it says, and what it never touches."""

from __future__ import annotations

import math
import random
import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import netwright as nw
from netwright.checks.during.tape import Tape
from netwright.checks.during.watching import QUESTIONS, Watched
from netwright.core.errors import InvalidParameter

CROSS = nn.CrossEntropyLoss()


@pytest.fixture
def program(net: Any, adam: Any) -> Any:
    module = net(6, 12, 3)
    return module, adam(module)


# what it takes


def test_what_cannot_be_watched(program: Any) -> None:
    module, optimizer = program
    with pytest.raises(InvalidParameter, match=r"nw.watch\(module\).*torch.nn.Module"):
        nw.watch("module", optimizer)
    with pytest.raises(InvalidParameter, match=r"torch\.optim\.Optimizer"):
        nw.watch(module, "sgd")
    with pytest.raises(InvalidParameter, match=r"loss\(output, target\)"):
        nw.watch(module, optimizer, 3)
    with pytest.raises(InvalidParameter, match="lr-too-high"):
        nw.watch(module, optimizer, ignore=["lr-to-high"])


def test_a_loop_without_a_loss(train: Any, program: Any, rows: Any) -> None:
    module, optimizer = program
    X, y = rows(64)
    with nw.watch(module, optimizer) as watching:
        for _ in range(30):
            CROSS(module(X), y).backward()
            optimizer.step()
    assert watching.diagnosis.codes == ("missing-zero-grad",)
    assert watching._watched.context() is None


@pytest.mark.parametrize("loss", [functional.cross_entropy, nn.functional.multi_margin_loss])
def test_a_loss_that_is_a_function(loss: Any, train: Any, program: Any, rows: Any) -> None:
    module, optimizer = program
    watching = train(module, optimizer, rows(), loss, epochs=10)
    assert watching.diagnosis.ok
    assert len(watching.tape.batches) == 64


def test_a_rule_whose_step_takes_no_closure(net: Any, rows: Any, train: Any) -> None:
    class Descent(torch.optim.Optimizer):
        def __init__(self, parameters: Any, lr: float) -> None:
            super().__init__(parameters, {"lr": lr})

        @torch.no_grad()
        def step(self) -> None:  # type: ignore[override]
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter -= group["lr"] * parameter.grad

    for rate, codes in ((0.3, ()), (300.0, ("lr-too-high",))):
        module = net(6, 24, 24, 3)
        watching = train(module, Descent(module.parameters(), rate), rows(), epochs=10)
        assert watching.tape.steps == 100
        assert watching.diagnosis.codes == codes
        assert "not-examined" not in [each.code for each in watching.diagnosis.notes]


def test_a_module_that_cannot_be_copied(adam: Any, rows: Any, formula: Any, train: Any) -> None:
    module = formula(lambda m, x: m.layer(x), layer=nn.Linear(6, 3))
    module.lock = threading.Lock()
    watching = train(module, adam(module), rows(), epochs=10)
    assert watching.tape.steps == 100
    assert watching._watched.beginning is None
    assert watching.diagnosis.ok


def test_findings_that_are_ignored(train: Any, program: Any, rows: Any) -> None:
    module, optimizer = program
    watching = train(module, optimizer, rows(), zero=False, ignore=["missing-zero-grad"])
    assert "missing-zero-grad" not in [each.code for each in watching.diagnosis.findings]


# what it is told


def test_held_out_figures(program: Any) -> None:
    module, optimizer = program
    watching = nw.watch(module, optimizer)
    watching.validation(loss=torch.tensor(0.5, requires_grad=True), score=np.float64(0.75))
    watching.validation(loss=None, score=1)
    watching.validation()
    watching.validation(loss=math.nan, score=torch.tensor([0.25]))
    told = [(each.loss, each.score) for each in watching.tape.checked]
    assert told[0] == (0.5, 0.75)
    assert math.isnan(told[1][0])
    assert told[1][1] == 1.0
    assert all(map(math.isnan, told[2]))
    assert told[3][1] == 0.25
    for value in ("good", torch.ones(3), [0.5, 0.6]):
        with pytest.raises(InvalidParameter, match=r"watch.validation\(score\).*a number"):
            watching.validation(score=value)
    assert len(watching.tape.checked) == 4


def test_figures_that_are_not_told_say_nothing(train: Any, program: Any, rows: Any) -> None:
    module, optimizer = program
    tell = lambda watching: watching.validation(loss=math.nan, score=None)  # noqa: E731
    assert train(module, optimizer, rows(), epochs=8, each_epoch=tell).diagnosis.ok


# what it says


def test_a_right_program(train: Any, program: Any, rows: Any) -> None:
    module, optimizer = program
    diagnosis = train(module, optimizer, rows(), epochs=15).diagnosis
    assert diagnosis.ok
    assert str(diagnosis) == "No findings."
    assert {"first step over the weights", "updates after which the gradient stays"} <= set(diagnosis.signals)


def test_the_root_cause_comes_first(train: Any, net: Any, rows: Any) -> None:
    module = net(6, 24, 3)
    optimizer = torch.optim.SGD(module.parameters(), lr=30.0)
    diagnosis = train(module, optimizer, rows(), zero=False).diagnosis
    assert diagnosis.codes[0] == "missing-zero-grad"
    assert diagnosis.faults[0].stage == "run"


def test_a_diagnosis_is_made_once_for_each_state_of_the_run(train: Any, program: Any, rows: Any) -> None:
    module, optimizer = program
    watching = train(module, optimizer, rows())
    first = watching.diagnosis
    assert watching.diagnosis is first
    watching.validation(loss=0.5)
    assert watching.diagnosis is not first


def test_every_question_has_an_answer_of_an_empty_run(program: Any) -> None:
    module, optimizer = program
    watching = nw.watch(module, optimizer, CROSS)
    assert watching.diagnosis.findings == ()
    for question in QUESTIONS:
        assert not list(question(watching._watched))


def test_no_question_raises_for_a_run_of_one_step(train: Any, program: Any, rows: Any) -> None:
    module, optimizer = program
    watching = train(module, optimizer, rows(20), epochs=1)
    assert watching.tape.steps == 1
    assert watching.diagnosis.findings == ()


# what it never touches


@pytest.mark.slow
def test_a_diagnosis_changes_nothing(train: Any, net: Any, rows: Any) -> None:
    module = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 3))
    optimizer = torch.optim.Adam(module.parameters(), lr=1.0)  # a run that fails, so that everything is asked
    watching = train(module, optimizer, rows(), epochs=6)
    module.eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    gradients = [p.grad.clone() for p in module.parameters()]
    moments = [part.clone() for held in optimizer.state.values() for part in held.values()]
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    assert not watching.diagnosis.ok
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert all(torch.equal(a, p.grad) for a, p in zip(gradients, module.parameters(), strict=True))
    now = [part for held in optimizer.state.values() for part in held.values()]
    assert all(torch.equal(a, b) for a, b in zip(moments, now, strict=True))
    assert not module.training
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002
    assert states[2] == random.getstate()


def test_entering_draws_nothing(program: Any) -> None:
    module, optimizer = program
    before = torch.get_rng_state()
    with nw.watch(module, optimizer, CROSS):
        pass
    assert torch.equal(before, torch.get_rng_state())


def test_weights_that_moved(program: Any, net: Any) -> None:
    module, optimizer = program
    with nw.watch(module, optimizer, CROSS) as watching:
        assert not watching._watched.moved
        with torch.no_grad():
            module[0].bias[0] += 1
        assert watching._watched.moved
    unknown = Watched(Tape(), net(2, 2), [], None, watching._watched.intent)
    assert unknown.moved
