"""LeNet-5, the convolutional network for small images of characters.

    conv 6 @ 5x5 - pool - conv 16 @ 5x5 - pool - dense 120 - dense 84 - classes

LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, Proc. IEEE 86, 1998.
Where this differs from the paper: rectifiers and max-pooling instead of scaled tanh and trainable subsampling, full
connections between the two convolutions, and Softmax instead of radial basis outputs, as is usual today.
"""

from __future__ import annotations

from netwright.core.validation import check, integer
from netwright.graph import Expression
from netwright.layers import Conv, Flatten, MaxPool, ReLU, Softmax


def lenet5(classes: int = 10, filters: tuple[int, int] = (6, 16), dense: tuple[int, int] = (120, 84)) -> Expression:
    """LeNet-5 with rectifiers, open at the input: (channels, height, width) -> (classes,).

    Parameters
    ----------
    classes : number of classes, an integer >= 2.
    filters : filters of the two convolutions; (6, 16) is the paper's.
    dense : units of the two fully connected layers.

    Shapes
    ------
    (batch, channels, height, width) with height, width >= 12 -> (batch, classes)

    Examples
    --------
    >>> from netwright.layers import Input
    >>> (Input(1, 28, 28) >> lenet5()).summary().parameters
    61706

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, 1998.
    """
    check("lenet5(classes)", classes, integer(2))
    body = lenet5_body(filters, dense)
    return body >> Softmax(classes)


def lenet5_body(filters: tuple[int, int] = (6, 16), dense: tuple[int, int] = (120, 84)) -> Expression:
    """All of LeNet-5 but its last layer; a 28x28 image is padded to 32x32 as in the paper.

    Parameters
    ----------
    filters : filters of the two convolutions.
    dense : units of the two fully connected layers.
    """
    return (
        Conv(filters[0], 5, padding=2)
        >> ReLU()
        >> MaxPool(2)
        >> Conv(filters[1], 5)
        >> ReLU()
        >> MaxPool(2)
        >> Flatten()
        >> ReLU(dense[0])
        >> ReLU(dense[1])
    )
