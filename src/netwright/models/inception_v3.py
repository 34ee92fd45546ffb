"""Inception-v3: convolutions cut into smaller and into one-sided ones, for images of 299 x 299.

    stem      32 @ 3x3 / 2 - 32 @ 3x3 - 64 @ 3x3 padded - pool - 80 @ 1x1 - 192 @ 3x3 - pool
    35 x 35   three of `wide`      1x1; 5x5; 3x3 - 3x3; pool               256, 288, 288 channels
    17 x 17   `halve`              3x3 / 2; 3x3 - 3x3 / 2; pool            768
              four of `crossed`    1x1; 1x7 - 7x1; twice that; pool        768, inner widths 128, 160, 160, 192
              auxiliary classifier
    8 x 8     `halve_again`        3x3 / 2; 1x7 - 7x1 - 3x3 / 2; pool      1280
              two of `spread`      1x1; 1x3 beside 3x1; 3x3 - the same; pool    2048
    head      global average - dropout - classes

Each convolution is without bias, normalised and rectified. 23,834,568 parameters, with the auxiliary classifier
27,161,264.

Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, *Rethinking the inception architecture for computer vision*, 2016.

Where this differs from the paper: its table of layers has another stem and larger modules than the network that its
authors published; this is the latter, which all published weights are for.
"""

from __future__ import annotations

from netwright.graph import Expression, Parallel, join
from netwright.layers import AvgPool, Concat, GlobalPool, MaxPool, Softmax
from netwright.layers.space.windows import PerAxis
from netwright.models.assembling import check_options, dropped, head, image_network, refuse_aux, unit
from netwright.models.preprocessing import CENTRED_299

EPSILON = 1e-3


def inception_v3(
    num_classes: int = 1000,
    in_channels: int = 3,
    *,
    aux: bool = False,
    dropout: float = 0.5,
    small: bool = False,
    headless: bool = False,
) -> Expression:
    """Inception-v3, open at the input: (channels, height, width) -> (num_classes,).

    With `aux` it has two outputs, those of the network and of the auxiliary classifier, each (num_classes,). A
    classifier trains them on two equal columns, ``fit(X, np.stack([y, y], axis=1))``, and the first column of what it
    predicts is the network's. (Labels of two classes are given as texts there: columns of 0 and 1 alone mean
    independent labels.) Usual is the weight 0.4 for the auxiliary one: in a loop of your own the loss is ``l(y, main) +
    0.4 * l(y, aux)``, with l(y, p) = -log p_y.

    Parameters
    ----------
    num_classes : an integer >= 2.
    in_channels : of the images, for the shape on the card.
    aux : whether it has the auxiliary classifier.
    dropout : share of features left out before the last layer, in [0, 1).
    small : for images of 32 x 32: a first convolution of 3x3 with stride 1 and padding, and no pool before the second
        third of the stem; not with `aux`, whose windows do not fit.
    headless : without the last layer, to be followed by one of your own; not with `aux`.

    Shapes
    ------
    (batch, channels, height, width) with height, width >= 75, `aux` 299, `small` 19 -> (batch, num_classes)

    Raises
    ------
    InvalidParameter : options out of range, `aux` with `headless` or `small`.

    Examples
    --------
    >>> inception_v3().summary().parameters, inception_v3(aux=True).summary().parameters
    (23834568, 27161264)

    References
    ----------
    Szegedy et al., *Rethinking the inception architecture for computer vision*, 2016.
    """
    check_options("inception_v3", locals())
    to_6e = join(_stem(small), wide(32), wide(64), wide(64), halve(), *map(crossed, (128, 160, 160, 192)))
    to_7c = halve_again() >> spread() >> spread()
    tail = join(to_7c, GlobalPool(), *dropped(dropout), *head(num_classes, headless))
    if not aux:
        return image_network("inception_v3", (to_6e, tail), in_channels, CENTRED_299, small)
    refuse_aux("inception_v3", headless=headless, small=small)
    side = AvgPool(5, 3) >> conv(128, 1) >> conv(768, 5) >> GlobalPool() >> Softmax(num_classes)
    return image_network("inception_v3", (to_6e, tail | side), in_channels, CENTRED_299)


def wide(pool: int) -> Expression:
    """35 x 35: 1x1; 5x5; two of 3x3; pool."""
    five = conv(48, 1) >> conv(64, 5, padding=2)
    double = conv(64, 1) >> conv(96, 3, padding=1) >> conv(96, 3, padding=1)
    return joined(conv(64, 1), five, double, average() >> conv(pool, 1))


def halve() -> Expression:
    """35 x 35 to 17 x 17: 3x3; two of 3x3; pool."""
    double = conv(64, 1) >> conv(96, 3, padding=1) >> conv(96, 3, 2)
    return joined(conv(384, 3, 2), double, MaxPool(3, 2))


def crossed(inner: int) -> Expression:
    """17 x 17: 1x1; 7x7 in two; two of 7x7 in four; pool."""
    seven = conv(inner, 1) >> row(inner, 7) >> column(192, 7)
    double = conv(inner, 1) >> column(inner, 7) >> row(inner, 7) >> column(inner, 7) >> row(192, 7)
    return joined(conv(192, 1), seven, double, average() >> conv(192, 1))


def halve_again() -> Expression:
    """17 x 17 to 8 x 8: 3x3; 7x7 in two and 3x3; pool."""
    three = conv(192, 1) >> conv(320, 3, 2)
    seven = conv(192, 1) >> row(192, 7) >> column(192, 7) >> conv(192, 3, 2)
    return joined(three, seven, MaxPool(3, 2))


def spread() -> Expression:
    """8 x 8: 1x1; 1x3 beside 3x1; 3x3 before 1x3 beside 3x1; pool."""
    cross = row(384, 3) | column(384, 3)
    three = conv(384, 1) >> cross
    double = conv(448, 1) >> conv(384, 3, padding=1) >> cross
    return joined(conv(320, 1), three, double, average() >> conv(192, 1))


def conv(filters: int, kernel: PerAxis, stride: int = 1, padding: PerAxis | str = "valid") -> Expression:
    """A normalised convolution and a rectifier."""
    return unit(filters, kernel, stride, padding, EPSILON)


def row(filters: int, size: int) -> Expression:
    """Windows of 1 x size, same size."""
    return conv(filters, (1, size), padding=(0, size // 2))


def column(filters: int, size: int) -> Expression:
    """Windows of size x 1, same size."""
    return conv(filters, (size, 1), padding=(size // 2, 0))


def average() -> Expression:
    """The mean of 3 x 3 places, zeros around the border included."""
    return AvgPool(3, 1, padding=1, count_padding=True)


def joined(*branches: Expression) -> Expression:
    """Branches side by side, joined by their channels."""
    return Parallel(branches) >> Concat()


def _stem(small: bool) -> Expression:
    first = conv(32, 3, padding=1) if small else conv(32, 3, 2)
    pool = [] if small else [MaxPool(3, 2)]
    return join(first, conv(32, 3), conv(64, 3, padding=1), *pool, conv(80, 1), conv(192, 3), MaxPool(3, 2))
