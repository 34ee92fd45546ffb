"""VGG: five stages of 3x3 convolutions, each ending in a 2x2 max-pool that halves the size, and three dense layers.

    stage        1     2     3     4     5
    filters     64   128   256   512   512
    vgg11        1     1     2     2     2     configuration A of the paper
    vgg13        2     2     2     2     2     B
    vgg16        2     2     3     3     3     D
    vgg19        2     2     4     4     4     E
    dense       4096 - dropout - 4096 - dropout - classes

Every layer but the last has a rectifier; `batch_norm` puts a normalisation before those of the convolutions.

Simonyan, Zisserman, *Very deep convolutional networks for large-scale image recognition*, 2015.

These are the paper's networks, with its numbers of parameters (133, 133, 138, 144 million). Where this differs: weights
start by He's rule, so that deep ones need not begin as shallow ones; convolutions keep their biases beside the
normalisation, as published weights do; a pool to 7x7 before the dense layers changes nothing on images of 224 x 224 and
lets other sizes in. On images of 32 x 32 (`small`) the stages leave one place, and the dense layers begin there.
"""

from __future__ import annotations

from netwright.graph import Expression, join
from netwright.layers import AdaptivePool, BatchNorm, Conv, Flatten, MaxPool, ReLU
from netwright.models.assembling import check_options, dropped, head, image_network
from netwright.models.preprocessing import IMAGENET

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}  # convolutions a stage
DENSE = 4096


def vgg11(
    num_classes: int = 1000,
    in_channels: int = 3,
    *,
    batch_norm: bool = False,
    dropout: float = 0.5,
    small: bool = False,
    headless: bool = False,
) -> Expression:
    """VGG with 11 layers, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    num_classes : an integer >= 2.
    in_channels : of the images, for the shape on the card.
    batch_norm : whether each convolution is followed by a normalisation.
    dropout : share of units left out behind each hidden dense layer, in [0, 1).
    small : for images of 32 x 32: dense layers on one place instead of 7x7.
    headless : without the last layer, to be followed by one of your own.

    Shapes
    ------
    (batch, channels, height, width) with height, width >= 32 -> (batch, num_classes)

    Examples
    --------
    >>> vgg11().summary().parameters
    132863336

    References
    ----------
    Simonyan, Zisserman, *Very deep convolutional networks for large-scale image recognition*, 2015.
    """
    return _vgg(11, num_classes, in_channels, batch_norm, dropout, small, headless)


def vgg13(
    num_classes: int = 1000,
    in_channels: int = 3,
    *,
    batch_norm: bool = False,
    dropout: float = 0.5,
    small: bool = False,
    headless: bool = False,
) -> Expression:
    """VGG with 13 layers, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    num_classes, in_channels, batch_norm, dropout, small, headless : as of `vgg11`.

    Examples
    --------
    >>> vgg13().summary().parameters
    133047848

    References
    ----------
    Simonyan, Zisserman, *Very deep convolutional networks for large-scale image recognition*, 2015.
    """
    return _vgg(13, num_classes, in_channels, batch_norm, dropout, small, headless)


def vgg16(
    num_classes: int = 1000,
    in_channels: int = 3,
    *,
    batch_norm: bool = False,
    dropout: float = 0.5,
    small: bool = False,
    headless: bool = False,
) -> Expression:
    """VGG with 16 layers, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    num_classes, in_channels, batch_norm, dropout, small, headless : as of `vgg11`.

    Examples
    --------
    >>> vgg16().summary().parameters, vgg16(batch_norm=True).summary().parameters
    (138357544, 138365992)

    References
    ----------
    Simonyan, Zisserman, *Very deep convolutional networks for large-scale image recognition*, 2015.
    """
    return _vgg(16, num_classes, in_channels, batch_norm, dropout, small, headless)


def vgg19(
    num_classes: int = 1000,
    in_channels: int = 3,
    *,
    batch_norm: bool = False,
    dropout: float = 0.5,
    small: bool = False,
    headless: bool = False,
) -> Expression:
    """VGG with 19 layers, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    num_classes, in_channels, batch_norm, dropout, small, headless : as of `vgg11`.

    Examples
    --------
    >>> vgg19().summary().parameters
    143667240

    References
    ----------
    Simonyan, Zisserman, *Very deep convolutional networks for large-scale image recognition*, 2015.
    """
    return _vgg(19, num_classes, in_channels, batch_norm, dropout, small, headless)


def _vgg(
    layers: int, num_classes: int, in_channels: int, batch_norm: bool, dropout: float, small: bool, headless: bool
) -> Expression:
    name = f"vgg{layers}"
    check_options(name, locals())
    parts: list[Expression] = []
    for width, depth in zip(WIDTHS, DEPTHS[layers], strict=True):
        for _ in range(depth):
            parts += [Conv(width, 3, padding=1), *([BatchNorm()] if batch_norm else []), ReLU()]
        parts.append(MaxPool(2))
    hidden = join(ReLU(DENSE), *dropped(dropout))
    parts += [AdaptivePool(1 if small else 7), Flatten(), hidden, hidden, *head(num_classes, headless)]
    return image_network(name, parts, in_channels, IMAGENET, small)
