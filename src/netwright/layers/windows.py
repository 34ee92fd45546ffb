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

from netwright.core.errors import JoinError
from netwright.core.validation import Constraint, integer, satisfies, tuple_of
from netwright.graph import Layer, Shape, refuse

PerAxis = int | tuple[int, ...]
Pads = tuple[tuple[int, int], ...]

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


def expect_room(layer: Layer, shapes: tuple[Shape, ...], effective: Shape, pads: Pads) -> None:
    """Refuse an input on which not even one window fits."""
    space = shapes[0][1:]
    need = tuple(max(e - start - end, 1) for e, (start, end) in zip(effective, pads, strict=True))
    if any(size < least for size, least in zip(space, need, strict=True)):
        remedy = 'Use a smaller window or padding="same", or pool less before it.'
        raise refuse(layer, f"space axes of at least {need}", shapes, remedy)


def _wrong_rank(layer: Layer, name: str, item: tuple[object, ...], shapes: tuple[Shape, ...]) -> JoinError:
    takes = f"an input with {len(item)} space axes, as its {name} {item} says"
    return refuse(layer, takes, shapes, f"Give {name} as one number, or {len(shapes[0]) - 1} of them.")
