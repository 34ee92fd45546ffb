"""The time of a check, and the work that it is counted by."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from torch import nn

from netwright.checks.budget import HURRIED, PATIENCE, Budget, OutOfTime
from netwright.checks.work import CALL, FLOP, NUMBER, START, now, seconds_of


def busy(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def assert_nothing_is_left(budget: Budget, text: str = r"the trials before had taken their \d\.\d s") -> None:
    with pytest.raises(OutOfTime, match=text):
        budget.demand()


def test_what_is_spent_is_counted_and_the_last_trial_is_brought_to_its_end() -> None:
    budget = Budget(0.5)
    for _ in range(2):
        budget.demand()
        budget.spend(0.4)
    assert budget.spent == 0.8
    assert_nothing_is_left(budget)


def test_after_a_fault_there_is_less() -> None:
    budget = Budget(0.5)
    budget.spend(0.5 * HURRIED + 0.01)
    budget.demand()
    budget.hurried = True
    assert_nothing_is_left(budget)


def test_more_can_be_allowed_and_nothing() -> None:
    budget = Budget(0.1)
    budget.allow(0.05)
    assert budget.seconds == 0.1
    budget.allow(7.0)
    assert budget.seconds == 7.0
    budget.close("a step takes an hour")
    assert_nothing_is_left(budget, "a step takes an hour")


def test_a_check_that_takes_very_much_longer_than_was_counted_is_cut_short() -> None:
    budget = Budget(0.01)
    budget.demand()
    busy(0.01 * PATIENCE + 0.01)
    assert_nothing_is_left(budget)


def test_the_clock_is_that_of_the_processor() -> None:
    begin = now()
    time.sleep(0.05)
    assert now() - begin < 0.04


def test_the_prices_of_a_product() -> None:
    a, b = torch.ones(30, 40), torch.ones(40, 50)
    numbers = 30 * 40 + 40 * 50 + 30 * 50
    assert seconds_of(lambda n: [a @ b for _ in range(n)]) == pytest.approx(
        START + CALL + NUMBER * numbers + FLOP * 2 * 30 * 40 * 50
    )


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)), (4, 3, 9, 9)),
        (nn.LSTM(3, 5, batch_first=True), (4, 6, 3)),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (4, 6, 8)),
    ],
)
def test_the_same_step_counts_the_same_and_a_larger_one_more(module: nn.Module, shape: tuple[int, ...]) -> None:
    def step(rows: int) -> Callable[[int], None]:
        x = torch.linspace(-1, 1, shape[0] * shape[1]).repeat_interleave(torch.Size(shape[2:]).numel()).view(shape)
        x = x.repeat(rows, *[1] * (len(shape) - 1))

        def run(steps: int) -> None:
            for _ in range(steps):
                output = module(x)
                output = output[0] if isinstance(output, tuple) else output
                output.square().sum().backward()

        return run

    step(1)(1)
    assert seconds_of(step(1)) == seconds_of(step(1)) < seconds_of(step(8))


def test_a_step_whose_work_is_not_torchs_is_measured() -> None:
    assert 0.04 < seconds_of(lambda n: busy(0.05 * n)) < 5
