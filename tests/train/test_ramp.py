"""What follows from the losses of a range test: the rates of its definition, and nothing where nothing was learned."""

from __future__ import annotations

import math

import numpy as np
import pytest

from netwright.train import RangeTest


def test_marked_rates_are_those_of_the_definition() -> None:
    x = np.linspace(-6, 1, 141)
    losses = 1 - np.tanh(3 * (x + 2)) / 2 + np.exp(4 * x)
    found = RangeTest(10**x, losses, steps=141, smoothing=0.0)
    assert found.minimum == pytest.approx(10 ** x[losses.argmin()])
    assert found.steepest == pytest.approx(10**-2.0)
    assert found.suggestion == pytest.approx(math.sqrt(found.steepest * found.minimum / 10))
    assert str(found).startswith(f"RangeTest(suggestion={found.suggestion:.3g}, steepest=0.01, minimum=")
    assert str(found).endswith("diverged_at=None, 141 of 141 steps)")
    assert "\n" not in repr(found)


def test_the_noise_of_the_beginning_is_not_judged() -> None:
    rates, losses = np.geomspace(1e-7, 10, 100), np.ones(100)
    losses[0], losses[60:80], losses[80:] = 0.1, np.linspace(1, 0.5, 20), 3.0  # the first batch is an easy one
    found = RangeTest(rates, losses, steps=100, smoothing=0.5)
    assert found.minimum == rates[79]
    assert found.steepest is not None
    assert rates[60] <= found.steepest <= rates[79]


@pytest.mark.parametrize("losses", [np.linspace(1, 5, 30), np.ones(30), np.array([1.0]), np.array([])])
def test_a_loss_that_never_falls_suggests_nothing(losses: np.ndarray) -> None:
    found = RangeTest(np.geomspace(1e-3, 1, 30)[: len(losses)], losses, steps=30)
    assert found.suggestion is found.steepest is found.minimum is None
    assert "suggestion=None" in repr(found)


def test_the_result_is_frozen() -> None:
    found = RangeTest(np.array([1.0, 2.0]), np.array([1.0, 0.5]), steps=2)
    with pytest.raises(AttributeError):
        found.steps = 3  # type: ignore[misc]
    assert found == RangeTest(np.array([1.0, 2.0]), np.array([1.0, 0.5]), steps=2)
    assert found != RangeTest(np.array([1.0, 2.0]), np.array([1.0, 0.5]), steps=3)
    assert found != "found"
    assert list(found.to_frame()) == ["learning_rate", "loss", "smoothed"]
    for numbers in (found.rates, found.losses, found.smoothed):
        with pytest.raises(ValueError, match="read-only"):
            numbers[0] = 0.0
