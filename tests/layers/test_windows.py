"""The arithmetic of windows against counting."""

from __future__ import annotations

import itertools

import pytest

from netwright.core.errors import JoinError
from netwright.layers import AvgPool, Conv, Input, MaxPool
from netwright.layers.windows import padding_of, same

SETTINGS = list(itertools.product(range(1, 12), range(1, 6), range(1, 5), range(1, 4)))  # (I, F, S, D)


def places(size: int, window: int, stride: int, dilation: int, pads: tuple[int, int]) -> int:
    """Count the starts, S apart, at which every element of the dilated window lies on the padded input."""
    first, end = -pads[0], size + pads[1]
    starts = itertools.takewhile(lambda s: s + (window - 1) * dilation < end, itertools.count(first, stride))
    return len(list(starts))


def test_same_leaves_ceil_of_size_over_stride() -> None:
    for size, window, stride, dilation in SETTINGS:
        first, last = same(size, (window - 1) * dilation + 1, stride)
        wanted = -(-size // stride)
        assert places(size, window, stride, dilation, (first, last)) == wanted
        assert 0 <= last - first <= 1, "the odd one goes to the end"
        if first + last:  # no smaller padding does it
            assert places(size, window, stride, dilation, (first, last - 1)) < wanted


def test_full_sees_every_overlap() -> None:
    layer = Conv(1, 1)
    for size, window, _, dilation in SETTINGS:
        effective = (window - 1) * dilation + 1
        [pads] = padding_of(layer, "full", ((1, size),), (effective,), (1,))
        assert places(size, window, 1, dilation, pads) == size + effective - 1


@pytest.mark.parametrize("padding", ["valid", "same", "full", 1, (2,), ((1, 2),), ((0, 1),)])
def test_conv_has_as_many_places(padding: object) -> None:
    for size, window, stride, dilation in SETTINGS[::7]:
        layer = Conv(1, window, stride, padding, dilation)  # type: ignore[arg-type]
        effective = (window - 1) * dilation + 1
        [pads] = padding_of(layer, layer.padding, ((1, size),), (effective,), (stride,))
        wanted = places(size, window, stride, dilation, pads)
        if wanted:
            assert (Input(1, size) >> layer).output_shape == (1, wanted)
        else:
            with pytest.raises(JoinError, match="space axes of at least"):
                Input(1, size) >> layer


@pytest.mark.parametrize("kind", [MaxPool, AvgPool])
@pytest.mark.parametrize("padding", ["valid", "same", 1])
def test_pools_have_as_many_places(kind: type[MaxPool] | type[AvgPool], padding: str | int) -> None:
    for size, window, stride, _ in SETTINGS[::5]:
        if padding == 1 and window < 2:
            continue
        layer = kind(window, stride, padding)
        [pads] = padding_of(layer, padding, ((1, size),), (window,), (stride,))
        wanted = places(size, window, stride, 1, pads)
        if wanted:
            assert (Input(1, size) >> layer).output_shape == (1, wanted)


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (
            Conv(2, 3),
            (10,),
            r"an input \(channels, \*space\) of rank 2 to 4, got shape \(10,\)\. Put Reshape\(channels",
        ),
        (
            MaxPool(2),
            (1, 2, 3, 4, 5),
            r"rank 2 to 4, got shape \(1, 2, 3, 4, 5\)\. Put Reshape\(channels, \.\.\.\) before it, to",
        ),
        (
            Conv(2, (3, 3)),
            (1, 9),
            r"2 space axes, as its kernel \(3, 3\) says, got shape \(1, 9\)\. Give kernel as one",
        ),
        (Conv(2, 3, (1, 2, 3)), (1, 9, 9), r"3 space axes, as its stride \(1, 2, 3\) says.*or 2 of them"),
        (Conv(2, 3, dilation=(1,)), (1, 9, 9), r"1 space axes, as its dilation \(1,\) says"),
        (Conv(2, 3, padding=((1, 1),)), (1, 9, 9), r"1 space axes, as its padding \(\(1, 1\),\) says"),
        (AvgPool((2, 2)), (1, 9), r"2 space axes, as its size \(2, 2\) says"),
        (AvgPool(2, (2, 2)), (1, 9), r"2 space axes, as its stride \(2, 2\) says"),
        (AvgPool(2, padding=(1, 1)), (1, 9), r"2 space axes, as its padding \(1, 1\) says"),
        (Conv(2, 5), (1, 4, 9), r"space axes of at least \(5, 5\), got shape \(1, 4, 9\)\. Use a smaller window"),
        (Conv(2, 3, dilation=4, padding=1), (1, 6), r"space axes of at least \(7,\), got shape \(1, 6\)"),
        (MaxPool(4), (1, 3), r"space axes of at least \(4,\), got shape \(1, 3\)"),
    ],
)
def test_refusals(layer: Conv | MaxPool | AvgPool, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(JoinError, match=text):
        Input(shape) >> layer
