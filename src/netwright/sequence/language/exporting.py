"""A language model as one graph, which makes one step: a symbol and the states go in, what follows and states come out.

A program in any language reads or writes texts with it in a loop::

    state1, state2, ... = 0                       # one row a text
    index = the marker                            # known["marker"]: nothing is known of what came before
    repeat: log_probabilities, next1, next2, ... = graph(index, state1, state2, ...)
            index, state1, ... = a symbol, next1, ...
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.estimators.exporting.estimator import plain_copy
from netwright.estimators.exporting.graph import Entrance, Graph
from netwright.graph.export.exporter import SAMPLES
from netwright.sequence.language.carried import Carried


class OneStep(torch.nn.Module):
    """What follows one more symbol of each text.

    Parameters
    ----------
    network : the model's.
    """

    def __init__(self, network: Carried) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """(batch,), (batch, units) of each recurrent layer -> (batch, symbols), the states behind it"""
        index, *states = inputs
        symbols = index[:, None]
        given, after = self.network.read(symbols, self.network.begun(symbols, states))
        return self.network.log_prob(given[:, -1]), *after


def graph_of_steps(self: Any, steps: int | None = None) -> Graph:
    """The graph of one step of a fitted language model.

    Parameters
    ----------
    self : the model. steps : None; a text of any length is read step by step.
    """
    network: Any = plain_copy(self._net)
    sizes = [sum(layer.sizes) for layer in network.stacks]
    index = torch.full((SAMPLES,), network.marker)
    entrances = [Entrance("index", index, "the place of a symbol in the vocabulary; the marker before the first")]
    for place, size in enumerate(sizes, start=1):
        meaning = f"what recurrent layer {place} remembers; anything, such as 0, where index is the marker"
        entrances.append(Entrance(f"state{place}", torch.zeros(SAMPLES, size), meaning))
    answers = {"log_probabilities": "the natural logarithm of the probability of each symbol to be the next"}
    answers |= {f"next{place}": f"the next state{place}" for place in range(1, len(sizes) + 1)}
    content = {
        "kind": type(self).__name__,
        "network": repr(self.network_),
        "level": self.level,
        "marker": network.marker,
        "vocabulary": self.vocabulary_.to_state(),
    }
    return Graph(OneStep(network), entrances, answers, content)
