"""Several quantiles at once: their loss against scikit-learn, their order, their gradient."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import mean_pinball_loss

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.losses import Quantiles

KINDS = [((0.5,), 1), ((0.1, 0.5, 0.9), 1), ((0.05, 0.2), 2), ((0.01, 0.3, 0.6, 0.8, 0.99), 3)]


def by_hand(loss: Quantiles, z: np.ndarray) -> np.ndarray:
    """The quantiles, (n, Q, m), one step after the other."""
    z = z.reshape(len(z), len(loss.levels), loss.outputs)
    normal, c = norm.ppf(loss.levels), int(np.abs(np.array(loss.levels) - 0.5).argmin())
    y = np.zeros_like(z)
    y[:, c] = normal[c] + z[:, c]
    step = np.log1p(np.exp(z + np.log(np.e - 1)))
    for i in range(c + 1, len(normal)):
        y[:, i] = y[:, i - 1] + (normal[i] - normal[i - 1]) * step[:, i]
    for i in reversed(range(c)):
        y[:, i] = y[:, i + 1] - (normal[i + 1] - normal[i]) * step[:, i]
    return y


@pytest.mark.parametrize("kind", KINDS)
def test_the_equations(kind: tuple[tuple[float, ...], int], draw: Any) -> None:
    loss = Quantiles(*kind)
    z, t = draw(10, loss.width), draw(10, kind[1])
    np.testing.assert_allclose(loss.read(z), by_hand(loss, z.numpy()), rtol=1e-12)
    pairs = enumerate(kind[0])
    expected = np.mean([mean_pinball_loss(t, loss.read(z)[:, i], alpha=level) for i, level in pairs])
    assert float(loss(z, t)) == pytest.approx(expected)
    torch.testing.assert_close(loss.terms(z, t).mean(), loss(z, t))


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient(kind: tuple[tuple[float, ...], int], draw: Any) -> None:
    loss = Quantiles(*kind)
    z, t = draw(5, loss.width).requires_grad_(), draw(5, kind[1])
    assert torch.autograd.gradcheck(lambda z: loss(z, t), z)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4))
def test_quantiles_never_cross(outputs: list[float]) -> None:
    read = Quantiles((0.05, 0.3, 0.5, 0.95)).read(torch.tensor([outputs]))
    assert bool((read.diff(dim=1) >= 0).all())


def test_outputs_of_zero_are_normal_quantiles_and_any_rising_sequence_can_be_had() -> None:
    levels = (0.1, 0.4, 0.6, 0.9)
    loss = Quantiles(levels)
    assert loss.middle == 1
    np.testing.assert_allclose(loss.read(torch.zeros(1, 4, dtype=torch.float64))[0, :, 0], norm.ppf(levels))
    wanted = torch.tensor([-7.0, 0.1, 0.2, 30.0], dtype=torch.float64)
    z = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    rule = torch.optim.LBFGS([z], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        rule.zero_grad()
        distance = (loss.read(z)[0, :, 0] - wanted).square().sum()
        distance.backward()
        return distance

    rule.step(closure)
    np.testing.assert_allclose(loss.read(z.detach())[0, :, 0], wanted, atol=1e-3)


def test_it_is_a_value() -> None:
    loss = Quantiles((0.1, 0.9), 2)
    assert from_json(json.loads(json.dumps(to_json(loss)))) == loss
    assert eval(repr(loss)) == loss


@pytest.mark.parametrize("levels", [(), (0.5, 0.1), (0.5, 0.5), (0.0, 0.5), (0.5, 1.0), 0.5])
def test_levels_that_cannot_be(levels: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"Quantiles\(levels\): expected"):
        Quantiles(levels)


def test_shapes_that_cannot_be() -> None:
    with pytest.raises(InvalidData, match=r"outputs \(n, 2\) and targets \(n, 1\), got \(4, 3\) and \(4, 1\)"):
        Quantiles((0.1, 0.9))(torch.zeros(4, 3), torch.zeros(4, 1))
    with pytest.raises(InvalidParameter, match=r"Quantiles\(link\): expected a network that ends in Linear"):
        Quantiles((0.1, 0.9))(torch.zeros(4, 2), torch.zeros(4, 1), None, "tanh")
