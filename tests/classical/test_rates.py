"""Settings over a run against the sentence that defines them."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.classical.rates import at_epoch, over_steps, varying
from netwright.core.errors import InvalidParameter
from netwright.core.schedules import exponential_decay, polynomial_decay, step_decay


def test_a_number_stays() -> None:
    np.testing.assert_array_equal(over_steps(0.3, 2, 5, 4), np.full(4, 0.3))


def test_a_pair_falls_linearly_and_stays_at_its_last() -> None:
    run = np.concatenate([over_steps((1.0, 0.2), epoch, 4, 5) for epoch in range(6)])
    expected = [1.0 + (0.2 - 1.0) * min(step / 20, 1.0) for step in range(30)]
    np.testing.assert_allclose(run, expected, rtol=1e-15)
    assert at_epoch([1.0, 0.2], 2, 4) == pytest.approx(0.6)


def test_a_schedule_is_asked_at_each_step_or_each_epoch() -> None:
    within = exponential_decay(0.5, 0.1)
    np.testing.assert_array_equal(over_steps(within, 3, 9, 4), [within.rate(3 + i / 4, 9) for i in range(4)])
    by_epoch = step_decay(0.5, every=2)
    np.testing.assert_array_equal(over_steps(by_epoch, 3, 9, 4), np.full(4, by_epoch.rate(3, 9)))


@pytest.mark.parametrize(
    ("setting", "good"),
    [
        (0.5, True),
        ((0.5, 0.1), True),
        ([0.5, 0.0], False),
        (0.0, False),
        (True, False),
        ((0.5,), False),
        ("0.5", False),
        (step_decay(0.1, every=2), True),
        (float("nan"), False),
    ],
)
def test_what_a_setting_may_be(setting: object, good: bool) -> None:
    constraint = varying(0, closed="neither")
    assert constraint.accepts(setting) is good
    assert constraint.text == "a number in (0, inf), a pair (first, last) of such, or a schedule"


def test_a_schedule_that_leaves_its_range_is_refused() -> None:
    for setting, text in (
        (
            exponential_decay(3.0, 0.1),
            r"Some\(rate\): expected a schedule in \[0, 1\], got 2\.22245 in epoch 3\. Scale",
        ),
        (step_decay(1.5, every=9), r"Some\(rate\): expected a schedule in \[0, 1\], got 1\.5 in epoch 3"),
    ):
        with pytest.raises(InvalidParameter, match=text):
            over_steps(setting, 3, 9, 4, where="Some(rate)", most=1)
        assert over_steps(setting, 3, 9, 4)[0] > 1
    np.testing.assert_array_equal(over_steps(polynomial_decay(0.5), 9, 9, 2, most=1), [0.0, 0.0])  # past its end
