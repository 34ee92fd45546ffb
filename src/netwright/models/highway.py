"""Highway network: fully connected layers whose gates let the input pass, so that very deep ones can be trained.

    dense width - (depth - 1) highway layers - classes

    y = H(x) T(x) + x (1 - T(x)),    H(x) = f(W_H x + b_H),    T(x) = sigmoid(W_T x + b_T)

A highway layer of n units has 2 n (n + 1) parameters; b_T starts negative, so that at first it carries its input.

Srivastava, Greff, Schmidhuber, *Training very deep networks*, 2015.

The paper's networks for MNIST are 50 wide and 10, 20, 50 or 100 layers deep, counted as here, and their first layer is
a plain one of the same width.
"""

from __future__ import annotations

from netwright.core.validation import integer, number
from netwright.graph import Expression, repeat
from netwright.layers import Flatten, Highway, Tanh
from netwright.models.assembling import carded, check_options, head
from netwright.models.mlp import Dense, dense_kind, dense_layers


def highway(
    num_classes: int = 10,
    width: int = 50,
    depth: int = 10,
    *,
    activation: Dense | str = Tanh,
    bias: float = -2.0,
    headless: bool = False,
) -> Expression:
    """A highway network, open at the input: any shape -> (num_classes,).

    Parameters
    ----------
    num_classes : an integer >= 2.
    width : units of each layer, >= 1.
    depth : number of layers before the classes, >= 2; the first is a plain one.
    activation : f, a layer that takes units, such as ``Tanh`` or ``ReLU``, or its name.
    bias : where the biases of the gates start; the deeper, the more negative (the paper uses -1 to -10).
    headless : without the last layer, to be followed by one of your own.

    Shapes
    ------
    (batch, *any) -> (batch, num_classes)

    Raises
    ------
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import Input
    >>> (Input(1, 28, 28) >> highway()).summary().parameters  # 50 x 785 + 9 x 5100 + 10 x 51
    85660

    References
    ----------
    Srivastava, Greff, Schmidhuber, *Training very deep networks*, 2015.
    """
    check_options("highway", locals(), width=integer(1), depth=integer(2), activation=dense_layers, bias=number())
    plain = dense_kind("highway", activation)(width)
    layers = repeat(Highway(plain, bias=bias), depth - 1)
    return carded("highway", (Flatten(), plain, layers, *head(num_classes, headless)))
