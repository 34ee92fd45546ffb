"""Transposed convolution, learned upsampling of 1-D, 2-D and 3-D inputs: the rank of the input decides.

It is the adjoint of `Conv`: with the same kernels and options, <Conv(x), y> = <x, ConvTranspose(y)>, both without bias.
With I places, window F, stride S, dilation D, effective window E = (F - 1) D + 1 and output padding P the output has

========= ============================================ ==========================================================
padding   places                                       cropped at (start, end)
========= ============================================ ==========================================================
"valid"   (I - 1) S + E + P                            (0, 0)
"same"    I S                                          (floor(C / 2), ceil(C / 2)), C = max(E - S, 0)
"full"    (I - 1) S + E - 2 (E - 1) + P                (E - 1, E - 1)
amounts   (I - 1) S + E - start - end + P              (start, end)
========= ============================================ ==========================================================

For "same" with E < S the S - E places that are missing are added at the end, where `Conv` leaves them over.

How weights start: place j of the output meets only those kernel elements k with k D = j + start (mod S). So the layer
is several convolutions whose places alternate, its phases, and the rule fills each of them as a convolution of its own:
all places inside the output start with the same variance. On average over the phases that is
fan_in = in / groups * prod(F) / prod(S).

References
----------
Zeiler, Krishnan, Taylor, Fergus, *Deconvolutional networks*, 2010.
Dumoulin, Visin, *A guide to convolution arithmetic for deep learning*, 2016.
Odena, Dumoulin, Olah, *Deconvolution and checkerboard artifacts*, 2016.
"""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, integer, one_of
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse
from netwright.layers.dense import WEIGHTS, Start, fresh, settle, start
from netwright.layers.init import Constant, HeNormal, InitRule
from netwright.layers.space.windows import (
    Pads,
    PerAxis,
    amounts,
    amounts_or_pairs,
    channels_and_space,
    expect_channels,
    expect_filters,
    padding_of,
    per_axis,
    sizes,
    window_of,
    zeros_around,
)

_CONVOLUTIONS: dict[int, Any] = {
    1: torch.nn.ConvTranspose1d,
    2: torch.nn.ConvTranspose2d,
    3: torch.nn.ConvTranspose3d,
}


@value("layer")
class ConvTranspose(Layer):
    """Every input place spreads a kernel over the output: y_f[i S + k D - start] += sum_c W_cf[k] x_c[i], from b_f on.

    It upsamples by the stride, and is the adjoint of `Conv` with the same options. The module is a bare
    ``torch.nn.ConvTranspose1d``, ``2d`` or ``3d``; where more is cropped at the end than torch can, a crop stands
    behind it. Strides that do not divide the kernel give places that meet unequal numbers of kernel elements
    (checkerboards); weights start so that all places have the same variance nevertheless.

    Parameters
    ----------
    filters : number of output channels, >= 1.
    kernel : size F of the window, one integer >= 1 for all space axes or one for each.
    stride : step S between the windows of neighbouring input places, likewise.
    padding : what is cropped of the output, the adjoint of the zeros that `Conv` adds. "valid": nothing. "same": what
        leaves I S places. "full": (F - 1) D at both ends. Or an integer, one integer for each axis, or one
        (start, end) pair for each axis.
    dilation : distance D of neighbouring kernel elements, one integer >= 1 or one for each axis.
    groups : channels and filters are cut into this many groups that do not mix; divides both.
    output_padding : places added at the end of each axis, that `Conv` would leave over; less than the stride or the
        dilation. "same" takes none: its size is given.
    weight : how the kernels start, an initialisation rule or a number; the fan-in of a place counts the kernel
        elements that it meets, in / groups * prod(F) / prod(S) on average.
    bias : True (starts at zero), False (none), or how it starts.

    Shapes
    ------
    (channels, *space) -> (filters, *places), places = (I - 1) S + (F - 1) D + 1 - start - end + output_padding

    Raises
    ------
    JoinError : an input that is not (channels, *space) of rank 2 to 4, options for another number of axes, channels
        that the groups do not divide, output padding that is too large, a crop that leaves nothing.
    InvalidParameter : options out of range, filters that the groups do not divide, "same" with output padding.

    Examples
    --------
    >>> from netwright.layers import Conv, ConvTranspose, Input
    >>> (Input(8, 14, 14) >> ConvTranspose(4, 3, stride=2, padding="same")).output_shape
    (4, 28, 28)
    >>> (Input(8, 13) >> ConvTranspose(1, 4, stride=2)).output_shape, (Input(1, 28) >> Conv(8, 4, 2)).output_shape
    ((1, 28), (8, 13))

    References
    ----------
    Zeiler, Krishnan, Taylor, Fergus, *Deconvolutional networks*, 2010.
    Dumoulin, Visin, *A guide to convolution arithmetic for deep learning*, 2016.
    """

    filters: int
    kernel: PerAxis
    stride: PerAxis = 1
    padding: str | PerAxis | tuple[tuple[int, int], ...] = "valid"
    dilation: PerAxis = 1
    groups: int = 1
    output_padding: PerAxis = 0
    weight: Start = HeNormal()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "filters": integer(1),
        "kernel": sizes,
        "stride": sizes,
        "padding": one_of("valid", "same", "full") | amounts_or_pairs,
        "dilation": sizes,
        "groups": integer(1),
        "output_padding": amounts,
        **WEIGHTS,
    }

    def __post_init__(self) -> None:
        settle(self)
        expect_filters(self)
        added = (self.output_padding,) if isinstance(self.output_padding, int) else self.output_padding
        if self.padding == "same" and any(added):
            remedy = "Leave it out: the size is that of the input times the stride; or give the padding in numbers."
            got = f"{self.output_padding}"
            raise InvalidParameter(problem("ConvTranspose(output_padding)", '0 with padding="same"', got, remedy))

    def make(self, *shapes: Shape) -> torch.nn.Module:
        channels, space = channels_and_space(self, shapes)
        expect_channels(self, channels, shapes)
        kernel, stride, dilation, effective = window_of(self, shapes)
        crops, added = self._crops(shapes, effective, stride, dilation)
        first, after, rest = _torchs(crops, added, tuple(map(max, stride, dilation)))
        conv = fresh(
            _CONVOLUTIONS[len(space)],
            channels,
            self.filters,
            kernel,
            stride=stride,
            padding=first,
            output_padding=after,
            groups=self.groups,
            bias=self.bias is not False,
            dilation=dilation,
        )
        start(conv, Constant(0.0), self.bias)
        assert isinstance(self.weight, InitRule)  # settled
        _fill_phases(self.weight, conv.weight, self.groups, stride, dilation)
        if not any(map(any, rest)):
            return conv  # type: ignore[no-any-return]
        crop = tuple((-first, -last) for first, last in rest)
        return torch.nn.Sequential(OrderedDict(conv=conv, crop=zeros_around(crop)))

    def _crops(self, shapes: tuple[Shape, ...], effective: Shape, stride: Shape, dilation: Shape) -> tuple[Pads, Shape]:
        """What is cropped of each axis at (start, end), and what is added at the end before."""
        space = shapes[0][1:]
        if self.padding == "same":
            grown = (shapes[0][0], *(i * s for i, s in zip(space, stride, strict=True)))
            missing = tuple(max(s - e, 0) for s, e in zip(stride, effective, strict=True))
            return padding_of(self, "same", (grown,), effective, stride), missing
        added = per_axis(self, "output_padding", self.output_padding, shapes)
        limit = tuple(map(max, stride, dilation))
        if any(amount >= most for amount, most in zip(added, limit, strict=True)):
            remedy = f"Use at most {tuple(most - 1 for most in limit)}, or less padding."
            takes = f"output_padding below stride or dilation {limit}, and not {self.output_padding}"
            raise refuse(self, takes, shapes, remedy)
        crops = padding_of(self, self.padding, shapes, effective, stride)
        whole = tuple((i - 1) * s + e + a for i, s, e, a in zip(space, stride, effective, added, strict=True))
        if any(size <= sum(pair) for size, pair in zip(whole, crops, strict=True)):
            need = tuple(
                max(math.ceil((sum(pair) + 1 - e - a) / s) + 1, 1)
                for pair, e, a, s in zip(crops, effective, added, stride, strict=True)
            )
            most = tuple(size - 1 for size in whole)
            remedy = f"Its whole output is {whole} and the padding crops {crops}: crop at most {most} in all."
            raise refuse(self, f"space axes of at least {need}", shapes, remedy)
        return crops, added


def _torchs(crops: Pads, added: Shape, limit: Shape) -> tuple[Shape, Shape, Pads]:
    """torch's even padding and output padding for each axis, and what is left to crop, that together do it."""
    chosen = []
    for (first, last), amount, most in zip(crops, added, limit, strict=True):
        if 0 <= first - last + amount < most:
            chosen.append((first, first - last + amount, (0, 0)))
        else:
            even = min(first, last)
            chosen.append((even, amount, (first - even, last - even)))
    even_all, added_all, rest = zip(*chosen, strict=True)
    return even_all, added_all, rest


def _fill_phases(rule: InitRule, weight: torch.Tensor, groups: int, stride: Shape, dilation: Shape) -> None:
    """Fill a weight (in, out / groups, *kernel) phase by phase, each as the weight of a convolution by the rule."""
    steps = tuple(s // math.gcd(s, d) for s, d in zip(stride, dilation, strict=True))
    parts = weight.detach().unflatten(0, (groups, -1)).transpose(1, 2)  # (groups, out / groups, in / groups, *kernel)
    phases = itertools.product(*(range(min(s, f)) for s, f in zip(steps, weight.shape[2:], strict=True)))
    for phase in itertools.islice(phases, 1 if weight.is_meta else None):
        part = parts[(..., *(slice(p, None, s) for p, s in zip(phase, steps, strict=True)))]
        part.copy_(rule.fill_(part.new_empty(part.shape).flatten(0, 1)).view(part.shape))
