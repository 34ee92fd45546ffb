"""Bidirectional: a recurrent layer that reads each sequence forwards, and one like it that reads it backwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from netwright.core.validation import Constraint, instance, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.recurrent.elman import Elman
from netwright.layers.recurrent.gru import GRU
from netwright.layers.recurrent.jordan import Jordan
from netwright.layers.recurrent.lstm import LSTM
from netwright.layers.recurrent.stack import RecurrentStack, given, opened, reduction

MERGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "concat": lambda a, b: torch.cat([a, b], dim=-1),
    "add": lambda a, b: a + b,
    "multiply": lambda a, b: a * b,
    "average": lambda a, b: 0.5 * (a + b),
}


@value("layer")
class Bidirectional(Layer):
    """Two of a recurrent layer, of which one reads backwards: y_t = merge(h_t forwards, h_t backwards).

    Each has weights of its own. The one that reads backwards begins at the last valid step of each sequence, never in
    the padding. With ``output="last"`` what is merged is what each gives after all that it read, which backwards is at
    step 0; "max" and "avg" are over the merged steps. A layer of several `layers` is two whole stacks, one each way;
    ``Bidirectional(LSTM(8)) >> Bidirectional(LSTM(8))`` is the stack in which each level reads both ways of the one
    below, torch's ``num_layers=2, bidirectional=True``.

    Parameters
    ----------
    layer : `LSTM`, `GRU`, `Elman` or `Jordan`; its `output`, `lengths` and `initial` are those of the pair.
    merge : "concat", "add", "multiply" or "average".

    Shapes
    ------
    those of the layer, with 2 units for "concat", and twice the states as input and as output "state"

    Raises
    ------
    JoinError : inputs of other shapes.
    InvalidParameter : a layer that is not recurrent.

    Examples
    --------
    >>> from netwright.layers import LSTM, Bidirectional, Input
    >>> (Input(20, 8) >> Bidirectional(LSTM(16))).output_shape
    (20, 32)
    >>> (Input(20, 8) >> Bidirectional(LSTM(16, output="last"), merge="add")).output_shape
    (16,)

    References
    ----------
    Schuster, Paliwal, *Bidirectional recurrent neural networks*, 1997.
    """

    layer: Layer
    merge: str = "concat"

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "layer": instance(LSTM, GRU, Elman, Jordan, text="a recurrent layer, LSTM, GRU, Elman or Jordan"),
        "merge": one_of(*MERGES),
    }

    @property
    def merges(self) -> bool:  # type: ignore[override]
        """Whether it takes first states or lengths beside the sequence."""
        return self.layer.merges

    @property
    def lengths(self) -> bool:
        """Whether the number of valid steps of each sequence comes as a last input."""
        return bool(getattr(self.layer, "lengths", False))

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if getattr(self.layer, "initial", "") == "input" and len(shapes) > 1 and len(shapes[1]) == 1:
            shapes = (shapes[0], (shapes[1][0] // 2,), *shapes[2:])  # half of the states for each
        ahead, back = self.layer.make(*shapes), self.layer.make(*shapes)
        assert isinstance(ahead, RecurrentStack)
        assert isinstance(back, RecurrentStack)
        return BothWays(ahead, back, self.merge)


class BothWays(torch.nn.Module):
    """Two stacks, one of which reads backwards.

    Parameters
    ----------
    ahead, back : the stacks; what of their states is given, they have alike.
    merge : a key of `MERGES`.
    """

    def __init__(self, ahead: RecurrentStack, back: RecurrentStack, merge: str) -> None:
        super().__init__()
        self.ahead, self.back, self.merge = ahead, back, merge
        self.reduce = reduction(ahead.output, ahead.to_lengths)

    def forward(self, inputs: Any) -> Tensor:
        """(batch, steps, features)[, (batch, states)][, (batch, 1)] -> as the stacks give it, merged"""
        output, merge = self.ahead.output, MERGES[self.merge]
        x, lengths, state = opened(inputs, self.ahead.to_lengths, self.ahead.initial)
        first = (None, None) if state is None else state.chunk(2, dim=-1)
        y, last = self.ahead.run(x, lengths, first[0], output == "state")
        z, end = self.back.run(reverse(x, lengths), lengths, first[1], output == "state")
        if output == "state":
            return torch.cat([last, end], dim=-1)
        if output == "last":
            pair = ((self.ahead, y, first[0]), (self.back, z, first[1]))
            return merge(*(given(h, lengths, None, output, way.before(x, s)) for way, h, s in pair))
        return given(merge(y, reverse(z, lengths)), lengths, self.reduce, output, x)

    def extra_repr(self) -> str:
        """How the two are merged."""
        return f"merge={self.merge}"


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """The valid steps of each sequence from the last to the first, what is behind them where it was.

    Examples
    --------
    >>> import torch
    >>> reverse(torch.tensor([[[1.0], [2.0], [3.0]]]), torch.tensor([2])).flatten()
    tensor([2., 1., 3.])
    """
    if lengths is None:
        return x.flip(1)
    batch, steps = x.shape[:2]
    t = torch.arange(steps, device=x.device)
    step = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)  # (batch, steps)
    rows = step + steps * torch.arange(batch, device=x.device)[:, None]
    return x.flatten(0, 1).index_select(0, rows.flatten()).view_as(x)
