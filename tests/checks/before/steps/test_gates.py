"""How many gates of a recurrent layer lie at a flat end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.steps.gates import flat_share

FLAT_SIGMOID, FLAT_TANH = 5.0, 3.0  # beyond which the slope is below a hundredth


def linear(layer: nn.RNNBase, x: Tensor, before: Tensor) -> np.ndarray:
    """What goes into the gates, of all steps, in float64."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    u, w, a, b = (getattr(layer, name).detach().double().numpy() for name in names)
    return x.double().numpy() @ u.T + before.double().numpy() @ w.T + a + b  # type: ignore[no-any-return]


def states_before(layer: nn.RNNBase, x: Tensor) -> Tensor:
    """The state before each step, by one step after the other."""
    states, found, state = None, [], torch.zeros(len(x), layer.hidden_size)
    for step in range(x.shape[1]):
        found.append(state)
        output, states = layer(x[:, step : step + 1], states)
        state = output[:, 0]
    return torch.stack(found, 1).detach()


@pytest.mark.parametrize(
    ("kind", "limits"),
    [(nn.RNN, [FLAT_TANH]), (nn.LSTM, [FLAT_SIGMOID, FLAT_SIGMOID, FLAT_TANH, FLAT_SIGMOID])],
    ids=["RNN", "LSTM"],
)
def test_the_share_by_hand(kind: Any, limits: list[float], draw: Any) -> None:
    layer, x = kind(3, 5, batch_first=True), 9 * draw(20, 6, 3)
    gates = np.abs(linear(layer, x, states_before(layer, x)))
    parts = np.split(gates, len(limits), axis=-1)
    expected = np.mean([(part > limit).mean() for part, limit in zip(parts, limits, strict=True)])
    assert 0.05 < expected < 0.95
    assert flat_share(layer, x) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_all_gates_and_none(kind: Any, draw: Any) -> None:
    layer, x = kind(3, 5, batch_first=True), draw(20, 6, 3)
    assert flat_share(layer, x) == 0.0
    nn.init.constant_(layer.bias_ih_l0, 1e4)
    assert flat_share(layer, x) == 1.0


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_the_order_of_axes_does_not_matter(kind: Any, draw: Any) -> None:
    x = 9 * draw(20, 6, 3)
    rows, steps = kind(3, 5, batch_first=True), kind(3, 5)
    steps.load_state_dict(rows.state_dict())
    assert flat_share(rows, x) == pytest.approx(flat_share(steps, x.transpose(0, 1)))


def test_other_forms_of_layers(draw: Any) -> None:
    x = 9 * draw(20, 6, 3)
    for options in ({"bias": False}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "dropout": 0.5}):
        for kind in (nn.RNN, nn.GRU, nn.LSTM):
            assert 0 <= flat_share(kind(3, 5, batch_first=True, **options), x) <= 1
    assert flat_share(nn.RNN(3, 5, nonlinearity="relu"), x) == 0.0  # it has no flat end
    assert flat_share(nn.LSTM(3, 5, proj_size=2), x) == 0.0


def test_the_layer_stays_as_it_is(draw: Any) -> None:
    layer, x = nn.GRU(3, 5, batch_first=True), draw(4, 6, 3)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    flat_share(layer, x)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_random_states_stay(draw: Any) -> None:
    layer, x = nn.GRU(3, 5, batch_first=True), draw(4, 6, 3)
    before = torch.get_rng_state()
    flat_share(layer, x)
    assert torch.equal(torch.get_rng_state(), before)
