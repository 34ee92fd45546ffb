"""The logistic function of the kernels, against SciPy's and at its ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from netwright.classical.energy.boltzmann import logistic, softplus
from netwright.classical.energy.contrastive_divergence import _activate


def of_kernel(x: np.ndarray) -> np.ndarray:
    found = x[None].copy()
    _activate(found, np.zeros(x.size, x.dtype))
    return found[0]


@pytest.mark.parametrize(
    ("dtype", "end", "tolerance"), [(np.float64, 700.0, 6e-16), (np.float32, 86.0, 2e-7)], ids=["double", "single"]
)
def test_it_is_right_to_the_last_digits(dtype: Any, end: float, tolerance: float) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-end, end, 20_000), rng.uniform(-9, 9, 20_000), [0.0, -0.0, 1e-30]]).astype(dtype)
    wanted = expit(x.astype(np.float64))
    np.testing.assert_allclose(of_kernel(x).astype(np.float64), wanted, rtol=tolerance)
    np.testing.assert_allclose(logistic(x.copy()).astype(np.float64), wanted, rtol=3 * tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_grows_from_above_zero_to_one(dtype: Any) -> None:
    x = np.array([-np.inf, -1e30, -800.0, -100.0, -1.0, 0.0, 1.0, 100.0, 800.0, 1e30, np.inf], dtype)
    found = of_kernel(x)
    assert (np.diff(found) >= 0).all()
    assert found[0] > 0
    assert found[5] == 0.5
    assert found[-1] == found[-4] == 1.0
    assert np.isnan(of_kernel(np.array([np.nan], dtype)))[0]


def test_the_one_for_arrays_gives_no_warning_at_its_ends() -> None:
    np.testing.assert_array_equal(logistic(np.array([-1e5, 0.0, 1e5])), [0.0, 0.5, 1.0])
    np.testing.assert_allclose(softplus(np.array([-1e5, 0.0, 1e5])), [0.0, np.log(2), 1e5])
    np.testing.assert_allclose(softplus(np.array([-30.0, 2.0])), np.log1p(np.exp([-30.0, 2.0])), rtol=1e-15)
