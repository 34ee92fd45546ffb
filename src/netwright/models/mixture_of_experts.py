"""Mixture of experts: several networks, and a gate that says how much each of them counts for a sample.

    z = sum_i g_i(x) f_i(x),    g(x) = softmax(W x + b),    y = softmax(z)

The experts give scores of the classes, which are mixed before the softmax, so that the network is trained on its
logits. While training a loss against the use of few experts is part of it (see `netwright.layers.MixtureOfExperts`).

Jacobs, Jordan, Nowlan, Hinton, *Adaptive mixtures of local experts*, 1991.

Where this differs from the paper: it mixes probabilities; and the gate sees what the experts see, features.
"""

from __future__ import annotations

from netwright.core.validation import instance, integer, tuple_of
from netwright.graph import Expression
from netwright.layers import Flatten, Linear, MixtureOfExperts, ReLU, Softmax
from netwright.models.assembling import carded, check_options
from netwright.models.mlp import Dense, dense_kind, dense_layers


def mixture_of_experts(
    experts: int | tuple[Expression, ...] = 4,
    num_classes: int = 10,
    *,
    width: int = 64,
    activation: Dense | str = ReLU,
    gate: Expression | None = None,
    top: int | None = None,
    balance: float = 0.01,
    headless: bool = False,
) -> Expression:
    """A mixture of experts, open at the input: any shape -> (num_classes,).

    Parameters
    ----------
    experts : number of equal experts, >= 2, each ``activation(width) >> Linear(num_classes)`` on flat features; or the
        experts themselves, two or more open networks, which take the input as it comes and to each of which
        ``Linear(num_classes)`` is added.
    num_classes : an integer >= 2.
    width : units of the hidden layer of each of a number of experts.
    activation : of that layer, a layer that takes units, such as ``Tanh`` or ``ReLU``, or its name.
    gate : a network that gives a value for each expert; None is one fully connected layer.
    top : number of experts that count for a sample; None is all.
    balance : weight of the loss against the use of few experts, >= 0.
    headless : without ``Linear(num_classes)`` and softmax: the mixture of what the experts give, which then has to be
        of one shape.

    Shapes
    ------
    (batch, *any) -> (batch, num_classes)

    Raises
    ------
    InvalidParameter : options out of range, fewer than two experts.

    Examples
    --------
    >>> from netwright.layers import Input, ReLU, Tanh
    >>> (Input(20) >> mixture_of_experts(4, 3, width=8)).summary().parameters  # 4 x (8 x 21 + 3 x 9) + 4 x 21
    864
    >>> (Input(20) >> mixture_of_experts((Tanh(4), ReLU(16) >> ReLU(8)), 3)).output_shape
    (3,)

    References
    ----------
    Jacobs, Jordan, Nowlan, Hinton, *Adaptive mixtures of local experts*, 1991.
    """
    check_options(
        "mixture_of_experts",
        locals(),
        experts=integer(2) | tuple_of(instance(Expression, text="a layer or a network"), least=2),
        width=integer(1),
        activation=dense_layers,
    )
    own = isinstance(experts, tuple)
    bodies = experts if isinstance(experts, tuple) else (_dense(activation, width),) * experts
    networks = bodies if headless else tuple(body >> Linear(num_classes) for body in bodies)
    mixture = MixtureOfExperts(networks, gate, balance, top)
    parts = [*([] if own else [Flatten()]), mixture, *([] if headless else [Softmax()])]
    return carded("mixture_of_experts", parts)


def _dense(activation: Dense | str, width: int) -> Expression:
    return dense_kind("mixture_of_experts", activation)(width)
