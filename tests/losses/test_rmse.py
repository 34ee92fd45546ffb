"""RMSE against scikit-learn; its gradient at zero is finite."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.metrics import root_mean_squared_error

from netwright.losses import MSE, RMSE


def test_scikit_learn(draw: Any) -> None:
    z, t, w = draw(20, 1), draw(20, 1), draw(20).abs()
    w = w / w.mean()
    assert float(RMSE()(z, t)) == pytest.approx(root_mean_squared_error(t.numpy(), z.numpy()))
    expected = root_mean_squared_error(t.numpy(), z.numpy(), sample_weight=w.numpy())
    assert float(RMSE()(z, t, w)) == pytest.approx(expected)


def test_it_is_one_root_over_all_outputs(draw: Any) -> None:
    z, t = draw(20, 3), draw(20, 3)
    torch.testing.assert_close(RMSE()(z, t) ** 2, MSE()(z, t))
    torch.testing.assert_close(RMSE().terms(z, t), MSE().terms(z, t))


def test_the_gradient_at_zero_is_zero() -> None:
    z = torch.ones(4, 1, requires_grad=True)
    t, w = torch.ones(4, 1), torch.tensor([1.0, 0.0, 2.0, 1.0])
    for loss in (RMSE()(z, t), RMSE()(z, t, w), RMSE()(z, torch.tensor([[1.0], [5.0], [1.0], [1.0]]), w)):
        assert loss.item() == 0
        (gradient,) = torch.autograd.grad(loss, z)
        assert gradient.tolist() == [[0.0]] * 4


def test_a_loss_that_is_not_a_number_stays_one() -> None:
    assert RMSE()(torch.tensor([[torch.nan]]), torch.zeros(1, 1)).isnan()
