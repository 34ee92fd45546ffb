"""DropBlock: blocks of neighbouring places that are left out at random while training.

    y = x m n / sum m,   m = 0 in blocks of b_1 x b_2 ... places round seeds,   P(seed) = gamma

    gamma = p prod_i h_i / (prod_i b_i prod_i (h_i - b_i + 1))

======= ==================================================
h_i     size of the input on space axis i
b_i     size of a block there
n       number of elements of the mask m, batch and channels included
p       the share that would be dropped if blocks did not overlap
======= ==================================================

Seeds stand only where the whole block lies inside, (h_i - b_i + 1) places an axis, each the first place of its block:
so blocks of odd and of even size alike are whole, the result has the size of the input, and no place outside counts.
Each channel of each sample has blocks of its own. Blocks overlap, so that less than p is dropped, the less the larger
p is: a place far from the border is kept with probability (1 - gamma)^(b_1 b_2 ...). The scale n / sum m holds the
mean whatever was dropped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.validation import Constraint, number
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse
from netwright.layers.space.windows import PerAxis, channels_and_space, per_axis, sizes


@value("layer")
class DropBlock(Layer):
    """Sets blocks of neighbouring places to zero while training: y = x m n / sum m, m = 0 in the blocks.

    Blocks begin with probability gamma = p prod h / (prod b prod (h - b + 1)) wherever a whole one fits, h being the
    sizes of the space axes and b those of the block, in each channel by itself; n / sum m, over the whole batch, keeps
    the mean. In eval mode y = x. Where blocks overlap less than p is dropped.

    Parameters
    ----------
    p : the share of places that is dropped if blocks do not overlap, in [0, 1).
    size : size b of a block, one integer >= 1 for all space axes or one for each; odd and even alike.

    Shapes
    ------
    (channels, *space), kept

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4 or smaller than a block, a size for another
        number of axes.
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import DropBlock, Input
    >>> (Input(8, 14, 14) >> DropBlock(0.1, 7)).build()
    Sequential(
      (dropblock1): BlockMask(size=(7, 7), gamma=0.00625)
    )

    References
    ----------
    Ghiasi, Lin, Le, *DropBlock: a regularization method for convolutional networks*, 2018.
    """

    p: float
    size: PerAxis

    constraints: ClassVar[Mapping[str, Constraint]] = {"p": number(0, 1, closed="left"), "size": sizes}

    def make(self, *shapes: Shape) -> torch.nn.Module:
        _, space = channels_and_space(self, shapes)
        block = per_axis(self, "size", self.size, shapes)
        if any(b > h for b, h in zip(block, space, strict=True)):
            most = tuple(map(min, block, space))
            remedy = f"Use blocks of at most {most[0] if len(set(most)) == 1 else most}."
            raise refuse(self, f"space axes of at least {block}, the size of a block", shapes, remedy)
        return BlockMask(block, gamma(self.p, block, space))


def gamma(p: float, block: Shape, space: Shape) -> float:
    """The probability of a seed, for the share p: p prod h / (prod b prod (h - b + 1)).

    Examples
    --------
    >>> gamma(0.1, (7, 7), (14, 14))
    0.00625
    """
    seeds = math.prod(h - b + 1 for h, b in zip(space, block, strict=True))
    return p * math.prod(space) / (math.prod(block) * seeds)


class BlockMask(torch.nn.Module):
    """Sets blocks to zero while training.

    Parameters
    ----------
    size : of a block on each space axis.
    gamma : the probability of a seed.
    """

    def __init__(self, size: Shape, gamma: float) -> None:
        super().__init__()
        self.size = size
        self.gamma = gamma

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, *space), kept"""
        if not self.training or self.gamma == 0:
            return x
        dropped = self.dropped(x)
        kept = (dropped.numel() - dropped.sum()).clamp(min=1)  # where all is dropped the result is 0
        return x.masked_fill(dropped, 0.0) * (dropped.numel() / kept).to(x.dtype)

    def dropped(self, x: torch.Tensor) -> torch.Tensor:
        """Which elements lie in a block: a random mask of the shape of `x`."""
        places = [h - b + 1 for h, b in zip(x.shape[2:], self.size, strict=True)]
        seeds = torch.empty(*x.shape[:2], *places, dtype=torch.bool, device=x.device).bernoulli_(self.gamma)
        return spread(seeds, self.size)

    def extra_repr(self) -> str:
        """The options."""
        return f"size={self.size}, gamma={self.gamma:.6g}"


def spread(seeds: torch.Tensor, size: Shape) -> torch.Tensor:
    """The places of the blocks that begin at the seeds, axis by axis: (..., h - b + 1) -> (..., h) on each space axis.

    A tenth of the time of a max-pooling that does the same (28 x 28, blocks of 7 x 7).
    """
    for axis, block in enumerate(size, start=2):
        count = seeds.shape[axis]
        reached = seeds.new_zeros([n + block - 1 if i == axis else n for i, n in enumerate(seeds.shape)])
        for shift in range(block):
            reached.narrow(axis, shift, count).logical_or_(seeds)
        seeds = reached
    return seeds
