"""Residual blocks: a block learns what to add to its input.

=================== ============================================== ============================
shortcut s          where the block keeps the shape                where it changes it
=================== ============================================== ============================
None                the input itself                               1x1 convolution, or Linear
None, `normalize`   the input itself                               the same without bias, BatchNorm
"pad"               the input itself                               every S-th place, zero channels
an expression       that                                           that
=================== ============================================== ============================

In the paper's words "pad" is option A, None with `normalize` is option B. The stride S of the shortcut is that of the
block, the product of the strides of its convolutions and pools, so that place i of both lies at place i S of the input;
ceil(I / S) = O must hold on each space axis, I being the size that comes and O the size that the block gives. Where the
block has branches, or layers of other kinds that change the size, S is the smallest for which this holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import torch

from netwright.core.errors import LONG, InvalidParameter, JoinError, problem, shown
from netwright.core.validation import Constraint, boolean, integer, nothing, one_of
from netwright.core.value import value
from netwright.graph import Block, Expression, Layer, Plan, Shape, refuse
from netwright.layers.activation import Linear
from netwright.layers.blocks.parts import beside, is_sequence, one_output, open_network, padded, planned
from netwright.layers.merge import Add
from netwright.layers.normalization import BatchNorm
from netwright.layers.shape import Identity
from netwright.layers.space.convolution import Conv
from netwright.layers.space.local import LocallyConnected
from netwright.layers.space.pooling import AvgPool, L2Pool, MaxPool
from netwright.layers.space.windows import PerAxis, per_axis, sizes


@value("layer")
class Residual(Block):
    """A block and a way round it: y = F(x) + s(x), s being the input itself where F keeps the shape.

    It is ``(block | shortcut) >> Add()``. Where F changes the shape, s is a projection: Linear for (features,), and a
    1x1 convolution for (channels, *space) with the stride of the block. Inputs of rank 2 are (steps,
    features), of which each step is projected, to a block with layers of units and without windows that slide, else
    (channels, length). What follows the addition, such as ReLU() in the paper's networks, stands behind the block.

    Parameters
    ----------
    block : F, a layer or an open network.
    shortcut : s. None: see above. "pad": every S-th place of the input and zeros for the channels that it lacks, which
        has no parameters. Or a layer or an open network.
    normalize : whether BatchNorm stands behind the projection of the automatic shortcut, which then has no bias.

    Shapes
    ------
    any -> what F gives

    Raises
    ------
    JoinError : a block and a shortcut that give two shapes, a shape of F that no automatic shortcut reaches.
    InvalidParameter : a network with `Input`, `normalize` with a shortcut of another kind.

    Examples
    --------
    >>> from netwright.layers import Conv, Input, ReLU, Residual
    >>> block = Conv(16, 3, padding=1) >> ReLU() >> Conv(16, 3, padding=1)
    >>> (Input(16, 8, 8) >> Residual(block) >> ReLU()).output_shape
    (16, 8, 8)
    >>> net = Input(8, 8, 8) >> Residual(Conv(16, 3, stride=2, padding=1))
    >>> net["residual1.parallel1.branch2"]
    Conv(16, 1, 2)

    References
    ----------
    He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016.
    """

    block: Expression
    shortcut: Expression | str | None = None
    normalize: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "block": open_network,
        "shortcut": nothing | one_of("pad") | open_network,
        "normalize": boolean,
    }

    def __post_init__(self) -> None:
        if self.normalize and self.shortcut is not None:
            got = f"shortcut={shown(self.shortcut)}"
            remedy = "Leave normalize out, or write BatchNorm() into the shortcut."
            raise InvalidParameter(problem("Residual(normalize)", "the automatic shortcut, None", got, remedy))

    def expand(self, shape: Shape) -> Expression:
        plan = planned(self.block, shape)
        if plan is None:  # the plan of the network says where in the block
            return beside(self.block, Identity()) >> Add()
        gives = one_output(self, "block", plan)
        shortcut = self._shortcut(shape, plan)
        if shortcut is None:
            raise JoinError(problem(shown(self, LONG), *self._reasons(shape, plan)))
        other = planned(shortcut, shape)
        if other is not None and one_output(self, "shortcut", other) != gives:
            ways = f"{gives} from the block and {other.output_shapes[0]} from the shortcut"
            remedy = self._repair(shape, other.output_shapes[0]) or f"Let the shortcut give {gives}."
            raise JoinError(problem(shown(self, LONG), "a block and a shortcut that give one shape", ways, remedy))
        return beside(self.block, shortcut) >> Add()

    def _shortcut(self, shape: Shape, plan: Plan) -> Expression | None:
        """The shortcut to a block that has this plan; None where there is no automatic one."""
        gives = plan.output_shapes[0]
        if isinstance(self.shortcut, Expression):
            return self.shortcut
        if shape == gives:
            return Identity()
        if len(shape) != len(gives):
            return None
        if self.shortcut == "pad":
            return _zero_padded(shape, gives, own_strides(plan))
        return _projection(shape, gives, own_strides(plan), is_sequence(plan, shape), self.normalize)

    def _reasons(self, shape: Shape, plan: Plan) -> tuple[str, str, str]:
        """Why no automatic shortcut takes `shape` to what the block gives, and what would: expected, got, remedy."""
        gives = plan.output_shapes[0]
        kind = "zero padding" if self.shortcut == "pad" else "projection"
        expected = f"a block whose shape a {kind} of the input reaches"
        got = f"{gives} from the block and {shape} from the input"
        reasons = [self._repair(shape, None)]
        if len(shape) != len(gives):
            reasons.append(f"The number of axes changes from {len(shape)} to {len(gives)}.")
        elif self.shortcut == "pad" and gives[0] < shape[0]:
            reasons.append(f"Zeros take {shape[0]} channels to no less than {shape[0]}: leave the shortcut out.")
        elif is_sequence(plan, shape) and self.normalize and shape[0] == gives[0]:
            reasons.append("BatchNorm would normalize each step of (steps, features): leave normalize out.")
        else:
            own = own_strides(plan) or (None,) * (len(shape) - 1)
            reasons += dict.fromkeys(map(_reach, shape[1:], gives[1:], own))
        reasons.append(f"Or write a shortcut that gives {gives}.")
        return expected, got, " ".join(filter(None, reasons))

    def _repair(self, shape: Shape, goal: Shape | None) -> str:
        """What padding in the block would do, if that fits `goal`, or an automatic shortcut."""
        block = padded(self.block)
        plan = planned(block, shape)
        if block == self.block or plan is None:
            return ""
        gives = plan.output_shapes[0]
        fits = self._shortcut(shape, plan) is not None if goal is None else gives == goal
        return f"With padding, the block {shown(block)} would give {gives}." if fits else ""


@value("layer")
class PadChannels(Layer):
    """Zero channels behind those that come, at every S-th place: y_c[i] = x_c[i S] for c <= C, else 0.

    Parameters
    ----------
    channels : number of channels (or features) of the output, >= 1, at least as many as come.
    stride : S, one integer >= 1 for all space axes or one for each.

    Shapes
    ------
    (features,) -> (channels,); (c, *space) -> (channels, *places), places = ceil(I / S)

    Raises
    ------
    JoinError : an input that has more channels than that, a stride for another number of axes.
    InvalidParameter : a number of channels or a stride below 1.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, PadChannels
    >>> (Input(2) >> PadChannels(4)).build()(torch.ones(1, 2))
    tensor([[1., 1., 0., 0.]])
    >>> (Input(2, 9, 9) >> PadChannels(4, stride=2)).output_shape
    (4, 5, 5)

    References
    ----------
    He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016.
    """

    channels: int
    stride: PerAxis = 1

    constraints: ClassVar[Mapping[str, Constraint]] = {"channels": integer(1), "stride": sizes}

    def make(self, *shapes: Shape) -> torch.nn.Module:
        have = shapes[0][0]
        if have > self.channels:
            remedy = "It takes none away: Conv(channels, 1) or Linear(units) does."
            raise refuse(self, f"at most {self.channels} channels", shapes, remedy)
        return ZeroChannels(self.channels - have, per_axis(self, "stride", self.stride, shapes))


class ZeroChannels(torch.nn.Module):
    """More channels, all zero, behind those that come; of space axes every `stride`-th place."""

    def __init__(self, more: int, stride: tuple[int, ...]) -> None:
        super().__init__()
        self.more, self.stride = more, stride
        steps = tuple(slice(None, None, step) for step in stride)
        self.places = (slice(None), slice(None), *steps) if any(step > 1 for step in stride) else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, c, *space) -> (batch, c + more, *places)"""
        if self.places is not None:
            x = x[self.places]
        return torch.nn.functional.pad(x, (0, 0) * (x.ndim - 2) + (0, self.more))

    def extra_repr(self) -> str:
        """How many more, and the stride."""
        return f"more={self.more}, stride={self.stride}"


def stride_between(size: int, places: int) -> int | None:
    """The smallest stride S with ceil(size / S) = places; None where there is none.

    Examples
    --------
    >>> stride_between(32, 16), stride_between(7, 4), stride_between(32, 30), stride_between(8, 16)
    (2, 2, None, None)
    """
    stride = -(-size // places)
    return stride if -(-size // stride) == places else None


_SLIDING = (Conv, LocallyConnected, MaxPool, AvgPool, L2Pool, PadChannels)


def own_strides(plan: Plan) -> tuple[int, ...] | None:
    """The stride of a block on each space axis, the product of those of its windows.

    None where it has branches, or layers that change the size in another way.

    Examples
    --------
    >>> from netwright.layers import Input, MaxPool, ReLU, Upsample
    >>> own_strides((Input(3, 32, 32) >> Conv(8, 3, (2, 1)) >> ReLU() >> MaxPool(2)).plan())
    (4, 2)
    >>> own_strides((Input(3, 32, 32) >> Upsample(2)).plan()) is None
    True
    """
    strides = [1] * (len(plan.nodes[0].shape) - 1)
    for place, (before, node) in enumerate(pairwise(plan.nodes)):
        if node.inputs != (place,):
            return None
        layer = node.layer
        if isinstance(layer, _SLIDING):
            own = layer.stride if layer.stride is not None else layer.size  # type: ignore[union-attr]
            steps = per_axis(layer, "stride", own, (before.shape,))
            strides = [stride * step for stride, step in zip(strides, steps, strict=True)]
        elif node.shape[1:] != before.shape[1:]:
            return None
    return tuple(strides)


def _fitting(size: int, places: int, own: int | None) -> int | None:
    """The stride of the shortcut on one axis: the block's if it is known, else the smallest; None if none fits."""
    if own is None:
        return stride_between(size, places)
    return own if -(-size // own) == places else None


def _strides(shape: Shape, gives: Shape, own: tuple[int, ...] | None) -> tuple[int, ...] | int | None:
    """The strides from the space of one shape to that of another, one number where they are equal."""
    known = own or (None,) * (len(shape) - 1)
    strides = list(map(_fitting, shape[1:], gives[1:], known))
    found = tuple(stride for stride in strides if stride is not None)
    if len(found) < len(strides):
        return None
    return found[0] if len(set(found)) == 1 else found


def _projection(
    shape: Shape, gives: Shape, own: tuple[int, ...] | None, sequence: bool, normalize: bool
) -> Expression | None:
    if len(shape) == 1 or (sequence and shape[0] == gives[0]):
        if normalize and sequence:
            return None
        linear = Linear(gives[-1], bias=not normalize)
        return linear >> BatchNorm() if normalize else linear
    strides = _strides(shape, gives, own)
    if strides is None:
        return None
    conv = Conv(gives[0], 1, strides, bias=not normalize)
    return conv >> BatchNorm() if normalize else conv


def _zero_padded(shape: Shape, gives: Shape, own: tuple[int, ...] | None) -> Expression | None:
    strides = _strides(shape, gives, own) if len(shape) > 1 else 1
    if strides is None or gives[0] < shape[0]:
        return None
    return PadChannels(gives[0], strides)


def _reach(size: int, places: int, own: int | None) -> str:
    """Why no stride takes `size` to `places`; nothing where one does."""
    if _fitting(size, places, own) is not None:
        return ""
    if own is not None:
        return f"The stride of the block, {own}, takes {size} to {-(-size // own)} and not to {places}."
    stride = -(-size // places)
    if stride == 1:
        return f"No stride takes {size} to {places}, which is more."
    above, below = (-(-size // s) for s in (stride - 1, stride))
    return f"Strides of {stride - 1} and {stride} take {size} to {above} and {below}, none to {places}."
