"""Huber against the equation in NumPy and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import huber

from netwright.core.errors import InvalidParameter
from netwright.losses import Huber


@pytest.mark.parametrize("delta", [0.1, 1.0, 3.0])
def test_scipy(delta: float, draw: Any) -> None:
    z, t = 3 * draw(20, 3), draw(20, 3)
    expected = huber(delta, (z - t).numpy())
    torch.testing.assert_close(Huber(delta).terms(z, t), torch.from_numpy(expected).mean(1))


def test_the_equation_on_both_sides_of_delta() -> None:
    error = np.array([-5.0, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0])
    expected = np.where(np.abs(error) <= 2, error**2 / 2, 2 * (np.abs(error) - 1))
    terms = Huber(2).terms(torch.from_numpy(error), torch.zeros(7))
    np.testing.assert_allclose(terms.numpy(), expected)


@pytest.mark.parametrize("delta", [0, -1.0, "a"])
def test_a_delta_that_cannot_be(delta: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"Huber\(delta\): expected a number in \(0, inf\), got"):
        Huber(delta)
