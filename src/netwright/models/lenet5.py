"""LeNet-5, the convolutional network for small images of characters.

    layer   library form                 `paper`                                              parameters
    C1      conv 6 @ 5x5                 the same                                             156
    S2      2x2 max-pool                 2x2 sum, times a coefficient, plus a bias            12
    C3      conv 16 @ 5x5                each of the 16 sees the maps of `TABLE` only         1,516 (2,416)
    S4      2x2 max-pool                 2x2 sum, times a coefficient, plus a bias            32
    C5      dense 120                    conv 120 @ 5x5                                       48,120
    F6      dense 84                     dense 84                                             10,164
    output  softmax                      distances to fixed images of the digits, softmax     0 (850)

The library form has rectifiers and 61,706 parameters, as is usual today; the paper's has 1.7159 tanh(2 x / 3) behind C1
... F6 and exactly 60,000. Images of 28 x 28 are padded to 32 x 32.

LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, Proc. IEEE 86, 1998.

Where `paper` differs from the paper: its outputs are the squared distances themselves; here their negatives go into a
softmax, so that training on logits is its criterion (9) without the constant for rejected images. Weights start with
the variance 1 / fan_in, and the images of the digits are drawn anew; for more than 10 classes the codes are random.
"""

from __future__ import annotations

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import integer, satisfies
from netwright.graph import Expression, Parallel, join
from netwright.layers import (
    Concat,
    Conv,
    Flatten,
    HeNormal,
    MaxPool,
    RadialBasis,
    ReLU,
    ScaledTanh,
    Select,
    Softmax,
    Subsampling,
)
from netwright.models.assembling import carded, check_options, head

FILTERS, DENSE = (6, 16), (120, 84)
SIZE = 28

# Table I of the paper: which maps of S2 each map of C3 sees.
TABLE = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)

_two = satisfies(
    "two integers >= 1", lambda item: isinstance(item, tuple) and len(item) == 2 and all(map(integer(1).accepts, item))
)
_LECUN = HeNormal(1.0)


def lenet5(
    num_classes: int = 10,
    in_channels: int = 1,
    *,
    filters: tuple[int, int] = FILTERS,
    dense: tuple[int, int] = DENSE,
    paper: bool = False,
    headless: bool = False,
) -> Expression:
    """LeNet-5, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    num_classes : number of classes, an integer >= 2.
    in_channels : of the images, for the shape on the card.
    filters : filters of the two convolutions; (6, 16) is the paper's.
    dense : units of the two fully connected layers.
    paper : the form of 1998: trainable subsampling, a table of connections, distances to fixed codes.
    headless : without the last layer, to be followed by one of your own.

    Shapes
    ------
    (batch, channels, height, width) with height, width >= 12, with `paper` >= 28 -> (batch, num_classes)

    Raises
    ------
    InvalidParameter : options out of range, other filters or dense layers in the paper's form.

    Examples
    --------
    >>> lenet5().summary().parameters, lenet5(paper=True).summary().parameters
    (61706, 60000)

    References
    ----------
    LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, 1998.
    """
    check_options("lenet5", locals(), filters=_two, dense=_two)
    shape = (in_channels, SIZE, SIZE)
    if not paper:
        return carded("lenet5", (lenet5_body(filters, dense), *head(num_classes, headless)), shape)
    if (filters, dense) != (FILTERS, DENSE):
        got = f"filters={filters}, dense={dense}"
        raise InvalidParameter(problem("lenet5(paper)", f"filters={FILTERS}, dense={DENSE}", got, "Leave them out."))
    outputs = [RadialBasis(num_classes, "digits" if num_classes <= 10 else "random"), Softmax()]
    return carded("lenet5", (_paper_body(), *([] if headless else outputs)), shape)


def lenet5_body(filters: tuple[int, int] = FILTERS, dense: tuple[int, int] = DENSE) -> Expression:
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


def _paper_body() -> Expression:
    """C1 to F6."""
    maps = [
        Conv(1, 5, weight=_LECUN) if len(seen) == 6 else Select(seen) >> Conv(1, 5, weight=_LECUN) for seen in TABLE
    ]
    return join(
        *(Conv(6, 5, padding=2, weight=_LECUN), ScaledTanh()),
        *(Subsampling(2), ScaledTanh()),
        *(Parallel(tuple(maps)), Concat(), ScaledTanh()),
        *(Subsampling(2), ScaledTanh()),
        *(Conv(120, 5, weight=_LECUN), ScaledTanh(), Flatten()),
        ScaledTanh(84),
    )
