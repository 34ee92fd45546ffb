"""Cells: the weights of one recurrent layer in one direction, and its pass over a sequence.

Where torch has the recurrence (tanh and ReLU, the LSTM without peepholes, the GRU with its reset after the product) its
own kernel makes the pass; `netwright.layers.recurrent.steps` makes the others, and those with dropout of what goes
back. Both have the same weights under the same names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from netwright.layers.dense import Start
from netwright.layers.init import Constant, InitRule
from netwright.layers.recurrent.steps import State, Step, elman_step, gru_step, lstm_step, walk

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "linear": lambda x: x,
}


KNOWN = ("native", "tanh", "relu")  # the forms that torch's kernels make


class Cell(torch.nn.Module):
    """One layer with torch's weights.

    Parameters
    ----------
    weights : a ``torch.nn.RNN``, ``LSTM`` or ``GRU`` of one layer and one direction, batch first.
    form : "native" for torch's own; the activation of an Elman network; "peepholes"; "before".
    dropout : share of what goes back that is dropped while training, the same at all steps.

    Attributes
    ----------
    sizes : of the states: (units,), for an LSTM (units, units). features : of what a step gives.
    """

    def __init__(self, weights: torch.nn.RNNBase, form: str = "native", dropout: float = 0.0) -> None:
        super().__init__()
        self.weights = weights
        self.form = form
        self.dropout = dropout
        self.features = weights.hidden_size
        self.sizes = (self.features,) * (2 if weights.mode == "LSTM" else 1)
        if form == "peepholes":
            self.peephole = torch.nn.Parameter(torch.zeros(3, self.features))

    def forward(self, x: Tensor, state: State, keep: Tensor | None = None) -> tuple[Tensor, State]:
        """(batch, steps, features), states (batch, units) -> (batch, steps, units), states after the last step

        With `keep` (batch, steps) the states stay as they were at the steps where it is False.
        """
        dropping = self.training and self.dropout > 0
        if self.form in KNOWN and keep is None and not dropping:
            first = tuple(part[None].contiguous() for part in state)
            y, last = self.weights(x, first if len(first) == 2 else first[0])
            return y, tuple(part[0] for part in (last if isinstance(last, tuple) else (last,)))
        W, b = self._weight("weight_ih"), self._weight("bias_ih")
        return walk(self._step(state[0], dropping), torch.nn.functional.linear(x, W, b), state, keep)

    def _step(self, like: Tensor, dropping: bool) -> Step:
        """The step with these weights, and with a fresh mask for what goes back."""
        U, c = self._weight("weight_hh"), self._weight("bias_hh")
        mask = torch.nn.functional.dropout(torch.ones_like(like), self.dropout) if dropping else None

        def back(h: Tensor) -> Tensor:
            return h if mask is None else h * mask

        if self.weights.mode == "LSTM":
            peephole = self.peephole if self.form == "peepholes" else None
            return lambda u, s: lstm_step(u, s[0], s[1], back(s[0]), U, c, peephole)
        if self.weights.mode == "GRU":
            reset = "before" if self.form == "before" else "after"
            return lambda u, s: gru_step(u, s[0], back(s[0]), U, c, reset)
        return lambda u, s: elman_step(u, s[0], back(s[0]), U, c, ACTIVATIONS[self.form])

    def _weight(self, name: str) -> Tensor:
        weight: Tensor = getattr(self.weights, f"{name}_l0")
        return weight

    def short_forward(self) -> str:
        """The pass over sequences from zeros as code where torch's own kernel makes it, else nothing."""
        native = self.form in KNOWN and not self.dropout
        return "def forward(self, x):\n    return self.weights(x)[0]" if native else ""

    def extra_repr(self) -> str:
        """The form and the dropout, where they are not the plain ones."""
        return ", ".join([self.form] * (self.form != "native") + [f"dropout={self.dropout}"] * (self.dropout > 0))


def torch_cell(
    kind: type[torch.nn.RNNBase],
    features: int,
    units: int,
    starts: tuple[Start, Start],
    form: str = "native",
    dropout: float = 0.0,
) -> Cell:
    """A cell with fresh weights, filled gate by gate; biases are zero, that of an LSTM's forget gate is one.

    Parameters
    ----------
    kind : ``torch.nn.RNN``, ``LSTM`` or ``GRU``.
    features, units : what comes at a step, and what the layer gives.
    starts : rules for W and for U.
    form, dropout : see `Cell`.
    """
    more = {"nonlinearity": form} if form in ("tanh", "relu") else {}
    weights: Any = kind(features, units, batch_first=True, **more)  # type: ignore[arg-type]
    for name, rule in zip(("weight_ih_l0", "weight_hh_l0"), starts, strict=True):
        for gate in getattr(weights, name).split(units):
            (rule if isinstance(rule, InitRule) else Constant(float(rule))).fill_(gate)
    with torch.no_grad():
        for bias in (weights.bias_ih_l0, weights.bias_hh_l0):
            bias.zero_()
        if weights.mode == "LSTM":
            weights.bias_ih_l0[units : 2 * units] = 1.0
    return Cell(weights, form, dropout)
