"""U-Net: a network that gives a class to every place of an image.

    level      1      2      3      4      5
    filters    64     128    256    512    1024

On the way down each level is two 3x3 convolutions and a 2x2 max-pool; on the way up a transposed 2x2 convolution
doubles the size, the maps that the same level had on the way down are joined to it, and two 3x3 convolutions follow. A
1x1 convolution gives the classes.

                    library form                         `paper`
    convolutions    padded, without bias, normalised     unpadded, with bias
    size            kept, whatever it is                 572 -> 388
    dropout         none                                 0.5 at the end of levels 4 and 5 on the way down
    parameters      31,037,633 (3 channels, 1 class)     31,030,658 (1 channel, 2 classes)

Where halving leaves a place over, the pool keeps the incomplete window, and the doubled maps are cut by one place at
their end, so that places stay above each other; an image of 2^4 k places needs none of that. In the paper's form it is
the maps of the way down, of 568, 280, 136 and 64 places, that are cut, to their middles.

Ronneberger, Fischer, Brox, *U-Net: convolutional networks for biomedical image segmentation*, 2015.

The paper speaks of dropout at the end of the contracting path without a rate; 0.5 on two levels is what its authors'
published network has.
"""

from __future__ import annotations

from netwright.core.validation import boolean, integer, nothing, tuple_of
from netwright.graph import Expression, join
from netwright.layers import BatchNorm, Conv, ConvTranspose, CropConcat, Identity, MaxPool, ReLU, Sigmoid, Softmax
from netwright.models.assembling import carded, check_options, dropped, share_or_none

WIDTHS = (64, 128, 256, 512, 1024)
SIZE, PAPER_SIZE = 256, 572
PAPER_DROPOUT = 0.5


def unet(
    num_classes: int = 2,
    in_channels: int = 3,
    *,
    widths: tuple[int, ...] = WIDTHS,
    batch_norm: bool | None = None,
    dropout: float | None = None,
    paper: bool = False,
    headless: bool = False,
) -> Expression:
    """U-Net, open at the input: (channels, height, width) -> (num_classes, height, width).

    Volumes and lines are taken as well: the rank of the input decides.

    Parameters
    ----------
    num_classes : an integer >= 1; 1 ends in a sigmoid, the probability of one of two classes.
    in_channels : of the images, for the shape on the card; the paper's have 1.
    widths : filters of the levels, from the top down, at least one.
    batch_norm : whether convolutions are normalised instead of having biases; None is True, and False with `paper`.
    dropout : share of values left out at the end of the two lowest levels on the way down, in [0, 1); None is 0, and
        0.5 with `paper`.
    paper : the form of 2015: unpadded convolutions, cropped maps.
    headless : without the last convolution: the maps of the first level, to be followed by layers of your own.

    Shapes
    ------
    (batch, channels, *space), any size -> (batch, num_classes, *space); with `paper` and five levels (batch, channels,
    *space) -> (batch, num_classes, *(space - 184)) for sizes of 16 k + 12

    Raises
    ------
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import Input
    >>> (Input(3, 97, 50) >> unet(4)).output_shape
    (4, 97, 50)
    >>> (Input(1, 572, 572) >> unet(2, in_channels=1, paper=True)).output_shape
    (2, 388, 388)

    References
    ----------
    Ronneberger, Fischer, Brox, *U-Net: convolutional networks for biomedical image segmentation*, 2015.
    """
    check_options(
        "unet",
        locals(),
        num_classes=integer(1),
        widths=tuple_of(integer(1), least=1),
        batch_norm=boolean | nothing,
        dropout=share_or_none,
    )
    normalized = not paper if batch_norm is None else batch_norm
    share = (PAPER_DROPOUT if paper else 0.0) if dropout is None else dropout
    pool = MaxPool(2) if paper else MaxPool(2, padding="same")
    network = _twice(widths[-1], normalized, paper, share)
    for depth, width in reversed(list(enumerate(widths[:-1]))):
        low = depth == len(widths) - 2
        below = pool >> network >> ConvTranspose(width, 2, 2)
        down = _twice(width, normalized, paper, share if low else 0.0)
        network = down >> (Identity() | below) >> CropConcat() >> _twice(width, normalized, paper, 0.0)
    last = Sigmoid() if num_classes == 1 else Softmax()
    size = PAPER_SIZE if paper else SIZE
    parts = (network, *([] if headless else [Conv(num_classes, 1), last]))
    return carded("unet", parts, (in_channels, size, size))


def _twice(width: int, normalized: bool, paper: bool, share: float) -> Expression:
    """Two 3x3 convolutions."""
    conv = Conv(width, 3, padding="valid" if paper else 1, bias=not normalized)
    each = join(conv, *([BatchNorm()] if normalized else []), ReLU())
    return join(each, each, *dropped(share))
