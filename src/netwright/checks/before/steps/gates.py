"""The gates of recurrent layers, which torch computes inside one kernel: how many lie at their flat ends.

For a layer with h_0 = 0, per step t (nn.RNN, nn.LSTM, nn.GRU)::

    a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh        flat: |a| > 5 for sigmoid gates, |a| > 3 for tanh
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.copies import quiet

SIGMOID, TANH = 5.0, 3.0


def flat_share(layer: nn.RNNBase, x: Tensor) -> float:
    """The share of gate values of the first layer that lie at a flat end; 0 where it has none.

    Parameters
    ----------
    layer : a recurrent layer. x : its input, as it was called.

    Shapes
    ------
    x (n, steps, features), or (steps, n, features) without ``batch_first`` -> number in [0, 1]
    """
    if x.ndim != 3 or layer.proj_size or (layer.mode == "RNN_RELU"):
        return 0.0
    with quiet(), torch.no_grad():
        kind: Any = type(layer)
        single = kind(layer.input_size, layer.hidden_size, bias=layer.bias, batch_first=layer.batch_first)
        single.to(x.device, x.dtype)
        own = dict(layer.named_parameters())
        weights = {name: parameter.copy_(own[name]) for name, parameter in single.named_parameters()}
        states = single(x)[0]
        time = 1 if layer.batch_first else 0
        start = torch.zeros_like(states.narrow(time, 0, 1))
        before = torch.cat([start, states.narrow(time, 0, x.shape[time] - 1)], time)
        a = nn.functional.linear(x, weights["weight_ih_l0"], weights.get("bias_ih_l0"))
        a = a + nn.functional.linear(before, weights["weight_hh_l0"], weights.get("bias_hh_l0"))
    limits = {"LSTM": (SIGMOID, SIGMOID, TANH, SIGMOID), "GRU": (SIGMOID, SIGMOID, TANH)}.get(layer.mode, (TANH,))
    parts = zip(a.abs().chunk(len(limits), -1), limits, strict=True)
    return float(torch.stack([(part > limit).double().mean() for part, limit in parts]).mean())
