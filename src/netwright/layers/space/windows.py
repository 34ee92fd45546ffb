"""The arithmetic of sliding windows, for convolution and pooling alike, axis by axis.

With input size I, window F, stride S, dilation D, padding (start, end) and effective window E = (F - 1) D + 1, the
output has floor((I + start + end - E) / S) + 1 places.

========= =====================================================================================
padding   (start, end)
========= =====================================================================================
"valid"   (0, 0)
"same"    P = max((ceil(I / S) - 1) S + E - I, 0); start = floor(P / 2), end = P - start
"full"    (E - 1, E - 1)
========= =====================================================================================

"same" leaves ceil(I / S) places.

References
----------
Dumoulin, Visin, *A guide to convolution arithmetic for deep learning*, 2016.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from netwright.core.errors import InvalidParameter, JoinError, problem
from netwright.core.validation import Constraint, integer, satisfies, tuple_of
from netwright.graph import Layer, Shape, refuse

PerAxis = int | tuple[int, ...]
Pads = tuple[tuple[int, int], ...]

_PADS: dict[int, Any] = {1: torch.nn.ConstantPad1d, 2: torch.nn.ConstantPad2d, 3: torch.nn.ConstantPad3d}

_amounts = tuple_of(integer(0), least=1)
_pairs = satisfies(
    "(start, end) pairs",
    lambda item: isinstance(item, tuple) and len(item) > 0 and all(_amounts.accepts(p) and len(p) == 2 for p in item),
)

sizes: Constraint = integer(1) | tuple_of(integer(1), least=1)
amounts: Constraint = integer(0) | _amounts
amounts_or_pairs: Constraint = amounts | _pairs


def channels_and_space(layer: Layer, shapes: tuple[Shape, ...]) -> tuple[int, Shape]:
    """The channels and the space axes of an input (channels, *space), or the layer's refusal."""
    shape = shapes[0]
    if not 2 <= len(shape) <= 4:
        few = "Put Reshape(channels, ...) before it, or use a layer for (features,) such as ReLU(units)."
        many = "Put Reshape(channels, ...) before it, to fold the axes that are too many."
        raise refuse(layer, "an input (channels, *space) of rank 2 to 4", shapes, few if len(shape) < 2 else many)
    return shape[0], shape[1:]


def per_axis(layer: Layer, name: str, item: PerAxis, shapes: tuple[Shape, ...]) -> tuple[int, ...]:
    """An option of the layer as one number for each space axis."""
    rank = len(shapes[0]) - 1
    if isinstance(item, int):
        return (item,) * rank
    if len(item) != rank:
        raise _wrong_rank(layer, name, item, shapes)
    return item


def window_of(layer: Layer, shapes: tuple[Shape, ...]) -> tuple[Shape, Shape, Shape, Shape]:
    """Kernel, stride, dilation and effective window of a convolution for each space axis."""
    kernel, stride, dilation = (
        per_axis(layer, name, getattr(layer, name), shapes) for name in ("kernel", "stride", "dilation")
    )
    return kernel, stride, dilation, tuple((f - 1) * d + 1 for f, d in zip(kernel, dilation, strict=True))


def padding_of(layer: Layer, padding: object, shapes: tuple[Shape, ...], effective: Shape, stride: Shape) -> Pads:
    """The (start, end) padding of each space axis for windows of the effective sizes."""
    space = shapes[0][1:]
    if padding == "valid":
        return ((0, 0),) * len(space)
    if padding == "full":
        return tuple((e - 1, e - 1) for e in effective)
    if padding == "same":
        return tuple(same(i, e, s) for i, e, s in zip(space, effective, stride, strict=True))
    if isinstance(padding, int):
        return ((padding, padding),) * len(space)
    assert isinstance(padding, tuple)
    if len(padding) != len(space):
        raise _wrong_rank(layer, "padding", padding, shapes)
    return tuple((p, p) if isinstance(p, int) else p for p in padding)


def same(size: int, effective: int, stride: int) -> tuple[int, int]:
    """The (start, end) padding that leaves ceil(size / stride) places; the odd one goes to the end.

    Examples
    --------
    >>> same(28, 3, 1), same(28, 3, 2), same(28, 1, 2)
    ((1, 1), (0, 1), (0, 0))
    """
    places = -(-size // stride)
    total = max((places - 1) * stride + effective - size, 0)
    return total // 2, total - total // 2


def expect_room(
    layer: Layer, shapes: tuple[Shape, ...], effective: Shape, pads: Pads, dilation: Shape | None = None
) -> None:
    """Refuse an input on which not even one window fits, and say which windows and which padding would.

    Parameters
    ----------
    layer, shapes : the layer and the shapes that come.
    effective : E of each space axis.
    pads : (start, end) of each space axis.
    dilation : D of each space axis; None where windows are not dilated.
    """
    space = shapes[0][1:]
    padded = tuple(size + start + end for size, (start, end) in zip(space, pads, strict=True))
    if all(size >= e for size, e in zip(padded, effective, strict=True)):
        return
    need = tuple(max(e - start - end, 1) for e, (start, end) in zip(effective, pads, strict=True))
    dilation = dilation or (1,) * len(space)
    largest = tuple((min(size, e) - 1) // d + 1 for size, e, d in zip(padded, effective, dilation, strict=True))
    wider = tuple(
        -(-max(e - size, start + end) // 2) for size, e, (start, end) in zip(space, effective, pads, strict=True)
    )
    remedy = (
        f"With its padding the input has {padded}, the window spans {effective}: use a window of at most {largest}, "
        f'padding={wider} or "same", or pool less before it.'
    )
    raise refuse(layer, f"space axes of at least {need}", shapes, remedy)


def expect_exact(layer: Layer, shapes: tuple[Shape, ...], effective: Shape, stride: Shape, pads: Pads) -> None:
    """Refuse an input on which windows leave places over at the end: (I + start + end - E) must be a multiple of S.

    Parameters
    ----------
    layer, shapes : the layer and the shapes that come.
    effective, stride : E and S of each space axis.
    pads : (start, end) of each space axis.
    """
    wrong: dict[str, str] = {}  # the sum that gives no whole number -> what would fit
    for size, e, s, (start, end) in zip(shapes[0][1:], effective, stride, pads, strict=True):
        over = (size + start + end - e) % s
        if not over:
            continue
        padded = " + ".join(map(str, (size, start, end) if start + end else (size,)))
        places = f"{(size + start + end - e) / s + 1:.4f}".rstrip("0")
        smaller = [size - over] if size > over else []
        less = [start + end - over] if start + end >= over else []
        fitting_sizes = " or ".join(map(str, [*smaller, size + s - over]))
        fitting_pads = " or ".join(map(str, [*less, start + end + s - over]))
        wrong[f"({padded} - {e}) / {s} + 1 = {places}"] = (
            f"Instead of {size} a size of {fitting_sizes} fits, or a padding of {fitting_pads} in all."
        )
    if wrong:
        takes = f"windows that leave no place over, and not {' and '.join(wrong)} of them"
        raise refuse(layer, takes, shapes, " ".join(dict.fromkeys(wrong.values())))


def expect_filters(layer: Any) -> None:
    """Refuse a convolution whose filters the groups do not divide."""
    if layer.filters % layer.groups:
        got = f"{layer.filters} filters in {layer.groups} groups"
        remedy = f"Groups that fit: {fitting_groups(layer.filters)}."
        raise InvalidParameter(problem(f"{type(layer).__name__}(filters)", "a multiple of groups", got, remedy))


def expect_channels(layer: Any, channels: int, shapes: tuple[Shape, ...]) -> None:
    """Refuse an input whose channels the groups of a convolution do not divide."""
    if channels % layer.groups:
        fitting = fitting_groups(channels, layer.filters)
        remedy = f"Groups that fit {channels} channels and {layer.filters} filters: {fitting}."
        raise refuse(layer, f"channels that {layer.groups} groups divide", shapes, remedy)


def fitting_groups(*numbers: int) -> str:
    """The numbers of groups that divide all of some numbers of channels and filters, for a message.

    Examples
    --------
    >>> fitting_groups(12, 8)
    '1, 2, 4'
    """
    common = math.gcd(*numbers)
    return ", ".join(str(groups) for groups in range(1, common + 1) if common % groups == 0)


def flat(pads: Pads) -> list[int]:
    """Amounts as torch's padding takes them: the last axis first."""
    return [amount for pair in reversed(pads) for amount in pair]


def zeros_around(pads: Pads) -> torch.nn.Module:
    """The module that adds zeros at (start, end) of each space axis, or crops where amounts are below 0."""
    made: torch.nn.Module = _PADS[len(pads)](flat(pads), 0.0)
    return made


def _wrong_rank(layer: Layer, name: str, item: tuple[object, ...], shapes: tuple[Shape, ...]) -> JoinError:
    takes = f"an input with {len(item)} space axes, as its {name} {item} says"
    return refuse(layer, takes, shapes, f"Give {name} as one number, or {len(shapes[0]) - 1} of them.")
