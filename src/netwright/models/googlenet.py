"""GoogLeNet: nine Inception modules between a small stem and a global average.

    stem   64 @ 7x7 / 2 - pool - 64 @ 1x1 - 192 @ 3x3 - pool
    3a     64    96 128    16  32    32      filters of: 1x1; 1x1, 3x3; 1x1, 5x5; 1x1 behind the pool
    3b     128   128 192   32  96    64      pool
    4a     192   96 208    16  48    64      first auxiliary classifier
    4b     160   112 224   24  64    64
    4c     128   128 256   24  64    64
    4d     112   144 288   32  64    64      second auxiliary classifier
    4e     256   160 320   32  128   128     pool
    5a     256   160 320   32  128   128
    5b     384   192 384   48  128   128
    head   global average - dropout - classes

Pools halve the size and keep an incomplete last window.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich, *Going deeper with convolutions*, 2015.

                    library form                  `paper`
    convolutions    without bias, normalised      with bias
    "5x5" branch    3x3                           5x5
    stem            no response normalisation     it stands behind the first pool and before the second
    last pool       2x2                           3x3
    dropout         0.2, auxiliary 0.7            0.4, auxiliary 0.7
    auxiliary       pool to 4x4                   5x5 average / 3
    parameters      6,624,904                     6,998,552
    with `aux`      13,004,888                    13,378,280

The library form is that of published weights. The paper does not give the constants of its response normalisation:
alpha = 1e-4 divided by 5, beta = 0.75 and k = 1 are those of the network that was published for Caffe.
"""

from __future__ import annotations

from netwright.graph import Expression, join
from netwright.layers import (
    AdaptivePool,
    AvgPool,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    Identity,
    Inception,
    LocalResponseNorm,
    MaxPool,
    Pick,
    ReLU,
    Softmax,
)
from netwright.models.assembling import check_options, dropped, head, image_network, refuse_aux, share_or_none, unit
from netwright.models.preprocessing import CENTRED

EPSILON = 1e-3  # of batch normalisation

Module = tuple[int, tuple[int, int], tuple[int, int], int]
THREE: tuple[Module, ...] = ((64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64))
FOUR: tuple[Module, ...] = (
    (192, (96, 208), (16, 48), 64),
    (160, (112, 224), (24, 64), 64),
    (128, (128, 256), (24, 64), 64),
    (112, (144, 288), (32, 64), 64),
    (256, (160, 320), (32, 128), 128),
)
FIVE: tuple[Module, ...] = ((256, (160, 320), (32, 128), 128), (384, (192, 384), (48, 128), 128))


def googlenet(
    num_classes: int = 1000,
    in_channels: int = 3,
    *,
    aux: bool = False,
    dropout: float | None = None,
    paper: bool = False,
    small: bool = False,
    headless: bool = False,
) -> Expression:
    """GoogLeNet, open at the input: (channels, height, width) -> (num_classes,).

    With `aux` it has three outputs, those of the network, of the first and of the second auxiliary classifier, each
    (num_classes,). A classifier trains them on three equal columns, ``fit(X, np.stack([y, y, y], axis=1))``, and the
    first column of what it predicts is the network's. (Labels of two classes are given as texts there: columns of 0 and
    1 alone mean independent labels.) The paper gives the two the weight 0.3: in a loop of your own the loss is
    ``l(y, main) + 0.3 * (l(y, aux1) + l(y, aux2))``, with l(y, p) = -log p_y.

    Parameters
    ----------
    num_classes : an integer >= 2.
    in_channels : of the images, for the shape on the card.
    aux : whether it has the auxiliary classifiers.
    dropout : share of features left out before the last layer, in [0, 1); None is 0.2, and 0.4 with `paper`.
    paper : the form of 2015: 5x5 windows, biases, response normalisation, no batch normalisation.
    small : for images of 32 x 32: a first convolution of 3x3 with stride 1, and no pool behind it.
    headless : without the last layer, to be followed by one of your own; not with `aux`.

    Shapes
    ------
    (batch, channels, height, width) with height, width >= 15, with `small` 4; with `paper` 31, `small` 8, `aux` 79,
    `small` and `aux` 20 -> (batch, num_classes)

    Raises
    ------
    InvalidParameter : options out of range, `aux` with `headless`.

    Examples
    --------
    >>> googlenet().summary().parameters, googlenet(paper=True).summary().parameters
    (6624904, 6998552)

    References
    ----------
    Szegedy et al., *Going deeper with convolutions*, 2015.
    """
    check_options("googlenet", locals(), dropout=share_or_none)
    pooled = MaxPool(3, 2, ceil=True)
    to_4a = join(_stem(paper, small), *_modules(THREE, paper), pooled, *_modules(FOUR[:1], paper))
    to_4d = join(*_modules(FOUR[1:4], paper))
    last_pool = pooled if paper else MaxPool(2, ceil=True)
    to_5b = join(*_modules(FOUR[4:], paper), last_pool, *_modules(FIVE, paper))
    share = (0.4 if paper else 0.2) if dropout is None else dropout
    tail = join(GlobalPool(), *dropped(share), *head(num_classes, headless))
    if not aux:
        return image_network("googlenet", (to_4a, to_4d, to_5b, tail), in_channels, CENTRED, small)
    refuse_aux("googlenet", headless=headless)
    side = _auxiliary(num_classes, paper)
    maps = to_4d >> (to_5b | Identity()) | Identity()  # of 5b, 4d and 4a
    heads = Pick(0) >> tail | Pick(2) >> side | Pick(1) >> side
    return image_network("googlenet", (to_4a, maps, heads), in_channels, CENTRED, small)


def _stem(paper: bool, small: bool) -> Expression:
    filters, kernel, stride, padding = (64, 3, 1, 1) if small else (64, 7, 2, 3)
    first_pool = [] if small else [MaxPool(3, 2, ceil=True)]
    second_pool = MaxPool(3, 2, ceil=True)
    if not paper:
        reduce = unit(64, 1, epsilon=EPSILON) >> unit(192, 3, padding=1, epsilon=EPSILON)
        return join(unit(filters, kernel, stride, padding, EPSILON), *first_pool, reduce, second_pool)
    norm = LocalResponseNorm(k=1.0, divide_by_size=True)
    reduce = Conv(64, 1) >> ReLU() >> Conv(192, 3, padding=1) >> ReLU()
    return join(Conv(filters, kernel, stride, padding), ReLU(), *first_pool, norm, reduce, norm, second_pool)


def _modules(table: tuple[Module, ...], paper: bool) -> list[Expression]:
    return [Inception(*row, kernel=5 if paper else 3, normalize=not paper) for row in table]


def _auxiliary(num_classes: int, paper: bool) -> Expression:
    """The classifier on an inner layer: pool, 1x1 convolution, a dense layer."""
    pool = AvgPool(5, 3) if paper else AdaptivePool(4)
    reduce = Conv(128, 1) >> ReLU() if paper else unit(128, 1, epsilon=EPSILON)
    return pool >> reduce >> Flatten() >> ReLU(1024) >> Dropout(0.7) >> Softmax(num_classes)
