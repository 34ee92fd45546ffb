"""Residual networks for photographs, with 18 to 152 layers.

    stem       64 @ 7x7 / 2 - 3x3 max-pool / 2
    stage      1      2      3      4
    width      64     128    256    512
    resnet18   2      2      2      2       blocks of two 3x3 convolutions
    resnet34   3      4      6      3       the same
    resnet50   3      4      6      3       bottlenecks: 1x1, 3x3 and 1x1 to four times the width
    resnet101  3      4      23     3       the same
    resnet152  3      8      36     3       the same
    head       global average - classes

Each convolution is without bias and normalised; y = relu(F(x) + s(x)), where s is the input itself, or a normalised 1x1
convolution where the shape changes (the paper's option B). Stages 2 to 4 begin with stride 2.

He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016.

Where this differs from the paper: in bottlenecks the 3x3 convolution has the stride, as in published weights ("v1.5");
`paper` gives it to the first 1x1 convolution. The numbers of parameters are equal. ResNet-18 and 34 are the paper's,
which describes them with option A too; for that see `cifar_resnet`.
"""

from __future__ import annotations

from collections.abc import Callable

from netwright.graph import Expression, join
from netwright.layers import BatchNorm, Conv, GlobalPool, MaxPool, ReLU, Residual
from netwright.models.assembling import check_options, head, image_network, unit
from netwright.models.preprocessing import IMAGENET

WIDTHS = (64, 128, 256, 512)
Body = Callable[[int, int], Expression]


def resnet18(
    num_classes: int = 1000, in_channels: int = 3, *, small: bool = False, headless: bool = False
) -> Expression:
    """ResNet with 18 layers, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    num_classes : an integer >= 2.
    in_channels : of the images, for the shape on the card.
    small : for images of 32 x 32: a first convolution of 3x3 with stride 1, and no pool behind it.
    headless : without the last layer, to be followed by one of your own.

    Shapes
    ------
    (batch, channels, height, width), any size -> (batch, num_classes)

    Examples
    --------
    >>> resnet18().summary().parameters
    11689512

    References
    ----------
    He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016.
    """
    return _resnet("resnet18", (2, 2, 2, 2), two, num_classes, in_channels, small, headless)


def resnet34(
    num_classes: int = 1000, in_channels: int = 3, *, small: bool = False, headless: bool = False
) -> Expression:
    """ResNet with 34 layers, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    num_classes, in_channels, small, headless : as of `resnet18`.

    Examples
    --------
    >>> resnet34().summary().parameters
    21797672

    References
    ----------
    He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016.
    """
    return _resnet("resnet34", (3, 4, 6, 3), two, num_classes, in_channels, small, headless)


def resnet50(
    num_classes: int = 1000,
    in_channels: int = 3,
    *,
    paper: bool = False,
    small: bool = False,
    headless: bool = False,
) -> Expression:
    """ResNet with 50 layers, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    num_classes, in_channels, small, headless : as of `resnet18`.
    paper : whether the first 1x1 convolution of a bottleneck has the stride, and not the 3x3 convolution.

    Examples
    --------
    >>> resnet50().summary().parameters
    25557032

    References
    ----------
    He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016.
    """
    return _resnet("resnet50", (3, 4, 6, 3), _neck("resnet50", paper), num_classes, in_channels, small, headless)


def resnet101(
    num_classes: int = 1000,
    in_channels: int = 3,
    *,
    paper: bool = False,
    small: bool = False,
    headless: bool = False,
) -> Expression:
    """ResNet with 101 layers, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    num_classes, in_channels, paper, small, headless : as of `resnet50`.

    Examples
    --------
    >>> resnet101().summary().parameters
    44549160

    References
    ----------
    He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016.
    """
    return _resnet("resnet101", (3, 4, 23, 3), _neck("resnet101", paper), num_classes, in_channels, small, headless)


def resnet152(
    num_classes: int = 1000,
    in_channels: int = 3,
    *,
    paper: bool = False,
    small: bool = False,
    headless: bool = False,
) -> Expression:
    """ResNet with 152 layers, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    num_classes, in_channels, paper, small, headless : as of `resnet50`.

    Examples
    --------
    >>> resnet152().summary().parameters
    60192808

    References
    ----------
    He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016.
    """
    return _resnet("resnet152", (3, 8, 36, 3), _neck("resnet152", paper), num_classes, in_channels, small, headless)


def two(width: int, stride: int) -> Expression:
    """F of a block: two 3x3 convolutions, the first with the stride."""
    return unit(width, 3, stride, padding=1) >> Conv(width, 3, padding=1, bias=False) >> BatchNorm()


def bottleneck(width: int, stride: int) -> Expression:
    """F of a bottleneck with the stride in the 3x3 convolution."""
    return unit(width, 1) >> unit(width, 3, stride, padding=1) >> Conv(4 * width, 1, bias=False) >> BatchNorm()


def paper_bottleneck(width: int, stride: int) -> Expression:
    """F of a bottleneck with the stride in the first 1x1 convolution."""
    return unit(width, 1, stride) >> unit(width, 3, padding=1) >> Conv(4 * width, 1, bias=False) >> BatchNorm()


def stage(body: Body, width: int, depth: int, stride: int, shortcut: str | None = None) -> Expression:
    """Blocks one after the other, the first with the stride."""
    bodies = (body(width, stride if i == 0 else 1) for i in range(depth))
    blocks = (Residual(each, shortcut, normalize=shortcut is None) >> ReLU() for each in bodies)
    return join(*blocks)


def _neck(name: str, paper: bool) -> Body:
    check_options(name, locals())
    return paper_bottleneck if paper else bottleneck


def _resnet(
    name: str,
    depths: tuple[int, ...],
    body: Body,
    num_classes: int,
    in_channels: int,
    small: bool,
    headless: bool,
) -> Expression:
    check_options(name, locals())
    stem = unit(64, 3, padding=1) if small else unit(64, 7, 2, padding=3) >> MaxPool(3, 2, padding=1)
    strides = (1, 2, 2, 2)
    stages = [stage(body, *each) for each in zip(WIDTHS, depths, strides, strict=True)]
    parts = (stem, *stages, GlobalPool(), *head(num_classes, headless))
    return image_network(name, parts, in_channels, IMAGENET, small)
