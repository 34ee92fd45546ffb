"""Whether a program takes care of numbers that are missing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.data import finite

SQUARES = nn.MSELoss()


@pytest.fixture
def data(draw: Any) -> tuple[Tensor, Tensor]:
    X = draw(60, 4)
    X[::7, 2] = torch.nan
    return X, draw(60, 1)


def masked(z: Tensor, t: Tensor) -> Tensor:
    """The mean squared error of what is there."""
    return SQUARES(z[~t.isnan()], t[~t.isnan()])  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "fill",
    [lambda x: x.nan_to_num(0.0), lambda x: torch.where(x.isnan(), 0.0, x), lambda x: x.masked_fill(x.isnan(), 1.0)],
)
def test_numbers_that_forward_fills_are_a_note(fill: Any, one: Any, formula: Any, data: Any) -> None:
    found = one(finite, formula(lambda m, x: m.o(fill(x)), o=nn.Linear(4, 1)), SQUARES, data)
    assert (found.code, found.level, found.remedy) == ("non-finite-data", "note", None)
    assert found.evidence == {"values": 9, "rows": 9}


def test_targets_that_the_loss_masks_are_a_note(one: Any, draw: Any, data: Any) -> None:
    assert one(finite, nn.Linear(4, 4), masked, (draw(60, 4), data[0])).level == "note"


def test_what_nobody_takes_care_of_is_a_fault(one: Any, draw: Any, data: Any) -> None:
    assert one(finite, nn.Linear(4, 1), SQUARES, data).level == "fault"
    assert one(finite, nn.Linear(4, 1), masked, data).level == "fault"
    assert one(finite, nn.Linear(4, 4), SQUARES, (draw(60, 4), data[0])).level == "fault"


def test_inputs_and_targets_are_asked_about_apart(ask: Any, formula: Any, draw: Any) -> None:
    X, Y = draw(60, 4), draw(60, 4)
    X[::7, 2], Y[::5, 1] = torch.nan, torch.nan
    filled = formula(lambda m, x: m.o(x.nan_to_num(0.0)), o=nn.Linear(4, 4))
    assert [each.level for each in ask(finite, filled, SQUARES, (X, Y))] == ["note", "fault"]
    assert [each.level for each in ask(finite, nn.Linear(4, 4), masked, (X, Y))] == ["fault", "note"]
    assert [each.level for each in ask(finite, filled, masked, (X, Y))] == ["note", "note"]


def test_a_finite_loss_is_not_enough(one: Any, formula: Any, data: Any) -> None:
    # what is not finite is multiplied by a gradient of 0: the loss is finite and the gradient is not
    late = formula(lambda m, x: torch.where(m.o(x).isnan(), 0.0, m.o(x)), o=nn.Linear(4, 1))
    assert one(finite, late, SQUARES, data).level == "fault"


def test_infinity_that_saturates_is_a_fault(one: Any, formula: Any, draw: Any) -> None:
    X = draw(60, 4)
    X[3, 1] = torch.inf
    squashed = formula(lambda m, x: m.o(m.i(x).tanh()), i=nn.Linear(4, 6), o=nn.Linear(6, 1))
    assert one(finite, squashed, SQUARES, (X, draw(60, 1))).level == "fault"


def test_held_out_rows_are_asked_about_too(ask: Any, formula: Any, draw: Any, data: Any) -> None:
    filled = formula(lambda m, x: m.o(x.nan_to_num(0.0)), o=nn.Linear(4, 1))
    held = draw(20, 4), draw(20, 1)
    held[0][4, 1] = torch.nan
    assert [each.level for each in ask(finite, filled, SQUARES, data, validation=held)] == ["note", "note"]
    right = draw(60, 4), data[1]
    assert [each.level for each in ask(finite, nn.Linear(4, 1), SQUARES, right, validation=held)] == ["fault"]


def test_how_many_rows_there_are_is_a_signal_even_of_none(context: Any, draw: Any, data: Any) -> None:
    for X, rows in ((data[0], 9), (draw(60, 4), 0)):
        program = context(nn.Linear(4, 1), SQUARES, (X, data[1]))
        list(finite(program))
        assert program.signals["rows of X that are not finite"].value == rows
        assert program.signals["rows of y that are not finite"].value == 0
