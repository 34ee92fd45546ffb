"""Residual networks for images of 32 x 32, with 6 n + 2 layers.

    stem       16 @ 3x3
    stage      1      2      3
    width      16     32     64
    size       32     16     8
    blocks     n      n      n       of two 3x3 convolutions
    head       global average - classes

Each convolution is without bias and normalised; y = relu(F(x) + s(x)), where s is the input itself, or where the shape
changes every other place of it with zeros for the new channels (the paper's option A, which has no parameters).

    layers        20         32         44         56         110
    parameters    269,722    464,154    658,586    853,018    1,727,962
    paper's error 8.75 %     7.51 %     7.17 %     6.97 %     6.43 %     on CIFAR-10

He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016, section 4.2.

Where others differ: the paper does not say where the zeros stand. Here they stand behind the channels that come; some
published weights have half of them before.
"""

from __future__ import annotations

from netwright.core.validation import integer, satisfies
from netwright.graph import Expression
from netwright.layers import GlobalPool
from netwright.models.assembling import SMALL, carded, check_options, head, unit
from netwright.models.resnet import stage, two

_depth = satisfies("6 n + 2 with an integer n >= 1", lambda d: type(d) is int and d >= 8 and d % 6 == 2)


def cifar_resnet(
    depth: int = 20, num_classes: int = 10, in_channels: int = 3, *, width: int = 16, headless: bool = False
) -> Expression:
    """A residual network for small images, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    depth : number of layers with weights, 6 n + 2 for an integer n >= 1.
    num_classes : an integer >= 2.
    in_channels : of the images, for the shape on the card.
    width : filters of the first stage; the others have twice and four times as many.
    headless : without the last layer, to be followed by one of your own.

    Shapes
    ------
    (batch, channels, height, width), any size -> (batch, num_classes)

    Examples
    --------
    >>> cifar_resnet(20).summary().parameters
    269722

    References
    ----------
    He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016.
    """
    return _made("cifar_resnet", depth, num_classes, in_channels, width, headless)


def resnet20(num_classes: int = 10, in_channels: int = 3, *, width: int = 16, headless: bool = False) -> Expression:
    """`cifar_resnet` with 20 layers: 269,722 parameters.

    Parameters
    ----------
    num_classes, in_channels, width, headless : as of `cifar_resnet`.
    """
    return _made("resnet20", 20, num_classes, in_channels, width, headless)


def resnet32(num_classes: int = 10, in_channels: int = 3, *, width: int = 16, headless: bool = False) -> Expression:
    """`cifar_resnet` with 32 layers: 464,154 parameters.

    Parameters
    ----------
    num_classes, in_channels, width, headless : as of `cifar_resnet`.
    """
    return _made("resnet32", 32, num_classes, in_channels, width, headless)


def resnet44(num_classes: int = 10, in_channels: int = 3, *, width: int = 16, headless: bool = False) -> Expression:
    """`cifar_resnet` with 44 layers: 658,586 parameters.

    Parameters
    ----------
    num_classes, in_channels, width, headless : as of `cifar_resnet`.
    """
    return _made("resnet44", 44, num_classes, in_channels, width, headless)


def resnet56(num_classes: int = 10, in_channels: int = 3, *, width: int = 16, headless: bool = False) -> Expression:
    """`cifar_resnet` with 56 layers: 853,018 parameters.

    Parameters
    ----------
    num_classes, in_channels, width, headless : as of `cifar_resnet`.
    """
    return _made("resnet56", 56, num_classes, in_channels, width, headless)


def resnet110(num_classes: int = 10, in_channels: int = 3, *, width: int = 16, headless: bool = False) -> Expression:
    """`cifar_resnet` with 110 layers: 1,727,962 parameters.

    Parameters
    ----------
    num_classes, in_channels, width, headless : as of `cifar_resnet`.
    """
    return _made("resnet110", 110, num_classes, in_channels, width, headless)


def _made(name: str, depth: int, num_classes: int, in_channels: int, width: int, headless: bool) -> Expression:
    check_options(name, locals(), depth=_depth, width=integer(1))
    n = (depth - 2) // 6
    stages = [stage(two, width << i, n, 1 if i == 0 else 2, "pad") for i in range(3)]
    parts = (unit(width, 3, padding=1), *stages, GlobalPool(), *head(num_classes, headless))
    return carded(name, parts, (in_channels, SMALL, SMALL))
