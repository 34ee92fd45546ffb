"""AlexNet: five convolutions, three fully connected layers.

    layer      one tower (library form)          two towers (`paper`)
    conv 1     64 @ 11x11 / 4 - pool             96 @ 11x11 / 4 - normalise - pool
    conv 2     192 @ 5x5 - pool                  256 @ 5x5, two groups - normalise - pool
    conv 3     384 @ 3x3                         384 @ 3x3
    conv 4     256 @ 3x3                         384 @ 3x3, two groups
    conv 5     256 @ 3x3 - pool                  256 @ 3x3, two groups - pool
    dense      dropout 4096 - dropout 4096 - classes

Every layer but the last has a rectifier. Pools are 3x3 with stride 2 and overlap; normalisation is over 5 channels, k =
2, alpha = 1e-4 (not divided by 5), beta = 0.75. 61,100,840 parameters, in two towers 60,965,224.

Krizhevsky, Sutskever, Hinton, *ImageNet classification with deep convolutional neural networks*, 2012 (two towers).
Krizhevsky, *One weird trick for parallelizing convolutional neural networks*, 2014 (one tower).

Where this differs from the papers: the first convolution pads by 2, which makes 55 places of 224; a pool to 6x6 before
the fully connected layers changes nothing at that size and lets images of other sizes in.
"""

from __future__ import annotations

from netwright.core.validation import integer
from netwright.graph import Expression, join
from netwright.layers import (
    AdaptivePool,
    Constant,
    Conv,
    Flatten,
    LocalResponseNorm,
    MaxPool,
    Normal,
    ReLU,
    Softmax,
)
from netwright.models.assembling import check_options, dropped, head, image_network
from netwright.models.preprocessing import IMAGENET

DENSE = 4096
_START = Normal(0.0, 0.01)
_ONE = Constant(1.0)


def alexnet(
    num_classes: int = 1000,
    in_channels: int = 3,
    *,
    dropout: float = 0.5,
    paper: bool = False,
    towers: int = 2,
    small: bool = False,
    headless: bool = False,
) -> Expression:
    """AlexNet, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    num_classes : an integer >= 2.
    in_channels : of the images, for the shape on the card.
    dropout : share of units left out before each hidden dense layer, in [0, 1).
    paper : the form of 2012: two towers, response normalisation, weights from N(0, 0.01^2), biases of 1 in
        convolutions 2, 4, 5 and in the hidden dense layers.
    towers : groups of convolutions 2, 4 and 5 in the paper's form; 1 is the same without groups.
    small : for images of 32 x 32: a first convolution of 3x3 with stride 1, and no pool behind it.
    headless : without the last layer, to be followed by one of your own.

    Shapes
    ------
    (batch, channels, height, width) with height, width >= 63, with `small` >= 7 -> (batch, num_classes)

    Examples
    --------
    >>> alexnet().summary().parameters, alexnet(paper=True).summary().parameters
    (61100840, 60965224)

    References
    ----------
    Krizhevsky, Sutskever, Hinton, *ImageNet classification with deep convolutional neural networks*, 2012.
    """
    check_options("alexnet", locals(), towers=integer(1))
    features = _paper_features(towers, small) if paper else _features(small)
    if paper:
        hidden = ReLU(DENSE, weight=_START, bias=_ONE)
        last: list[Expression] = [] if headless else [Softmax(num_classes, weight=_START)]
    else:
        hidden, last = ReLU(DENSE), head(num_classes, headless)
    dense = join(Flatten(), *dropped(dropout), hidden, *dropped(dropout), hidden, *last)
    parts = (*features, MaxPool(3, 2), AdaptivePool(6), dense)
    return image_network("alexnet", parts, in_channels, IMAGENET, small)


def _features(small: bool) -> list[Expression]:
    return [
        Conv(64, 3, padding=1) if small else Conv(64, 11, 4, padding=2),
        ReLU(),
        *([] if small else [MaxPool(3, 2)]),
        Conv(192, 5, padding=2),
        ReLU(),
        MaxPool(3, 2),
        Conv(384, 3, padding=1),
        ReLU(),
        Conv(256, 3, padding=1),
        ReLU(),
        Conv(256, 3, padding=1),
        ReLU(),
    ]


def _paper_features(towers: int, small: bool) -> list[Expression]:
    first = Conv(96, 3, padding=1, weight=_START) if small else Conv(96, 11, 4, padding=2, weight=_START)
    return [
        first,
        ReLU(),
        LocalResponseNorm(),
        *([] if small else [MaxPool(3, 2)]),
        Conv(256, 5, padding=2, groups=towers, weight=_START, bias=_ONE),
        ReLU(),
        LocalResponseNorm(),
        MaxPool(3, 2),
        Conv(384, 3, padding=1, weight=_START),
        ReLU(),
        Conv(384, 3, padding=1, groups=towers, weight=_START, bias=_ONE),
        ReLU(),
        Conv(256, 3, padding=1, groups=towers, weight=_START, bias=_ONE),
        ReLU(),
    ]
