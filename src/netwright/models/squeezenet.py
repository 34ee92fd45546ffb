"""SqueezeNet: Fire modules, few 1x1 filters before 1x1 and 3x3 filters, and no dense layer.

    version 1.0 (the paper's)                    version 1.1
    96 @ 7x7 / 2 - pool                          64 @ 3x3 / 2 - pool
    Fire 128 - Fire 128 - Fire 256 - pool        Fire 128 - Fire 128 - pool
    Fire 256 - Fire 384 - Fire 384 - Fire 512    Fire 256 - Fire 256 - pool
    pool - Fire 512                              Fire 384 - Fire 384 - Fire 512 - Fire 512
    dropout - classes @ 1x1 - rectifier - global average - softmax

Pools are 3x3 with stride 2 and keep an incomplete last window. 1,248,424 and 1,235,496 parameters; version 1.1 has 2.3
times fewer multiplications.

Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer, *SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and
<0.5MB model size*, 2016.

The rectifier stands behind the scores of the classes as in the paper. A score that it holds at 0 for all images is not
learned any more, so the biases of that convolution start at 1 here (elsewhere at 0, where few classes often end so).
"""

from __future__ import annotations

from netwright.core.validation import one_of
from netwright.graph import Expression
from netwright.layers import Conv, Fire, GlobalPool, MaxPool, Normal, ReLU, Softmax
from netwright.models.assembling import check_options, dropped, image_network
from netwright.models.preprocessing import IMAGENET


def squeezenet(
    version: str = "1.0",
    num_classes: int = 1000,
    in_channels: int = 3,
    *,
    dropout: float = 0.5,
    small: bool = False,
    headless: bool = False,
) -> Expression:
    """SqueezeNet, open at the input: (channels, height, width) -> (num_classes,).

    Parameters
    ----------
    version : "1.0", the paper's, or "1.1".
    num_classes : an integer >= 2.
    in_channels : of the images, for the shape on the card.
    dropout : share of values left out before the last convolution, in [0, 1).
    small : for images of 32 x 32: a first convolution of 3x3 with stride 1, and no pool behind it.
    headless : without the last convolution: the 512 global averages, to be followed by a layer of your own.

    Shapes
    ------
    (batch, channels, height, width) with height, width >= 21, "1.1" 17, `small` 4 -> (batch, num_classes)

    Examples
    --------
    >>> squeezenet("1.0").summary().parameters, squeezenet("1.1").summary().parameters
    (1248424, 1235496)

    References
    ----------
    Iandola et al., *SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size*, 2016.
    """
    check_options("squeezenet", locals(), version=one_of("1.0", "1.1"))
    filters, kernel = (96, 7) if version == "1.0" else (64, 3)
    first = Conv(filters, 3, padding=1) if small else Conv(filters, kernel, 2)
    stem = [first, ReLU(), *([] if small else [pool()])]
    if headless:
        tail: list[Expression] = [*dropped(dropout), GlobalPool()]
    else:
        scores = Conv(num_classes, 1, weight=Normal(0.0, 0.01), bias=1.0)
        tail = [*dropped(dropout), scores, ReLU(), GlobalPool(), Softmax()]
    return image_network("squeezenet", (*stem, *_fires(version), *tail), in_channels, IMAGENET, small)


def pool() -> Expression:
    """The pool between the stages."""
    return MaxPool(3, 2, ceil=True)


def _fires(version: str) -> list[Expression]:
    early = [Fire(16, 64, 64), Fire(16, 64, 64)]
    if version == "1.0":
        middle = [Fire(32, 128, 128), Fire(48, 192, 192), Fire(48, 192, 192), Fire(64, 256, 256)]
        return [*early, Fire(32, 128, 128), pool(), *middle, pool(), Fire(64, 256, 256)]
    late = [Fire(48, 192, 192), Fire(48, 192, 192), Fire(64, 256, 256), Fire(64, 256, 256)]
    return [*early, pool(), Fire(32, 128, 128), Fire(32, 128, 128), pool(), *late]
