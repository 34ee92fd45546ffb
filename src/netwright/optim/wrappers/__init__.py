"""Wrappers: values that wrap any update rule and are update rules themselves.

They nest in each other and stand wherever a rule does::

    Accumulate(Clip(Averaged(Adam(0.001)), norm=1), steps=4).build(module.parameters())

The outer one acts first on a gradient and last on the weights. What is built is the rule's own torch optimizer in a
shell for each wrapper: it has the parameter groups, the state and the public attributes of the rule's optimizer, and
its `state_dict` holds what the wrappers remember, so that a run that is taken up again makes the same steps.
"""

from __future__ import annotations

# of the gradients
from netwright.optim.wrappers.clip import Clip
from netwright.optim.wrappers.accumulate import Accumulate

# of the weights
from netwright.optim.wrappers.averaged import Averaged
from netwright.optim.wrappers.lookahead import Lookahead

# by the names of layers
from netwright.optim.wrappers.freeze import Freeze
from netwright.optim.wrappers.layer_rates import LayerRates

__all__ = [
    "Clip",
    "Accumulate",
    "Averaged",
    "Lookahead",
    "Freeze",
    "LayerRates",
]
