"""The network for people who name none: chosen from the shape of one sample and the number of outputs."""

from __future__ import annotations

from netwright.graph import Expression, Shape
from netwright.layers import Conv, Flatten, GlobalPool, MaxPool, ReLU, Tanh
from netwright.models.lenet5 import lenet5_body

NARROWEST, WIDEST = 64, 512
FEW = 20  # hidden units where a step costs the square of the number of weights


def hidden_width(inputs: int, outputs: int) -> int:
    """The rule of thumb 2/3 (inputs) + outputs, rounded up to 8, at least 64 and at most 512.

    Parameters
    ----------
    inputs : number of features.
    outputs : number of outputs.

    Examples
    --------
    >>> hidden_width(30, 2), hidden_width(784, 10)
    (64, 512)
    """
    rule = (2 * inputs + 2) // 3 + outputs
    return min(max(-(-rule // 8) * 8, NARROWEST), WIDEST)


def choose_body(shape: Shape, outputs: int, few: bool = False) -> tuple[Expression, ...]:
    """The layers before the head for samples of a shape.

    Parameters
    ----------
    shape : (features,), (steps or channels, length), (channels, height, width) or (channels, depth, height, width).
    outputs : number of outputs of the head.
    few : few weights for rows of features, for update rules whose step costs the square of their number.

    Examples
    --------
    >>> choose_body((13,), 1)
    (ReLU(64), ReLU(64))
    >>> choose_body((13,), 1, few=True)
    (Tanh(20),)
    """
    if len(shape) == 1 and few:
        return (Tanh(FEW),)
    if len(shape) == 1:
        width = hidden_width(shape[0], outputs)
        return (ReLU(width), ReLU(width))
    if len(shape) == 2:
        return (Flatten(), ReLU(hidden_width(shape[0] * shape[1], outputs)), ReLU(NARROWEST))
    smallest = min(shape[1:])
    if len(shape) == 3 and 12 <= smallest <= 40:
        return (lenet5_body(filters=(16, 32)),)
    if len(shape) == 3 and smallest < 12:
        return (Conv(32, 3, padding="same"), ReLU(), Conv(64, 3, padding="same"), ReLU(), Flatten(), ReLU(128))
    blocks: list[Expression] = []
    for filters in (16, 32, 64, 64):
        blocks += [Conv(filters, 3, padding="same"), ReLU()]
        if smallest >= 4:
            blocks.append(MaxPool(2))
            smallest //= 2
    return (*blocks, GlobalPool("avg"), ReLU(NARROWEST))
