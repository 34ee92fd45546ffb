"""The head of a network: added where it ends in a layer with an activation, left alone where it is there.

A network that ends in ``Linear(k)`` has its head, and its size is checked; so has one that ends in a `Softmax`, which
is refused later on with words. Any other is a body: ``ReLU(50)`` becomes ``ReLU(50) >> Linear(k)``.
"""

from __future__ import annotations

from netwright.graph import Chain, Expression, join
from netwright.layers import Linear, Softmax


def with_head(network: Expression, head: Expression) -> Expression:
    """A closed network with a head.

    Parameters
    ----------
    network : a body, or a network that has its head. head : the layer that a body gets.

    Examples
    --------
    >>> from netwright.layers import Input, ReLU
    >>> with_head(Input(4) >> ReLU(8), Linear(3)), with_head(Input(4) >> Linear(2), Linear(3))
    (Input(4) >> ReLU(8) >> Linear(3), Input(4) >> Linear(2))
    """
    last = network
    while isinstance(last, Chain):
        last = last.parts[-1]
    own = isinstance(last, Softmax) or (isinstance(last, Linear) and last.units is not None)
    return network if own else join(network, head)
