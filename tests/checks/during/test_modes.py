"""In which mode a module is, and which passes without gradient are a validation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks.during.modes import GROUPS, Held, Modes, noisy, stateful
from netwright.checks.during.tape import Tape


@pytest.mark.parametrize(
    ("part", "depends"),
    [
        (nn.Dropout(0.5), True),
        (nn.AlphaDropout(0.1), True),
        (nn.BatchNorm1d(3), True),
        (nn.BatchNorm1d(3, track_running_stats=False), False),
        (nn.InstanceNorm1d(3), False),
        (nn.InstanceNorm1d(3, track_running_stats=True), True),
        (nn.LSTM(2, 3, 2, dropout=0.1), True),
        (nn.LSTM(2, 3, 2), False),
        (nn.MultiheadAttention(4, 2, dropout=0.1), True),
        (nn.MultiheadAttention(4, 2), False),
        (nn.RReLU(), True),
        (nn.LayerNorm(3), False),
        (nn.Linear(2, 3), False),
    ],
    ids=str,
)
def test_layers_that_depend_on_the_mode(part: nn.Module, depends: bool) -> None:
    found = [each for each in stateful(nn.Sequential(part)) if each is part]
    assert bool(found) == depends


def test_a_layer_is_on_in_train_mode() -> None:
    assert noisy(nn.Dropout(0.5))
    assert not noisy(nn.Dropout(0.5).eval())
    assert not noisy(nn.Dropout(0.0))
    assert noisy(nn.BatchNorm1d(2))


def counted(module: nn.Module, *states: Any) -> tuple[int, int]:
    """Training passes looked at and those in eval mode, of a module that is put into one state after the other."""
    tape = Tape()
    modes = Modes(tape, module)
    for put in states:
        put()
        modes.training_pass()
    return tape.modes, tape.quiet_training


def test_training_passes_in_eval_mode() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2))
    assert counted(module, module.train, module.train) == (2, 0)
    assert counted(module, module.train, module.eval, module.eval) == (3, 2)
    assert counted(module, module.eval, module.eval) == (2, 2)
    assert counted(nn.Linear(2, 2).eval(), lambda: None) == (0, 0)


def test_layers_that_are_frozen_from_the_first_pass_on_are_meant_so() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert counted(module, module[1].eval, lambda: None) == (2, 0)
    inside = nn.Sequential(module.train())
    assert counted(inside, lambda: None, module.eval, lambda: None) == (3, 2)  # put to eval mode by a validation


def test_norms_alone_that_are_put_to_eval_mode_later_are_frozen_on_purpose() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))

    def freeze() -> None:
        module[1].eval()
        module[2][1].eval()

    assert counted(module, lambda: None, freeze, freeze) == (3, 0)
    assert counted(module, module.train, module.eval, freeze) == (3, 2)


def groups(*passes: Any, used: bool = True) -> tuple[Tape, Held]:
    """Groups of passes, each a list of inputs, over a module with dropout that is in train mode."""
    tape = Tape()
    held = Held(tape, Modes(tape, nn.Dropout()))
    for group in passes:
        for inputs in group:
            held.begin((inputs,))
        held.used += used
        held.close()
    return tape, held


def test_a_group_of_passes_is_a_validation() -> None:
    one, other = torch.ones(3, 2), torch.zeros(3, 2)
    tape, held = groups([one, other], [one, other])
    assert (tape.held, tape.validations, tape.noisy_held, tape.same_held) == (2, 2, 2, True)
    held.close()
    assert tape.held == 2


def test_passes_whose_answers_nobody_uses_are_none() -> None:
    tape, _ = groups([torch.ones(3, 2)], [torch.ones(3, 2)], used=False)
    assert (tape.held, tape.validations, tape.noisy_held) == (2, 0, 0)


def test_many_passes_of_the_same_rows_are_an_average() -> None:
    rows = torch.ones(3, 2)
    tape, _ = groups([rows] * 10)
    assert (tape.validations, tape.noisy_held) == (1, 0)


def test_other_rows_each_time() -> None:
    tape, _ = groups(*([torch.full((3, 2), float(k))] for k in range(4)))
    assert not tape.same_held
    assert groups([torch.ones(3, 2)])[0].same_held is False  # of one nothing is known


def test_a_pass_in_eval_mode_makes_the_group_one() -> None:
    tape = Tape()
    module = nn.Dropout()
    held = Held(tape, Modes(tape, module))
    held.begin((torch.ones(2, 2),))
    module.eval()
    held.begin((torch.zeros(2, 2),))
    assert not held.noisy
    module.train()


def test_after_some_groups_only_the_mode_is_looked_at() -> None:
    rows = [[torch.ones(3, 2)]] * (GROUPS + 3)
    tape, held = groups(*rows)
    assert tape.validations == GROUPS + 3
    assert not held.close_look
