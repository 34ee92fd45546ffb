"""MSLE against scikit-learn where the logarithm is exact; finite and leading back below."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_squared_log_error

from netwright.core.errors import InvalidData
from netwright.losses import MSLE


def one_term(y: float, t: float) -> float:
    """The equations of the docstring for one number."""
    c = (min(t, 0.0) - 1) / 2
    log = np.log(1 + y) if y >= c else np.log(1 + c) + (y - c) / (1 + c)
    return float((log - np.log(1 + t)) ** 2)


def test_scikit_learn(draw: Any) -> None:
    z, t, w = 10 * draw(20, 3).abs() - 0.5, 10 * draw(20, 3).abs(), draw(20).abs()
    w = w / w.mean()
    assert float(MSLE()(z, t)) == pytest.approx(mean_squared_log_error(t.numpy(), z.numpy()))
    expected = mean_squared_log_error(t.numpy(), z.numpy(), sample_weight=w.numpy())
    assert float(MSLE()(z, t, w)) == pytest.approx(expected)


def test_predictions_by_their_link(draw: Any) -> None:
    z, t = draw(20, 1), draw(20, 1).abs()
    expected = mean_squared_log_error(t.numpy(), np.logaddexp(0, z.numpy()))
    assert float(MSLE()(z, t, None, "softplus")) == pytest.approx(expected)


@settings(max_examples=200)
@given(st.floats(-1e4, 1e4), st.floats(-0.99, 1e4))
def test_any_prediction_has_a_finite_loss_that_leads_to_the_target(y: float, t: float) -> None:
    z = torch.tensor([[y]], dtype=torch.float64, requires_grad=True)
    loss = MSLE()(z, torch.tensor([[t]], dtype=torch.float64))
    assert loss.item() == pytest.approx(one_term(y, t), rel=1e-6, abs=1e-12)
    (slope,) = torch.autograd.grad(loss, z)
    assert slope.isfinite().all()
    if abs(y - t) > 1e-6 * (1 + abs(t)):
        assert slope.sign().item() == np.sign(y - t)


def test_predictions_of_1e4_in_single_precision() -> None:
    z = torch.tensor([[-1e4], [1e4], [-1.0]], requires_grad=True)
    terms = MSLE().terms(z, torch.zeros(3, 1))
    np.testing.assert_allclose(terms.detach(), [one_term(-1e4, 0), one_term(1e4, 0), one_term(-1, 0)], rtol=1e-6)
    terms.sum().backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()


@pytest.mark.parametrize("bad", [-1.0, -2.0, np.inf, np.nan])
def test_targets_that_have_no_logarithm(bad: float) -> None:
    MSLE().check_target((1,), torch.tensor([[0.0], [-0.5]]))
    with pytest.raises(
        InvalidData, match=rf"expected finite numbers above -1, got {bad} in row 1, 0\. Use MSE\(\) for"
    ):
        MSLE().check_target((1,), torch.tensor([[0.0], [bad], [-3.0]]))
