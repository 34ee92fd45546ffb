"""MSE against scikit-learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.metrics import mean_squared_error

from netwright.losses import MSE


def test_scikit_learn(draw: Any) -> None:
    z, t, w = draw(20, 3), draw(20, 3), draw(20).abs()
    w = w / w.mean()
    assert float(MSE()(z, t)) == pytest.approx(mean_squared_error(t.numpy(), z.numpy()))
    expected = mean_squared_error(t.numpy(), z.numpy(), sample_weight=w.numpy())
    assert float(MSE()(z, t, w)) == pytest.approx(expected)
    torch.testing.assert_close(MSE().terms(z, t), ((z - t) ** 2).mean(1))


def test_probabilities_by_their_link_are_the_brier_score(draw: Any) -> None:
    z, t = draw(20, 3), torch.eye(3, dtype=torch.float64)[draw(20, 3).argmax(1)]
    expected = mean_squared_error(t.numpy(), z.softmax(1).numpy())
    assert float(MSE()(z, t, None, "softmax")) == pytest.approx(expected)
