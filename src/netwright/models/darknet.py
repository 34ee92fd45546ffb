"""Darknet: the backbone of YOLO version 3, and small ones like it.

    stem       width @ 3x3
    stage i    a 3x3 convolution with stride 2 and width 2^i w, then blocks  x + F(x)
    F          1x1 convolution to half the width, 3x3 convolution back
    head       global average - classes

Each convolution is without bias, normalised and followed by a leaky rectifier (slope 0.1); nothing follows the sum.

                    stages    blocks             parameters
    darknet53       5         1, 2, 8, 8, 4      41,609,928     40,584,928 without the last layer

Redmon, Farhadi, *YOLOv3: an incremental improvement*, 2018.
"""

from __future__ import annotations

from netwright.core.validation import integer, tuple_of
from netwright.graph import Expression, join
from netwright.layers import BatchNorm, Conv, GlobalPool, LeakyReLU, Residual
from netwright.models.assembling import carded, check_options, head, image_network
from netwright.models.preprocessing import Preprocessing

DEPTHS = (1, 2, 8, 8, 4)
AS_IS = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 256, 256)  # the published network takes values in [0, 1]


def darknet53(num_classes: int = 1000, in_channels: int = 3, *, headless: bool = False) -> Expression:
    """`darknet` with 53 layers: 41,609,928 parameters.

    Parameters
    ----------
    num_classes, in_channels, headless : as of `darknet`.

    Examples
    --------
    >>> darknet53().summary().parameters
    41609928

    References
    ----------
    Redmon, Farhadi, *YOLOv3: an incremental improvement*, 2018.
    """
    return _made("darknet53", 32, DEPTHS, 1, num_classes, in_channels, headless)


def darknet(
    width: int = 16,
    blocks: tuple[int, ...] = (1, 1, 2, 2),
    num_classes: int = 10,
    in_channels: int = 3,
    *,
    stride: int = 1,
    headless: bool = False,
) -> Expression:
    """A residual backbone for detectors, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    width : filters of the stem; stage i has 2^i times as many.
    blocks : how many residual blocks each stage has, integers >= 0; each stage halves height and width.
    num_classes : an integer >= 2.
    in_channels : of the images, for the shape on the card.
    stride : of the stem, 1 or 2.
    headless : without the last layer, to be followed by one of your own.

    Shapes
    ------
    (batch, channels, height, width), any size -> (batch, num_classes)

    Examples
    --------
    >>> darknet(16, (1, 2, 2), stride=2, headless=True).summary().parameters
    308848

    References
    ----------
    Redmon, Farhadi, *YOLOv3: an incremental improvement*, 2018.
    """
    return _made("darknet", width, blocks, stride, num_classes, in_channels, headless)


def _made(
    name: str, width: int, blocks: tuple[int, ...], stride: int, num_classes: int, in_channels: int, headless: bool
) -> Expression:
    check_options(name, locals(), width=integer(2), blocks=tuple_of(integer(0), least=1), stride=integer(1, 2))
    parts = [_unit(width, 3, stride)]
    for number, depth in enumerate(blocks, start=1):
        wide = width << number
        parts += [_unit(wide, 3, 2), *(Residual(_unit(wide // 2, 1) >> _unit(wide, 3)) for _ in range(depth))]
    parts = [*parts, GlobalPool(), *head(num_classes, headless)]
    if name == "darknet":
        return carded(name, parts, (in_channels, AS_IS.size, AS_IS.size))
    return image_network(name, parts, in_channels, AS_IS)


def _unit(filters: int, kernel: int, stride: int = 1) -> Expression:
    return join(Conv(filters, kernel, stride, kernel // 2, bias=False), BatchNorm(), LeakyReLU(slope=0.1))
