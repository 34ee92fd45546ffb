"""Multilayer perceptron: fully connected layers one after the other.

    h_0 = x,    h_i = f(W_i h_{i-1} + b_i),    y = softmax(W h_n + b)

Rumelhart, Hinton, Williams, *Learning representations by back-propagating errors*, 1986.
"""

from __future__ import annotations

from collections.abc import Callable

from netwright.core import registry
from netwright.core.errors import InvalidParameter, did_you_mean, problem
from netwright.core.validation import Constraint, integer, satisfies, tuple_of
from netwright.graph import Expression
from netwright.layers import BatchNorm, Flatten, ReLU
from netwright.models.assembling import carded, check_options, dropped, head

Dense = Callable[[int], Expression]

dense_layers: Constraint = satisfies(
    "a layer that takes units, such as ReLU, or its name",
    lambda thing: isinstance(thing, str) or (callable(thing) and not isinstance(thing, Expression)),
)


def mlp(
    widths: tuple[int, ...] = (128, 64),
    num_classes: int = 10,
    *,
    activation: Dense | str = ReLU,
    batch_norm: bool = False,
    dropout: float = 0.0,
    headless: bool = False,
) -> Expression:
    """A multilayer perceptron, open at the input: any shape -> (num_classes,).

    Parameters
    ----------
    widths : units of the hidden layers, none or more, each >= 1.
    num_classes : an integer >= 2.
    activation : f, a layer that takes units, ``ReLU``, ``Tanh``, ``lambda units: Maxout(units, 3)``, or its name.
    batch_norm : whether the features are normalised behind each hidden layer.
    dropout : share of units left out behind each hidden layer, in [0, 1).
    headless : without the last layer, to be followed by one of your own, such as ``Linear(1)`` for a regression.

    Shapes
    ------
    (batch, *any) -> (batch, num_classes)

    Raises
    ------
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import Tanh
    >>> mlp((64, 64), 3, activation=Tanh, dropout=0.2)
    Flatten() >> Tanh(64) >> Dropout(0.2) >> Tanh(64) >> Dropout(0.2) >> Softmax(3)

    References
    ----------
    Rumelhart, Hinton, Williams, *Learning representations by back-propagating errors*, 1986.
    """
    check_options("mlp", locals(), widths=tuple_of(integer(1)), activation=dense_layers)
    dense, norm = dense_kind("mlp", activation), [BatchNorm()] if batch_norm else []
    layers = (part for width in widths for part in (dense(width), *norm, *dropped(dropout)))
    return carded("mlp", (Flatten(), *layers, *head(num_classes, headless)))


def dense_kind(owner: str, activation: Dense | str) -> Dense:
    """A layer that takes units, by itself or by its name."""
    if not isinstance(activation, str):
        return activation
    known = registry.names("layer")
    if activation not in known:
        hint = did_you_mean(activation, known, registry.listing("layer"))
        raise InvalidParameter(problem(f"{owner}(activation)", "the name of a layer", repr(activation), hint))
    kind: Dense = registry.look_up("layer", activation)
    return kind
