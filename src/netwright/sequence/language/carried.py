"""`Carried`: a network that reads texts in pieces, each piece from the state that the one before it left.

The rows of a call are streams, its columns steps. Symbol V of V symbols is the marker: nothing is known of what came
before. A stream whose piece begins with it starts from the first state; every other goes on where the last call ended
(without a gradient through the cut: truncated backpropagation). A call with another number of streams starts afresh.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.layers.recurrent.stack import RecurrentStack

States = list[Tensor]  # one (streams, sizes) for each recurrent layer


class Carried(torch.nn.Module):
    """What reads symbols step by step and remembers.

    Parameters
    ----------
    body : the layers, a chain without inner containers; each sees one step at a time or is recurrent.
    head : what makes log-probabilities of what the body gives (``nll``, ``log_prob``); None: the body gives logits.
    marker : the symbol before the first.
    """

    def __init__(self, body: torch.nn.Sequential, head: torch.nn.Module | None, marker: int) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self.marker = marker
        self._left: dict[bool, States] = {}  # while training and not

    def forward(self, symbols: Tensor) -> Tensor:
        """(streams, steps) -> logits (streams, steps, V), or what the head takes; the state is carried."""
        before = self._left.get(self.training)
        if before is None or any(len(state) != len(symbols) for state in before):
            before = self.first(symbols)
        output, after = self.read(symbols, self.begun(symbols, before))
        self._left[self.training] = [state.detach() for state in after]
        return output

    def read(self, symbols: Tensor, states: States) -> tuple[Tensor, States]:
        """What the body gives for the symbols after these states, and the states behind the last of them.

        Shapes
        ------
        (streams, steps) -> (streams, steps, ...)
        """
        x, after, at = symbols, [], iter(states)
        for layer in self.body:
            if isinstance(layer, RecurrentStack):
                x, last = layer.run(x, None, next(at))
                after.append(last)
            else:
                x = layer(x)
        return x, after

    def begun(self, symbols: Tensor, states: States) -> States:
        """The states before a piece of each stream: the first ones, where it begins with the marker, or those given."""
        fresh = symbols[:, :1] == self.marker
        return [torch.where(fresh, new, old) for new, old in zip(self.first(symbols), states, strict=True)]

    def first(self, symbols: Tensor) -> States:
        """The states before a text, for each stream."""
        kept = []
        for layer in self.stacks:
            if layer.initial == "learned":
                kept.append(layer.first.expand(symbols.shape[0], -1))
            else:
                like = next(layer.parameters())
                kept.append(like.new_zeros(symbols.shape[0], sum(layer.sizes)))
        return kept

    @property
    def stacks(self) -> list[RecurrentStack]:
        """The recurrent layers, from the lowest up."""
        return [layer for layer in self.body if isinstance(layer, RecurrentStack)]

    def log_prob(self, given: Tensor) -> Tensor:
        """Log-probabilities of all symbols, of what `read` gives: (..., ...) -> (..., V)"""
        if self.head is None:
            return torch.nn.functional.log_softmax(given, dim=-1)
        found: Tensor = self.head.log_prob(given)  # type: ignore[operator]
        return found

    def nll(self, given: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
        """-log p(target) of what `read` gives, -100 where there is no target.

        Parameters
        ----------
        given : (streams, steps, ...). target : (streams, steps). reduction : "mean", "sum" or "none".
        """
        if self.head is not None:
            loss: Tensor = self.head.nll(given, target, reduction)  # type: ignore[operator]
            return loss
        flat = torch.nn.functional.cross_entropy(given.flatten(0, -2), target.flatten(), reduction=reduction)
        return flat.view(target.shape) if reduction == "none" else flat

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: what is carried belongs to a pass over a text and is not taken along."""
        return {**self.__dict__, "_left": {}}
