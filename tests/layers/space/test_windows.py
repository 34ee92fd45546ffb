"""The arithmetic of windows against counting."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.core.value import to_json
from netwright.layers import AvgPool, Conv, DropBlock, Input, MaxPool, Reshape, Select, Transpose
from netwright.layers.space.windows import padding_of, same

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


def test_same_is_the_formula_of_the_start_and_the_end() -> None:
    """start = floor((S ceil(I / S) - I + E - S) / 2), end = ceil of it, and none where that is negative."""
    for size, window, stride, dilation in SETTINGS:
        effective = (window - 1) * dilation + 1
        half = (stride * math.ceil(size / stride) - size + effective - stride) / 2
        wanted = (math.floor(half), math.ceil(half)) if half > 0 else (0, 0)
        assert same(size, effective, stride) == wanted


def test_full_sees_every_overlap() -> None:
    layer = Conv(1, 1)
    for size, window, _, dilation in SETTINGS:
        effective = (window - 1) * dilation + 1
        [pads] = padding_of(layer, "full", ((1, size),), (effective,), (1,))
        assert places(size, window, 1, dilation, pads) == size + effective - 1


@pytest.mark.slow
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


@pytest.mark.slow
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
        (
            Conv(2, 5),
            (1, 4, 9),
            r"Conv\(2, 5\): expected space axes of at least \(5, 5\), got shape \(1, 4, 9\)\. With its padding the "
            r"input has \(4, 9\), the window spans \(5, 5\): "
            r"use a window of at most \(4, 5\), padding=\(1, 0\) or \"same\"",
        ),
        (
            Conv(2, 3, dilation=4, padding=1),
            (1, 6),
            r"at least \(7,\), got shape \(1, 6\)\. With its padding the input has \(8,\), the window spans \(9,\): "
            r"use a window of at most \(2,\), padding=\(2,\)",
        ),
        (MaxPool(4), (1, 3), r"at least \(4,\), got shape \(1, 3\)\..* a window of at most \(3,\), padding=\(1,\)"),
        (
            Conv(8, 3, 2, exact=True),
            (1, 28, 28),
            r"Conv\(8, 3, 2, exact=True\): expected windows that leave no place over, and not \(28 - 3\) / 2 \+ 1 = "
            r"13\.5 of them, got shape \(1, 28, 28\)\. "
            r"Instead of 28 a size of 27 or 29 fits, or a padding of 1 in all\.",
        ),
        (
            Conv(8, 3, (4, 3), padding=((1, 0), (0, 0)), exact=True),
            (1, 28, 10),
            r"\(28 \+ 1 \+ 0 - 3\) / 4 \+ 1 = 7\.5 and \(10 - 3\) / 3 \+ 1 = 3\.3333 of them.*Instead of 28 a size "
            r"of 26 or 30 fits, or a padding of 3 in all\. "
            r"Instead of 10 a size of 9 or 12 fits, or a padding of 2 in all\.",
        ),
    ],
)
def test_refusals(layer: Conv | MaxPool | AvgPool, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(JoinError, match=text):
        Input(shape) >> layer


@pytest.mark.slow
def test_exact_refuses_what_leaves_places_over_and_names_what_fits() -> None:
    """Whatever it says would fit does fit; counted on the starts of windows."""
    refused = 0
    for (size, window, stride, dilation), pads in itertools.product(SETTINGS[::7], [(0, 0), (1, 1), (0, 2)]):
        count = places(size, window, stride, dilation, pads)
        layer = Conv(1, window, stride, (pads,), dilation, exact=True)
        effective = (window - 1) * dilation + 1
        if not count:
            continue
        over = size + sum(pads) - effective - (count - 1) * stride  # behind the last window
        if not over:
            assert (Input(1, size) >> layer).output_shape == (1, count)
            continue
        refused += 1
        with pytest.raises(
            JoinError, match=r"leave no place over, and not \(.*\) / \d+ \+ 1 = \d+\.\d+ of them"
        ) as error:
            Input(1, size) >> layer
        fitting, padding = (
            [int(number) for number in re.findall(r"\d+", text)]
            for text in re.findall(r"a size of (.*) fits, or a padding of (.*) in all", str(error.value))[0]
        )
        assert fitting[0] < size < fitting[-1] or fitting == [size + stride - over]
        for fits in fitting:
            assert (Input(1, fits) >> layer).output_shape[1] in (count, count + 1)
        for total in padding:
            other = Conv(1, window, stride, ((0, total),), dilation, exact=True)
            assert (Input(1, size) >> other).output_shape[1] in (count, count + 1)
    assert refused > 50


def test_what_the_refusal_of_large_windows_names_fits() -> None:
    for size, window, _, dilation in SETTINGS:
        if window * dilation <= size or places(size, window, 1, dilation, (0, 0)):
            continue
        with pytest.raises(JoinError, match=r"window of at most \((\d+),\), padding=\((\d+),\)") as error:
            Input(1, size) >> Conv(1, window, dilation=dilation)
        largest, padding = map(int, re.findall(r"at most \((\d+),\), padding=\((\d+),\)", str(error.value))[0])
        assert places(size, largest, 1, dilation, (0, 0)) > 0
        assert places(size, largest + 1, 1, dilation, (0, 0)) == 0
        assert places(size, window, 1, dilation, (padding, padding)) > 0
        assert places(size, window, 1, dilation, (padding - 1, padding - 1)) == 0


SAME = (3, 2)


@pytest.mark.parametrize(
    "given",
    [
        [3, 2],
        range(3, 1, -1),
        np.array([3, 2]),
        np.array([3, 2], dtype=np.uint8),
        (np.int64(3), np.int32(2)),
        torch.Size([3, 2]),
    ],
    ids=lambda item: type(item).__name__,
)
def test_sizes_may_be_any_sequence_of_integers(given: Any) -> None:
    assert Conv(8, given) == Conv(8, SAME)
    assert repr(Conv(8, given)) == "Conv(8, (3, 2))"
    assert hash(MaxPool(given)) == hash(MaxPool(SAME))
    assert Select(given) == Select(SAME)
    assert Reshape(given) == Reshape(*given) == Reshape(shape=given) == Reshape(3, 2)
    assert to_json(DropBlock(0.1, given)) == to_json(DropBlock(0.1, SAME))
    assert Transpose(given[::-1][:0]) == Transpose()


def test_numbers_of_numpy_and_ranges() -> None:
    assert Conv(np.int64(8), np.array(3)) == Conv(8, 3)
    assert Select(range(3)) == Select((0, 1, 2))
    assert Transpose(np.array([2, 1])) == Transpose(range(2, 0, -1)) == Transpose(2, 1)
    assert Conv(8, 3, padding=np.array([[0, 1], [1, 0]])) == Conv(8, 3, padding=((0, 1), (1, 0)))


@pytest.mark.parametrize("given", [np.array([3.0, 2.0]), np.array([True, True]), np.array([[3, 2]]), "32", {3, 2}])
def test_other_collections_are_refused(given: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"Conv\(kernel\): expected an integer >= 1 or a tuple of 1 or more"):
        Conv(8, given)
