"""MAE against scikit-learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.metrics import mean_absolute_error

from netwright.losses import MAE


def test_scikit_learn(draw: Any) -> None:
    z, t, w = draw(20, 3), draw(20, 3), draw(20).abs()
    w = w / w.mean()
    assert float(MAE()(z, t)) == pytest.approx(mean_absolute_error(t.numpy(), z.numpy()))
    expected = mean_absolute_error(t.numpy(), z.numpy(), sample_weight=w.numpy())
    assert float(MAE()(z, t, w)) == pytest.approx(expected)
    torch.testing.assert_close(MAE().terms(z, t), (z - t).abs().mean(1))


def test_the_gradient_at_zero_is_zero() -> None:
    z = torch.ones(2, 1, requires_grad=True)
    MAE()(z, torch.tensor([[1.0], [0.0]])).backward()
    assert z.grad is not None
    assert z.grad.tolist() == [[0.0], [0.5]]
