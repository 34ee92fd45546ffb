"""The pinball loss of one level against scikit-learn, and its minimum against the empirical quantile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.layers import Linear
from netwright.losses import MAE, Quantile


@pytest.mark.parametrize("level", [0.01, 0.3, 0.5, 0.95])
def test_scikit_learn(level: float, draw: Any) -> None:
    z, t, w = draw(30, 2), draw(30, 2), draw(30).abs()
    assert float(Quantile(level)(z, t)) == pytest.approx(mean_pinball_loss(t, z, alpha=level))
    for i in range(3):
        expected = mean_pinball_loss(t[i : i + 1], z[i : i + 1], alpha=level)
        assert float(Quantile(level).terms(z, t)[i]) == pytest.approx(expected)
    weighted = mean_pinball_loss(t, z, sample_weight=w, alpha=level) * float(w.mean())
    assert float(Quantile(level)(z, t, w)) == pytest.approx(weighted)


def test_of_level_one_half_it_is_half_the_absolute_error(draw: Any) -> None:
    z, t = draw(20, 3), draw(20, 3)
    torch.testing.assert_close(2 * Quantile()(z, t), MAE()(z, t))


def test_the_gradient_where_output_and_target_are_equal() -> None:
    z = torch.zeros(1, 1, requires_grad=True)
    for level in (0.5, 0.9):
        (gradient,) = torch.autograd.grad(Quantile(level)(z, torch.zeros(1, 1)), z)
        assert float(gradient) == pytest.approx(0.5 - level)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_a_regressor_of_features_without_meaning_finds_the_empirical_quantile(level: float) -> None:
    y = np.random.default_rng(0).gamma(2.0, 3.0, 401)
    reg = nw.Regressor(Linear(1), loss=Quantile(level), optimizer="Adam(polynomial_decay(0.05))", epochs=200)
    found = reg.set_params(random_state=0, batch_size=401).fit(np.zeros((401, 1)), y).predict(np.zeros((1, 1)))[0]
    assert found == pytest.approx(np.quantile(y, level), abs=0.02 * y.std())
    assert (y <= found).mean() == pytest.approx(level, abs=0.02)


@pytest.mark.parametrize("level", [0, 1, -0.5, "a", None])
def test_a_level_that_cannot_be(level: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"Quantile\(level\): expected a number in \(0, 1\), got"):
        Quantile(level)
