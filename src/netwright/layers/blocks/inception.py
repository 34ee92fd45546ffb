"""Inception blocks: windows of several sizes and a pool look at the same input, side by side.

    branch 1    1x1
    branch 2    1x1 reduction - 3x3
    branch 3    1x1 reduction - 5x5
    branch 4    3x3 max-pool - 1x1

Each convolution is followed by a rectifier; the channels of the branches are joined in this order, which is also the
order of published weights. Their third branch has 3x3 windows (`kernel` = 3) and batch normalisation (`normalize`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from netwright.core.validation import Constraint, boolean, integer, satisfies
from netwright.core.value import value
from netwright.graph import Block, Expression, Shape, join
from netwright.layers.merge import Concat
from netwright.layers.normalization import BatchNorm
from netwright.layers.rectifier import ReLU
from netwright.layers.space.convolution import Conv
from netwright.layers.space.pooling import MaxPool

EPSILON = 1e-3  # of the normalisation, as in the published networks

_pair = satisfies(
    "(reduce, filters), two integers >= 1",
    lambda item: isinstance(item, tuple) and len(item) == 2 and all(map(integer(1).accepts, item)),
)


@value("layer")
class Inception(Block):
    """Four branches joined along the channels: y = (f_1x1(x), f_3x3(r_3(x)), f_5x5(r_5(x)), f_pool(pool(x))).

    Each f and r is a convolution and ReLU; r_3 and r_5 are 1x1 and reduce the channels. All keep the size.

    Parameters
    ----------
    ones : filters of the 1x1 branch, >= 1.
    threes : (reduce, filters) of the 3x3 branch: those of its 1x1 reduction and of its 3x3 convolution.
    fives : (reduce, filters) of the 5x5 branch.
    pool : filters of the 1x1 convolution behind the 3x3 max-pool, >= 1.
    kernel : size of the windows of the 5x5 branch, >= 1. 5 is the paper's; published weights of GoogLeNet have 3.
    normalize : whether BatchNorm(epsilon=0.001) stands between each convolution, then without bias, and its ReLU.

    Shapes
    ------
    (channels, *space) -> (ones + threes[1] + fives[1] + pool, *space)

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4.
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import Inception, Input
    >>> (Input(192, 28, 28) >> Inception(64, (96, 128), (16, 32), 32)).output_shape  # 3a of GoogLeNet
    (256, 28, 28)

    References
    ----------
    Szegedy et al., *Going deeper with convolutions*, 2015.
    """

    ones: int
    threes: tuple[int, int]
    fives: tuple[int, int]
    pool: int
    kernel: int = 5
    normalize: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "ones": integer(1),
        "threes": _pair,
        "fives": _pair,
        "pool": integer(1),
        "kernel": integer(1),
        "normalize": boolean,
    }

    def expand(self, shape: Shape) -> Expression:
        ones = self._unit(self.ones, 1)
        threes = self._unit(self.threes[0], 1) >> self._unit(self.threes[1], 3)
        fives = self._unit(self.fives[0], 1) >> self._unit(self.fives[1], self.kernel)
        pool = MaxPool(3, 1, "same") >> self._unit(self.pool, 1)
        return (ones | threes | fives | pool) >> Concat()

    def _unit(self, filters: int, kernel: int) -> Expression:
        """A convolution that keeps the size, and what follows it."""
        conv = Conv(filters, kernel, padding="same" if kernel > 1 else "valid", bias=not self.normalize)
        return join(conv, *([BatchNorm(epsilon=EPSILON)] if self.normalize else []), ReLU())
