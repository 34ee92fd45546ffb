"""Networks with a map of features for every pixel: U-Net and a fully convolutional one, with two ways back up.

    U-Net                 down, two convolutions a level; up by 2, joined to the maps of that level, two convolutions
    fully convolutional   down likewise; each level gives scores, and those of the coarser ones are doubled and added

                 "learned"                          "bilinear"
    doubling     transposed convolution 2x2, step 2  bilinear interpolation, and for U-Net a 1x1 convolution

A transposed convolution learns what stands between two places and can leave a pattern of squares; interpolation has no
weights and cannot.

Ronneberger, Fischer, Brox, *U-Net: convolutional networks for biomedical image segmentation*, 2015; Long, Shelhamer,
Darrell, *Fully convolutional networks for semantic segmentation*, 2015; Odena, Dumoulin, Olah, *Deconvolution and
checkerboard artifacts*, 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

from netwright.graph import Expression, join
from netwright.layers import Add, BatchNorm, Conv, ConvTranspose, CropConcat, Identity, MaxPool, ReLU, Upsample
from netwright.models.unet import unet

WIDTHS = (16, 32, 64, 128)
UPSAMPLINGS = ("learned", "bilinear")


def segmentation_unet(widths: Sequence[int] = WIDTHS, upsampling: str = "learned") -> Expression:
    """U-Net without its classes, open at the input: (channels, height, width) -> (widths[0], height, width).

    Parameters
    ----------
    widths : channels of the levels, the finest first. upsampling : "learned" or "bilinear".

    Examples
    --------
    >>> from netwright.layers import Input
    >>> [(Input(3, 32, 48) >> segmentation_unet((4, 8), way)).output_shape for way in UPSAMPLINGS]
    [(4, 32, 48), (4, 32, 48)]
    """
    if upsampling == "learned":
        return unet(widths=tuple(widths), headless=True)
    network = _twice(widths[-1])
    for width in reversed(widths[:-1]):
        below = MaxPool(2) >> network >> Upsample(2, "bilinear") >> Conv(width, 1)
        network = _twice(width) >> (Identity() | below) >> CropConcat() >> _twice(width)
    return network


def fully_convolutional(classes: int, widths: Sequence[int] = WIDTHS, upsampling: str = "learned") -> Expression:
    """A fully convolutional network, open at the input: (channels, height, width) -> (classes, height, width).

    Parameters
    ----------
    classes : how many scores each pixel gets. widths : channels of the levels, the finest first; at least two.
    upsampling : "learned" or "bilinear".

    Shapes
    ------
    height and width multiples of 2^(levels - 1)

    Examples
    --------
    >>> from netwright.layers import Input
    >>> (Input(3, 32, 48) >> fully_convolutional(5, (4, 8, 16))).output_shape
    (5, 32, 48)
    """
    network = _twice(widths[-1]) >> Conv(classes, 1)
    for width in reversed(widths[:-1]):
        doubled = ConvTranspose(classes, 2, 2) if upsampling == "learned" else Upsample(2, "bilinear")
        below = join(MaxPool(2), network, doubled)
        network = _twice(width) >> (Conv(classes, 1) | below) >> Add()
    return network


def _twice(width: int) -> Expression:
    """Two 3x3 convolutions, normalised."""
    each = Conv(width, 3, padding=1, bias=False) >> BatchNorm() >> ReLU()
    return join(each, each)
