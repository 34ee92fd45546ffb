"""One step of each recurrence as a pure function, and the walk over the steps of a sequence.

x_t enters as u_t = W x_t + b, made for all steps at once before the walk. U, c are the weights and bias of what goes
back; s is the logistic function, * is by elements.

====== ==========================================================================================================
step   equations
====== ==========================================================================================================
Elman  h_t = g(u_t + U h_{t-1} + c)
Jordan h_t = g(u_t + U y_{t-1}),  y_t = f(V h_t + c)
LSTM   i = s(u_i + U_i h + c_i + p_i * C),  f = s(u_f + U_f h + c_f + p_f * C),
       C_t = f * C + i * tanh(u_g + U_g h + c_g),
       o = s(u_o + U_o h + c_o + p_o * C_t),  h_t = o * tanh(C_t);  without peepholes p = 0
GRU    r = s(u_r + U_r h + c_r),  z = s(u_z + U_z h + c_z),  h_t = (1 - z) * n + z * h,  where the reset is
       after the product: n = tanh(u_n + r * (U_n h + c_n));  before it: n = tanh(u_n + U_n (r * h) + c_n)
====== ==========================================================================================================

The order of the gates in W, U, b and c is torch's: i f g o for the LSTM, r z n for the GRU. What goes back, h in U h,
may have some of its elements dropped, the same at all steps.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import linear

State = tuple[Tensor, ...]  # each (batch, units); the first is what the step gives
Step = Callable[[Tensor, State], State]


def elman_step(u: Tensor, h: Tensor, back: Tensor, U: Tensor, c: Tensor, g: Callable[[Tensor], Tensor]) -> State:
    """h_t = g(u_t + U h + c), `back` being the h that goes back: (batch, units) -> (batch, units)"""
    return (g(u + linear(back, U, c)),)


def lstm_step(u: Tensor, h: Tensor, cell: Tensor, back: Tensor, U: Tensor, c: Tensor, peephole: Tensor | None) -> State:
    """h_t, C_t of an LSTM; `peephole` is (3, units) for i, f, o, or None: u (batch, 4 units)"""
    i, f, g, o = (u + linear(back, U, c)).chunk(4, dim=-1)
    if peephole is not None:
        i, f = i + peephole[0] * cell, f + peephole[1] * cell
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    if peephole is not None:
        o = o + peephole[2] * cell
    return torch.sigmoid(o) * torch.tanh(cell), cell


def gru_step(u: Tensor, h: Tensor, back: Tensor, U: Tensor, c: Tensor, reset: str) -> State:
    """h_t of a GRU with the reset "after" or "before" the product: u (batch, 3 units)"""
    units = h.shape[-1]
    if reset == "after":
        v = linear(back, U, c)
        r, z = torch.sigmoid(u[:, : 2 * units] + v[:, : 2 * units]).chunk(2, dim=-1)
        n = torch.tanh(u[:, 2 * units :] + r * v[:, 2 * units :])
    else:
        gates = u[:, : 2 * units] + linear(back, U[: 2 * units], c[: 2 * units])
        r, z = torch.sigmoid(gates).chunk(2, dim=-1)
        n = torch.tanh(u[:, 2 * units :] + linear(r * back, U[2 * units :], c[2 * units :]))
    return (n + z * (h - n),)


def walk(step: Step, u: Tensor, state: State, keep: Tensor | None = None) -> tuple[Tensor, State]:
    """All steps of a sequence, one after the other.

    Parameters
    ----------
    step : (u_t, state) -> state.
    u : (batch, steps, gates).
    state : before the first step.
    keep : (batch, steps), where it is False the state stays what it was; None: nowhere.

    Examples
    --------
    >>> import torch
    >>> add = lambda u, state: (state[0] + u,)
    >>> walk(add, torch.ones(1, 3, 1), (torch.zeros(1, 1),))[0].flatten()
    tensor([1., 2., 3.])
    """
    given = []
    for t, here in enumerate(u.unbind(1)):
        new = step(here, state)
        if keep is not None:
            new = tuple(torch.where(keep[:, t, None], n, old) for n, old in zip(new, state, strict=True))
        state = new
        given.append(state[0])
    return torch.stack(given, dim=1), state
