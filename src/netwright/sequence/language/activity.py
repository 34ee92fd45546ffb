"""Activity: what the units and gates of a recurrent layer do, step by step.

The letters are those of the equations in `netwright.layers.recurrent.steps`:

====== ======================================================== =========
layer  parts                                                    in
====== ======================================================== =========
LSTM   h output, C memory, i f o gates (input, forget, output)  h, C, g: [-1, 1] or all numbers for C
       g what is offered to the memory                          i, f, o: [0, 1]
GRU    h output, r z gates (reset, update), n the new value     r, z: [0, 1]
others h output
====== ======================================================== =========
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import linear

from netwright.core.errors import InvalidParameter, problem
from netwright.layers.recurrent.cells import Cell
from netwright.layers.recurrent.steps import State
from netwright.sequence.language.carried import Carried


@torch.inference_mode()
def activity(network: Carried, symbols: Tensor, layer: int) -> dict[str, NDArray[np.float32]]:
    """All parts of one recurrent layer after each symbol.

    Parameters
    ----------
    network : that reads. symbols : (1, steps). layer : which of the recurrent layers, from below; -1 is the highest.

    Shapes
    ------
    -> each (steps, units)

    Raises
    ------
    InvalidParameter : a layer that there is not.
    """
    cells: list[Any] = [cell for stack in network.stacks for cell in stack.cells]
    if not -len(cells) <= layer < len(cells):
        expected = f"an integer in [{-len(cells)}, {len(cells) - 1}]" if cells else "a network with a recurrent layer"
        raise InvalidParameter(problem("states(layer)", expected, str(layer)))
    entered: list[tuple[Tensor, State]] = []
    hook = cells[layer].register_forward_hook(lambda cell, args, output: entered.append(args[:2]))
    network.eval()
    try:
        network.read(symbols, network.first(symbols))
    finally:
        hook.remove()
    x, first = entered[0]
    return {name: part.cpu().numpy() for name, part in parts_of(cells[layer], x, first).items()}


def parts_of(cell: Any, x: Tensor, first: State) -> dict[str, Tensor]:
    """The parts of a cell on one sequence.

    Parameters
    ----------
    cell : with its weights. x : (1, steps, features). first : its states, each (1, units).

    Shapes
    ------
    -> each (steps, units)
    """
    states = [first]
    for step in x.split(1, dim=1):
        states.append(cell(step, states[-1])[1])
    before = [torch.cat(parts) for parts in zip(*states[:-1], strict=True)]
    after = [torch.cat(parts) for parts in zip(*states[1:], strict=True)]
    if not isinstance(cell, Cell) or cell.weights.mode not in ("LSTM", "GRU"):
        return {"h": after[0]}
    weights: Any = cell.weights
    u = linear(x[0], weights.weight_ih_l0, weights.bias_ih_l0)
    U, c = weights.weight_hh_l0, weights.bias_hh_l0
    if weights.mode == "LSTM":
        return {"h": after[0], "C": after[1], **_lstm(cell, u + linear(before[0], U, c), before[1], after[1])}
    return {"h": after[0], **_gru(cell, u, before[0], U, c)}


def _lstm(cell: Cell, summed: Tensor, memory: Tensor, after: Tensor) -> dict[str, Tensor]:
    i, f, g, o = summed.chunk(4, dim=-1)
    if cell.form == "peepholes":
        i, f, o = i + cell.peephole[0] * memory, f + cell.peephole[1] * memory, o + cell.peephole[2] * after
    return {"i": i.sigmoid(), "f": f.sigmoid(), "o": o.sigmoid(), "g": g.tanh()}


def _gru(cell: Cell, u: Tensor, before: Tensor, U: Tensor, c: Tensor) -> dict[str, Tensor]:
    (u_r, u_z, u_n), (v_r, v_z, v_n) = u.chunk(3, dim=-1), linear(before, U, c).chunk(3, dim=-1)
    r, z = (u_r + v_r).sigmoid(), (u_z + v_z).sigmoid()
    back = linear(r * before, U.chunk(3)[2], c.chunk(3)[2]) if cell.form == "before" else r * v_n
    return {"r": r, "z": z, "n": (u_n + back).tanh()}
