"""The time of a check."""

from __future__ import annotations

import time

import pytest

from netwright.checks.budget import HURRIED, Budget, OutOfTime, now


def spend(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_what_is_spent_is_counted_and_the_last_trial_is_brought_to_its_end() -> None:
    budget = Budget(0.02)
    for _ in range(2):
        with budget.running():
            spend(0.015)
    assert 0.03 <= budget.spent < 0.1
    with pytest.raises(OutOfTime, match=r"the trials before had taken their 0\.0 s"), budget.running():
        pytest.fail("there is no time left")


def test_time_is_counted_after_an_error() -> None:
    budget = Budget(0.01)

    def trial() -> None:
        with budget.running():
            spend(0.02)
            raise KeyError

    with pytest.raises(KeyError):
        trial()
    with pytest.raises(OutOfTime), budget.running():
        pytest.fail("there is no time left")


def test_after_a_fault_there_is_less() -> None:
    budget = Budget(0.1)
    budget.spent = 0.1 * HURRIED + 0.01
    with budget.running():
        pass
    budget.hurried = True
    with pytest.raises(OutOfTime), budget.running():
        pytest.fail("there is no time left")


def test_more_can_be_allowed_and_nothing() -> None:
    budget = Budget(0.1)
    budget.allow(0.05)
    assert budget.seconds == 0.1
    budget.allow(7.0)
    assert budget.seconds == 7.0
    budget.close("a step takes an hour")
    with pytest.raises(OutOfTime, match="a step takes an hour"), budget.running():
        pytest.fail("it is closed")


def test_the_clock_is_that_of_the_processor() -> None:
    begin = now()
    time.sleep(0.05)
    assert now() - begin < 0.04
